/** What `explain` says of a peer in each state, and of an address without one. */
import { complianceContext, memoryNetwork } from '@peerweave/compliance'
import { multiaddr } from '@multiformats/multiaddr'
import { describe, expect, it } from 'vitest'
import { formatExplanation, multi } from '../src/index.ts'
import { claim, handmade, ids, peer, started, world } from './support.ts'

const [a, b] = await Promise.all([peer(1), peer(2)])

describe('explain', () => {
  it('of a peer in the view says who claims it, how likely it is there, and what would take it out', async () => {
    const made = handmade('gossip')
    const w = await world([made.factory], { interval: Infinity })
    await started(w)
    made.say(claim(a, { reporter: { configured: true, peer: b }, metadata: new Map([['region', 'eu']]) }))
    await w.clock.advance(1_000)
    const explained = w.multi.explain(a)
    expect(explained).toMatchObject({
      about: a.toString(),
      state: 'shown',
      isSuspected: false,
      claims: [{ source: 'gossip', reporter: b.toString(), addresses: ['/ip4/10.0.0.1/tcp/4001'], metadata: { region: 'eu' } }],
      refusals: [],
      wouldChange: ['the end of all claims', 'a goodbye by those who claim it']
    })
    expect(JSON.parse(JSON.stringify(explained))).toMatchObject({ about: a.toString(), confidence: explained.confidence })
    expect(formatExplanation(explained, w.clock.wall())).toMatch(/: shown, confidence 0\.\d\d\n {2}connection: unknown\n {2}gossip said it 1\.0 s ago, good for 59\.0 s more/)
    await w.multi.stop()
  })

  it('of a peer that nobody told of says so', async () => {
    const w = await world([])
    await started(w)
    const explained = w.multi.explain(a)
    expect(explained).toMatchObject({ state: 'unknown', claims: [], refusals: [], wouldChange: ['a mechanism that tells of it'] })
    expect(explained.confidence).toBeUndefined()
    expect(formatExplanation(explained, w.clock.wall())).toBe(`${a}: unknown\n  nobody claims it now\n  would change it: a mechanism that tells of it`)
    await w.multi.stop()
  })

  it('of a peer of which nothing was taken names each reason once in what would change it', async () => {
    const made = handmade('dns')
    const w = await world([made.factory], { interval: Infinity })
    await started(w)
    made.say(claim(a, { reporter: {} }), claim(a, { ttl: 0 }), claim(a, { ttl: -1 }))
    await w.clock.settle()
    const explained = w.multi.explain(a)
    expect(explained.state).toBe('refused')
    expect(explained.refusals.map(({ reason }) => reason)).toEqual(['address-scope', 'no-address', 'bad-ttl', 'bad-ttl'])
    expect(explained.wouldChange).toEqual([
      'a reporter who may report such addresses', 'a claim with an address that may be believed of its reporter', 'a claim with a TTL above 0'
    ])
    expect(formatExplanation(explained, w.clock.wall())).toContain('refused 0.0 s ago from dns: address-scope (/ip4/10.0.0.1/tcp/4001 (private) from a public source)')
    await w.multi.stop()
  })

  it('of a peer that left the view says when and why', async () => {
    const made = handmade('mdns')
    const w = await world([made.factory], { interval: Infinity })
    await started(w)
    made.say(claim(a, { ttl: 10_000 }), claim(b))
    made.say({ kind: 'withdraw', peerId: b, reporter: { configured: true } })
    await w.clock.advance(15_000)
    expect(w.multi.explain(a)).toMatchObject({ state: 'expired', departed: { cause: 'expiry' }, claims: [] })
    expect(formatExplanation(w.multi.explain(a), w.clock.wall())).toContain('left the view 5.0 s ago: expiry')
    expect(w.multi.explain(b)).toMatchObject({ state: 'expired', departed: { cause: 'withdrawal', source: 'mdns' } })
    made.say(claim(a))
    await w.clock.settle()
    expect(w.multi.explain(a)).toMatchObject({ state: 'shown', departed: undefined })
    await w.multi.stop()
  })

  it('of a peer that the user denies says that, and what allows it', async () => {
    const w = await world([], { deny: [a] })
    await started(w)
    expect(w.multi.explain(a)).toMatchObject({ state: 'denied', wouldChange: ['allow()'] })
    await w.multi.stop()
  })

  it('takes a peer id or a multiaddr', async () => {
    const w = await world([])
    expect(() => w.multi.explain('x' as never)).toThrow(/explain takes a peer id or a multiaddr, got "x"/)
  })
})

describe('an address of which no peer is known', () => {
  it('is dialled, and who is there counts as said by whoever reported it', async () => {
    const network = memoryNetwork()
    const there = await complianceContext({ network })
    await there.ports.start()
    const made = handmade('dns')
    const w = await world([made.factory], { interval: Infinity })
    const here = Object.assign(await complianceContext({ network }), { clock: w.clock })
    const node = multi({ mechanisms: [made.factory], clock: w.clock, interval: Infinity })(here)
    const starting = Promise.resolve(node.start())
    await w.clock.advance(1_000)
    await starting
    const [address] = there.ports.host.addresses()
    const bare = multiaddr(address?.toString().split('/p2p/')[0])
    made.answers.push({ kind: 'endpoint', multiaddr: bare, ttl: 60_000, reporter: { configured: true } })
    made.answers.push({ kind: 'endpoint', multiaddr: multiaddr('/ip4/10.99.99.99/tcp/1'), ttl: 60_000, reporter: { configured: true } })
    // Within the round that told of it.
    expect(await ids(node.discover())).toEqual([there.ports.host.self.toString()])
    expect(node.explain(there.ports.host.self)).toMatchObject({ state: 'shown', claims: [{ source: 'dns', addresses: [bare.toString()] }] })
    expect(node.explain(bare)).toMatchObject({ state: 'endpoint', endpoint: { source: 'dns', found: { peerId: there.ports.host.self.toString() } } })
    const nobody = node.explain(multiaddr('/ip4/10.99.99.99/tcp/1'))
    expect(nobody).toMatchObject({ state: 'endpoint', endpoint: { source: 'dns', found: 'not-there' } })
    expect(formatExplanation(nobody, w.clock.wall())).toBe(
      '/ip4/10.99.99.99/tcp/1: endpoint\n  dns told of this address 0.0 s ago: not-there\n' +
      '  would change it: a mechanism that tells of it again, when it may be dialled again'
    )
    expect(node.explain(multiaddr('/ip4/10.1.1.1/tcp/1')).state).toBe('unknown')
    expect(node.refusals().dns?.endpoint).toBe(1)
    await node.stop()
  })
})
