import { InvalidBootstrapNodeError, limits } from '@peerweave/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { describe, expect, it } from 'vitest'
import { dht, PRESETS, type DhtOptions } from '../src/index.ts'
import { resolveOptions } from '../src/options.ts'

const ID = '12D3KooWA4Xop1JaT3MHxwYMkCepYsv4iPVopMXwCz5iHYdBfeSB'
const HOUR = 3_600_000

describe('the defaults', () => {
  it('are those of the requirements', () => {
    const { replicationFactor, queryTimeout, provideInterval, republishInterval, namespace, kad, announce } = resolveOptions({})
    expect(kad).toMatchObject({ k: 20, protocol: '/peerweave/kad/1.0.0', providerTtl: 24 * HOUR })
    expect({ replicationFactor, queryTimeout, provideInterval, republishInterval, namespace, announce }).toEqual({
      replicationFactor: 3, queryTimeout: 10_000, provideInterval: 12 * HOUR, republishInterval: 24 * HOUR, namespace: '/peerweave/peers/1.0.0', announce: true
    })
  })

  it('suit a private network of any shape: a server, with private addresses', () => {
    const { kad } = resolveOptions({})
    expect(kad).toMatchObject({ mode: 'server', addresses: 'any', alpha: 3, disjointPaths: 3, diversity: { perPrefix: 10, perTable: 40 } })
  })

  it('suit strangers with the preset for them: go-libp2p’s diversity, and no private address', () => {
    const { kad } = resolveOptions({ preset: 'internet' })
    expect(kad).toMatchObject({
      mode: 'auto', addresses: 'public', alpha: 10, diversity: { perPrefix: limits.dhtGroupPerPrefix, perTable: limits.dhtGroupPerTable }
    })
    expect([limits.dhtGroupPerPrefix, limits.dhtGroupPerTable]).toEqual([2, 3])
  })

  it('are a preset’s, and an option goes before it', () => {
    for (const preset of ['small', 'lan', 'internet'] as const) {
      const { kad } = resolveOptions({ preset, alpha: 7, mode: 'client' })
      expect(kad).toMatchObject({ alpha: 7, disjointPaths: 7, mode: 'client', addresses: PRESETS[preset].addresses })
    }
    expect(resolveOptions({ preset: 'lan' }).kad.diversity).toEqual({ perPrefix: Infinity, perTable: Infinity })
  })

  it('give way together: who keeps records for an hour announces itself in time for that', () => {
    expect(resolveOptions({ providerTtl: HOUR }).provideInterval).toBe(HOUR * 7 / 8)
    expect(resolveOptions({ k: 2 }).replicationFactor).toBe(2)
  })

  it('come from the prefix, all of them', () => {
    const { kad, namespace } = resolveOptions({ prefix: 'elsewhere' })
    expect([kad.protocol, namespace]).toEqual(['/elsewhere/kad/1.0.0', '/elsewhere/peers/1.0.0'])
  })
})

describe('a wrong option is named', () => {
  it.each<[string, unknown]>([
    ['nonsense', 1],
    ['name', 'a/b'],
    ['service', ''],
    ['preset', 'wan'],
    ['preset', 'toString'],
    ['prefix', 'Ünfit'],
    ['namespace', ''],
    ['walks', 17],
    ['replicationFactor', 0],
    ['replicationFactor', 21],
    ['queryTimeout', 99],
    ['queryTimeout', Number.NaN],
    ['peerTtl', 999],
    ['provideInterval', 999],
    ['provideInterval', 23 * HOUR],
    ['republishInterval', -1],
    ['announce', 'yes'],
    ['protocol', 7],
    ['mode', 'peer'],
    ['addresses', 'private'],
    ['diversity', { perTable: 0 }],
    ['diversity', { perSubnet: 1 }],
    ['k', 0],
    ['k', 2.5],
    ['alpha', 65],
    ['disjointPaths', 0],
    ['selfLookupInterval', 10],
    ['providerTtl', limits.ttlMax + 1],
    ['validators', { ns: 1 }],
    ['selectors', null],
    ['datastorePrefix', 'dht'],
    ['datastorePrefix', '/'],
    ['bootstrapNodes', 'one'],
    ['bootstrapNodes', Array.from({ length: limits.bootstrapNodes + 1 }, () => `/ip4/1.2.3.4/tcp/1/p2p/${ID}`)]
  ])('%s: %j', (key, value) => {
    expect(() => dht({ [key]: value })).toThrow(TypeError)
    expect(() => dht({ [key]: value })).toThrow(key)
  })

  it.each<[string, string]>([
    ['', 'nothing'],
    ['nonsense', 'no multiaddr'],
    ['/ip4/1.2.3.4/tcp/1', 'no id'],
    [`/ip4/1.2.3.4/tcp/1/p2p/${ID}/p2p-circuit`, 'a relay’s id'],
    [`/unix/%2Frun%2Fsocket/p2p/${ID}`, 'nothing that is dialled']
  ])('bootstrap node %j: %s', node => {
    expect(() => dht({ bootstrapNodes: [node] })).toThrow(InvalidBootstrapNodeError)
  })

  it('and so is one that is the service’s', () => {
    for (const options of [{ k: 8 }, { preset: 'lan' }, { mode: 'client' }, { providerTtl: HOUR }] as DhtOptions[]) {
      expect(() => dht({ service: 'kad', ...options })).toThrow(/is for the service "kad" to set/)
    }
  })
})

describe('bootstrap nodes', () => {
  it('are taken by peer, as texts and as multiaddrs', () => {
    const { bootstrapNodes } = resolveOptions({ bootstrapNodes: [`/ip4/1.2.3.4/tcp/1/p2p/${ID}`, multiaddr(`/ip4/192.168.1.1/tcp/1/p2p/${ID}`)] })
    expect(bootstrapNodes.map(({ peer, addresses }) => [peer.toString(), addresses.length])).toEqual([[ID, 2]])
  })
})

it('a factory that was not called is told so', () => {
  expect(() => dht({ ports: {} } as DhtOptions)).toThrow(/call it first/)
})
