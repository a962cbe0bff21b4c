/** Tried peers, dormant ones, anchors, and who is picked: the tables of `admission` as the store uses them. */
import { limits, virtualClock, type PeerInfo, type VirtualClock } from '@peerweave/interface'
import { simDisk, type SimDisk } from '@peerweave/simulator'
import { multiaddr } from '@multiformats/multiaddr'
import { describe, expect, it } from 'vitest'
import { levelPeerStore, memoryPeerStore, type LevelPeerStore, type MemoryPeerStoreOptions } from '../src/index.ts'
import { addressesOf, claim, peer, source } from './support.ts'
import type { PeerId } from '@libp2p/interface'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const a = await peer(1)

/** A public address of this network, /16 by /16. */
function at (network: number, host = 1): string {
  return `/ip4/${20 + (network >> 8)}.${network & 255}.1.${host}/tcp/4001`
}

function world (options: MemoryPeerStoreOptions = {}): { clock: VirtualClock, store: ReturnType<typeof memoryPeerStore> } {
  const clock = virtualClock()
  return { clock, store: memoryPeerStore({ clock, hashKey: new Uint8Array(8), ...options }) }
}

function ids (infos: readonly PeerInfo[]): string[] {
  return infos.map(({ peerId }) => peerId.toString())
}

describe('a peer that a dial of ours reached', () => {
  it('keeps its place in the view, whatever floods the others', async () => {
    const { store } = world({ capacity: 64 })
    await store.addPeer(claim(a, { addresses: [at(1)], ttl: HOUR }))
    await store.recordOutcome(a, multiaddr(at(1)), 'success')
    for (let i = 0; i < 500; i++) await store.addPeer(claim(await peer(100 + i), { from: source('gossip', { group: `net:${i}` }), ttl: HOUR }))
    expect(store.peek(a)).toBeDefined()
    expect(store.size).toBe(65)
  })

  it('takes no place from those that we know by hearsay', async () => {
    const { store } = world({ capacity: 16 })
    for (let i = 0; i < 16; i++) await store.addPeer(claim(await peer(100 + i), { addresses: [at(i)], ttl: HOUR }))
    for (let i = 0; i < 8; i++) await store.recordOutcome(await peer(100 + i), multiaddr(at(i)), 'success')
    for (let i = 0; i < 8; i++) await store.addPeer(claim(await peer(200 + i), { addresses: [at(100 + i)], ttl: HOUR }))
    expect(store.size).toBe(24)
  })

  it('is picked with the addresses that it had when nothing of it counts any more, for as long as it is tried', async () => {
    const { store, clock } = world()
    await store.addPeer(claim(a, { addresses: [at(1)] }))
    await store.recordOutcome(a, multiaddr(at(1)), 'success')
    await clock.advance(30 * DAY)
    await store.expire(clock.now())
    expect(store.peek(a)).toBeUndefined()
    expect(store.size).toBe(0)
    const [picked] = store.pick({ table: 'tried', count: 3 })
    expect(picked?.peerId.toString()).toBe(a.toString())
    expect(addressesOf(picked)).toEqual([at(1)])
    expect(ids(store.elders())).toEqual([a.toString()])
  })

  it('is in the view again, and an anchor, when we meet it though nothing of it counts', async () => {
    const { store, clock } = world()
    await store.addPeer(claim(a, { addresses: [at(1)] }))
    await store.recordOutcome(a, multiaddr(at(1)), 'success')
    await clock.advance(DAY)
    await store.expire(clock.now())
    expect(ids(store.elders())).toEqual([a.toString()])
    await store.recordOutcome(a, multiaddr(at(1)), 'success')
    store.setConnection(a, 'connected')
    store.setIdentity(a, { protocols: ['/x'] })
    expect(store.peek(a)?.protocols).toEqual(['/x'])
    expect(ids(store.anchors())).toEqual([a.toString()])
    store.setConnection(a, 'disconnected')
    expect(store.peek(a)).toBeUndefined()
    expect(addressesOf(store.elders()[0])).toEqual([at(1)])
  })

  it('is dialled where we reached it, whatever is said of it meanwhile', async () => {
    const { store, clock } = world()
    await store.addPeer(claim(a, { addresses: [at(1)], ttl: 60_000 }))
    await store.recordOutcome(a, multiaddr(at(1)), 'success')
    store.setConnection(a, 'connected')
    await clock.advance(600_000)
    await store.expire(clock.now())
    expect(store.anchors().map(info => addressesOf(info))).toEqual([[at(1)]])
    for (let i = 0; i < 20; i++) {
      await store.addPeer(claim(a, { at: clock.now(), ttl: HOUR, addresses: [at(66, i)], from: source('gossip', { group: `net:${i}` }) }))
    }
    store.setConnection(a, 'disconnected')
    for (const info of [...store.elders(), ...store.anchors(), ...store.pick({ table: 'tried', count: 1 })]) {
      expect(info.addresses[0]?.multiaddr.toString()).toBe(at(1))
    }
  })

  it('can be dialled and tested also when it said goodbye while it answered', async () => {
    const { store, clock } = world()
    await store.addPeer(claim(a, { addresses: [at(1)] }))
    await clock.advance(1)
    await store.withdraw(a, source('mdns'), clock.now())
    await store.recordOutcome(a, multiaddr(at(1)), 'success')
    expect(store.elders().map(info => addressesOf(info))).toEqual([[at(1)]])
  })

  it('is an anchor after it was disconnected last, and none when it was removed', async () => {
    const { store } = world()
    await store.addPeer(claim(a, { addresses: [at(1)] }))
    await store.recordOutcome(a, multiaddr(at(1)), 'success')
    store.setConnection(a, 'connected')
    store.setConnection(a, 'disconnected')
    expect(ids(store.anchors())).toEqual([a.toString()])
    await store.removePeer(a)
    expect(store.anchors()).toEqual([])
  })

  it('is no more one of them when it is removed', async () => {
    const { store } = world()
    await store.addPeer(claim(a, { addresses: [at(1)] }))
    await store.recordOutcome(a, multiaddr(at(1)), 'success')
    expect(await store.removePeer(a)).toBe(true)
    expect(store.pick({ table: 'tried', count: 3 })).toEqual([])
    expect(store.elders()).toEqual([])
  })

  it('counts as reached by our dial alone: a connection that came to us proves no address', async () => {
    const { store } = world()
    await store.addPeer(claim(a, { addresses: [at(1)] }))
    store.setConnection(a, 'connected')
    expect(store.pick({ table: 'tried', count: 3 })).toEqual([])
    expect(ids(store.pick({ table: 'new', count: 3 }))).toEqual([a.toString()])
  })
})

describe('when the table of tried peers is full', () => {
  /** Full of networks with more than two each, so that a newcomer of theirs must wait for a test. */
  async function full (): Promise<{ clock: VirtualClock, store: ReturnType<typeof memoryPeerStore>, tried: PeerId[] }> {
    const { store, clock } = world()
    const tried: PeerId[] = []
    for (let n = 0; n < limits.triedPeers; n++) {
      const id = await peer(1_000 + n)
      const address = `/ip4/20.${n % 128}.${Math.floor(n / 256)}.${n % 200}/tcp/1`
      await store.addPeer(claim(id, { addresses: [address], ttl: 40 * HOUR, from: source('dht', { group: `net:${n % 512}` }) }))
      await store.recordOutcome(id, multiaddr(address), 'success')
      tried.push(id)
    }
    return { store, clock, tried }
  }

  it('one of a new network comes in at once, and whoever goes is known by hearsay again', async () => {
    const { store } = await full()
    await store.addPeer(claim(a, { addresses: [at(300)], ttl: HOUR }))
    await store.recordOutcome(a, multiaddr(at(300)), 'success')
    expect(store.size).toBe(limits.triedPeers + 1)
    expect(store.pick({ table: 'new', count: 10 }).length).toBe(1)
    expect(store.tests()).toEqual([])
  }, 30_000)

  it('another waits until the least proven has failed four tests an hour apart', async () => {
    const { store, clock, tried } = await full()
    const newcomer = '/ip4/20.7.200.1/tcp/1'
    await store.addPeer(claim(a, { addresses: [newcomer], ttl: 40 * HOUR }))
    await store.recordOutcome(a, multiaddr(newcomer), 'success')
    for (let test = 0; test < limits.triedTests; test++) {
      const [due] = store.tests()
      expect(due).toBeDefined()
      expect(ids(store.pick({ table: 'new', count: 10 }))).toEqual([a.toString()])
      // Our line works: others answer.
      await store.recordOutcome(tried[0] as PeerId, multiaddr('/ip4/20.0.0.0/tcp/1'), 'success')
      await store.recordOutcome(due?.peerId as PeerId, due?.addresses[0]?.multiaddr as never, 'failure')
      await clock.advance(limits.triedTestGap)
    }
    expect(ids(store.pick({ table: 'new', count: 10 }))).not.toContain(a.toString())
    expect(store.tests()).toEqual([])
  }, 30_000)
})

it('a peer that was never reached is dormant for a week', async () => {
  const { store, clock } = world()
  await store.addPeer(claim(a, { addresses: [at(1)] }))
  await clock.advance(6 * DAY)
  await store.expire(clock.now())
  const [picked] = store.pick({ table: 'dormant', count: 2 })
  expect(addressesOf(picked)).toEqual([at(1)])
  await clock.advance(2 * DAY)
  await store.expire(clock.now())
  expect(store.pick({ table: 'dormant', count: 2 })).toEqual([])
})

it('names a table that is none', () => {
  expect(() => world().store.pick({ table: 'old' as never, count: 1 })).toThrow('table')
  expect(() => world().store.pick({ table: 'new', count: -1 })).toThrow('count')
})

describe('a pick of newcomers', () => {
  it('draws by group, so that a crowd of one party is drawn as seldom as that party', async () => {
    const { store } = world()
    for (let i = 0; i < 400; i++) await store.addPeer(claim(await peer(100 + i), { addresses: [at(1, i % 250)], from: source('dht', { group: 'net:crowd' }), ttl: HOUR }))
    for (let i = 0; i < 3; i++) await store.addPeer(claim(await peer(600 + i), { addresses: [at(50 + i)], from: source('dht', { group: `net:${i}` }), ttl: HOUR }))
    const picked = ids(store.pick({ table: 'new', count: 4 }))
    for (let i = 0; i < 3; i++) expect(picked).toContain((await peer(600 + i)).toString())
    const without = await Promise.all([0, 1].map(async i => peer(600 + i)))
    expect(ids(store.pick({ table: 'new', count: 500, without })).filter(id => without.some(one => one.toString() === id))).toEqual([])
  })
})

describe('on disk', () => {
  async function open (disk: SimDisk, wall?: number): Promise<{ store: LevelPeerStore, clock: VirtualClock }> {
    const clock = virtualClock(wall == null ? {} : { wall })
    const store = levelPeerStore({ disk, path: 'peers', clock, hashKey: new Uint8Array(8) })
    await store.start()
    return { store, clock }
  }

  it('tried peers and dormant ones come back, tried at once also after a power cut', async () => {
    const disk = simDisk()
    const { store, clock } = await open(disk)
    await store.addPeer(claim(a, { addresses: [at(1)], ttl: HOUR }))
    await store.recordOutcome(a, multiaddr(at(1)), 'success')
    await clock.advance(1_000)
    disk.powerCut()
    disk.powerOn()
    const { store: again, clock: later } = await open(disk, clock.wall() + 20 * DAY)
    expect(again.size).toBe(0)
    expect(ids(again.pick({ table: 'tried', count: 1 }))).toEqual([a.toString()])
    expect(addressesOf(again.elders()[0])).toEqual([at(1)])
    await again.stop()
    const { store: third } = await open(disk, later.wall())
    expect(ids(third.elders())).toEqual([a.toString()])
    await third.stop()
  })

  it('a tried peer with more addresses than one dial takes outlives two starts', async () => {
    const disk = simDisk()
    const { store, clock } = await open(disk)
    for (const [i, path] of ['mdns', 'dns'].entries()) {
      await store.addPeer(claim(a, { addresses: Array.from({ length: 6 }, (_, n) => at(1, 10 * i + n)), from: source(path), ttl: HOUR }))
    }
    await store.recordOutcome(a, multiaddr(at(1)), 'success')
    await store.stop()
    const { store: second, clock: later } = await open(disk, clock.wall() + 2 * HOUR)
    await second.recordOutcome(a, multiaddr(at(1)), 'failure')
    await second.stop()
    const { store: third } = await open(disk, later.wall())
    expect(third.damage).toBeUndefined()
    expect(ids(third.pick({ table: 'tried', count: 1 }))).toEqual([a.toString()])
    await third.stop()
  })

  it('who was removed does not come back as an anchor', async () => {
    const disk = simDisk()
    const { store, clock } = await open(disk)
    await store.addPeer(claim(a, { addresses: [at(1)], ttl: HOUR }))
    await store.recordOutcome(a, multiaddr(at(1)), 'success')
    store.setConnection(a, 'connected')
    await store.flush()
    await store.removePeer(a)
    await store.flush()
    await store.stop()
    const { store: again } = await open(disk, clock.wall())
    expect([again.size, again.anchors().length, again.elders().length]).toEqual([0, 0, 0])
    await again.stop()
  })

  it('a store that was refused the folder writes nothing beside it', async () => {
    const disk = simDisk()
    const { store, clock } = await open(disk)
    await store.addPeer(claim(a, { addresses: [at(1)], ttl: HOUR }))
    await store.recordOutcome(a, multiaddr(at(1)), 'success')
    store.setConnection(a, 'connected')
    await store.flush()
    const before = await disk.readFile('peers.anchors')
    const other = levelPeerStore({ disk, path: 'peers', clock, hashKey: new Uint8Array(8) })
    await expect(other.start()).rejects.toThrow('in use')
    const b = await peer(2)
    await other.addPeer(claim(b, { addresses: [at(2)], ttl: HOUR }))
    await other.recordOutcome(b, multiaddr(at(2)), 'success')
    other.setConnection(b, 'connected')
    await other.flush()
    expect(await disk.readFile('peers.anchors')).toEqual(before)
    await store.stop()
  })

  it('anchors are the longest connected of our dialling, and outlive the log', async () => {
    const disk = simDisk()
    const { store, clock } = await open(disk)
    const all = await Promise.all([1, 2, 3, 4].map(async n => peer(n)))
    for (const [i, id] of all.entries()) {
      await store.addPeer(claim(id, { addresses: [at(i)], ttl: HOUR }))
      if (i !== 1) await store.recordOutcome(id, multiaddr(at(i)), 'success')
      store.setConnection(id, 'connected')
      await clock.advance(100)
    }
    expect(ids(store.anchors())).toEqual([all[0], all[2]].map(String))
    store.setConnection(all[0] as PeerId, 'disconnected')
    expect(ids(store.anchors())).toEqual([all[2], all[3]].map(String))
    await store.flush()
    await store.stop()
    // All of the log is gone, and only the small file is there.
    const keys: string[] = []
    const log = await disk.open('peers')
    for await (const [key] of log.entries()) keys.push(key)
    await log.batch(keys.map(key => ({ type: 'del', key })), { sync: true })
    await log.close()
    const { store: again } = await open(disk, clock.wall() + DAY)
    expect(again.damage).toBeDefined()
    expect(ids(again.anchors())).toEqual([all[2], all[3]].map(String))
    expect(again.anchors().map(info => addressesOf(info))).toEqual([[at(2)], [at(3)]])
    await again.stop()
  })
})
