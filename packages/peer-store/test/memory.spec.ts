import { limits, virtualClock, type Change, type Evidence, type VirtualClock } from '@peerweave/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { beforeEach, describe, expect, it } from 'vitest'
import { memoryPeerStore, STRANGER } from '../src/index.ts'
import { sha256 } from '../src/sha256.ts'
import { addressesOf, claim, listed, peer, source } from './support.ts'
import type { PeerStore } from '@peerweave/interface'

const a = await peer(1)
const b = await peer(2)
const home = multiaddr('/ip4/10.0.0.1/tcp/1')
const other = multiaddr('/ip4/10.0.0.2/tcp/1')

let clock: VirtualClock
let store: PeerStore

beforeEach(() => {
  clock = virtualClock()
  store = memoryPeerStore({ clock })
})

/** All changes from now on. */
function follow (): Change[] {
  const changes: Change[] = []
  void (async () => {
    for await (const change of store.changes) changes.push(change)
  })()
  return changes
}

describe('one view of many claims', () => {
  it('merges two sources of one peer into one entry that names both', async () => {
    expect(await store.addPeer(claim(a, { from: source('mdns') }))).toMatchObject({ outcome: 'new' })
    expect(await store.addPeer(claim(a, { from: source('dns'), addresses: ['/ip4/10.0.0.2/tcp/1'] }))).toMatchObject({ outcome: 'updated' })
    const info = store.peek(a)
    expect(store.size).toBe(1)
    expect(addressesOf(info)).toEqual(['/ip4/10.0.0.1/tcp/1', '/ip4/10.0.0.2/tcp/1'])
    expect(info?.sources.map(({ path }) => path)).toEqual(['dns', 'mdns'])
  })

  it('a repeat moves times only, and is no change', async () => {
    const changes = follow()
    await store.addPeer(claim(a))
    await clock.advance(1_000)
    expect(await store.addPeer(claim(a, { at: 1_000 }))).toMatchObject({ outcome: 'unchanged' })
    await clock.settle()
    expect(changes.map(({ kind }) => kind)).toEqual(['new'])
    expect(store.peek(a)?.expiresAt).toBe(clock.wall() + 10_000)
  })

  it('gives out snapshots that nobody can change', async () => {
    await store.addPeer(claim(a))
    const info = store.peek(a)
    expect(Object.isFrozen(info)).toBe(true)
    expect(Object.isFrozen(info?.addresses)).toBe(true)
    expect(Object.isFrozen(info?.addresses[0])).toBe(true)
  })

  it('two claims of one source keep the protocols of the first while they live (ledger W7)', async () => {
    await store.addPeer(claim(a, { protocols: ['/p'] }))
    await store.addPeer(claim(a, { at: 1, protocols: [] }))
    expect(store.peek(a)?.protocols).toEqual(['/p'])
  })

  it('shows the older metadata again when the newer, shorter one has run out (ledger W5)', async () => {
    await store.addPeer(claim(a, { ttl: 9_000, from: source('dns'), metadata: new Map([['k', 'old']]) }))
    await clock.advance(1_000)
    await store.addPeer(claim(a, { at: 1_000, ttl: 2_000, metadata: new Map([['k', 'new']]) }))
    expect(store.peek(a)?.metadata.get('k')).toBe('new')
    await clock.advance(3_000)
    expect(store.peek(a)?.metadata.get('k')).toBe('old')
  })

  it('a stranger starts with a reputation that ranks last', async () => {
    await store.addPeer(claim(a))
    expect(store.peek(a)?.reputation).toEqual(STRANGER)
    expect(STRANGER.lower).toBe(0)
  })
})

describe('expiry', () => {
  it('a peer lives exactly as long as its last claim', async () => {
    await store.addPeer(claim(a, { ttl: 5_000 }))
    await clock.advance(4_999)
    expect(store.peek(a)).toBeDefined()
    await clock.advance(1)
    expect(store.peek(a)).toBeUndefined()
    expect(await listed(store)).toEqual([])
  })

  it('says what expired, with what was shown last, and when to call again', async () => {
    const changes = follow()
    await store.addPeer(claim(a, { ttl: 5_000 }))
    await store.addPeer(claim(b, { ttl: 8_000 }))
    await clock.advance(5_000)
    expect(await store.expire(clock.now())).toEqual({ expired: 1, next: 8_000 })
    await clock.settle()
    expect(changes.at(-1)).toMatchObject({ kind: 'lost', cause: { kind: 'expiry' } })
    expect((changes.at(-1) as { peer: { peerId: unknown } }).peer.peerId).toBe(a)
  })

  it('one source of two running out is an update', async () => {
    const changes = follow()
    await store.addPeer(claim(a, { ttl: 5_000 }))
    await store.addPeer(claim(a, { ttl: 8_000, from: source('dns') }))
    await clock.advance(5_000)
    expect(await store.expire(clock.now())).toMatchObject({ expired: 0, next: 8_000 })
    await clock.settle()
    expect(changes.at(-1)).toMatchObject({ kind: 'updated', peer: { sources: [{ path: 'dns' }] } })
  })

  it('a later claim with a shorter TTL shortens (ledger W2)', async () => {
    await store.addPeer(claim(a, { ttl: 10_000 }))
    await clock.advance(1_000)
    await store.addPeer(claim(a, { at: 1_000, ttl: 1_000 }))
    await clock.advance(1_000)
    expect(store.peek(a)).toBeUndefined()
  })

  it('a connected peer stays when its claims have run out, and goes after the connection', async () => {
    await store.addPeer(claim(a, { ttl: 2_000 }))
    store.setConnection(a, 'connected')
    await clock.advance(3_000)
    await store.expire(clock.now())
    expect(store.peek(a)).toMatchObject({ connectionStatus: 'connected', confidence: 1, addresses: [] })
    const changes = follow()
    store.setConnection(a, 'disconnected')
    await clock.settle()
    expect(changes).toMatchObject([{ kind: 'lost', cause: { kind: 'connection' } }])
    expect(store.peek(a)).toBeUndefined()
  })

  it('forgets an expired peer altogether once late claims can no longer come (R)', async () => {
    await store.addPeer(claim(a, { ttl: 2_000 }))
    await clock.advance(2_000)
    const { next } = await store.expire(clock.now())
    expect(store.size).toBe(0)
    expect(next).toBe(2_000 + limits.evidenceLag)
    await clock.advance(next - clock.now())
    expect(await store.expire(clock.now())).toEqual({ expired: 0, next: Infinity })
  })

  it.each([
    ['0', 0], ['negative', -1], ['NaN', NaN], ['2⁴⁰', 2 ** 40], ['a date ten years off', 3.2e11], ['infinite', Infinity]
  ])('a TTL that is %s is clamped, not believed', async (_, ttl) => {
    await store.addPeer(claim(a, { ttl }))
    const left = (store.peek(a)?.expiresAt ?? NaN) - clock.wall()
    expect(left).toBeGreaterThanOrEqual(limits.ttlMin)
    expect(left).toBeLessThanOrEqual(limits.ttlMax)
  })
})

describe('withdrawal', () => {
  it('takes back what its own source claimed, and nothing of another', async () => {
    await store.addPeer(claim(a, { from: source('mdns') }))
    await store.addPeer(claim(a, { from: source('dns'), addresses: ['/ip4/10.0.0.2/tcp/1'] }))
    await store.withdraw(a, source('mdns'), 1)
    expect(addressesOf(store.peek(a))).toEqual(['/ip4/10.0.0.2/tcp/1'])
  })

  it('of one reporter leaves another reporter of the same mechanism alone', async () => {
    await store.addPeer(claim(a, { from: source('gossip', { reporter: 'x' }) }))
    await store.withdraw(a, source('gossip', { reporter: 'y' }), 1)
    expect(store.peek(a)).toBeDefined()
  })

  it('of some addresses keeps the others', async () => {
    await store.addPeer(claim(a, { addresses: ['/ip4/10.0.0.1/tcp/1', '/ip4/10.0.0.2/tcp/1'] }))
    await store.withdraw(a, source('mdns'), 1, [home])
    expect(addressesOf(store.peek(a))).toEqual(['/ip4/10.0.0.2/tcp/1'])
  })

  it('that arrives before the claim it takes back still does (ledger W1)', async () => {
    await clock.advance(10)
    await store.withdraw(a, source('mdns'), 8)
    expect(await store.addPeer(claim(a, { at: 5 }))).not.toMatchObject({ outcome: 'new' })
    expect(store.peek(a)).toBeUndefined()
    expect(await store.addPeer(claim(a, { at: 9 }))).toMatchObject({ outcome: 'new' })
  })

  it('remembers partial withdrawals beyond its bound by taking back more, never less (ledger W13)', async () => {
    await clock.advance(1_000)
    const many = Array.from({ length: limits.withdrawalsPerSource + 1 }, (_, i) => multiaddr(`/ip4/10.1.0.${i}/tcp/1`))
    for (const [i, address] of many.entries()) await store.withdraw(a, source('mdns'), 100 + i, [address])
    const first = claim(a, { at: 100, addresses: [(many[0] ?? home).toString()] })
    await store.addPeer(first)
    expect(store.peek(a)).toBeUndefined()
  })
})

describe('bounds', () => {
  it('a stamp from the future lives no longer than one of now', async () => {
    await store.addPeer(claim(a, { at: 3_600_000, ttl: 5_000 }))
    await clock.advance(5_000 + 1_000)
    expect(store.peek(a)).toBeUndefined()
  })

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

  it.each([limits.addressesPerSource - 1, limits.addressesPerSource, limits.addressesPerSource + 1])('%i addresses of one source', async count => {
    const addresses = Array.from({ length: count }, (_, i) => `/ip4/10.0.1.${i}/tcp/1`)
    await store.addPeer(claim(a, { addresses }))
    expect(store.peek(a)?.addresses.length).toBe(Math.min(count, limits.addressesPerSource))
  })

  it('addresses of many sources are shown up to the bound', async () => {
    for (let i = 0; i < limits.addressesPerPeer + 2; i++) {
      await store.addPeer(claim(a, { from: source(`s${i}`), addresses: [`/ip4/10.0.2.${i}/tcp/1`] }))
    }
    expect(store.peek(a)?.addresses.length).toBe(limits.addressesPerPeer)
  })

  it('sources beyond the bound change nothing that grows', async () => {
    for (let i = 0; i < 4 * limits.sourcesPerPeer; i++) await store.addPeer(claim(a, { from: source('gossip', { group: `net:${i}` }) }))
    expect(store.evidence(a).length).toBe(limits.sourcesPerPeer)
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

  it('a flood of addresses hides no address of another source, and the configured one stays first', async () => {
    const configured = source('bootstrap', { group: 'configured:bootstrap', isChosen: true })
    await store.addPeer(claim(a, { from: configured, addresses: ['/ip4/10.0.0.1/tcp/1'] }))
    await store.addPeer(claim(a, { from: source('dns'), addresses: ['/ip4/10.0.0.2/tcp/1'] }))
    for (let i = 0; i < 4; i++) {
      await store.addPeer(claim(a, {
        from: source('mdns', { reporter: `10.0.1.${i}` }),
        ttl: 172_800_000,
        addresses: Array.from({ length: limits.addressesPerSource }, (_, n) => `/ip4/10.0.1.${i}/tcp/${n + 1}`)
      }))
    }
    const shown = store.peek(a)?.addresses.map(({ multiaddr }) => multiaddr.toString()) ?? []
    expect(shown).toHaveLength(limits.addressesPerPeer)
    expect(shown[0]).toBe('/ip4/10.0.0.1/tcp/1')
    expect(shown).toContain('/ip4/10.0.0.2/tcp/1')
  })

  it('goodbyes to strangers take nobody\'s place, and are forgotten', async () => {
    const small = memoryPeerStore({ clock, capacity: 20 })
    for (let n = 0; n < 20; n++) await small.addPeer(claim(await peer(n), { ttl: 600_000 }))
    for (let n = 0; n < 200; n++) await small.withdraw(await peer(1_000 + n), source('gossip', { group: `net:${n % 64}` }), 0)
    expect(small.size).toBe(20)
    for (let n = 0; n < 20; n++) expect(small.peek(await peer(n)), `honest peer ${n}`).toBeDefined()
  })

  it('whoever names a peer first does not pay for it alone', async () => {
    const small = memoryPeerStore({ clock, capacity: 50 })
    const honest = await Promise.all(Array.from({ length: 10 }, async (_, n) => peer(n)))
    const attacker = source('gossip', { group: 'net:6.6' })
    await small.addPeers(honest.map(id => claim(id, { from: attacker })))
    await small.addPeers(honest.map(id => claim(id, { from: source('bootstrap', { group: 'configured:bootstrap', isChosen: true }) })))
    for (let n = 0; n < 500; n++) await small.addPeer(claim(await peer(1_000 + n), { from: attacker }))
    for (const id of honest) expect(small.peek(id)?.sources.map(({ path }) => path)).toContain('bootstrap')
    expect(small.size).toBe(50)
  })

  it('a connected peer is not displaced', async () => {
    const small = memoryPeerStore({ clock, capacity: 5 })
    await small.addPeer(claim(a))
    small.setConnection(a, 'connected')
    for (let n = 0; n < 100; n++) await small.addPeer(claim(await peer(1_000 + n)))
    expect(small.peek(a)?.connectionStatus).toBe('connected')
    expect(small.size).toBe(5)
  })

  it('who is displaced is told as displaced, and a newcomer that finds no place was never there', async () => {
    const small = memoryPeerStore({ clock, capacity: 1, hashKey: new Uint8Array(8) })
    const changes: Change[] = []
    void (async () => { for await (const change of small.changes) changes.push(change) })()
    const outcomes = new Set<string>()
    for (let n = 0; n < 20; n++) outcomes.add((await small.addPeer(claim(await peer(n)))).outcome)
    await clock.settle()
    expect(outcomes).toEqual(new Set(['new', 'refused']))
    for (const change of changes.filter(({ kind }) => kind === 'lost')) expect(change).toMatchObject({ cause: { kind: 'displaced' } })
    const [news, lost] = ['new', 'lost'].map(kind => changes.filter(change => change.kind === kind).length)
    expect((news ?? 0) - (lost ?? 0)).toBe(1)
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

  it('evidence that comes later than R after it was observed is refused', async () => {
    await clock.advance(limits.evidenceLag + 1)
    expect(await store.addPeer(claim(a, { at: 0, ttl: 600_000 }))).toEqual({ outcome: 'refused', reason: 'stale-evidence' })
    expect(await store.addPeer(claim(a, { at: 1, ttl: 600_000 }))).toMatchObject({ outcome: 'new' })
  })

  it('capacity n − 1, n, n + 1', async () => {
    const small = memoryPeerStore({ clock, capacity: 3 })
    for (let n = 1; n <= 4; n++) {
      await small.addPeer(claim(await peer(n)))
      expect(small.size).toBe(Math.min(n, 3))
    }
  })

  it('a flood from one group does not displace the peers of others (first-come eclipse of the seed documents)', async () => {
    const evidence: Evidence[] = []
    for (let n = 0; n < 200; n++) evidence.push(claim(await peer(1_000 + n), { from: source('gossip', { group: 'net:203.0' }) }))
    for (let n = 0; n < 10; n++) evidence.push(claim(await peer(n), { from: source('gossip', { group: `net:8.${n}` }) }))
    for (const order of [evidence, [...evidence].reverse()]) {
      const small = memoryPeerStore({ clock, capacity: 20 })
      await small.addPeers(order)
      for (let n = 0; n < 10; n++) expect(small.peek(await peer(n)), `honest peer ${n}`).toBeDefined()
    }
  })

  it('a slow reader of changes is told how many it missed', async () => {
    const changes = store.changes[Symbol.asyncIterator]()
    for (let i = 0; i < limits.changeFeed + 5; i++) {
      store.setConnection(a, 'unknown')
      await store.addPeer(claim(a, { at: i, addresses: [`/ip4/10.0.${i >> 8}.${i & 255}/tcp/1`] }))
      await clock.advance(1)
    }
    expect((await changes.next()).value).toMatchObject({ kind: 'missed', count: 5 })
    await changes.return?.()
  }, 60_000)
})

describe('ranking', () => {
  it('two independent groups are better than one, and two claims of one group are not', async () => {
    await store.addPeer(claim(a, { from: source('dht') }))
    const alone = store.peek(a)?.confidence ?? NaN
    await store.addPeer(claim(a, { from: source('dht', { reporter: 'again' }) }))
    await clock.advance(0)
    expect(store.peek(a)?.confidence).toBeCloseTo(alone)
    await store.addPeer(claim(a, { from: source('gossip') }))
    expect(store.peek(a)?.confidence).toBeGreaterThan(alone)
  })

  it('failures lower confidence, a success restores it', async () => {
    await store.addPeer(claim(a))
    const before = store.peek(a)?.confidence ?? NaN
    await store.recordOutcome(a, home, 'failure')
    expect(store.peek(a)?.confidence).toBeCloseTo(before * 0.66)
    expect(store.peek(a)?.lastSeen).toBeUndefined()
    await store.recordOutcome(a, home, 'success')
    expect(store.peek(a)?.confidence).toBe(1)
    expect(store.peek(a)?.lastSeen).toBe(clock.wall())
  })

  it('the address that failed comes last', async () => {
    await store.addPeer(claim(a, { addresses: [home.toString(), other.toString()] }))
    await store.recordOutcome(a, home, 'failure')
    expect(store.peek(a)?.addresses.map(({ multiaddr }) => multiaddr.toString())).toEqual([other.toString(), home.toString()])
  })

  it('is never NaN, whatever the ages (seed documents compare NaN scores)', async () => {
    await store.addPeer(claim(a, { at: NaN, ttl: NaN }))
    await store.addPeer(claim(b, { at: -Infinity }))
    await store.addPeer(claim(b, { at: Infinity }))
    for (const { confidence } of await listed(store)) expect(confidence).toBeGreaterThanOrEqual(0)
  })

  it('queries filter and order', async () => {
    await store.addPeer(claim(a, { from: source('mdns'), protocols: ['/x'] }))
    await store.addPeer(claim(b, { from: source('dht') }))
    const ids = async (query: Parameters<PeerStore['getPeers']>[0]): Promise<string[]> => {
      return (await Array.fromAsync(store.getPeers(query))).map(({ peerId }) => peerId.toString())
    }
    expect(await ids({})).toEqual([a.toString(), b.toString()])
    expect(await ids({ limit: 1 })).toEqual([a.toString()])
    expect(await ids({ limit: 0 })).toEqual([])
    expect(await ids({ protocols: ['/x'] })).toEqual([a.toString()])
    expect(await ids({ source: 'dht' })).toEqual([b.toString()])
    expect(await ids({ minConfidence: 0.9 })).toEqual([a.toString()])
    expect(await ids({ connected: true })).toEqual([])
    expect(await ids({ certified: true })).toEqual([])
  })

  it('the closest peers are exactly those of a full sort by XOR', async () => {
    const peers = await Promise.all(Array.from({ length: 50 }, async (_, i) => peer(i)))
    for (const id of peers) await store.addPeer(claim(id))
    const key = new TextEncoder().encode('some key')
    const target = await sha256(key)
    const distance = async (id: typeof a): Promise<string> => {
      const hash = await sha256(id.toMultihash().bytes)
      return Buffer.from(hash.map((byte, i) => byte ^ (target[i] as number))).toString('hex')
    }
    const expected = (await Promise.all(peers.map(async id => ({ id, distance: await distance(id) }))))
      .sort((x, y) => x.distance < y.distance ? -1 : 1).slice(0, 7).map(({ id }) => id.toString())
    expect((await store.getClosestPeers(key, 7)).map(({ peerId }) => peerId.toString())).toEqual(expected)
  })
})

it('a reader that begins after stop ends at once, and all that wait on one iterator are woken', async () => {
  const iterator = store.changes[Symbol.asyncIterator]()
  const waiting = [iterator.next(), iterator.next()]
  await store.addPeer(claim(a))
  await store.addPeer(claim(b))
  expect((await Promise.all(waiting)).map(({ value }) => value.kind)).toEqual(['new', 'new'])
  await store.stop()
  expect(await Array.fromAsync(store.changes)).toEqual([])
  await store.start()
  const changes = follow()
  await store.removePeer(a)
  await clock.settle()
  expect(changes.map(({ kind }) => kind)).toEqual(['lost'])
})

it('removing a peer says so once', async () => {
  const changes = follow()
  await store.addPeer(claim(a))
  expect(await store.removePeer(a)).toBe(true)
  expect(await store.removePeer(a)).toBe(false)
  await clock.settle()
  expect(changes.map(({ kind }) => kind)).toEqual(['new', 'lost'])
})

it('names a wrong option', () => {
  expect(() => memoryPeerStore({ capacity: 0 })).toThrow(/capacity.*1.*got 0/)
  expect(() => memoryPeerStore({ hashKey: new Uint8Array(3) })).toThrow(/hashKey must be 8 bytes, got 3/)
  expect(() => memoryPeerStore({ capcity: 5 } as object)).toThrow(/capcity.*capacity/)
})
