import { limits, NoAnswersError, type Sighting } from '@peerweave/interface'
import { multiaddr } from '@multiformats/multiaddr'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatExplanation, fromLibp2p, memory, MemoryHub, multi } from '../src/index.ts'
import { claim, handmade, ids, peer, record, started, world } from './support.ts'

const a = await peer(1)
const b = await peer(2)
const forever = new Promise<never>(() => {})

describe('the woven view', () => {
  it('shows one peer found by two mechanisms once, naming both', async () => {
    const [one, two] = [handmade('one'), handmade('two')]
    one.answers.push(claim(a))
    const w = await world([one.factory, two.factory])
    const found = record(w.multi, 'peer:discovery')
    const updated = record(w.multi, 'peer:update')
    await started(w)
    two.say(claim(a, { addresses: [`/ip4/10.0.0.1/tcp/4001/p2p/${a}`, '/ip4/10.0.0.2/tcp/4001'] }))
    await w.clock.settle()
    expect(found).toEqual([a.toString()])
    expect(updated).toEqual([a.toString()])
    const [info] = await Array.fromAsync(w.multi.peers())
    expect(info?.sources.map(({ path }) => path)).toEqual(['one', 'two'])
    expect(info?.addresses.map(({ multiaddr, sources }) => [multiaddr.toString(), sources])).toEqual([
      ['/ip4/10.0.0.1/tcp/4001', ['one', 'two']], ['/ip4/10.0.0.2/tcp/4001', ['two']]
    ])
    await w.multi.stop()
  })

  it('a peer expires when its last claim runs out, to the millisecond', async () => {
    const one = handmade('one')
    const w = await world([one.factory], { interval: Infinity })
    await started(w)
    const expired = record(w.multi, 'peer:expire')
    one.say(claim(a, { ttl: 4_000 }))
    await w.clock.settle()
    await w.clock.advance(3_999)
    expect(expired).toEqual([])
    await w.clock.advance(1)
    expect(expired).toEqual([a.toString()])
    await w.multi.stop()
  })

  it('a goodbye takes a peer out at once, a goodbye of another mechanism does not', async () => {
    const [one, two] = [handmade('one'), handmade('two')]
    const w = await world([one.factory, two.factory])
    await started(w)
    const expired = record(w.multi, 'peer:expire')
    one.say(claim(a))
    two.say({ kind: 'withdraw', peerId: a, reporter: { configured: true } })
    await w.clock.settle()
    expect(expired).toEqual([])
    one.say({ kind: 'withdraw', peerId: a, reporter: { configured: true } })
    await w.clock.settle()
    expect(expired).toEqual([a.toString()])
    await w.multi.stop()
  })

  it('a goodbye and an announcement of the same millisecond keep their order', async () => {
    const one = handmade('one')
    const w = await world([one.factory])
    await started(w)
    one.say(claim(a), { kind: 'withdraw', peerId: a, reporter: { configured: true } }, claim(a))
    await w.clock.settle()
    expect(await ids(w.multi.peers())).toEqual([a.toString()])
    await w.multi.stop()
  })

  const RUNS = { ci: 10_000, long: 100_000 }[process.env.PEERWEAVE_TIER ?? ''] ?? 2_000
  it(`the same sightings of five mechanisms in any order, with repeats, end in the same view (${RUNS} orders)`, async () => {
    const names = ['dht', 'mdns', 'gossip', 'bootstrap', 'dns']
    const peers = await Promise.all(Array.from({ length: 5 }, async (_, i) => peer(10 + i)))
    const sightings = names.flatMap((name, n) => peers.flatMap((peerId, p) => [
      { name, sighting: claim(peerId, { addresses: [`/ip4/10.0.${n % 3}.${p}/tcp/4001`], protocols: [`/p/${n % 2}`] }) },
      { name, sighting: claim(peerId, { addresses: [`/ip4/10.0.9.${p}/tcp/${n + 1}`] }) }
    ]))
    const made = new Map(names.map(name => [name, handmade(name)]))
    const w = await world([...made.values()].map(({ factory }) => factory), { interval: Infinity })
    await started(w)
    const view = async (order: typeof sightings): Promise<string> => {
      await w.clock.advance(100) // within the rate of what is taken unasked
      for (const { name, sighting } of order) made.get(name)?.say(sighting)
      await w.clock.settle()
      const result: string[] = []
      for (const { peerId, addresses, sources, protocols, confidence } of await Array.fromAsync(w.multi.peers())) {
        result.push(JSON.stringify([
          peerId.toString(), addresses.map(({ multiaddr, sources }) => [multiaddr.toString(), sources]), sources.map(({ path }) => path), protocols,
          confidence.toFixed(6)
        ]))
        await w.multi.store.removePeer(peerId)
      }
      return JSON.stringify(result.sort())
    }
    const expected = await view(sightings)
    expect(JSON.parse(expected)).toHaveLength(peers.length)
    await fc.assert(fc.asyncProperty(
      fc.shuffledSubarray(sightings, { minLength: sightings.length, maxLength: sightings.length }),
      fc.array(fc.constantFrom(...sightings), { maxLength: 5 }),
      async (order, repeats) => { expect(await view([...order, ...repeats])).toBe(expected) }
    ), { numRuns: RUNS })
    await w.multi.stop()
  }, 900_000)
})

describe('checks on what mechanisms say', () => {
  const vectors: Array<[string, Sighting, string | undefined]> = [
    ['our own id', undefined as never, 'own-id'],
    ['a TTL of 0', claim(a, { ttl: 0 }), 'bad-ttl'],
    ['a TTL of NaN', claim(a, { ttl: NaN }), 'bad-ttl'],
    ['no address', claim(a, { addresses: [] }), 'no-address'],
    ['an address of another peer', claim(a, { addresses: [`/ip4/10.0.0.1/tcp/1/p2p/${b}`] }), 'wrong-peer'],
    ['a private address from a stranger', claim(a, { reporter: {} }), 'address-scope'],
    ['a loopback address from the LAN', claim(a, { addresses: ['/ip4/127.0.0.1/tcp/1'], reporter: { interface: 'eth0' } }), 'address-scope'],
    ['the metadata service', claim(a, { addresses: ['/ip4/169.254.169.254/tcp/80'] }), 'address-scope'],
    ['a unix socket', claim(a, { addresses: ['/unix/var%2Frun%2Fdocker.sock'] }), 'address-scope'],
    ['an address of 900 bytes', claim(a, { addresses: [`/dns4/${'a'.repeat(900)}/tcp/1`] }), 'address-too-long'],
    ['an address whose peer is spelt as a CID', claim(a, { addresses: [`/ip4/10.0.0.1/tcp/1/p2p/${a.toCID()}`] }), undefined],
    ['a goodbye without a peer', { kind: 'withdraw' } as never, 'malformed'],
    ['a goodbye of a peer in letters', { kind: 'withdraw', peerId: a.toString() } as never, 'malformed'],
    ['our own goodbye', undefined as never, 'own-id'],
    ['a getter that throws', Object.defineProperty({ kind: 'claim' }, 'peerId', { enumerable: true, get () { throw new Error('no') } }) as never, 'malformed'],
    ['an error that cannot be printed', Object.defineProperty({ kind: 'claim' }, 'peerId', { get () { throw Object.create(null) as Error } }) as never, 'malformed'],
    ['a proxy', new Proxy({}, { get () { throw new Error('no') } }) as never, 'malformed'],
    ['a claim without fields', { kind: 'claim' } as never, 'malformed'],
    ['an unknown kind', { kind: 'rumour' } as never, 'malformed'],
    ['a private address from the LAN', claim(a, { reporter: { interface: 'eth0' } }), undefined],
    ['a public address from a stranger', claim(a, { addresses: ['/ip4/1.2.3.4/tcp/1'], reporter: {} }), undefined],
    ['one good address among bad ones', claim(a, { addresses: ['/ip4/127.0.0.1/tcp/1', '/ip4/1.2.3.4/tcp/1'], reporter: {} }), 'address-scope']
  ]

  it.each(vectors)('%s', async (what, sighting, reason) => {
    const one = handmade('one')
    const w = await world([one.factory])
    await started(w)
    const { self } = w.context.ports.host
    one.say(what === 'our own id' ? claim(self) : what === 'our own goodbye' ? { kind: 'withdraw', peerId: self } : sighting)
    await w.clock.settle()
    const isKept = reason == null || what.startsWith('one good')
    expect(w.multi.refusals()['one']?.[reason as never]).toBe(reason == null ? undefined : 1)
    expect(await ids(w.multi.peers())).toEqual(isKept ? [a.toString()] : [])
    await w.multi.stop()
  })

  it('protocols and metadata beyond their bounds, or not text, are left out', async () => {
    const one = handmade('one')
    const w = await world([one.factory])
    await started(w)
    one.say(claim(a, {
      protocols: [...Array.from({ length: limits.protocolsPerPeer + 5 }, (_, i) => `/p/${i}`), 'x'.repeat(limits.protocolBytes + 1)],
      metadata: new Map<string, string>([
        ['k'.repeat(limits.metadataKeyBytes + 1), 'v'], ['long', 'v'.repeat(limits.metadataValueBytes + 1)], [['array'] as never, ['b'] as never],
        ...Array.from({ length: limits.metadataKeys + 5 }, (_, i): [string, string] => [`k${i}`, 'v'])
      ])
    }))
    await w.clock.settle()
    const info = w.multi.store.peek(a)
    expect(info?.protocols).toHaveLength(limits.protocolsPerPeer)
    expect(info?.metadata.size).toBe(limits.metadataKeys)
    expect([...info?.metadata.keys() ?? []].every(key => key.startsWith('k') && key.length < 4)).toBe(true)
    await w.multi.stop()
  })

  it('an object that changes its answers cannot become our own id', async () => {
    const one = handmade('one')
    const w = await world([one.factory])
    await started(w)
    let reads = 0
    one.say(Object.defineProperty(claim(a), 'peerId', { get: () => reads++ === 0 ? a : w.context.ports.host.self }))
    await w.clock.settle()
    expect(await ids(w.multi.peers())).toEqual([a.toString()])
    await w.multi.stop()
  })

  it('refusals are remembered for so many peers, the oldest forgotten first', async () => {
    const one = handmade('one')
    const w = await world([one.factory])
    await started(w)
    const many = await Promise.all(Array.from({ length: limits.refusedPeers + 1 }, async (_, i) => peer(5_000 + i)))
    for (const id of many) {
      one.say(claim(id, { ttl: 0 }))
      await w.clock.advance(1_000 / limits.sightingsPerSecond)
    }
    expect(w.multi.explain(many[0] as typeof a).refusals).toEqual([])
    expect(w.multi.explain(many[1] as typeof a).refusals).toHaveLength(1)
    for (let i = 0; i < limits.refusalsPerPeer + 3; i++) {
      one.say(claim(a, { ttl: 0 }))
      await w.clock.settle()
    }
    expect(w.multi.explain(a).refusals).toHaveLength(limits.refusalsPerPeer)
    await w.multi.stop()
  })

  it('a domain is a quota group of its own', async () => {
    const one = handmade('one')
    const w = await world([one.factory])
    await started(w)
    one.say(claim(a, { addresses: ['/ip4/1.2.3.4/tcp/1'], reporter: { domain: 'peers.example.org' } }))
    await w.clock.settle()
    expect(w.multi.explain(a).claims).toMatchObject([{ group: 'dns:peers.example.org', reporter: 'peers.example.org' }])
    await w.multi.stop()
  })

  it.each([limits.addressesPerClaim - 1, limits.addressesPerClaim, limits.addressesPerClaim + 1])('%i addresses in one claim', async count => {
    const one = handmade('one')
    const w = await world([one.factory])
    await started(w)
    one.say(claim(a, { addresses: Array.from({ length: count }, (_, i) => `/ip4/10.0.0.${i}/tcp/1`) }))
    await w.clock.settle()
    expect(w.multi.refusals()['one']).toEqual(count > limits.addressesPerClaim ? { 'too-many-addresses': 1 } : undefined)
    await w.multi.stop()
  })
})

describe('asking', () => {
  it('yields what is known first, then answers as they come, each once', async () => {
    const [one, two] = [handmade('one'), handmade('two')]
    const w = await world([one.factory, two.factory], { interval: Infinity })
    await started(w)
    one.say(claim(a))
    await w.clock.settle()
    two.answers.push(claim(a), claim(b))
    expect((await Array.fromAsync(w.multi.discover())).map(({ peerId }) => peerId.toString())).toEqual([a, b].map(String))
    await w.multi.stop()
  })

  it('stops when it has what it needs, and asks nobody when it has it already', async () => {
    const one = handmade('one')
    const w = await world([one.factory], { interval: Infinity })
    await started(w)
    one.say(claim(a))
    await w.clock.settle()
    expect((await Array.fromAsync(w.multi.discover({ need: 1 }))).length).toBe(1)
    expect(await Array.fromAsync(w.multi.discover({ need: 0 }))).toEqual([])
    expect(one.rounds).toBe(0)
    await w.multi.stop()
  })

  it('ends at its deadline with what it has', async () => {
    const [good, hanging] = [handmade('good'), handmade('hanging', { async * round () { await forever } })]
    good.answers.push(claim(a))
    const w = await world([hanging.factory, good.factory], { interval: Infinity })
    await started(w)
    const asking = Array.fromAsync(w.multi.discover({ deadline: 500 }))
    await w.clock.advance(500)
    expect((await asking).map(({ peerId }) => peerId.toString())).toEqual([a.toString()])
    await stopped(w)
  })

  it('only when every mechanism failed is it an error, and it carries each cause', async () => {
    const failing = (name: string): ReturnType<typeof handmade> => handmade(name, { async * round () { throw new Error(`${name} failed`) } })
    const w = await world([failing('one').factory, failing('two').factory], { interval: Infinity })
    await started(w)
    const error: NoAnswersError = await Array.fromAsync(w.multi.discover()).then(() => undefined as never, error => error)
    expect(error).toBeInstanceOf(NoAnswersError)
    expect([...error.errors].map(([name, { message }]) => [name, message])).toEqual([['one', 'one failed'], ['two', 'two failed']])
    expect(error.message).toBe('every mechanism failed: one (one failed), two (two failed)')
    await w.multi.stop()

    const mixed = await world([failing('one').factory, handmade('two').factory], { interval: Infinity })
    await started(mixed)
    expect(await Array.fromAsync(mixed.multi.discover())).toEqual([])
    await mixed.multi.stop()
  })

  it('rejects with AbortError when its signal fires', async () => {
    const w = await world([handmade('hanging', { async * round () { await forever } }).factory], { interval: Infinity })
    await started(w)
    const controller = new AbortController()
    const asking = Array.fromAsync(w.multi.discover({ signal: controller.signal }))
    await w.clock.settle()
    controller.abort()
    await expect(asking).rejects.toMatchObject({ name: 'AbortError' })
    await stopped(w)
  })

  it('with no mechanism at all it is empty, and no error', async () => {
    const w = await world([])
    await started(w)
    expect(await Array.fromAsync(w.multi.discover())).toEqual([])
    expect(await Array.fromAsync(w.multi.discoverPeers())).toEqual([])
    await w.multi.stop()
  })

  it('names a wrong option', async () => {
    const w = await world([])
    await started(w)
    const ask = async (options: unknown): Promise<unknown> => Array.fromAsync(w.multi.discover(options as never))
    await expect(ask({ deadlin: 3 })).rejects.toThrow(/deadlin.*deadline/)
    await expect(ask(null)).rejects.toThrow(/an object of options/)
    await expect(ask({ protocols: 'x' })).rejects.toThrow(/protocols must be a list/)
    await expect(ask({ need: NaN })).rejects.toThrow(/need must be/)
    await expect(Array.fromAsync(w.multi.peers({ order: 'foo' as never }))).rejects.toThrow(/order must be one of/)
    expect(() => w.multi.explain('12D3KooW' as never)).toThrow(/explain takes a peer id/)
    await w.multi.stop()
  })

  it('before start it says so', async () => {
    const w = await world([])
    await expect(Array.fromAsync(w.multi.discover())).rejects.toMatchObject({ code: 'ERR_NOT_STARTED' })
  })
})

describe('explain', () => {
  it('tells who said what, for how long, and what was refused', async () => {
    const [one, two] = [handmade('one'), handmade('two')]
    const w = await world([one.factory, two.factory])
    await started(w)
    one.say(claim(a, { ttl: 10_000 }))
    two.say(claim(a, { reporter: {} }))
    await w.clock.settle()
    await w.clock.advance(2_000)
    const explained = w.multi.explain(a)
    expect(explained).toMatchObject({
      state: 'shown',
      claims: [{ source: 'one', group: 'configured:one', addresses: ['/ip4/10.0.0.1/tcp/4001'] }],
      refusals: [{ source: 'two', reason: 'address-scope' }, { source: 'two', reason: 'no-address' }]
    })
    expect(formatExplanation(explained, w.clock.wall())).toContain('one said it 2.0 s ago, good for 8.0 s more')
    expect(w.multi.explain(b)).toMatchObject({ state: 'unknown', claims: [], refusals: [] })
    await w.multi.stop()
  })

  it('prints no remote text raw', async () => {
    const one = handmade('one')
    const w = await world([one.factory])
    await started(w)
    const evil = 'evil\u001b[2J\u202e.example'
    one.say(
      claim(a, { addresses: ['/ip4/1.2.3.4/tcp/1', `/dns4/${encodeURIComponent(evil)}/tcp/1`], reporter: { domain: evil } }),
      { kind: 'ru\u001bmour', peerId: a } as never,
      claim(a, { ttl: 'ev\u001bil' as never })
    )
    await w.clock.settle()
    expect(w.multi.explain(a).claims).toHaveLength(1)
    expect(formatExplanation(w.multi.explain(a), w.clock.wall())).toMatch(/^[\P{C}\n]*$/u)
    await w.multi.stop()
  })
})

describe('a wrapped libp2p module', () => {
  it('neither writes into the peer store nor dials, and its word is a stranger\'s unless the user vouches', async () => {
    const touched: string[] = []
    const libp2p = {
      peerStore: { merge: async () => { touched.push('merge') }, patch: async () => { touched.push('patch') }, get: async () => { touched.push('get') } },
      connectionManager: { openConnection: async () => { touched.push('dial') } }
    }
    interface Components { peerStore: Record<'merge' | 'patch' | 'get', () => Promise<void>>, connectionManager: { openConnection: () => Promise<void> } }
    const factory = (components: Components): object => Object.assign(new EventTarget(), {
      async start (this: EventTarget) {
        await components.peerStore.get()
        await components.peerStore.merge()
        await components.peerStore.patch()
        await components.connectionManager.openConnection().catch(() => {})
        this.dispatchEvent(new CustomEvent('peer', { detail: { id: a, multiaddrs: [multiaddr('/ip4/10.0.0.1/tcp/1'), multiaddr('/ip4/1.2.3.4/tcp/1')] } }))
      },
      stop () {}
    })
    const addresses = async (reporter?: { configured: boolean }): Promise<string[]> => {
      const w = await world([context => fromLibp2p(factory, { name: 'module', reporter })({ ...context, libp2p })])
      await started(w)
      const shown = w.multi.store.peek(a)?.addresses.map(({ multiaddr }) => multiaddr.toString()) ?? []
      await w.multi.stop()
      return shown.sort()
    }
    expect(await addresses()).toEqual(['/ip4/1.2.3.4/tcp/1'])
    expect(await addresses({ configured: true })).toEqual(['/ip4/1.2.3.4/tcp/1', '/ip4/10.0.0.1/tcp/1'])
    expect(touched).toEqual(['get', 'get'])
  })

  it('is not a mechanism of ours', async () => {
    const one = handmade('one')
    await expect(world([context => fromLibp2p(() => one.factory(context), { name: 'x' })({ ...context, libp2p: {} })]))
      .rejects.toThrow(/x is a mechanism already/)
  })
})

describe('nesting', () => {
  it('a sighting of an inner multi keeps its path and group, and counts once', async () => {
    const deep = handmade('deep')
    const w = await world([multi({ mechanisms: [deep.factory], name: 'lan', interval: Infinity })])
    await started(w)
    deep.say(claim(a, { reporter: { remoteAddr: multiaddr('/ip4/1.2.3.4/tcp/1') }, addresses: ['/ip4/1.2.3.4/tcp/1'] }))
    await w.clock.settle()
    const { claims } = w.multi.explain(a)
    expect(claims).toMatchObject([{ source: 'lan/deep', group: 'net:1.2', reporter: '1.2.3.4' }])
    await w.multi.stop()
  })
})

describe('memory', () => {
  it('members of one hub find each other, and say goodbye', async () => {
    const hub = new MemoryHub()
    const [left, right] = [await world([]), await world([])]
    const make = (w: typeof left): typeof left => ({
      ...w, multi: multi({ mechanisms: [memory({ hub, clock: w.clock })], clock: w.clock })(w.context)
    })
    const [alice, bob] = [make(left), make(right)]
    await started(alice)
    await started(bob)
    await alice.clock.advance(1_000)
    expect(await ids(bob.multi.peers())).toEqual([alice.context.ports.host.self.toString()])
    expect(await ids(alice.multi.peers())).toEqual([bob.context.ports.host.self.toString()])
    await alice.multi.stop()
    await bob.clock.settle()
    expect(await ids(bob.multi.peers())).toEqual([])
    await bob.multi.stop()
  })
})

it('names a wrong option', () => {
  expect(() => multi({ mechanisms: 'mdns' as never })).toThrow(/mechanisms.*"mdns"/)
  expect(() => multi({ mechanisms: [], name: 'a/b' })).toThrow(/name must be/)
  expect(() => memory({} as never)).toThrow(/hub must be a MemoryHub/)
  expect(() => memory({ hub: new MemoryHub(), tll: 3 } as never)).toThrow(/tll.*ttl/)
  expect(() => fromLibp2p(() => ({}), { name: 'x', tll: 3 } as never)).toThrow(/tll.*ttl/)
  expect(() => multi({ mechanisms: [], intervall: 5 } as never)).toThrow(/intervall.*interval/)
  expect(() => multi({ mechanisms: [], interval: 5 })).toThrow(/interval must be .* from 100/)
})

it('refuses two mechanisms of one name', async () => {
  await expect(world([handmade('same').factory, handmade('same').factory])).rejects.toThrow(/two mechanisms are named "same"/)
})

/** Stops a world whose mechanisms may hang. */
async function stopped ({ multi, clock }: Awaited<ReturnType<typeof world>>): Promise<void> {
  const stopping = Promise.resolve(multi.stop())
  await clock.advance(2 * limits.lifecycleDeadline)
  await stopping
}
