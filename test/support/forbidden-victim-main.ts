/** The node that strangers tell of addresses: all five mechanisms in `multi`, and an app that dials whoever it hears of. */
import { createSocket } from 'node:dgram'
import { gossipsub } from '@libp2p/gossipsub'
import { identify } from '@libp2p/identify'
import { transportSymbol, type DialTransportOptions, type Libp2p, type Transport } from '@libp2p/interface'
import { kadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { noise } from '@libp2p/noise'
import { peerIdFromString } from '@libp2p/peer-id'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { bootstrap } from '@peerweave/bootstrap'
import { dht } from '@peerweave/dht'
import { dns } from '@peerweave/dns'
import { gossip, gossipsubPreset } from '@peerweave/gossip'
import { addressScope, defineMechanism, type Host, type MechanismFactory, type Sighting } from '@peerweave/interface'
import { mechanismModule, peerweaveDefaults } from '@peerweave/libp2p'
import { mdns } from '@peerweave/mdns'
import { multi, withFilter, type Multi } from '@peerweave/multi'
import { levelPeerStore } from '@peerweave/peer-store'
import { nodeDisk } from '@peerweave/peer-store/node'
import { createLibp2p, type Libp2pOptions } from 'libp2p'
import { serve } from '../../packages/mdns/test/realnet/serve.ts'
import { ZONE } from './forbidden-vectors.ts'

export interface VictimOptions {
  /** With `peerweaveDefaults()`. */
  isHardened: boolean
  host: string
  folder: string
  seeds: string[]
  /** Addresses that a stranger on the internet says are somebody's. */
  endpoints: string[]
  /**
   * `multi`: all mechanisms in it. `services`: each as a service of libp2p, without `multi`. `alone`: `multi` with nobody to
   * ask, so that it has what its store kept.
   */
  home: 'multi' | 'services' | 'alone'
  /** A kad-dht of the app's own beside, which dials whom it likes. */
  hasAppDht: boolean
}

export interface VictimState {
  /** Addresses by the mechanism that told of them, before anybody judged them. */
  heard: Record<string, string[]>
  dropped: Record<string, Record<string, number>>
  refusals: Record<string, Partial<Record<string, number>>>
}

/** In place of QUIC: a datagram that says where it was sent to, and no connection. */
function datagrams (): () => Transport {
  return () => ({
    [transportSymbol]: true,
    [Symbol.toStringTag]: 'datagrams',
    async dial (address: Multiaddr, _options: DialTransportOptions): Promise<never> {
      const components = address.getComponents()
      const at = components.findIndex(({ name }) => name === 'udp')
      const host = components[at - 1]?.value ?? ''
      const socket = createSocket(components[at - 1]?.name === 'ip4' ? 'udp4' : 'udp6')
      await new Promise(resolve => { socket.on('error', resolve).send(host, Number(components[at]?.value), host, resolve) })
      socket.close()
      throw new Error('nobody answers a datagram')
    },
    createListener () { throw new Error('it does not listen') },
    listenFilter: () => [],
    dialFilter: (addresses: Multiaddr[]) => addresses.filter(address => address.getComponents().some(({ name }) => name === 'quic-v1'))
  })
}

const heard: Record<string, Set<string>> = {}
let node: Libp2p
/** Of whom libp2p told its app. */
const discovered = new Set<string>()
let discovery: Multi | undefined
let host: Host

/** As it is, with a note of everything that it says. */
function noting (name: string, mechanism: MechanismFactory): { mechanism: MechanismFactory, maxPeersPerRound: number, interval: number } {
  const addresses = heard[name] = new Set()
  const note = (sighting: Sighting): boolean => {
    if (sighting.kind === 'claim') for (const address of sighting.multiaddrs) addresses.add(bare(address))
    if (sighting.kind === 'endpoint') addresses.add(bare(sighting.multiaddr))
    return true
  }
  // Their rounds come soon again, so that each says all that it has to.
  return { mechanism: withFilter(mechanism, { accept: note }), maxPeersPerRound: 500, interval: 2_000 }
}

function bare (address: Multiaddr): string {
  return address.toString().replace(/\/p2p\/[^/]+$/, '')
}

/** Endpoints on the word of somebody on the internet. */
function hearsay (endpoints: readonly string[]): MechanismFactory {
  return mechanismModule(context => {
    host = context.ports.host
    return defineMechanism(context, {
      name: 'probe',
      type: 'probe',
      async * round () {
        for (const address of endpoints) {
          yield { kind: 'endpoint', multiaddr: multiaddr(address), ttl: 600_000, reporter: { remoteAddr: multiaddr('/ip4/51.15.0.2/tcp/4001') } }
        }
      }
    })
  })
}

async function inPlaces (jobs: Array<() => Promise<unknown>>): Promise<void> {
  const next = async (): Promise<void> => {
    for (let job = jobs.shift(); job != null; job = jobs.shift()) await job()
  }
  await Promise.all(Array.from({ length: 32 }, next))
}

function within (ms: number): { signal: AbortSignal } {
  return { signal: AbortSignal.timeout(ms) }
}

/** What is told of by its name, as each home takes it. */
function mechanismsOf ({ seeds, hasAppDht }: VictimOptions): Record<string, MechanismFactory> {
  return {
    dht: dht(),
    ...hasAppDht && { kad: dht({ service: 'kad', name: 'kad' }) },
    mdns: mdns({ interfaces: ['eth0'], families: ['IPv4'] }),
    gossip: gossip(),
    bootstrap: bootstrap({ list: seeds, maxPeers: 256 }),
    dns: dns({ domains: [ZONE, ...Array.from({ length: 8 }, (_, i) => `z${i}.${ZONE}`)], service: '_evil._tcp' })
  }
}

function servicesOf (options: VictimOptions): Record<string, unknown> {
  const mechanisms = mechanismsOf(options)
  if (options.home === 'services') {
    // Where libp2p is the host there is nobody to dial an address without a peer.
    return { ...Object.fromEntries(Object.entries(mechanisms).map(([name, mechanism]) => [`our-${name}`, mechanism])), probe: hearsay([]) }
  }
  const within = options.home === 'alone' ? {} : mechanisms
  return {
    discovery: multi({
      mechanisms: [...Object.entries(within).map(([name, mechanism]) => noting(name, mechanism)), noting('probe', hearsay(options.endpoints))],
      connect: { target: 200, maxOutbound: 200, maxPerGroup: Infinity, feelers: 1_000 },
      warmStart: 50,
      store: levelPeerStore({ disk: nodeDisk(), path: options.folder })
    })
  }
}

serve({
  async start (given: VictimOptions): Promise<void> {
    const options = {
      start: false,
      addresses: { listen: [`/ip4/${given.host}/tcp/4001`] },
      transports: [tcp(), datagrams()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      services: {
        identify: identify(),
        ping: ping(),
        pubsub: gossipsub(gossipsubPreset({ colocation: 'lan' })),
        ...given.hasAppDht && {
          kad: kadDHT({ protocol: '/app/kad/1.0.0', clientMode: false, peerInfoMapper: passthroughMapper, initialQuerySelfInterval: 500 })
        },
        ...servicesOf(given)
      }
    } as unknown as Libp2pOptions
    node = await createLibp2p(given.isHardened ? peerweaveDefaults<Libp2pOptions>(options) : options)
    node.addEventListener('peer:discovery', ({ detail }) => discovered.add(detail.id.toString()))
    discovery = node.services['discovery'] as Multi | undefined
    await node.start()
  },
  discovered: () => [...discovered],
  state (): VictimState {
    const statuses = [...discovery!.mechanisms()]
    return {
      heard: Object.fromEntries(Object.entries(heard).map(([name, addresses]) => [name, [...addresses]])),
      dropped: Object.fromEntries(statuses.map(([name, { dropped }]) => [name, { ...dropped }])),
      refusals: discovery!.refusals()
    }
  },
  explain: (id: string) => discovery!.explain(peerIdFromString(id)),
  /** @returns addresses in the view, by peer */
  async view (): Promise<Record<string, string[]>> {
    const peers = await Array.fromAsync(discovery!.peers())
    return Object.fromEntries(peers.map(({ peerId, addresses }) => [peerId.toString(), addresses.map(({ multiaddr }) => multiaddr.toString())]))
  },
  /**
   * What an app does with what it hears, and more: each address is dialled as it is, and each name as `multi` does it, both
   * twice, for a name changes its mind.
   *
   * @returns how many dials were tried
   */
  async dialAll (told: Array<{ id: string, addresses: string[] }>): Promise<number> {
    let tried = 0
    // Of one peer one after the other: libp2p joins dials of the same peer.
    await inPlaces(told.map(({ id, addresses }) => async () => {
      for (const text of addresses) {
        const address = multiaddr(`${text}/p2p/${id}`)
        const ways: Array<() => Promise<unknown>> = [async () => await node.dial(address, within(1_000))]
        if (addressScope(address) === 'name') ways.push(async () => await host.dial([address], within(1_000)))
        for (const dial of [...ways, ...ways]) {
          tried++
          await dial().catch(() => {})
        }
      }
    }))
    return tried
  },
  /** Whoever is said to be there is looked for and dialled by the id alone: at what libp2p remembers or is told. */
  async dialById (ids: string[]): Promise<void> {
    await inPlaces(ids.map(id => async () => {
      await node.dial(peerIdFromString(id), within(1_000)).catch(() => {})
      await discovery?.find(peerIdFromString(id), { deadline: 250 }).catch(() => {})
    }))
  },
  async stop (): Promise<void> {
    await node.stop()
  }
})
