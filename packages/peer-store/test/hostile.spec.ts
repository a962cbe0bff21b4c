/** What a hostile or careless caller did to the store once, each with the smallest reproduction. */
import { limits, virtualClock, type Change, type VirtualClock } from '@peerweave/interface'
import { simDisk } from '@peerweave/simulator'
import { multiaddr } from '@multiformats/multiaddr'
import { beforeEach, expect, it } from 'vitest'
import { openLog } from '../src/disk/durable-log.ts'
import { levelPeerStore, memoryPeerStore } from '../src/index.ts'
import { addressesOf, claim, peer, record, source } from './support.ts'

const [a, b] = [await peer(1), await peer(2)]

let clock: VirtualClock
let store: ReturnType<typeof memoryPeerStore>

beforeEach(() => {
  clock = virtualClock()
  store = memoryPeerStore({ clock })
})

it('an address that cannot be said as text is not taken, and harms nothing', async () => {
  const name = new TextEncoder().encode('a/b')
  const other = new TextEncoder().encode('a/tcp/1')
  const bad = [multiaddr(Uint8Array.of(54, name.length, ...name, 6, 0, 80)), multiaddr(Uint8Array.of(54, other.length, ...other))]
  await store.addPeer({ ...claim(a, { addresses: ['/dns4/example.org/tcp/1'] }), multiaddrs: [...bad, multiaddr('/dns4/example.org/tcp/1')] })
  expect(addressesOf(store.peek(a))).toEqual(['/dns4/example.org/tcp/1'])
  expect(store.evidence(a).length).toBe(1)
  expect(store.pick({ table: 'new', count: 8 }).length).toBe(1)
})

it('readers hear that a peer is lost of whom they had heard nothing', async () => {
  await store.start?.()
  await store.addPeer(claim(a, { ttl: 10_000, addresses: ['/ip4/10.0.0.1/tcp/1'] }))
  await store.addPeer(claim(b, { ttl: 10_000 }))
  await store.addPeer(claim(b, { ttl: 60_000, addresses: ['/ip4/10.0.0.2/tcp/1'] }))
  const changes: Change[] = []
  void (async () => { for await (const change of store.changes) changes.push(change) })()
  await clock.settle()
  await clock.advance(20_000)
  await store.expire(clock.now())
  await clock.settle()
  expect(changes.map(change => change.kind)).toEqual(['lost', 'updated'])
  expect(changes.map(change => 'peer' in change ? addressesOf(change.peer) : [])).toEqual([['/ip4/10.0.0.1/tcp/1'], ['/ip4/10.0.0.2/tcp/1']])
})

it('a snapshot keeps its confidence when a dial fails afterwards', async () => {
  await store.addPeer(claim(a))
  await store.updatePeerSeen(a)
  const snapshot = store.peek(a)
  await store.recordOutcome(a, multiaddr('/ip4/10.0.0.1/tcp/1'), 'failure')
  expect(snapshot?.addresses[0]?.confidence).toBe(snapshot?.confidence)
  expect(() => { snapshot?.addresses[0]?.sources.push('x') }).toThrow(TypeError)
})

it('a step of the wall clock moves times and no confidence', async () => {
  await store.addPeer(claim(a, { ttl: 600_000 }))
  const before = store.peek(a)?.addresses[0]
  await clock.advance(2_000)
  clock.stepWall(3_600_000)
  const after = store.peek(a)
  expect(after?.addresses[0]?.confidence).toBe(after?.confidence)
  expect(after?.addresses[0]?.lastSeen).toBe((before?.lastSeen ?? 0) + 3_600_000)
})

it('a snapshot that only aged says what a new one says, on a clock whose two times are not in step', async () => {
  let now = 1_000.25
  let wall = 1.8e12
  const skewed = { ...virtualClock(), now: () => now, wall: () => wall }
  const [read, unread] = [0, 1].map(() => memoryPeerStore({ clock: skewed, hashKey: new Uint8Array(8) }))
  for (const one of [read, unread]) await one?.addPeer(claim(a, { at: now, ttl: 600_000, addresses: ['/ip4/10.0.0.1/tcp/1', '/ip4/10.0.0.2/tcp/1'] }))
  const shown = (one: typeof read): unknown => one?.peek(a)?.addresses.map(({ multiaddr, lastSeen, expiresAt, confidence }) => {
    return [multiaddr.toString(), Math.round(lastSeen), Math.round(expiresAt), Math.round(confidence * 1e9)]
  })
  for (let second = 0; second < 5; second++) {
    now += 1_000.4
    wall += second === 3 ? -3_600_000 : 1_000
    shown(read)
  }
  expect(shown(read)).toEqual(shown(unread))
})

it('goodbyes to peers that nobody knows push out no dormant peer', async () => {
  await store.addPeer(claim(a, { addresses: ['/ip4/20.1.0.1/tcp/1'] }))
  await clock.advance(20_000)
  await store.expire(clock.now())
  for (let i = 0; i <= limits.ghosts; i++) await store.withdraw(await peer(1_000 + i), source('s'), clock.now())
  expect(store.pick({ table: 'dormant', count: 1 }).length).toBe(1)
})

it('who was displaced is not let in again with an older record', async () => {
  const small = memoryPeerStore({ clock, capacity: 1, hashKey: new Uint8Array(8) })
  const addresses = ['/ip4/20.1.0.1/tcp/1']
  const flood = await Promise.all(Array.from({ length: 20 }, async (_, n) => peer(100 + n)))
  await small.addPeer(claim(a, { addresses, record: await record(1, 5, addresses) }))
  for (const id of flood) await small.addPeer(claim(id, { from: source('gossip') }))
  if (small.peek(a) != null) throw new Error('the hash key let it stay: choose another one')
  for (const id of flood) await small.removePeer(id)
  await small.addPeer(claim(a, { addresses, record: await record(1, 4, addresses) }))
  expect(small.peek(a)?.addresses.some(({ certified }) => certified) ?? false).toBe(false)
})

it('what a source said counts as chosen once it is chosen, whatever came first', async () => {
  await store.addPeer(claim(a, { from: source('gossip', { reporter: 'r' }) }))
  await store.addPeer(claim(b, { from: source('gossip', { reporter: 'r', isChosen: true }) }))
  expect(store.evidence(a).map(({ source }) => source.isChosen)).toEqual([true])
})

it('extremes are bounded and clamped, and nothing is thrown', async () => {
  const year = 365 * 86_400_000
  const many = Array.from({ length: 10_000 }, (_, i) => `/ip4/10.${i >> 8}.${i & 255}.1/tcp/1`)
  await store.addPeer(claim(a, { addresses: many, ttl: 60_000, metadata: new Map([['k', 'x'.repeat(1_000_000)]]) }))
  expect(store.evidence(a).flatMap(({ multiaddrs }) => multiaddrs).length).toBe(limits.addressesPerSource)
  expect(store.peek(a)?.metadata.size).toBe(0)
  for (const ttl of [0, -1, NaN, 2 ** 40, -Infinity, Infinity]) {
    await store.addPeer(claim(b, { ttl, from: source(`ttl ${ttl}`) }))
    const lasts = (store.evidence(b).find(({ source: { path } }) => path === `ttl ${ttl}`)?.expiresAt ?? NaN)
    expect(lasts).toBeGreaterThanOrEqual(limits.ttlMin)
    expect(lasts).toBeLessThanOrEqual(limits.ttlMax)
  }
  const outcomes = []
  for (const at of [-10 * year, 10 * year, NaN, Infinity, -Infinity]) {
    outcomes.push(await store.addPeer(claim(b, { at, ttl: 60_000, from: source(`at ${at}`) })))
    await store.withdraw(b, source(`at ${at}`), at)
    await store.updatePeerSeen(b, at)
  }
  expect(outcomes.map(({ outcome }) => outcome)).toEqual(['refused', 'updated', 'refused', 'updated', 'refused'])
  await clock.advance(limits.ttlMax)
  await store.expire(clock.now())
  expect(store.size).toBe(0)
})

it('half of a record, said by two hundred others, takes out no other half', async () => {
  const [near, far] = ['/ip4/192.168.1.2/tcp/1', '/ip4/20.1.0.1/tcp/1'] as const
  const whole = await record(1, 1, [near, far])
  for (let run = 0; run < 10; run++) {
    const flooded = memoryPeerStore({ clock })
    await flooded.addPeer(claim(a, { addresses: [near, far], record: whole, from: source('mdns') }))
    for (let i = 0; i < 200; i++) {
      await flooded.addPeer(claim(a, { addresses: [far], record: whole, from: source('gossip', { group: `net:${i >> 2}`, reporter: `r${i}` }) }))
    }
    expect(addressesOf(flooded.peek(a))).toEqual([near, far])
    expect(flooded.evidence(a).length).toBeLessThan(12)
  }
})

it('a goodbye to ten thousand addresses is one sort', async () => {
  const many = Array.from({ length: 10_000 }, (_, i) => multiaddr(`/ip4/10.${i >> 8}.${i & 255}.1/tcp/1`))
  await store.withdraw(a, source('mdns'), 0, many)
  await store.addPeer(claim(a, { addresses: ['/ip4/10.0.0.1/tcp/1'] }))
  expect(store.peek(a)).toBeUndefined()
})

it('one value that cannot be written holds up no other, and flush says so', async () => {
  const values = new Map<string, Uint8Array>([['good', Uint8Array.of(1)], ['other', Uint8Array.of(2)]])
  const disk = simDisk()
  const init = { disk, path: 'log', clock }
  const { log } = await openLog({
    ...init,
    read: key => {
      if (key === 'bad') throw new RangeError('cannot be said')
      return values.get(key)
    }
  })
  for (const key of ['good', 'bad', 'other']) log.touch(key)
  await expect(log.flush()).rejects.toThrow('cannot be said')
  await log.close()
  const { log: again, entries } = await openLog(init)
  expect([...entries.keys()].sort()).toEqual(['good', 'other'])
  await again.close()
})

it('what comes and goes while the disk fails does not pile up', async () => {
  const disk = simDisk()
  disk.isReadOnly = true
  const { log } = await openLog({ disk, path: 'log', clock, read: () => undefined })
  log.put('first', Uint8Array.of(1))
  await expect(log.flush()).rejects.toThrow('EROFS')
  for (let i = 0; i < 200_000; i++) log.touch(`key ${i}`)
  expect(log.pending).toBeLessThan(140_000)
  await log.close().catch(() => {})
})

it('two records under one number stay two over a start that hears one of them before', async () => {
  const disk = simDisk()
  const [one, two] = [['/ip4/20.1.0.1/tcp/1'], ['/ip4/20.1.0.2/tcp/1']]
  const first = levelPeerStore({ disk, path: 'peers', clock })
  await first.start()
  for (const addresses of [one, two]) await first.addPeer(claim(a, { addresses, ttl: 600_000, record: await record(1, 1, addresses) }))
  await first.stop()
  for (const early of [one, two]) {
    const again = levelPeerStore({ disk, path: 'peers', clock: virtualClock() })
    await again.addPeer(claim(a, { addresses: early, ttl: 600_000, record: await record(1, 1, early) }))
    await again.start()
    expect(again.peek(a)?.addresses.some(({ certified }) => certified)).toBe(false)
    await again.stop()
  }
})
