/** Signed records in the ledger: what the peer itself said last stands above what others say of it. */
import { limits, virtualClock, type Change, type PeerInfo, type PeerStore, type VirtualClock } from '@peerweave/interface'
import { beforeEach, expect, it } from 'vitest'
import { memoryPeerStore } from '../src/index.ts'
import { addressesOf, claim, peer, record, source } from './support.ts'

const a = await peer(1)
const [first, second, third, fourth] = [1, 2, 3, 4].map(n => `/ip4/10.0.0.${n}/tcp/1`) as [string, string, string, string]

let clock: VirtualClock
let store: PeerStore

beforeEach(() => {
  clock = virtualClock()
  store = memoryPeerStore({ clock, hashKey: new Uint8Array(8) })
})

async function signed (seq: number, addresses: string[], init: Parameters<typeof claim>[1] = {}): Promise<void> {
  await store.addPeer(claim(a, { addresses, record: await record(1, seq, addresses), at: clock.now(), ...init }))
}

function certifiedOf (info: PeerInfo | undefined): string[] {
  return (info?.addresses ?? []).filter(({ certified }) => certified).map(({ multiaddr }) => multiaddr.toString()).sort()
}

it('what a peer signed is certified and comes first, whatever others claim', async () => {
  for (let i = 0; i < 4; i++) await store.addPeer(claim(a, { from: source(`s${i}`), addresses: [`/ip4/10.0.9.${i}/tcp/1`] }))
  await store.addPeer(claim(a, { from: source('user', { isChosen: true }), addresses: [third] }))
  await signed(1, [first, second])
  const info = store.peek(a)
  expect(certifiedOf(info)).toEqual([first, second])
  expect(info?.addresses.slice(0, 2).map(({ certified }) => certified)).toEqual([true, true])
  expect((await Array.fromAsync(store.getPeers({ certified: true }))).length).toBe(1)
})

it('a higher number replaces what an older record certified, from any source', async () => {
  await signed(1, [first, second], { from: source('gossip') })
  await signed(2, [second, third], { from: source('dht') })
  expect(addressesOf(store.peek(a))).toEqual([second, third])
  expect(certifiedOf(store.peek(a))).toEqual([second, third])
})

it('an older one that is replayed changes nothing, also when what replaced it has run out', async () => {
  await signed(2, [second])
  await signed(1, [first])
  expect(addressesOf(store.peek(a))).toEqual([second])
  await clock.advance(20_000)
  await store.expire(clock.now())
  expect(store.peek(a)).toBeUndefined()
  await signed(1, [first])
  expect(store.peek(a)).toBeUndefined()
  await signed(3, [third])
  expect(certifiedOf(store.peek(a))).toEqual([third])
})

it('the floor is forgotten 49 h after the last claim that carried it', async () => {
  await signed(2, [second], { ttl: 10_000 })
  await clock.advance(10_000)
  let { next } = await store.expire(clock.now())
  for (let looks = 0; next <= 10_000 + limits.seqFloor && looks < 10; looks++) {
    await clock.advance(next - clock.now() - 1)
    await signed(1, [first])
    expect(store.peek(a)).toBeUndefined()
    await clock.advance(1)
    next = (await store.expire(clock.now())).next
  }
  expect(clock.now()).toBe(10_000 + limits.seqFloor)
  await signed(1, [first])
  expect(certifiedOf(store.peek(a))).toEqual([first])
})

it('two payloads under one number certify nothing; a higher number clears it', async () => {
  const changes: Change[] = []
  void (async () => { for await (const change of store.changes) changes.push(change) })()
  await signed(5, [first])
  await signed(5, [second])
  const shown = addressesOf(store.peek(a))
  expect(shown).toHaveLength(1)
  expect(certifiedOf(store.peek(a))).toEqual([])
  await clock.settle()
  expect(changes.map(({ kind }) => kind)).toEqual(['new', 'updated'])
  await signed(6, [third])
  expect(certifiedOf(store.peek(a))).toEqual([third])
})

it('of three payloads under one number the one with the smallest hash stands, in any order (ledger W3)', async () => {
  const payloads = [[first], [second], [third]]
  const views = new Set<string>()
  for (const order of [[0, 1, 2], [2, 1, 0], [1, 2, 0], [1, 0, 2]]) {
    store = memoryPeerStore({ clock, hashKey: new Uint8Array(8) })
    for (const n of order) await signed(7, payloads[n] as string[])
    views.add(JSON.stringify(addressesOf(store.peek(a))))
  }
  expect(views.size).toBe(1)
})

it('a flood of unsigned claims takes no certified address out', async () => {
  await signed(1, [first, second, third, fourth])
  for (let i = 0; i < 100; i++) {
    await store.addPeer(claim(a, {
      from: source('mdns', { group: `net:${i}` }), addresses: Array.from({ length: 8 }, (_, n) => `/ip4/10.8.${i}.${n}/tcp/1`), at: clock.now() + i
    }))
  }
  expect(certifiedOf(store.peek(a)).length).toBeGreaterThan(0)
})

it('a goodbye of the source that brought the record takes it back, of another one it does not', async () => {
  await signed(1, [first], { from: source('gossip') })
  await store.withdraw(a, source('mdns'), 1)
  expect(certifiedOf(store.peek(a))).toEqual([first])
  await store.withdraw(a, source('gossip'), 1)
  expect(store.peek(a)).toBeUndefined()
})

it('evidence shows the record, and only a verified one of the same peer is taken', async () => {
  await signed(1, [first])
  expect(store.evidence(a)[0]?.record?.seq).toBe(1n)
  const forged = { ...await record(1, 9, [second]) }
  await expect(store.addPeer(claim(a, { record: forged }))).rejects.toThrow(/openPeerRecord/)
  await expect(store.addPeer(claim(await peer(2), { record: await record(1, 9, [second]) }))).rejects.toThrow(/same peer/)
})
