/** The store on disk, beyond the suite: what a restart, the clocks and the disk may do to it. */
import { PeerStoreLockedError, virtualClock, type PeerStore, type VirtualClock } from '@peerweave/interface'
import { simDisk, type SimDisk } from '@peerweave/simulator'
import { expect, it } from 'vitest'
import { openLog } from '../src/disk/durable-log.ts'
import { levelPeerStore, type LevelPeerStore } from '../src/index.ts'
import { addressesOf, claim, peer, record, source } from './support.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const YEAR = 365 * DAY
const [a, b] = [await peer(1), await peer(2)]

interface World { store: LevelPeerStore, clock: VirtualClock }

async function open (disk: SimDisk, at: { now?: number, wall?: number } = {}): Promise<World> {
  const clock = virtualClock(at)
  const store = levelPeerStore({ disk, path: 'peers', clock, hashKey: new Uint8Array(8) })
  await store.start()
  return { store, clock }
}

function certified (store: PeerStore): boolean[] | undefined {
  return store.peek(a)?.addresses.map(({ certified }) => certified)
}

it('a signed record is certified after a restart, and its number stands', async () => {
  const disk = simDisk()
  const { store, clock } = await open(disk)
  const [first, second] = ['/ip4/10.0.0.1/tcp/1', '/ip4/10.0.0.2/tcp/1']
  await store.addPeer(claim(a, { ttl: HOUR, addresses: [second], record: await record(1, 2, [second]) }))
  await store.stop()
  const { store: again } = await open(disk, { wall: clock.wall() + 1_000 })
  expect(certified(again)).toEqual([true])
  expect(again.evidence(a)[0]?.record?.seq).toBe(2n)
  await again.addPeer(claim(a, { ttl: HOUR, addresses: [first], record: await record(1, 1, [first]) }))
  expect(addressesOf(again.peek(a))).toEqual([second])
  await again.stop()
})

it('times of several boots keep their order', async () => {
  const disk = simDisk()
  let wall = 1e12
  for (let boot = 0; boot < 4; boot++) {
    const { store, clock } = await open(disk, { now: 5_000 - boot * 1_000, wall })
    const heard = claim(boot === 0 ? a : b, { at: clock.now(), ttl: HOUR, from: source(`boot${boot}`) })
    await store.addPeer(heard)
    await clock.advance(10_000)
    wall = clock.wall()
    await store.stop()
  }
  const { store } = await open(disk, { now: 77, wall })
  expect(store.peek(a)?.sources.map(({ lastSeen }) => lastSeen)).toEqual([1e12])
  expect(store.peek(b)?.sources.map(({ path, lastSeen }) => [path, lastSeen])).toEqual([
    ['boot1', 1e12 + 10_000], ['boot2', 1e12 + 20_000], ['boot3', 1e12 + 30_000]
  ])
  await store.stop()
})

for (const [name, jump] of [['ten years ahead', 10 * YEAR], ['ten years back', -10 * YEAR], ['an hour back', -HOUR]] as const) {
  it(`a wall clock that is set ${name} while the store is closed costs no start, and nothing stands for ever`, async () => {
    const disk = simDisk()
    const { store, clock } = await open(disk, { wall: 1.8e12 })
    await store.addPeer(claim(a, { ttl: HOUR }))
    await store.stop()
    const { store: again, clock: later } = await open(disk, { wall: clock.wall() + jump })
    expect(again.damage).toBeUndefined()
    // Set back, it says that no time has passed.
    expect(again.peek(a) != null).toBe(jump < 0)
    await again.addPeer(claim(a, { at: later.now(), ttl: HOUR, addresses: ['/ip4/10.0.0.9/tcp/1'] }))
    expect(addressesOf(again.peek(a))).toContain('/ip4/10.0.0.9/tcp/1')
    await later.advance(2 * HOUR)
    expect(again.peek(a)).toBeUndefined()
    await again.stop()
  })
}

it('what came before the start is saved, and merged with what was there', async () => {
  const disk = simDisk()
  const { store, clock } = await open(disk)
  await store.addPeer(claim(a, { ttl: HOUR, from: source('mdns') }))
  await store.stop()
  const later = virtualClock({ now: 0, wall: clock.wall() })
  const again = levelPeerStore({ disk, path: 'peers', clock: later, hashKey: new Uint8Array(8) })
  await again.addPeer(claim(a, { ttl: HOUR, from: source('dns') }))
  await again.addPeer(claim(b, { ttl: HOUR }))
  await again.start()
  expect(again.peek(a)?.sources.map(({ path }) => path)).toEqual(['dns', 'mdns'])
  await again.stop()
  const { store: third } = await open(disk, { wall: later.wall() })
  expect(third.peek(a)?.sources.map(({ path }) => path)).toEqual(['dns', 'mdns'])
  expect(third.peek(b)).toBeDefined()
  await third.stop()
})

it('a disk that fails at the start costs no start; what is on it comes when it works again', async () => {
  const disk = simDisk()
  const { store, clock } = await open(disk)
  await store.addPeer(claim(a, { ttl: HOUR }))
  await store.stop()
  const open1 = disk.open.bind(disk)
  disk.open = async () => { throw Object.assign(new Error('EIO: no'), { code: 'EIO' }) }
  const { store: again, clock: later } = await open(disk, { wall: clock.wall() + 1 })
  expect(again.diskState).toBe('degraded')
  expect(again.diskError?.message).toContain('EIO')
  await again.addPeer(claim(b, { at: later.now(), ttl: HOUR }))
  await expect(again.flush()).rejects.toThrow('EIO')
  disk.open = open1
  await later.advance(60_000)
  expect(again.diskState).toBe('open')
  expect(again.peek(a)).toBeDefined()
  await again.stop()
  const { store: third } = await open(disk, { wall: later.wall() })
  expect([third.peek(a), third.peek(b)].map(info => info != null)).toEqual([true, true])
  await third.stop()
})

it('a second store on the same folder is refused, and the first one goes on', async () => {
  const disk = simDisk()
  const { store } = await open(disk)
  await expect(open(disk)).rejects.toThrow(PeerStoreLockedError)
  await store.addPeer(claim(a, { ttl: HOUR }))
  await store.flush()
  await store.stop()
  expect(store.diskState).toBe('closed')
})

it('records of peers that are gone leave the disk, and so do boots that no record speaks of', async () => {
  const disk = simDisk()
  for (let boot = 0; boot < 5; boot++) {
    const { store, clock } = await open(disk, { wall: 1e12 + boot * 8 * DAY })
    await store.addPeer(claim(a, { at: clock.now(), ttl: 60_000 }))
    await store.stop()
  }
  const { store } = await open(disk, { wall: 1e12 + 50 * DAY })
  expect(store.peek(a)).toBeUndefined()
  await store.stop()
  const log = await disk.open('peers')
  const keys: string[] = []
  for await (const [key] of log.entries()) keys.push(key)
  await log.close()
  // The last one, and the one before it, whose record left only now.
  expect(keys.filter(key => key.startsWith('boot/')).length).toBe(2)
  expect(keys).not.toContain(a.toString())
})

it('stopped while it starts it is stopped, and started twice it starts once', async () => {
  const disk = simDisk()
  const store = levelPeerStore({ disk, path: 'peers', clock: virtualClock() })
  const starting = store.start()
  await store.stop()
  await starting
  expect(store.diskState).toBe('closed')
  await Promise.all([store.start(), store.start()])
  expect(store.diskState).toBe('open')
  await Promise.all([store.stop(), store.stop()])
  const { store: again } = await open(disk)
  await again.stop()
})

it('a record that cannot be read is reported and left where it is', async () => {
  const disk = simDisk()
  const { store } = await open(disk)
  await store.addPeer(claim(a, { ttl: HOUR }))
  await store.stop()
  const { log } = await openLog({ disk, path: 'peers', clock: virtualClock() })
  log.put(b.toString(), Uint8Array.of(1, 2, 3))
  await log.close()
  for (let start = 0; start < 2; start++) {
    const { store: again } = await open(disk)
    expect(again.damage).toMatchObject({ damaged: 1, reason: expect.stringContaining('1 records cannot be read') as string })
    expect(again.size).toBe(1)
    await again.stop()
  }
})

it('names a wrong option', () => {
  const disk = simDisk()
  expect(() => levelPeerStore({ disk, path: '' })).toThrow('path')
  expect(() => levelPeerStore({ disk: {} as SimDisk, path: 'x' })).toThrow('disk')
  expect(() => levelPeerStore({ disk, path: 'x', folder: 'y' } as never)).toThrow('folder')
})
