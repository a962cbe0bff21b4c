/** The mechanism's three homes: a service of its own, inside `multi`, beside a kad-dht of the app's. Real nodes. */
import { contentRoutingSymbol, peerDiscoverySymbol, peerRoutingSymbol, type Libp2p } from '@libp2p/interface'
import { kadDHT, passthroughMapper, type KadDHT } from '@libp2p/kad-dht'
import { names, NotStartedError } from '@peerweave/interface'
import { multi, type Multi } from '@peerweave/multi'
import { MemoryDatastore } from 'datastore-core'
import { describe, expect, it } from 'vitest'
import { until } from '../../../test/support/until.ts'
import { dht, namespaceKey, providerKey, type DhtMechanism } from '../src/index.ts'
import { all, bytes, collect, makeNet, makeNode, within, type TestNode } from './support/net.ts'
import type { Claim } from '@peerweave/interface'

const kadProtocol = names().protocols.kad

describe('a stop', () => {
  it('leaves nothing behind, and a restart fills the table again', async () => {
    const nodes = await makeNet(4)
    const { node, dht: mechanism } = nodes[3]!
    const events = nodes[3]!.components.events as unknown as { listenerCount: (type: string) => number }
    const count = (): number[] => ['peer:identify', 'self:peer:update', 'connection:open'].map(type => events.listenerCount(type))
    const before = count()
    const tableOf = nodes.slice(0, 3).map(({ dht }) => dht.metrics().tableSize)
    expect(tableOf).toEqual([3, 3, 3])
    await mechanism.beforeStop?.()
    await mechanism.stop()
    expect(node.getProtocols()).not.toContain(kadProtocol)
    // Of identify the host's and ours, of the others the host's.
    expect(count().map((n, i) => before[i]! - n)).toEqual([2, 1, 1])
    expect(() => mechanism.dht.findProviders(bytes('x'), within(100)) && mechanism.metrics().tableSize).not.toThrow()
    await expect(all(mechanism.dht.findProviders(bytes('x'), within(100)))).rejects.toThrow(NotStartedError)
    await mechanism.start()
    await mechanism.afterStart?.()
    expect(node.getProtocols()).toContain(kadProtocol)
    expect(count()).toEqual(before)
    await until(() => mechanism.metrics().tableSize === 3, 'contacts after a restart', 10_000)
  })
})

describe('a service', () => {
  it('tells libp2p of whom it finds, and says unasked of whom its DHT hears', async () => {
    const nodes = await makeNet(3, { interval: 600_000, selfLookupInterval: 1_000 })
    const [first] = nodes as [TestNode]
    const discovered: string[] = []
    const news: Claim[] = []
    first.node.addEventListener('peer:discovery', ({ detail }) => { discovered.push(detail.id.toString()) })
    first.dht.addEventListener('sighting', ({ detail }) => { if (detail.kind === 'claim') news.push(detail) })
    const newcomer = await makeNode({ bootstrapNodes: [nodes[2]!.address] })
    const id = newcomer.node.peerId.toString()
    await until(() => news.some(({ peerId }) => peerId.toString() === id), 'news', 15_000)
    const claim = news.find(({ peerId }) => peerId.toString() === id)!
    expect(claim.reporter?.peer).toBeDefined()
    expect(claim.reporter?.remoteAddr?.toString()).toMatch(/^\/ip4\/127\.0\.0\.1/)
    await until(() => discovered.includes(id), 'peer:discovery')
    expect(news.some(({ peerId }) => peerId.equals(first.node.peerId))).toBe(false)
  })

  it('announces again, after a restart, what it provided before, and not itself under another name', async () => {
    const datastore = new MemoryDatastore()
    const nodes = await makeNet(3)
    const one = await makeNode({ namespace: '/old/name', bootstrapNodes: [nodes[0]!.address] }, { datastore })
    await until(() => one.dht.metrics().tableSize > 0, 'contacts')
    await one.node.contentRouting.provide(await providerKey(bytes('kept')), within(5_000))
    expect(one.dht.metrics().announced).toBe(3)
    const ours = async (): Promise<number> => {
      const keys = await all(datastore.queryKeys({ prefix: '/dht/provider' }) as AsyncIterable<unknown>)
      return keys.filter(key => String(key).endsWith(one.node.peerId.toString())).length
    }
    await until(async () => await ours() === 3, 'all three provided', 10_000)
    await one.stop()
    expect(await ours()).toBe(1)
    const again = await makeNode({ announce: false, bootstrapNodes: [nodes[0]!.address], provideInterval: 1_000 }, {
      datastore, privateKey: (one.components as unknown as { privateKey: never }).privateKey
    })
    expect(again.dht.metrics().announced).toBe(1)
    await until(() => (again.dht.metrics().lastConfirmations ?? 0) > 0, 'announced again', 10_000)
  })

  it('gives its figures to libp2p’s metrics', async () => {
    const groups = new Map<string, { calculate: () => Record<string, number> }>()
    const nothing = { update: () => {}, increment: () => {}, decrement: () => {}, reset: () => {}, timer: () => () => {}, observe: () => {} }
    const metrics = new Proxy({}, {
      get: (_target, key) => {
        if (key === 'registerMetricGroup') {
          return (name: string, options?: { calculate: () => Record<string, number> }) => {
            if (options?.calculate != null) groups.set(name, options)
            return nothing
          }
        }
        if (key === 'traceFunction') return (_name: string, fn: unknown) => fn
        return typeof key === 'string' && key.startsWith('register') ? () => nothing : key === 'createTrace' ? () => ({}) : key === 'then' ? undefined : () => {}
      }
    })
    const [other] = await makeNet(2) as [TestNode]
    const { dht: mechanism } = await makeNode({ bootstrapNodes: [other.address] }, { metrics: () => metrics as never })
    await until(() => mechanism.metrics().tableSize === 2, 'contacts', 10_000)
    await until(() => (mechanism.metrics().lastConfirmations ?? 0) > 0, 'announced', 10_000)
    const { calculate } = groups.get('peerweave_dht')!
    expect(calculate()).toMatchObject({ table_size: 2, last_confirmations: 2, announced: 2 })
    expect(Object.keys(calculate()).sort()).toEqual(['announced', 'last_confirmations', 'stored_providers', 'stored_values', 'table_size', 'wanting'])
  })
})

describe('inside multi', () => {
  it('finds, announces, fills the peer store, and routes', async () => {
    const nodes = await makeNet(4)
    const { node } = await makeNode({ announce: false }, {
      services: {
        discovery: multi({ mechanisms: [dht({ preset: 'lan', bootstrapNodes: [nodes[0]!.address] })] }),
        // Not in the way of the one inside `multi`.
        dht: () => ({})
      }
    })
    const { discovery } = (node as unknown as Libp2p<{ discovery: Multi }>).services
    expect([...discovery.mechanisms().keys()]).toEqual(['dht'])
    await until(async () => (await all(nodes[3]!.dht.dht.findProviders(bytes(names().namespaces.peers), within(5_000))))
      .some(({ peerId }) => peerId.equals(node.peerId)), 'announced by multi', 15_000)
    const wanted = nodes.map(({ node }) => node.peerId.toString())
    await until(async () => (await all(discovery.peers())).filter(({ peerId }) => wanted.includes(peerId.toString())).length === wanted.length, 'all found', 15_000)
  })

  it('needs a libp2p node around it, and says so', () => {
    const context = { ports: {}, records: {}, logger: {} }
    expect(() => dht()(context)).toThrow(TypeError)
    expect(() => dht()(context)).toThrow(/libp2p node around it/)
  })
})

describe('beside a kad-dht of the app’s', () => {
  const kad = kadDHT({ protocol: kadProtocol, clientMode: false, peerInfoMapper: passthroughMapper, initialQuerySelfInterval: 100 })
  type Services = { kad: KadDHT & { routingTable: { size: number }, isStarted: () => boolean }, dht: DhtMechanism }

  it('uses it as it is: one protocol handler, no routers or peer events of its own, and it runs on when we stop', async () => {
    const nodes = await makeNet(4)
    const { node } = await makeNode({}, {
      connectionGater: { denyDialMultiaddr: () => false },
      services: { kad: kad as never, dht: dht({ service: 'kad', bootstrapNodes: [nodes[0]!.address] }) }
    })
    const { services } = node as unknown as Libp2p<Services>
    expect(services.dht.capabilities).toMatchObject({ peerRouting: true, contentRouting: false, announce: true })
    expect([peerDiscoverySymbol, peerRoutingSymbol, contentRoutingSymbol].map(symbol => services.dht[symbol as never])).toEqual([undefined, undefined, undefined])
    await until(() => services.dht.metrics().tableSize >= 1, 'contacts', 10_000)
    const key = await namespaceKey(names().namespaces.peers)
    await until(async () => (await all(nodes[2]!.node.contentRouting.findProviders(key, within(5_000)))).some(({ id }) => id.equals(node.peerId)), 'announced', 15_000)
    await until(() => nodes.every(({ dht }) => dht.metrics().lastConfirmations != null), 'all announced', 10_000)
    const claims = await collect(services.dht.discoverPeers())
    expect(claims.length).toBeGreaterThanOrEqual(3)
    // Enough have it: from now on the service repeats it.
    await until(() => services.dht.metrics().announced === 0, 'left to the service', 10_000)
    await services.dht.stop()
    expect(services.kad.isStarted()).toBe(true)
    expect(node.getProtocols()).toContain(kadProtocol)
  })

  it('says what is missing', async () => {
    await expect(makeNode({}, { services: { dht: dht({ service: 'kad' }) } })).rejects.toThrow(/the node has no service under "kad"/)
    await expect(makeNode({}, { services: { dht: dht({ service: 'ping' }) } })).rejects.toThrow(/something else than a kad-dht/)
  })
})
