/** Real nodes on loopback, with kad-dht and hardened options. */
import { DhtError, names } from '@peerweave/interface'
import { describe, expect, it } from 'vitest'
import { peer } from '../../../test/support/peers.ts'
import { until } from '../../../test/support/until.ts'
import { providerKey } from '../src/index.ts'
import { all, bytes, collect, makeNet, makeNode, within, type TestNode } from './support/net.ts'

const kadProtocol = names().protocols.kad

describe('six nodes', () => {
  it('fill their tables by themselves, on loopback, though every private address is refused that nobody vetted', async () => {
    const nodes = await makeNet(6)
    expect(nodes.map(({ dht }) => dht.metrics().tableSize)).toEqual([5, 5, 5, 5, 5, 5])
    expect(nodes.map(({ dht }) => dht.metrics().mode)).toEqual(Array(6).fill('server'))
  })

  it('announce themselves, and find one another by namespace, each on the word of the peer that told', async () => {
    const nodes = await makeNet(6)
    await until(() => nodes.every(({ dht }) => dht.metrics().lastConfirmations === 5), 'announced', 10_000)
    const [asker] = nodes
    const claims = await collect(asker!.dht.discoverPeers({ signal: within(10_000).signal }))
    const found = new Set(claims.map(({ peerId }) => peerId.toString()))
    expect([...found].sort()).toEqual(nodes.slice(1).map(({ node }) => node.peerId.toString()).sort())
    for (const { reporter, multiaddrs, ttl } of claims) {
      expect(reporter?.peer).toBeDefined()
      expect(reporter?.remoteAddr?.toString()).toMatch(/^\/ip4\/127\.0\.0\.1\/tcp\//)
      expect(multiaddrs.length).toBeGreaterThan(0)
      expect(ttl).toBe(3_600_000)
    }
    const few = await collect(asker!.dht.discoverPeers({ limit: 2 }))
    expect(few).toHaveLength(2)
  })

  it('do not meet those of another namespace, or with another prefix', async () => {
    const nodes = await makeNet(4)
    await until(() => nodes.every(({ dht }) => (dht.metrics().lastConfirmations ?? 0) > 0), 'announced', 10_000)
    const providers = await all(nodes[0]!.dht.dht.findProviders(bytes('/elsewhere/peers/1.0.0'), within(5_000)))
    expect(providers).toEqual([])
    const stranger = await makeNode({ prefix: 'elsewhere', bootstrapNodes: [nodes[0]!.address] })
    await until(() => stranger.node.getPeers().length > 0, 'connected')
    await expect(collect(stranger.dht.discoverPeers())).rejects.toThrow(DhtError)
    expect(stranger.dht.metrics().tableSize).toBe(0)
  })

  it('put and get values, with confirmations, of which libp2p’s own form is told too', async () => {
    const rules = { validate: (_key: Uint8Array, value: Uint8Array) => { if (value[0] === 0) throw new Error('invalid') }, select: (_key: Uint8Array, values: Uint8Array[]) => values.findIndex(value => value[0] === Math.max(...values.map(([first]) => first ?? 0))) }
    const nodes = await makeNet(6)
    for (const { dht } of nodes) dht.acceptRecords('test', rules)
    const key = bytes('/test/one')
    expect(await nodes[0]!.dht.dht.put(key, Uint8Array.of(5), within(5_000))).toEqual({ confirmations: 5 })
    expect(await all(nodes[3]!.dht.dht.get(key, within(5_000)))).toMatchObject([{ value: Uint8Array.of(5) }])
    expect(await nodes[4]!.node.contentRouting.get(key, within(5_000))).toEqual(Uint8Array.of(5))
    // An older one replaces nothing (js-libp2p #3377), and nobody confirms it.
    expect(await nodes[1]!.dht.dht.put(key, Uint8Array.of(3), within(5_000)).catch((error: Error) => error.message)).toMatch(/better value/)
    expect(await nodes[4]!.node.contentRouting.get(key, within(5_000))).toEqual(Uint8Array.of(5))
    expect(nodes.map(({ dht }) => dht.metrics().storedValues)).toEqual(Array(6).fill(1))
    // Invalid ones are stored nowhere but with us.
    expect(await nodes[1]!.dht.dht.put(bytes('/test/two'), Uint8Array.of(0), within(5_000))).toEqual({ confirmations: 0 })
    await expect(Promise.resolve(nodes[1]!.node.contentRouting.put(bytes('/test/two'), Uint8Array.of(0), within(5_000)))).rejects.toThrow('nobody confirmed')
    await expect(nodes[2]!.node.contentRouting.get(bytes('/test/two'), within(5_000))).rejects.toMatchObject({ name: expect.stringMatching(/NotFoundError|AggregateError/) })
  })

  it('find a client by its own id, though it is in nobody’s table', async () => {
    const nodes = await makeNet(5)
    const client = await makeNode({ mode: 'client', bootstrapNodes: [nodes[0]!.address] })
    await until(() => (client.dht.metrics().lastConfirmations ?? 0) >= 3, 'announced', 10_000)
    expect(client.dht.metrics().mode).toBe('client')
    const far = nodes[4]!
    expect(nodes.every(({ node }) => node.getProtocols().includes(kadProtocol))).toBe(true)
    expect(client.node.getProtocols()).not.toContain(kadProtocol)
    const claims = await collect(far.dht.findPeer!(client.node.peerId))
    expect(claims.map(({ multiaddrs }) => multiaddrs.map(String)).flat()).toContain(client.address.toString().replace(/\/p2p\/.*/, ''))
    const info = await far.node.peerRouting.findPeer(client.node.peerId, within(5_000))
    expect(info.id.equals(client.node.peerId)).toBe(true)
    // What it was found at may be dialled.
    const connection = await far.node.dial(client.node.peerId, within(5_000))
    expect(connection.remotePeer.equals(client.node.peerId)).toBe(true)
  })

  it('route: closest peers, providers, and nobody for whom there is nobody', async () => {
    const nodes = await makeNet(6)
    const [one, two] = nodes as [TestNode, TestNode]
    const closest = await all(one.node.peerRouting.getClosestPeers(bytes('key'), within(5_000)))
    expect(closest.map(({ id }) => id.toString()).sort()).toEqual(nodes.slice(1).map(({ node }) => node.peerId.toString()).sort())
    for (const { multiaddrs } of closest) expect(multiaddrs.length).toBeGreaterThan(0)
    const key = await providerKey(bytes('content'))
    await one.node.contentRouting.provide(key, within(5_000))
    const providers = await all(two.node.contentRouting.findProviders(key, within(5_000)))
    expect(providers.map(({ id }) => id.toString())).toEqual([one.node.peerId.toString()])
    expect(one.dht.metrics().announced).toBe(3)
    await one.node.contentRouting.cancelReprovide(key)
    expect(one.dht.metrics().announced).toBe(2)
    // What our own store knows without an address is looked for (js-libp2p #3455).
    await one.node.peerStore.patch(two.node.peerId, { multiaddrs: [] })
    expect((await one.node.peerRouting.findPeer(two.node.peerId, within(5_000))).multiaddrs.length).toBeGreaterThan(0)
    const nobody = await peer(7)
    await expect(one.node.peerRouting.findPeer(nobody, within(5_000))).rejects.toMatchObject({ name: 'NotFoundError' })
    expect(await collect(one.dht.findPeer!(nobody))).toEqual([])
  })
})

describe('a vanished provider', () => {
  it('does not hide the others, as it does with kad-dht alone', async () => {
    const nodes = await makeNet(6)
    const key = await providerKey(bytes('shared'))
    const [one, two] = nodes as [TestNode, TestNode]
    // Keeps no records itself.
    const asker = await makeNode({ mode: 'client', announce: false, bootstrapNodes: nodes.map(({ address }) => address) })
    await until(() => asker.dht.metrics().tableSize === 6, 'a table', 10_000)
    for (const { node } of [one, two]) await node.contentRouting.provide(key, within(5_000))
    expect(await all(asker.node.contentRouting.findProviders(key, within(5_000)))).toHaveLength(2)
    await one.stop()
    // What libp2p does with peers that it has not heard of for long, and what an app may do.
    for (const { node } of [...nodes.slice(1), asker]) await node.peerStore.delete(one.node.peerId)
    const left = await all(asker.node.contentRouting.findProviders(key, within(5_000)))
    expect(left.map(({ id }) => id.toString())).toEqual([two.node.peerId.toString()])
  })

  it('leaves the tables of those who cannot reach it any more', async () => {
    const nodes = await makeNet(5)
    const [one, ...others] = nodes as [TestNode, ...TestNode[]]
    expect(others.map(({ dht }) => dht.metrics().tableSize)).toEqual([4, 4, 4, 4])
    await one.stop()
    for (const { dht } of others) await all(dht.dht.getClosestPeers(one.node.peerId.toMultihash().bytes, within(5_000)))
    await until(() => others.every(({ dht }) => dht.metrics().tableSize === 3), 'tables of 3')
  })
})

describe('a lonely node', () => {
  it('fails a round by its deadline, and an announcement, and says why', async () => {
    const { dht: lonely, address, node } = await makeNode({ queryTimeout: 300 })
    await expect(collect(lonely.discoverPeers())).rejects.toThrow(/nobody is in the routing table/)
    expect(lonely.status().failures).toBeGreaterThan(0)
    expect(lonely.status().lastError).toBeInstanceOf(DhtError)
    await expect(lonely.announceSelf!({ peerId: node.peerId, multiaddrs: [address] })).rejects.toThrow(DhtError)
    await expect(node.contentRouting.provide(await providerKey(bytes('x')), within(5_000))).rejects.toThrow(DhtError)
  })

  it('finds others as soon as there are some, dialling its bootstrap node until it is there', async () => {
    const first = await makeNode()
    const port = first.address.getComponents()[1]!.value!
    await first.stop()
    const eager = await makeNode({ bootstrapNodes: [first.address] })
    await until(() => eager.dht.status().state === 'degraded', 'degraded')
    expect(eager.dht.status().lastError?.message).toMatch(/bootstrap/)
    const late = await makeNode({}, { addresses: { listen: [`/ip4/127.0.0.1/tcp/${port}`] }, privateKey: (first.components as unknown as { privateKey: never }).privateKey })
    expect(late.node.peerId.equals(first.node.peerId)).toBe(true)
    await until(() => eager.dht.metrics().tableSize === 1, 'a contact', 15_000)
    await until(() => eager.dht.status().state === 'running', 'running', 15_000)
    // A name that leads to loopback is the user's to mean.
    const byName = await makeNode({ bootstrapNodes: [`/dns4/localhost/tcp/${port}/p2p/${late.node.peerId}`] })
    await until(() => byName.dht.metrics().tableSize > 0, 'a contact by name', 15_000)
  })
})

describe('a DHT of the internet', () => {
  it('is asked by a node that nobody can reach from there, and tells nobody of private addresses', async () => {
    const { dht, node, address } = await makeNode({ preset: 'internet', queryTimeout: 500 })
    expect(dht.metrics().mode).toBe('client')
    await expect(dht.announceSelf!({ peerId: node.peerId, multiaddrs: [address] })).rejects.toThrow(/no address to announce/)
  })

  it('is served by one that has a public address', async () => {
    const { dht, node } = await makeNode({ preset: 'internet' }, { addresses: { listen: ['/ip4/127.0.0.1/tcp/0'], announce: ['/ip4/1.2.3.4/tcp/4001'] } })
    await until(() => dht.metrics().mode === 'server', 'server')
    expect(node.getProtocols()).toContain(kadProtocol)
  })
})
