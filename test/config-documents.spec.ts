/**
 * The configurations of the user's document 004, in our words, extended to all five mechanisms, with its addresses and
 * domains mapped to loopback: on real nodes, each mechanism finds somebody. And in its own words, each key names ours.
 */
import { createSocket, type Socket } from 'node:dgram'
import { gossipsub } from '@libp2p/gossipsub'
import { identify } from '@libp2p/identify'
import { noise } from '@libp2p/noise'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { ConfigError, type ConfigProblem } from '@peerweave/interface'
import { peerweaveDefaults } from '@peerweave/libp2p'
import { multi, multiFromConfig, type Config, type MechanismRegistry, type Multi } from '@peerweave/multi'
import { Packet } from 'dns2'
import { createLibp2p, type Libp2p } from 'libp2p'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { until } from './support/until.ts'

const registry: MechanismRegistry = {
  dht: async () => (await import('@peerweave/dht')).dht,
  mdns: async () => (await import('@peerweave/mdns')).mdns,
  gossip: async () => (await import('@peerweave/gossip')).gossip,
  bootstrap: async () => (await import('@peerweave/bootstrap')).bootstrap,
  dns: async () => (await import('@peerweave/dns')).dns
}

const undo: Array<() => unknown> = []
afterAll(async () => { for (const step of undo.splice(0).reverse()) await step() })

type Node = Libp2p<{ discovery: Multi }>

async function start (config: Config): Promise<Node> {
  const { entries, interval, maxPeersPerRound, refreshInterval, peerTimeout, maxPeers, connect } = await multiFromConfig(config, registry)
  const node = await createLibp2p(peerweaveDefaults({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: {
      identify: identify(),
      ping: ping(),
      pubsub: gossipsub(),
      discovery: multi({ mechanisms: entries, interval, maxPeersPerRound, refreshInterval, peerTimeout, maxPeers, connect })
    }
  }))
  undo.push(() => node.stop())
  return node
}

const addressOf = (node: Node): string => String(node.getMultiaddrs()[0])

/** A name server that tells of one node, in every domain that it is asked of. */
async function nameServer (of: () => Node | undefined): Promise<string> {
  const socket: Socket = createSocket('udp4')
  socket.on('message', (message, { port, address }) => {
    const query = Packet.parse(message)
    const response = Packet.createResponseFromRequest(query)
    const [question] = query.questions as Array<{ name: string, type: number }>
    const node = of()
    if (question != null && node != null) {
      const { name, type } = question
      const record = { name, class: Packet.CLASS.IN, ttl: 60 }
      if (type === Packet.TYPE.SRV && name.startsWith('_olocus._tcp.')) {
        response.answers.push({ ...record, type, priority: 0, weight: 0, port: 4_001, target: 'node.olocus.test' } as never)
      } else if (type === Packet.TYPE.TXT && name === '_olocus-peer.node.olocus.test') {
        for (const data of [`peer_id=${node.peerId}`, `addr=${addressOf(node)}`, 'protocol=olocus/1.0.0']) response.answers.push({ ...record, type, data } as never)
      }
    }
    socket.send(response.toBuffer(), port, address)
  })
  await new Promise<void>(resolve => { socket.bind(0, '127.0.0.1', resolve) })
  undo.push(() => new Promise<void>(resolve => { socket.close(() => resolve()) }))
  return `127.0.0.1:${socket.address().port}`
}

let seed: Node
let other: Node
/** What the documents' addresses and names are mapped to. */
let loopback: { mdns: object, dns: object, list: string[] }

beforeAll(async () => {
  const server = await nameServer(() => other)
  const mdns = { interfaces: ['127.0.0.1'], port: 20_000 + process.pid % 20_000, service: { type: '_olocus._tcp', name: 'olocus-node' } }
  const dns = { servers: [server], private: true }
  seed = await start({ mechanisms: ['dht', { type: 'mdns', options: { ...mdns, service: { ...mdns.service, name: 'seed' } } }, 'gossip'] })
  const list = [addressOf(seed)]
  loopback = { mdns, dns, list }
  other = await start({
    mechanisms: [
      { type: 'dht', options: { bootstrapNodes: list } }, { type: 'mdns', options: { ...mdns, service: { ...mdns.service, name: 'other' } } }, 'gossip', { type: 'bootstrap', options: { list } }
    ]
  })
})

/** By document 004: the overview, and the use of many mechanisms. What it does not have in each is of its other examples. */
const DOCUMENT: Array<[string, () => Config]> = [
  ['its overview', () => ({
    mechanisms: [
      { type: 'dht', options: { bootstrapNodes: loopback.list, k: 20, replicationFactor: 3, queryTimeout: 10_000 } },
      { type: 'mdns', options: { ...loopback.mdns, ttl: 120_000 } },
      { type: 'gossip', options: { fanout: 3, interval: 30_000, maxPeers: 50 } },
      { type: 'bootstrap', options: { list: loopback.list, maxPeers: 5, timeout: 15_000 } },
      { type: 'dns', options: { ...loopback.dns, domains: ['olocus.test', 'bootstrap.olocus.test'], service: '_olocus._tcp', timeout: 10_000 } }
    ],
    limits: { peers: 100, inbound: 50, outbound: 50 }
  })],
  ['its use of many mechanisms', () => ({
    mechanisms: [
      { type: 'dht', options: { bootstrapNodes: loopback.list } },
      { type: 'mdns', options: loopback.mdns as Record<string, unknown> },
      { type: 'bootstrap', options: { list: loopback.list } },
      { type: 'gossip', options: { fanout: 5, interval: 15_000, maxPeers: 100, hops: 4 } },
      { type: 'dns', options: { ...loopback.dns, domains: ['olocus.test'], service: '_olocus._tcp' } }
    ],
    maxPeersPerMechanism: 25,
    discoveryInterval: 30_000,
    refreshInterval: 180_000,
    peerTimeout: 300_000
  })]
]

describe.each(DOCUMENT)('%s, with all five mechanisms', (_name, config) => {
  it('survives JSON, and each mechanism finds somebody', { timeout: 60_000 }, async () => {
    const node = await start(JSON.parse(JSON.stringify(config())) as Config)
    const sources = async (): Promise<string[]> => {
      const peers = await Array.fromAsync(node.services.discovery.peers())
      return [...new Set(peers.flatMap(({ sources }) => sources.map(({ path }) => path)))].sort()
    }
    let seen: string[] = []
    await until(async () => (seen = await sources()).length === 5, 'all five are sources', 40_000).catch((error: unknown) => {
      throw new Error(`only ${seen.join(', ')} found somebody`, { cause: error })
    })
    expect(seen).toEqual(['bootstrap', 'dht', 'dns', 'gossip', 'mdns'])
    const found = new Set((await Array.fromAsync(node.services.discovery.peers())).map(({ peerId }) => peerId.toString()))
    expect(found.has(seed.peerId.toString()) && found.has(other.peerId.toString())).toBe(true)
    await node.stop()
  })
})

async function problemsOf (config: unknown): Promise<readonly ConfigProblem[]> {
  const error = await multiFromConfig(config, registry).then(() => undefined, (error: unknown) => error)
  expect(error).toBeInstanceOf(ConfigError)
  return (error as ConfigError).problems
}

describe('the document’s own words', () => {
  it('each of its keys names ours', async () => {
    const told = (await problemsOf({
      mechanisms: [
        { type: 'dht', options: { bootstrap_nodes: [], k_bucket_size: 20, replication_factor: 3, query_timeout: 10_000, republish_interval: 86_400_000, provider_publication_interval: 43_200_000, provider_record_ttl: 86_400_000 } },
        { type: 'mdns', options: { service_name: 'olocus-node', service_type: '_olocus._tcp', domain: 'local', interface: null, ttl: 120_000 } },
        { type: 'gossip', options: { fanout: 3, gossip_interval: 30_000, max_peers: 50, max_gossip_history: 1_000, gossip_ttl: 3 } },
        { type: 'bootstrap', options: { list: [], bootstrap_nodes: [], max_bootstrap_peers: 10, bootstrap_timeout: 30_000, retry_interval: 60_000, max_retries: 3 } },
        { type: 'dns', options: { domains: ['olocus.test'], discovery_domains: [], service_name: 'olocus', protocol: 'tcp', dns_timeout: 5_000, cache_ttl: 300_000 } }
      ],
      peer_limits: { max_peers: 100, max_inbound: 50, max_outbound: 50 },
      max_peers_per_mechanism: 50,
      discovery_interval: 60_000,
      peer_refresh_interval: 300_000,
      peer_timeout: 600_000
    })).map(({ path, message }) => `${path} → ${/did you mean (.+?)[?:]/.exec(message)?.[1]}`)
    const of = (i: number): string[] => told.filter(line => line.startsWith(`mechanisms[${i}].options.`)).map(line => line.slice('mechanisms[0].options.'.length)).sort()
    expect(of(0)).toEqual([
      'bootstrap_nodes → `bootstrapNodes`', 'k_bucket_size → `k`', 'provider_publication_interval → `provideInterval`', 'provider_record_ttl → `providerTtl`',
      'query_timeout → `queryTimeout`', 'replication_factor → `replicationFactor`', 'republish_interval → `republishInterval`'
    ])
    expect(of(1)).toEqual([
      'domain → `service.domain`', 'interface → `interfaces`, a list', 'service_name → `service.name`, or `service.type` for "_name._tcp"', 'service_type → `service.type`'
    ])
    expect(of(2)).toEqual(['gossip_interval → `interval`', 'gossip_ttl → `hops`', 'max_gossip_history → `history`', 'max_peers → `maxPeers`'])
    expect(of(3)).toEqual([
      'bootstrap_nodes → `list`', 'bootstrap_timeout → `timeout`', 'max_bootstrap_peers → `maxPeers`', 'max_retries → `enough`', 'retry_interval → `enough`'
    ])
    expect(of(4)).toEqual([
      'cache_ttl → nothing', 'discovery_domains → `domains`', 'dns_timeout → `timeout`', 'protocol → `service`, as "_name._tcp"', 'service_name → `service`, as "_name._tcp"'
    ])
    expect(told.filter(line => !line.startsWith('mechanisms')).sort()).toEqual([
      'discovery_interval → `discoveryInterval`', 'max_peers_per_mechanism → `maxPeersPerMechanism`', 'peer_limits → `limits`', 'peer_refresh_interval → `refreshInterval`',
      'peer_timeout → `peerTimeout`'
    ])
  })

  it('of its bootstrap addresses the one whose id is none names itself', async () => {
    const list = [
      '/ip4/104.131.131.82/tcp/4001/p2p/QmaCpDMGvV2BGHeYERUEnRQAwe3N8SzbUtfsmvsqQLuvuJ',
      '/ip4/104.236.179.241/tcp/4001/p2p/QmSoLPppuBtQSGwKDZT2M73ULpjvfd3aZ6ha4oFGL1KrGM',
      '/dns4/bootstrap.olocus.io/tcp/4001/p2p/QmBootstrapOlocusNodeId'
    ]
    const problems = await problemsOf({ mechanisms: [{ type: 'bootstrap', options: { list } }, { type: 'dht', options: { bootstrapNodes: list } }] })
    expect(problems.map(({ path }) => path)).toEqual(['mechanisms[0].options.list[2]', 'mechanisms[1].options.bootstrapNodes[2]'])
    for (const { message, cause } of problems) {
      expect(message).toContain('"/dns4/bootstrap.olocus.io/tcp/4001/p2p/QmBootstrapOlocusNodeId"')
      expect(cause).toMatchObject({ code: 'ERR_INVALID_BOOTSTRAP_NODE' })
    }
  })

  it.each<[string, string, object, string]>([
    ['a bad multiaddr', 'bootstrap', { list: ['/ip4/1.2.3.4/tcp/1/p2p/12D3KooWPjceQrSwdWXPyLLeABRXmuqt69Rg3sBYbU1Nft9HyQ6X', '/ip4/999.1.1.1/tcp/1'] }, 'list[1]'],
    ['no list', 'bootstrap', {}, 'list'],
    ['a peer id alone', 'dht', { bootstrapNodes: ['12D3KooWPjceQrSwdWXPyLLeABRXmuqt69Rg3sBYbU1Nft9HyQ6X'] }, 'bootstrapNodes[0]'],
    ['a diversity deep inside', 'dht', { diversity: { perTable: 0 } }, 'diversity.perTable'],
    ['a mode', 'dht', { mode: 'servant' }, 'mode'],
    ['a service type', 'mdns', { service: { type: 'olocus' } }, 'service.type'],
    ['an unknown key deep inside', 'mdns', { service: { type: '_olocus._tcp', typ: 1 } }, 'service.typ'],
    ['an interface', 'mdns', { interfaces: ['eth0', '*e*'] }, 'interfaces[1]'],
    ['a number in quotes', 'gossip', { fanout: '3' }, 'fanout'],
    ['a domain', 'dns', { domains: ['example.org', 'http://example.org'] }, 'domains[1]'],
    ['no domains', 'dns', {}, 'domains'],
    ['a name server', 'dns', { domains: ['example.org'], servers: ['127.0.0.1:99999'] }, 'servers[0]']
  ])('%s of %s leads to its path', async (_what, type, options, path) => {
    const problems = await problemsOf({ mechanisms: [{ type, options }] })
    expect(problems.map(({ path }) => path)).toEqual([`mechanisms[0].options.${path}`])
  })
})
