import { runInNewContext } from 'node:vm'
import { ConfigError, knownOptions, limits, nameOption, numberOption, show, type ConfigProblem, type MechanismFactory } from '@peerweave/interface'
import { bootstrap as plainBootstrap } from '@libp2p/bootstrap'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { multiFromConfig, type MechanismRegistry, type MultiConfig } from '../src/config.ts'
import { fromLibp2p } from '../src/from-libp2p.ts'
import { withCache } from '../src/with-cache.ts'

interface Made {
  type: string
  options: Record<string, unknown>
}

/** What was made, and what was loaded. */
function bench (more: MechanismRegistry = {}): { registry: MechanismRegistry, made: Made[], loads: string[] } {
  const made: Made[] = []
  const loads: string[] = []
  const factory: MechanismFactory = () => { throw new Error('nothing is built here') }
  /** Checks as ours do. */
  const maker = (type: string) => (options: Record<string, unknown>): MechanismFactory => {
    knownOptions(type, options, ['name', 'ttl', 'list', 'interval', 'service', 'flag'])
    const { ttl, list = [], service, flag } = options
    if (!Array.isArray(list)) throw new TypeError(`list must be a list of addresses, got ${show(list)}`)
    for (const item of list) {
      if (typeof item !== 'string' || !item.startsWith('/ip4/')) throw new RangeError(`${show(item)} is not a multiaddr`)
    }
    nameOption('name', options['name'] as string, type)
    numberOption('ttl', ttl as number, 1, { min: 1, max: 10 })
    if (flag !== undefined && typeof flag !== 'boolean') throw new TypeError(`flag must be true or false, got ${show(flag)}`)
    if (service !== undefined) {
      knownOptions('service', service as object, ['type', 'port'])
      numberOption('service.port', (service as { port?: number }).port, 1, { min: 1, max: 65_535 })
    }
    made.push({ type, options })
    return factory
  }
  const registry: MechanismRegistry = Object.fromEntries(['dht', 'mdns', 'gossip', 'bootstrap', 'dns'].map(type => [type, async () => {
    loads.push(type)
    return maker(type)
  }]))
  return { registry: { ...registry, ...more }, made, loads }
}

async function read (config: unknown, more?: MechanismRegistry): Promise<MultiConfig> {
  return await multiFromConfig(config, bench(more).registry)
}

async function problemsOf (config: unknown, more?: MechanismRegistry): Promise<readonly ConfigProblem[]> {
  const error = await read(config, more).then(() => undefined, (error: unknown) => error)
  expect(error).toBeInstanceOf(ConfigError)
  return (error as ConfigError).problems
}

/** `path: message` of each. */
async function told (config: unknown, more?: MechanismRegistry): Promise<string[]> {
  return (await problemsOf(config, more)).map(({ path, message }) => `${path}: ${message}`)
}

describe('multiFromConfig', () => {
  it('has the documents’ defaults', async () => {
    expect(await read({ mechanisms: ['mdns'] })).toEqual({
      name: undefined, mechanisms: [expect.any(Function)], entries: [{ mechanism: expect.any(Function) }], perMechanism: new Map(),
      interval: 60_000, refreshInterval: 300_000, peerTimeout: 600_000, maxPeersPerRound: 50, maxPeers: 100, connect: { target: 0, feelers: Infinity, maxInbound: 50, maxOutbound: 50 }
    })
  })

  it('passes on what is set, in order, each mechanism with its options and name', async () => {
    const { registry, made } = bench()
    const config = {
      name: 'outer',
      mechanisms: ['gossip', { type: 'mdns', name: 'lan', interval: 5_000, options: { ttl: 3 } }, { type: 'mdns', maxPeers: 7 }, { type: 'dns', options: { name: 'zone' } }],
      discoveryInterval: 30_000,
      refreshInterval: 180_000,
      peerTimeout: 300_000,
      maxPeersPerMechanism: 25,
      limits: { peers: 1, inbound: 0, outbound: 200 }
    }
    const read = await multiFromConfig(config, registry)
    expect(made).toEqual([
      { type: 'gossip', options: { name: 'gossip' } }, { type: 'mdns', options: { name: 'lan', ttl: 3 } }, { type: 'mdns', options: { name: 'mdns' } },
      { type: 'dns', options: { name: 'zone' } }
    ])
    expect(read).toMatchObject({
      name: 'outer', interval: 30_000, refreshInterval: 180_000, peerTimeout: 300_000, maxPeersPerRound: 25, maxPeers: 1, connect: { maxInbound: 0, maxOutbound: 200 }
    })
    expect(read.mechanisms).toHaveLength(4)
    expect(read.entries).toEqual(read.mechanisms.map((mechanism, i) => ({ mechanism, ...[{}, { interval: 5_000 }, { maxPeersPerRound: 7 }, {}][i] })))
    expect(read.perMechanism).toEqual(new Map([['lan', { interval: 5_000 }], ['mdns', { maxPeersPerRound: 7 }]]))
  })

  it('loads what is used, once, and nothing else', async () => {
    const { registry, made, loads } = bench()
    await multiFromConfig({ mechanisms: ['mdns', { type: 'mdns', name: 'b' }, { type: 'dns', enabled: false, options: { nonsense: 1 } }] }, registry)
    expect(loads).toEqual(['mdns'])
    expect(made).toHaveLength(2)
  })

  it('a wrapper or a wrapped module is a type like any other', async () => {
    const config = { mechanisms: ['seeds', { type: 'cached', options: { ttl: 5 } }] }
    const read = await multiFromConfig(config, {
      seeds: async () => ({ name }: { name: string }) => fromLibp2p(plainBootstrap({ list: ['/ip4/127.0.0.1/tcp/1/p2p/12D3KooWPjceQrSwdWXPyLLeABRXmuqt69Rg3sBYbU1Nft9HyQ6X'] }), { name }),
      cached: async () => ({ ttl }: { ttl: number }) => withCache(() => { throw new Error('not now') }, { ttl })
    })
    expect(read.mechanisms).toHaveLength(2)
  })

  it('tells of all that is wrong at once, each with its path, what was got and what is wanted', async () => {
    const config = {
      mechanisms: [
        'mDNS',
        { type: 'dns', options: { list: ['/ip4/1.2.3.4', 'QmNonsense', '/ip4/1.2.3.5', 7], ttl: 99, service: { port: 0, pört: 1 }, flag: 'no', tll: 1 } },
        { type: 'gossip', interval: '60', enabled: 1, maxPeers: 1.5, ttl: 4 },
        7,
        'bootstrap',
        'bootstrap'
      ],
      discoveryIntervall: 1,
      peerTimeout: 600,
      limits: { peers: -1, max_inbound: 5 }
    }
    expect(await told(config)).toEqual([
      'discoveryIntervall: is not known; known are mechanisms, name, discoveryInterval, refreshInterval, peerTimeout, maxPeersPerMechanism, limits; did you mean `discoveryInterval`?',
      'limits.max_inbound: is not known; known are peers, inbound, outbound; did you mean `inbound`?',
      'mechanisms[0]: must be one of dht, mdns, gossip, bootstrap, dns, got "mDNS"; did you mean `mdns`?',
      'mechanisms[2].ttl: is not known; known are type, name, enabled, interval, maxPeers, options: options of the mechanism itself go under `options`',
      'mechanisms[2].enabled: must be true or false, got 1',
      'mechanisms[2].interval: must be a number from 100 to Infinity, got "60"; a number has no quotes',
      'mechanisms[2].maxPeers: must be a whole number from 0 to 8192, got 1.5',
      'mechanisms[3]: must be the type of a mechanism, or an object with its `type`, got 7',
      'mechanisms[5]: is named "bootstrap" like mechanisms[4]: give it a `name` of its own',
      'limits.peers: must be a whole number from 1 to Infinity, got -1',
      'mechanisms[1].options.tll: dns has no option "tll"; it knows name, ttl, list, interval, service, flag; did you mean `ttl`?',
      'mechanisms[1].options.list[1]: "QmNonsense" is not a multiaddr',
      'mechanisms[1].options.list[3]: 7 is not a multiaddr',
      'mechanisms[1].options.ttl: ttl must be a number from 1 to 10, got 99',
      'mechanisms[1].options.flag: flag must be true or false, got "no"',
      'mechanisms[1].options.service["pört"]: service has no option "pört"; it knows type, port; did you mean `port`?',
      'mechanisms[1].options.service.port: service.port must be a number from 1 to 65535, got 0'
    ])
  })

  it('finds every wrong option of a mechanism, one after the other', async () => {
    const options = { list: ['a', '/ip4/1.2.3.4', 'b', 'a'], service: { port: 0, pört: 1 }, flag: 'no', ttl: 99 }
    expect(await told({ mechanisms: [{ type: 'dns', options }] })).toEqual([
      'mechanisms[0].options.list[0]: "a" is not a multiaddr',
      'mechanisms[0].options.list[2]: "b" is not a multiaddr',
      'mechanisms[0].options.list[3]: "a" is not a multiaddr',
      'mechanisms[0].options.ttl: ttl must be a number from 1 to 10, got 99',
      'mechanisms[0].options.flag: flag must be true or false, got "no"',
      'mechanisms[0].options.service["pört"]: service has no option "pört"; it knows type, port; did you mean `port`?',
      'mechanisms[0].options.service.port: service.port must be a number from 1 to 65535, got 0'
    ])
  })

  it('keeps what was thrown as the cause', async () => {
    const [problem] = await problemsOf({ mechanisms: [{ type: 'dns', options: { ttl: 99 } }] })
    expect(problem?.cause).toBeInstanceOf(TypeError)
  })

  // Each as a function: the runner prints what stands in a table, and some of it throws when it is read.
  it.each<[() => unknown, string, string]>([
    [() => undefined, ': must be a configuration, got undefined', 'nothing'],
    [() => null, ': must be a configuration, with mechanisms, name, discoveryInterval, refreshInterval, peerTimeout, maxPeersPerMechanism, limits, got null', 'null'],
    [() => '{}', ': must be a configuration, with mechanisms, name, discoveryInterval, refreshInterval, peerTimeout, maxPeersPerMechanism, limits, got "{}"', 'text'],
    [() => [], ': must be a configuration, with mechanisms, name, discoveryInterval, refreshInterval, peerTimeout, maxPeersPerMechanism, limits, got []', 'a list'],
    [() => () => {}, ': must be plain JSON, got a function', 'a function'],
    [() => ({}), 'mechanisms: must be a list of at most 64 mechanisms, got undefined', 'no mechanisms'],
    [() => ({ mechanisms: { type: 'mdns' } }), 'mechanisms: must be a list of at most 64 mechanisms, got an object with type', 'one in place of a list'],
    [() => ({ mechanisms: Array.from({ length: 10_000 }, () => 'mdns') }), 'mechanisms: must be a list of at most 64 mechanisms, got an array of 10000', '10,000 mechanisms'],
    [() => ({ mechanisms: [{}] }), 'mechanisms[0].type: must be one of dht, mdns, gossip, bootstrap, dns, got undefined', 'no type'],
    [() => ({ mechanisms: ['toString'] }), 'mechanisms[0]: must be one of dht, mdns, gossip, bootstrap, dns, got "toString"', 'a type that every object has'],
    [() => ({ mechanisms: [{ type: 'mdns', name: 'a/b' }] }), 'mechanisms[0].name: must be 1 to 64 letters, digits, ".", "_" or "-", got "a/b"', 'a name with a slash'],
    [() => ({ mechanisms: [{ type: 'mdns', name: 'a', options: { name: 'b' } }] }), 'mechanisms[0].name: is "a", and options.name is "b": give one of them', 'two names'],
    [() => ({ mechanisms: [{ type: 'mdns', options: [] }] }), 'mechanisms[0].options: must be an object, got []', 'options as a list'],
    [() => ({ mechanisms: [], limits: 100 }), 'limits: must be an object, with peers, inbound, outbound, got 100', 'limits as a number'],
    [() => ({ mechanisms: [], limits: { peers: 1.5 } }), 'limits.peers: must be a whole number from 1 to Infinity, got 1.5', 'half a peer'],
    [() => ({ mechanisms: [], discoveryInterval: 60 }), 'discoveryInterval: must be a number from 100 to Infinity, got 60; durations are milliseconds: 60 s are 60000', 'seconds'],
    [() => ({ mechanisms: [], discoveryInterval: NaN }), 'discoveryInterval: must be a number from 100 to Infinity, got NaN', 'no number'],
    [() => ({ mechanisms: [], name: '' }), 'name: must be 1 to 64 letters, digits, ".", "_" or "-", got ""', 'an empty name'],
    [() => JSON.parse('{"mechanisms":[],"__proto__":{"limits":{"peers":1}}}'), '__proto__: is a key that means something else to JavaScript', '__proto__'],
    [() => ({ mechanisms: [], constructor: {} }), 'constructor: is not known; known are mechanisms, name, discoveryInterval, refreshInterval, peerTimeout, maxPeersPerMechanism, limits', 'constructor'],
    [() => ({ mechanisms: [new Date(0)] }), 'mechanisms[0]: must be plain JSON, got Thu Jan 01 1970', 'a class'],
    [() => ({ mechanisms: [{ type: 'mdns', options: { clock: () => 0 } }] }), 'mechanisms[0].options.clock: must be plain JSON, got the function clock', 'a function deep inside'],
    [() => ({ mechanisms: [], get limits () { throw new Error('not yours') } }), ': cannot be read: not yours', 'a getter that throws'],
    [() => new Proxy({}, { ownKeys () { throw new Error('not yours') } }), ': cannot be read: not yours', 'a proxy that throws'],
    [() => ({ mechanisms: [{ type: 'mdns', options: { text: 'x'.repeat(100_000) } }] }), 'mechanisms[0].options.text: must be a text of at most 16384 characters, got 100000', 'a huge text']
  ])('refuses %#', async (make, expected) => {
    const config = make()
    const [first = ''] = await told(config)
    expect(first.slice(0, expected.length)).toBe(expected)
    expect(await told(config)).toHaveLength(1)
  })

  it('refuses what is too large before it looks at all of it', async () => {
    const endless: unknown[] = []
    endless.length = 2 ** 32 - 1
    const many = Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`k${i}`, [[i]]]))
    for (const config of [endless, { mechanisms: endless }, { mechanisms: [many] }, many]) {
      expect(await told(config)).toEqual([': must hold fewer than 32768 values'])
    }
  })

  it('refuses what goes round in circles or too deep, and says where', async () => {
    const circle: Record<string, unknown> = { mechanisms: ['mdns'] }
    circle['limits'] = { peers: circle }
    expect(await told(circle)).toEqual(['limits.peers: refers back to what it is part of'])
    let deep: unknown = 1
    for (let i = 0; i < 100_000; i++) deep = [deep]
    const [first, ...rest] = await told({ mechanisms: [{ type: 'mdns', options: { list: deep } }] })
    expect(first).toMatch(/^mechanisms\[0\]\.options\.list(\[0\])+: is deeper than 16 levels$/)
    expect(rest).toEqual([])
  })

  it('what is used twice without a circle is fine, and so is an object of another realm', async () => {
    const shared = { ttl: 2 }
    await read({ mechanisms: [{ type: 'mdns', options: shared }, { type: 'dns', options: shared }] })
    await read(runInNewContext('({ mechanisms: [{ type: "mdns", options: { ttl: 3 } }] })'))
    await read(Object.assign(Object.create(null), { mechanisms: [] }))
  })

  it('tells a bounded number of problems, and how many more there are', async () => {
    const config = { mechanisms: [], ...Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`key${i}`, i])) }
    const problems = await problemsOf(config)
    expect(problems).toHaveLength(limits.configProblems + 1)
    expect(problems.at(-1)).toEqual({ path: '', message: `and ${1_000 - limits.configProblems} more` })
  })

  it('what a stranger wrote does not reach a terminal as it is', async () => {
    const error = await read({ mechanisms: [], ['\u001b[31mred\u202e']: 1, name: '\u001b[2J' }).then(() => undefined, (error: unknown) => error as ConfigError)
    expect(['\u001b', '\u202e'].filter(character => error?.message.includes(character))).toEqual([])
  })

  it.each<[Record<string, unknown>, string]>([
    [{ peer_limits: {} }, '`limits`'],
    [{ discovery_interval: 1 }, '`discoveryInterval`'],
    [{ peer_refresh_interval: 1 }, '`refreshInterval`'],
    [{ peer_timeout: 1 }, '`peerTimeout`'],
    [{ max_peers_per_mechanism: 1 }, '`maxPeersPerMechanism`'],
    [{ max_peers: 1 }, '`limits.peers`'],
    [{ max_inbound: 1 }, '`limits.inbound`'],
    [{ max_outbound: 1 }, '`limits.outbound`']
  ])('names ours for the documents’ key in %j', async (part, ours) => {
    const [first] = await told({ mechanisms: [], ...part })
    expect(first).toContain(`; did you mean ${ours}?`)
  })

  it.each([
    ['bootstrap', 'bootstrap_nodes', '`list`'],
    ['bootstrap', 'max_bootstrap_peers', '`maxPeers`'],
    ['bootstrap', 'maxRetries', '`enough`'],
    ['dht', 'k_bucket_size', '`k`'],
    ['dht', 'provider_record_ttl', '`providerTtl`'],
    ['mdns', 'service_name', '`service.name`'],
    ['gossip', 'gossip_ttl', '`hops`'],
    ['dns', 'discovery_domains', '`domains`'],
    ['mdns', 'flags', '`flag`'],
    ['mdns', 'in_terval', '`interval`']
  ])('of %s names ours for %s: %s', async (type, key, ours) => {
    const [first] = await told({ mechanisms: [{ type, options: { [key]: 1 } }] })
    expect(first).toMatch(new RegExp(`^mechanisms\\[0\\]\\.options\\.${key}: ${type} has no option "${key}"`))
    expect(first).toContain(`did you mean ${ours}`)
  })

  it('a mechanism that cannot be loaded is named with the reason', async () => {
    const config = { mechanisms: ['far', 'off', 'odd', 'promise'] }
    const more = {
      far: async () => { throw new Error('Cannot find package') },
      off: () => { throw new Error('not now') },
      odd: async () => 7,
      promise: async () => async () => {}
    } as unknown as MechanismRegistry
    expect(await told(config, more)).toEqual([
      'mechanisms[0]: "far" could not be loaded: Cannot find package',
      'mechanisms[1]: "off" could not be loaded: not now',
      'mechanisms[2]: the registry\'s "odd" must load a function that takes options, got 7',
      'mechanisms[3].options: "promise" must give a mechanism factory, got [object Promise]'
    ])
  })

  it('one that cannot be loaded, and is wrong besides, is told of once, and nothing is left unheard', async () => {
    expect(await told({ mechanisms: [{ type: 'far', interval: 5 }] }, { far: async () => { throw new Error('no') } })).toHaveLength(1)
    await new Promise(resolve => { setImmediate(resolve) })
  })

  it('what a mechanism lacks only because it was wrong is no problem of its own', async () => {
    const picky = async () => ({ list }: { list: string[] }): MechanismFactory => {
      if (list.length === 0) throw new TypeError('list must name somebody, got []')
      throw new TypeError(`list must hold names, got ${show(list[0])}`)
    }
    expect(await told({ mechanisms: [{ type: 'picky', options: { list: ['a', 'b'] } }] }, { picky })).toEqual([
      'mechanisms[0].options.list[0]: list must hold names, got "a"', 'mechanisms[0].options.list[1]: list must hold names, got "b"'
    ])
  })

  it('a mechanism that throws what it likes is a problem of its options', async () => {
    const throwing = (thrown: unknown) => async () => () => { throw thrown }
    const more = { a: throwing('text'), b: throwing(undefined), c: throwing(new Error('list must be longer')), d: throwing(Object.create(null)) } as unknown as MechanismRegistry
    expect(await told({ mechanisms: ['a', 'b', 'c', 'd'] }, more)).toEqual([
      'mechanisms[0].options: text', 'mechanisms[1].options: undefined', 'mechanisms[2].options.list: list must be longer', 'mechanisms[3].options: a object was thrown'
    ])
  })

  it.each([[undefined, 'got undefined'], [null, 'got null'], [{ mdns: 7 }, 'the registry\'s "mdns" must be a function']])('a registry that is %s is a wrong argument', async (registry, message) => {
    await expect(multiFromConfig({ mechanisms: [] }, registry as unknown as MechanismRegistry)).rejects.toThrow(message)
    await expect(multiFromConfig({ mechanisms: [] }, registry as unknown as MechanismRegistry)).rejects.toBeInstanceOf(TypeError)
  })

  const RUNS = process.env.PEERWEAVE_TIER == null ? 300 : 20_000
  const value = fc.oneof(fc.jsonValue(), fc.anything(), fc.constantFrom<unknown>('mdns', 'dns', 60_000, '60', Infinity, NaN, -1, [], {}, null))
  const biased = fc.record({
    mechanisms: fc.oneof(value, fc.array(fc.oneof(fc.constantFrom('mdns', 'dns', 'nobody'), fc.record({
      type: fc.oneof(fc.constantFrom('mdns', 'dns', 'gossip'), value), name: value, enabled: value, interval: value, maxPeers: value,
      options: fc.oneof(value, fc.record({ ttl: value, list: fc.array(value), service: value, flag: value, ['__proto__']: value }, { requiredKeys: [] }))
    }, { requiredKeys: ['type'] }), value))),
    discoveryInterval: value, refreshInterval: value, peerTimeout: value, limits: value, name: value
  }, { requiredKeys: [] })

  it(`whatever it is given, it resolves or throws a ConfigError whose paths lead into it (${RUNS} each)`, async () => {
    for (const input of [fc.jsonValue(), fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true, withSparseArray: true }), biased]) {
      await fc.assert(fc.asyncProperty(input, async config => {
        const { registry } = bench()
        try {
          const read = await multiFromConfig(config, registry)
          expect(read.mechanisms.every(factory => typeof factory === 'function')).toBe(true)
          expect([read.interval, read.refreshInterval, read.peerTimeout, read.maxPeers].every(number => number >= 0)).toBe(true)
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError)
          const { problems } = error as ConfigError
          expect(problems.length).toBeGreaterThan(0)
          for (const { path, message } of problems) {
            expect(leadsInto(config, path)).toBe(true)
            expect(message).not.toBe('')
          }
        }
        expect(({} as Record<string, unknown>)['limits']).toBeUndefined()
      }), { numRuns: RUNS })
    }
  })
})

/** Whether all of the path is there, but for its end: that may be what is missing. */
function leadsInto (config: unknown, path: string): boolean {
  const keys = [...path.matchAll(/([A-Za-z_$][\w$]*)|\[(\d+)\]|\["/g)].map(([whole, name, index]) => name ?? index ?? whole)
  let at = config
  for (const key of keys.slice(0, -1)) {
    if (key === '["') return true // shown in a form that is safe to print
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return false
    at = (at as Record<string, unknown>)[key]
  }
  return path === '' || (typeof at === 'object' && at !== null)
}
