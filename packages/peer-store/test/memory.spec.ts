/** What is this store's own. The contract of every store is run by compliance.spec.ts. */
import { limits, virtualClock, type Change, type VirtualClock } from '@peerweave/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { beforeEach, describe, expect, it } from 'vitest'
import { memoryPeerStore, STRANGER } from '../src/index.ts'
import { claim, peer, source } from './support.ts'
import type { PeerStore } from '@peerweave/interface'

const a = await peer(1)
const b = await peer(2)

let clock: VirtualClock
let store: PeerStore

beforeEach(() => {
  clock = virtualClock()
  store = memoryPeerStore({ clock })
})

it('a stranger starts with a reputation that ranks last', async () => {
  await store.addPeer(claim(a))
  expect(store.peek(a)?.reputation).toEqual(STRANGER)
  expect(STRANGER.lower).toBe(0)
})

it('forgets what an expired peer claimed once late claims can no longer come (R), and the peer when it was dormant for a week', async () => {
  await store.addPeer(claim(a, { ttl: 2_000 }))
  await clock.advance(2_000)
  const { next } = await store.expire(clock.now())
  expect(store.size).toBe(0)
  expect(next).toBe(limits.evidenceLag) // observed at 0
  await clock.advance(next - clock.now())
  expect(await store.expire(clock.now())).toEqual({ expired: 0, next: 2_000 + limits.dormantTime })
  await clock.advance(limits.dormantTime)
  expect(await store.expire(clock.now())).toEqual({ expired: 0, next: Infinity })
})

it('forgets who said goodbye once late claims can no longer come (R)', async () => {
  await store.addPeer(claim(a, { ttl: 600_000 }))
  await store.withdraw(a, source('mdns'), 1)
  expect((await store.expire(clock.now())).next).toBe(1 + limits.evidenceLag)
  await clock.advance(1 + limits.evidenceLag)
  expect(await store.expire(clock.now())).toEqual({ expired: 0, next: Infinity })
})

it('what was taken back does not come back when the goodbye is forgotten, however long it was to stand', async () => {
  await store.addPeer(claim(a, { ttl: 600_000 }))
  await store.withdraw(a, source('mdns'), 1)
  await clock.advance(1 + limits.evidenceLag)
  await store.expire(clock.now())
  await store.addPeer(claim(a, { at: clock.now(), from: source('dns'), ttl: 600_000 }))
  expect(store.peek(a)?.sources.map(({ path }) => path)).toEqual(['dns'])
})

describe('bounds', () => {
  it('goodbyes to more addresses of one source than are remembered count for all that it claimed until the oldest', async () => {
    await clock.advance(1_000)
    for (let i = 0; i <= limits.withdrawalsPerSource; i++) {
      await store.withdraw(a, source('mdns'), 100 + i, [multiaddr(`/ip4/10.1.0.${i}/tcp/1`)])
    }
    await store.addPeer(claim(a, { at: 100, addresses: ['/ip4/10.2.0.1/tcp/1'] }))
    expect(store.peek(a)).toBeUndefined()
    await store.addPeer(claim(a, { at: 101, addresses: ['/ip4/10.2.0.1/tcp/1'] }))
    expect(store.peek(a)).toBeDefined()
  })

  it('a flood from ten thousand groups costs each newcomer little, whatever the order', async () => {
    const small = memoryPeerStore({ clock, capacity: 2_000 })
    const ids = await Promise.all(Array.from({ length: 4_000 }, async (_, n) => peer(n)))
    const evidence = ids.map((id, n) => claim(id, { from: source('gossip', { group: `net:${n}` }) }))
    await small.addPeers(evidence)
    expect(small.size).toBe(2_000)
    const reversed = memoryPeerStore({ clock, capacity: 2_000, hashKey: new Uint8Array(8) })
    const forward = memoryPeerStore({ clock, capacity: 2_000, hashKey: new Uint8Array(8) })
    await reversed.addPeers([...evidence].reverse())
    await forward.addPeers(evidence)
    expect(ids.filter(id => reversed.peek(id) != null)).toEqual(ids.filter(id => forward.peek(id) != null))
  })
})

it('a failure leaves two thirds of confidence, and a success makes it whole', async () => {
  await store.addPeer(claim(a))
  const before = store.peek(a)?.confidence ?? NaN
  await store.recordOutcome(a, multiaddr('/ip4/10.0.0.1/tcp/1'), 'failure')
  expect(store.peek(a)?.confidence).toBeCloseTo(before * 0.66)
  await store.recordOutcome(a, multiaddr('/ip4/10.0.0.1/tcp/1'), 'success')
  expect(store.peek(a)?.confidence).toBe(1)
})

it('forgets a failure as it ages, of the peer and of the address', async () => {
  await store.addPeer(claim(a, { ttl: 3_600_000 }))
  await store.addPeer(claim(b, { ttl: 3_600_000 }))
  await store.recordOutcome(a, multiaddr('/ip4/10.0.0.1/tcp/1'), 'failure')
  const ratio = (): number => (store.peek(a)?.confidence ?? NaN) / (store.peek(b)?.confidence ?? NaN)
  expect(ratio()).toBeCloseTo(0.66)
  await clock.advance(600_000)
  expect(ratio()).toBeCloseTo(0.66 ** 0.5)
  expect((store.peek(a)?.addresses[0]?.confidence ?? NaN) / (store.peek(b)?.addresses[0]?.confidence ?? NaN)).toBeCloseTo(0.66 ** 0.5)
})

it('believes the most reliable mechanism, also where others have heard of the peer since', async () => {
  await store.addPeer(claim(a, { from: source('gossip'), ttl: 3_600_000 }))
  await store.addPeer(claim(b, { from: source('gossip'), ttl: 3_600_000 }))
  await clock.advance(900_000)
  await store.addPeer(claim(a, { from: source('dht'), at: 900_000, ttl: 3_600_000 }))
  expect(store.peek(a)?.confidence).toBeCloseTo(store.peek(b)?.confidence ?? NaN)
})

it('started again, its changes are read again', async () => {
  await store.addPeer(claim(a))
  await store.stop()
  await store.start()
  const changes: Change[] = []
  void (async () => {
    for await (const change of store.changes) changes.push(change)
  })()
  await store.removePeer(a)
  await clock.settle()
  expect(changes.map(({ kind }) => kind)).toEqual(['lost'])
})

it('names a wrong option', () => {
  expect(() => memoryPeerStore({ capacity: 0 })).toThrow(/capacity.*1.*got 0/)
  expect(() => memoryPeerStore({ hashKey: new Uint8Array(3) })).toThrow(/hashKey must be 8 bytes, got 3/)
  expect(() => memoryPeerStore({ capcity: 5 } as object)).toThrow(/capcity.*capacity/)
})

it('a goodbye that takes nothing back is no change, whether anybody reads or not', async () => {
  await store.addPeer(claim(a, { from: source('mdns') }))
  expect(await store.withdraw(a, source('dns'), 1)).toEqual({ outcome: 'unchanged' })
  const changes: Change[] = []
  void (async () => { for await (const change of store.changes) changes.push(change) })()
  expect(await store.withdraw(a, source('dns'), 1)).toEqual({ outcome: 'unchanged' })
  await clock.settle()
  expect(changes).toEqual([])
})

it('whoever writes into the metadata of a snapshot writes into a copy', async () => {
  await store.addPeer(claim(a, { metadata: new Map([['k', 'v']]) }))
  const written = store.peek(a)?.metadata as Map<string, string>
  written.set('k', 'evil')
  expect(store.peek(a)?.metadata.get('k')).toBe('v')
})

it('a time that is none is not when a peer was seen', async () => {
  await store.addPeer(claim(a))
  await store.updatePeerSeen(a, NaN)
  expect(store.peek(a)?.lastSeen).toBeUndefined()
})

it('a thousand reporters of one group are four', async () => {
  for (let i = 0; i < 1_000; i++) await store.addPeer(claim(a, { from: source('gossip', { reporter: `r${i}` }) }))
  expect(store.evidence(a).length).toBe(limits.reportersPerGroup)
})

it('what the user configured stays, however many others claim the peer or say goodbye in its name', async () => {
  const configured = source('bootstrap', { group: 'configured:bootstrap', isChosen: true })
  await store.addPeer(claim(a, { from: configured }))
  for (let i = 0; i < 1_000; i++) {
    await store.addPeer(claim(a, { from: source('gossip', { group: `net:${i}` }), addresses: ['/ip4/10.9.9.9/tcp/1'] }))
    await store.withdraw(a, source('gossip', { group: `net:${i}`, reporter: 'forged' }), 0)
  }
  expect(store.peek(a)?.sources.map(({ path }) => path)).toContain('bootstrap')
})

it('a flood of goodbyes brings nothing back that another source took back', async () => {
  for (let run = 0; run < 20; run++) {
    const flooded = memoryPeerStore({ clock })
    const user = source('user', { isChosen: run % 2 === 0 })
    await flooded.addPeer(claim(a, { from: user, ttl: 600_000 }))
    await flooded.withdraw(a, user, 1)
    for (let i = 0; i < 200; i++) await flooded.withdraw(a, source('gossip', { group: `net:${i % 40}`, reporter: `r${i}` }), 2)
    expect(flooded.peek(a)).toBeUndefined()
  }
})

it('keeps no text that is longer than its bound, and cuts none in half', async () => {
  const long = 'x'.repeat(100_000)
  await store.addPeer(claim(a, { protocols: ['/a', long], metadata: new Map([['k', long], [long, 'v'], ['short', 'v']]) }))
  store.setIdentity(a, { protocols: [long], agentVersion: 'é'.repeat(500), protocolVersion: '👩'.repeat(100) })
  expect(store.peek(a)?.protocols).toEqual([])
  expect([...store.peek(a)?.metadata ?? []]).toEqual([['short', 'v']])
  expect(store.evidence(a).flatMap(({ protocols }) => protocols)).toEqual(['/a'])
  for (const text of [store.peek(a)?.agentVersion ?? '', store.peek(a)?.protocolVersion ?? '']) {
    expect(Buffer.byteLength(text)).toBeGreaterThan(limits.agentBytes - 4)
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(limits.agentBytes)
    expect(text.isWellFormed()).toBe(true)
  }
})

it('takes an address with the peer id at its end for the same address', async () => {
  const bare = '/ip4/10.0.0.1/tcp/1'
  await store.addPeer(claim(a, { addresses: [bare] }))
  await store.addPeer(claim(a, { addresses: [`${bare}/p2p/${a.toString()}`], from: source('dns') }))
  expect(store.peek(a)?.addresses.map(({ multiaddr, sources }) => [multiaddr.toString(), sources])).toEqual([[bare, ['dns', 'mdns']]])
  const before = store.peek(a)?.addresses[0]?.confidence ?? NaN
  await store.recordOutcome(a, multiaddr(`${bare}/p2p/${a.toString()}`), 'failure')
  expect(store.peek(a)?.addresses[0]?.confidence).toBeLessThan(before)
  await store.withdraw(a, source('dns'), 1, [multiaddr(`${bare}/p2p/${a.toString()}`)])
  expect(store.peek(a)?.addresses[0]?.sources).toEqual(['mdns'])
})

it('looks again at what was swept too early', async () => {
  await store.addPeer(claim(a, { ttl: 10_000 }))
  expect((await store.expire(16_000)).next).toBe(16_000)
  expect(store.peek(a)).toBeDefined()
  await clock.advance(10_000)
  await store.expire(clock.now())
  expect(store.size).toBe(0)
  await expect(store.expire(NaN)).rejects.toThrow('now')
})

it('refuses a reputation that is no number', async () => {
  await store.addPeer(claim(a))
  expect(() => { store.setReputation(a, { mean: NaN, lower: 0, n: 0 }) }).toThrow('finite')
})

it('names a limit that is none', async () => {
  await expect(Array.fromAsync(store.getPeers({ limit: -1 }))).rejects.toThrow('limit')
})
