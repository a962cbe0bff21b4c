/** Time that did not count, beyond the suite: the tables, the clocks and the disk, and what a sleeping machine looks like. */
import { limits, virtualClock, type VirtualClock } from '@peerweave/interface'
import { simDisk } from '@peerweave/simulator'
import { multiaddr } from '@multiformats/multiaddr'
import { beforeEach, expect, it } from 'vitest'
import { HeldClock } from '../src/held-clock.ts'
import { levelPeerStore, memoryPeerStore } from '../src/index.ts'
import { claim, peer, record, source } from './support.ts'
import type { PeerStore } from '@peerweave/interface'

const HOUR = 3_600_000
const [a, b] = [await peer(1), await peer(2)]
const ADDRESS = '/ip4/10.0.0.1/tcp/1'

let clock: VirtualClock
let store: PeerStore

beforeEach(() => {
  clock = virtualClock({ now: 1_000, wall: 1e12 })
  store = memoryPeerStore({ clock, hashKey: new Uint8Array(8) })
})

it('a snapshot keeps what it shows over a hold, and the next one says when it runs out now', async () => {
  await store.addPeer(claim(a, { at: 1_000 }))
  await clock.advance(500)
  const before = store.peek(a)
  await clock.advance(5_000)
  store.hold(5_000)
  expect(before?.expiresAt).toBe(1e12 + 10_000)
  expect(store.peek(a)?.expiresAt).toBeCloseTo(1e12 + 15_000, 1)
})

it('what was read between the sleep and the hold is read anew after it', async () => {
  await store.addPeer(claim(a, { at: 1_000, ttl: 20_000 }))
  await store.addPeer(claim(a, { at: 1_000, ttl: 2_000, from: source('dns') }))
  await clock.advance(10_000)
  expect(store.peek(a)?.sources.map(({ path }) => path)).toEqual(['mdns'])
  store.hold(10_000)
  expect(store.peek(a)?.sources.map(({ path }) => path)).toEqual(['dns', 'mdns'])
})

it('a hold in the middle of a sweep spares what had not been looked at', async () => {
  const ids = await Promise.all(Array.from({ length: 100 }, async (_, i) => peer(10 + i)))
  await store.addPeers(ids.map(id => claim(id, { at: 1_000 })))
  await clock.advance(HOUR)
  const sweeping = store.expire(clock.now())
  store.hold(HOUR)
  const { expired } = await sweeping
  expect(expired).toBeGreaterThan(0)
  expect(store.size).toBe(100 - expired)
  expect(expired).toBeLessThan(100)
})

it('a claim made while time is held stands as long as it says when that is over, and the sweep knows when', async () => {
  await clock.advance(HOUR)
  await store.addPeer(claim(a, { at: clock.now(), ttl: 10_000 }))
  await clock.advance(4_000)
  store.hold(HOUR)
  const { next } = await store.expire(clock.now())
  expect(next).toBeGreaterThan(clock.now() + 9_999.9)
  expect(next).toBeLessThanOrEqual(clock.now() + 10_000)
  await clock.advance(10_000)
  expect((await store.expire(clock.now())).expired).toBe(1)
})

it('our own contact is as old as the time that counted, and never in the future', async () => {
  await store.addPeer(claim(a, { at: 1_000, ttl: 10 * HOUR }))
  await store.addPeer(claim(b, { at: 1_000, ttl: 10 * HOUR }))
  await store.recordOutcome(a, multiaddr(ADDRESS), 'success')
  await clock.advance(HOUR)
  await store.updatePeerSeen(b)
  store.hold(HOUR)
  const now = clock.wall()
  for (const id of [a, b]) {
    expect(store.peek(id)?.lastSeen).toBeGreaterThan(now - 0.1)
    expect(store.peek(id)?.lastSeen).toBeLessThanOrEqual(now)
  }
  await store.updatePeerSeen(a, clock.now() - 1)
  await clock.advance(1_000)
  expect(store.peek(b)?.lastSeen).toBe(clock.wall() - 1_000)
})

it('the floor of sequence numbers and the memory of goodbyes last so much longer', async () => {
  const [old, young] = [await record(1, 1, [ADDRESS]), await record(1, 2, [ADDRESS])]
  await store.addPeer(claim(a, { at: 1_000, record: young }))
  await store.withdraw(b, source('mdns'), 1_000)
  await clock.advance(HOUR + limits.seqFloor)
  store.hold(HOUR + limits.seqFloor)
  await store.addPeer(claim(b, { at: 1_000 }))
  expect(store.peek(b)).toBeUndefined()
  await clock.advance(20_000)
  await store.expire(clock.now())
  await store.addPeer(claim(a, { at: clock.now(), addresses: [ADDRESS], record: old }))
  expect(store.peek(a)).toBeUndefined()
})

it('tests of tried peers are counted by the time that counted', async () => {
  await store.addPeer(claim(a, { at: 1_000, ttl: 40 * HOUR }))
  await store.recordOutcome(a, multiaddr(ADDRESS), 'success')
  await clock.advance(30 * HOUR)
  store.hold(30 * HOUR)
  expect(store.pick({ table: 'tried', count: 1 })).toHaveLength(1)
  expect(store.elders()[0]?.lastSeen).toBeCloseTo(clock.wall(), 0)
})

it('what is no time is refused', () => {
  for (const ms of [NaN, -1, Infinity, undefined as unknown as number]) expect(() => store.hold(ms)).toThrow(TypeError)
  store.hold(0)
})

it('a hold without a change is on disk a second later: a crash does not count the time after all', async () => {
  const disk = simDisk()
  const before = levelPeerStore({ disk, path: 'peers', clock })
  await before.start()
  await before.addPeer(claim(a, { at: 1_000, ttl: 90_000 }))
  await clock.advance(HOUR + 5_000)
  before.hold(HOUR)
  await clock.advance(2_000)
  disk.kill()
  const later = virtualClock({ now: 7, wall: clock.wall() })
  const after = levelPeerStore({ disk, path: 'peers', clock: later })
  await after.start()
  // It is not known how long the process lived after its last write.
  expect(after.peek(a)?.expiresAt).toBeGreaterThan(later.wall() + 80_000)
  expect(after.peek(a)?.expiresAt).toBeLessThanOrEqual(later.wall() + 90_000)
  await after.stop()
})

it('stamps keep their order over any holds, whether they come before one or after it', () => {
  const held = new HeldClock(clock)
  const stamps = [0, 500, 999.5, 999.99, 1_000]
  const presses = [400, 0.001, 1, 100].map(ms => held.hold(ms))
  // Those that were in the store had each hold in turn.
  const stored = stamps.map(at => presses.reduce((time, press) => press(time), at))
  expect([...stored].sort((x, y) => x - y)).toEqual(stored)
  // At 1,000 the holds were said, so that one belongs to the time after.
  expect(stamps.slice(0, -1).map(at => held.stamp(at))).toEqual(stored.slice(0, -1))
  expect(held.stamp(1_000)).toBeCloseTo(stored.at(-1) as number, 6)
  expect(held.stamp(1_000)).toBe(held.now())
})

it('a month after the boot, the eighths of a second of an hour that is held still have an order', () => {
  const late = virtualClock({ now: 30 * 24 * HOUR })
  const held = new HeldClock(late)
  const press = held.hold(HOUR)
  const stamps = Array.from({ length: 1_000 }, (_, i) => late.now() - HOUR / 2 + 125 * i)
  expect(new Set(stamps.map(press)).size).toBe(1_000)
})

it('more holds than are remembered make what is from before them older, and never younger', () => {
  const held = new HeldClock(clock)
  for (let i = 0; i < 1_000; i++) held.hold(1)
  expect(held.stamp(0)).toBeLessThan(0)
  expect(held.stamp(0)).toBeGreaterThan(-1_000)
  expect(held.stamp(1_000)).toBe(held.now())
})

it('a second that is held every second for ten minutes lets ten milliseconds pass, and its stamps keep their order', async () => {
  const held = new HeldClock(clock)
  const begun = held.now()
  let stored: number[] = []
  for (let second = 0; second < 600; second++) {
    stored.push(held.stamp(clock.now() + 100), held.stamp(clock.now() + 900))
    await clock.advance(1_000)
    const press = held.hold(1_000)
    stored = stored.map(press)
  }
  expect(held.now() - begun).toBeLessThan(10)
  expect(new Set(stored).size).toBe(1_200)
  expect(stored.toSorted((x, y) => x - y)).toEqual(stored)
})
