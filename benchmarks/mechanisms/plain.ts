/** libp2p's own modules, as their READMEs have users configure them, and with all that can be tuned away. */
import { bootstrap } from '@libp2p/bootstrap'
import { kadDHT, passthroughMapper, type KadDHT, type KadDHTInit } from '@libp2p/kad-dht'
import { namespaceKey } from '@peerweave/dht'
import { gossipsubPreset } from '@peerweave/gossip'
import { until } from './until.ts'
import type { GossipSub } from '@libp2p/gossipsub'
import type { Mechanisms, TestnetNode } from '@peerweave/testnet'
import type { Announcer, Finder, Provider, Side } from './sides.ts'

// A server, and with addresses of loopback: what the defaults are for, the internet, is not here.
const DHT: KadDHTInit = { protocol: '/bench/kad/1.0.0', clientMode: false, peerInfoMapper: passthroughMapper }

function dhtSide (name: string, mechanisms: Mechanisms, timeout?: number): Side {
  return {
    name,
    mechanisms: () => mechanisms,
    libp2p: (_, list) => ({
      // libp2p's patience where `peerweaveDefaults` has less. Of its other bounds here are the wider ones, which only help.
      connectionManager: { inboundUpgradeTimeout: 10_000, addressDialTimeout: 6_000 },
      ...list.length > 0 && { peerDiscovery: [bootstrap({ list, ...timeout != null && { timeout } })] }
    })
  }
}

/** With bootstrap's wait of a second and the DHT's of another before its first look-up. */
const byDefault = dhtSide('libp2p', { dht: kadDHT(DHT) })

/** Neither waits, and the table is filled as soon as the node has looked itself up, not five minutes later. */
const tuned = dhtSide('libp2p, tuned', {
  dht: kadDHT({ ...DHT, initialQuerySelfInterval: 0 }),
  refresh: (components: { events: EventTarget, dht: KadDHT }) => ({
    start: () => {
      components.events.addEventListener('kad-dht:query:self', () => { void components.dht.refreshRoutingTable() }, { once: true })
    },
    stop: () => {}
  })
}, 0)

function finder (side: Side): Finder {
  return {
    ...side,
    async known ({ libp2p }) {
      const peers = await libp2p.peerStore.all()
      return peers.filter(({ id, addresses }) => addresses.length > 0 && !id.equals(libp2p.peerId)).map(({ id }) => id.toString())
    },
    watch ({ libp2p }, learned) {
      libp2p.addEventListener('peer:update', ({ detail: { peer } }) => {
        if (peer.addresses.length > 0 && !peer.id.equals(libp2p.peerId)) learned(peer.id.toString())
      })
    },
    ripen: async node => await dhtOf(node).refreshRoutingTable()
  }
}

export const finders: readonly Finder[] = [finder(byDefault), finder(tuned)]

const TOPIC = 'announcements'
/** As much as a signed peer record with some addresses. */
const ANNOUNCEMENT_BYTES = 250

/** gossipsub by itself, with what it comes with. */
const announcer: Announcer = {
  name: 'gossipsub',
  pubsub: true,
  mechanisms: () => ({}),
  async ready (nodes) {
    for (const node of nodes) pubsubOf(node).subscribe(TOPIC)
    // Everybody has been told of, and has had the heartbeats in which meshes form.
    await until(() => nodes.every(node => pubsubOf(node).getSubscribers(TOPIC).length > 0), 30_000)
    await new Promise(resolve => setTimeout(resolve, 3_000))
  },
  async announce (node) {
    await pubsubOf(node).publish(TOPIC, crypto.getRandomValues(new Uint8Array(ANNOUNCEMENT_BYTES)))
  },
  listen (node, heard) {
    pubsubOf(node).addEventListener('message', ({ detail }) => {
      if (detail.topic === TOPIC && detail.type === 'signed') heard(detail.from.toString())
    })
  }
}

/** The second one knows copies before it verifies them. */
export const announcers: readonly Announcer[] = [announcer, { ...announcer, name: 'gossipsub, tuned', pubsub: gossipsubPreset({ colocation: 'lan' }) }]

function pubsubOf ({ services }: TestnetNode): GossipSub {
  return (services as { pubsub: GossipSub }).pubsub
}

function dhtOf ({ services }: TestnetNode): KadDHT {
  return (services as { dht: KadDHT }).dht
}

/** kad-dht by itself, and its events: `contentRouting` asks it in a slower way. */
export const provider: Provider = {
  ...tuned,
  name: 'kad-dht',
  async ready (nodes) {
    await until(() => nodes.every(node => tableSize(node) >= 20), 60_000)
  },
  async provide (node, namespace) {
    for await (const _ of dhtOf(node).provide(await namespaceKey(namespace))) {
      // each event is a step
    }
  },
  async find (node, namespace, provider, signal) {
    while (!signal.aborted) {
      for await (const event of dhtOf(node).findProviders(await namespaceKey(namespace), { signal })) {
        if (event.name === 'PROVIDER' && event.providers.some(({ id }) => id.toString() === provider)) return
      }
    }
  }
}

function tableSize (node: TestnetNode): number {
  return (dhtOf(node) as KadDHT & { routingTable: { size: number } }).routingTable.size
}
