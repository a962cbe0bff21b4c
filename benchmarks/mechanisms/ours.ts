/** Our side of each figure: mechanisms with their defaults, as a README would have users compose them. */
import { bootstrap } from '@peerweave/bootstrap'
import { dht, type DhtMechanism } from '@peerweave/dht'
import { gossip, gossipsubPreset, type Gossip } from '@peerweave/gossip'
import { limits, names, type MechanismFactory, type PeerStore } from '@peerweave/interface'
import { multi, type Multi } from '@peerweave/multi'
import { multiaddr } from '@multiformats/multiaddr'
import { until } from './until.ts'
import type { Place, TestnetNode } from '@peerweave/testnet'
import type { Announcer, Finder, Provider } from './sides.ts'

interface Woven {
  name: string
  pubsub: boolean
  mechanisms: (list: string[]) => MechanismFactory[]
  /** Known is only who signed where he is. */
  certified: boolean
  store?: (place: Place) => PeerStore | undefined
}

/** Known is whom `multi` shows: whatever address came passed its policy. */
function woven ({ name, pubsub, mechanisms, certified, store }: Woven): Finder {
  return {
    name,
    pubsub,
    mechanisms: (place, list) => ({ discovery: multi({ mechanisms: mechanisms(list), store: store?.(place) }) }),
    async known (node) {
      return (await Array.fromAsync(multiOf(node).peers(certified ? { certified } : {}))).map(({ peerId }) => peerId.toString())
    },
    watch (node, learned) {
      for (const event of ['peer:discovery', 'peer:update'] as const) {
        multiOf(node).addEventListener(event, ({ detail: { peer } }) => {
          if (!certified || peer.addresses.some(({ certified }) => certified)) learned(peer.peerId.toString())
        })
      }
    }
  }
}

function multiOf ({ services }: TestnetNode): Multi {
  return (services as unknown as { discovery: Multi }).discovery
}

/** bootstrap and gossip, by signed records alone. */
export function finderWith (store?: Woven['store']): Finder {
  return woven({
    name: 'peerweave', pubsub: true, certified: true, mechanisms: list => [bootstrap({ list }), gossip()], ...store != null && { store }
  })
}

/** Each mechanism by itself; gossip with a bootstrap that only dials, for somebody has to. */
export const alones: readonly Finder[] = [
  woven({ name: 'bootstrap', pubsub: false, certified: true, mechanisms: list => [bootstrap({ list })] }),
  woven({ name: 'gossip', pubsub: true, certified: true, mechanisms: list => [bootstrap({ list, exchange: false }), gossip()] }),
  woven({ name: 'dht', pubsub: false, certified: false, mechanisms: list => [dht({ bootstrapNodes: list })] })
]

/** Announcements that are signed records, checked before they are passed on. Nothing but the topic carries them. */
const announcer: Announcer = {
  name: 'peerweave',
  pubsub: gossipsubPreset({ colocation: 'lan' }),
  mechanisms: () => ({ gossip: gossip({ interval: 300_000 }) }),
  async ready (nodes) {
    await until(() => nodes.every(node => node.services.pubsub.getSubscribers(names().topics.peers).length > 0), 30_000)
    // A settled net: everybody has been known for a while.
    await new Promise(resolve => setTimeout(resolve, limits.gossipAuthorAge + 10_000))
  },
  async announce (node) {
    // Another address each time, so that it is news.
    const port = 1 + ports++ % 65_535
    await gossipOf(node).announceSelf?.({ peerId: node.peerId, multiaddrs: [multiaddr(`/ip4/127.0.0.1/tcp/${port}`)] })
  },
  listen (node, heard) {
    gossipOf(node).addEventListener('sighting', ({ detail }) => {
      if (detail.kind === 'claim') heard(detail.peerId.toString())
    })
  }
}

let ports = 0

function gossipOf ({ services }: TestnetNode): Gossip {
  return (services as unknown as { gossip: Gossip }).gossip
}

const provider: Provider = {
  name: 'peerweave',
  mechanisms: (_, list) => server(list),
  async ready (nodes) {
    await until(() => nodes.every(node => dhtOf(node).metrics().tableSize >= 20), 60_000)
  },
  async provide (node, namespace) {
    await dhtOf(node).dht.provide(new TextEncoder().encode(namespace), { signal: AbortSignal.timeout(30_000) })
  },
  async find (node, namespace, provider, signal) {
    while (!signal.aborted) {
      for await (const { peerId } of dhtOf(node).dht.findProviders(new TextEncoder().encode(namespace), { signal })) {
        if (peerId.toString() === provider) return
      }
    }
  }
}

/** A DHT server that provides nothing by itself. */
export function server (list: string[]): { dht: MechanismFactory<DhtMechanism> } {
  return { dht: dht({ bootstrapNodes: list, announce: false }) }
}

/** Holds no record of others. */
export function client (list: string[], provideInterval: number): { dht: MechanismFactory<DhtMechanism> } {
  return { dht: dht({ bootstrapNodes: list, announce: false, mode: 'client', provideInterval }) }
}

function dhtOf ({ services }: TestnetNode): DhtMechanism {
  return (services as unknown as { dht: DhtMechanism }).dht
}

export const ours: { readonly finder: Finder, readonly announcer: Announcer, readonly provider: Provider } = { finder: finderWith(), announcer, provider }
