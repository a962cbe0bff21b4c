/** On a host of the LAN: peers with our mechanism, with a host of their own or inside a real libp2p node. */
import { peerIdFromString } from '@libp2p/peer-id'
import { mdns } from '../../src/index.ts'
import { createPeer, type Peer } from '../support.ts'
import { serve, tell } from './serve.ts'
import type { Libp2p } from '@libp2p/interface'
import type { Sighting } from '@peerweave/interface'
import type { MdnsOptions } from '../../src/index.ts'

/** What a peer saw. Ids and addresses as text. */
export interface Seen {
  /** Who saw it, by the name that the test gave. */
  by: string
  kind: Sighting['kind'] | 'peer:discovery'
  /** Absent for an endpoint. */
  id?: string
  addresses: string[]
  /** When, ms since the epoch. */
  at: number
  /** ms, of a claim or an endpoint. */
  ttl?: number
  /** The reporter's address. */
  from?: string
  /** The reporter's interface. */
  on?: string
  protocols?: string[]
  metadata?: Record<string, string>
}

const peers = new Map<string, Peer>()
const nodes = new Map<string, Libp2p>()

serve({
  /** Starts one with a host of its own. @returns its id */
  async peer (name: string, options: MdnsOptions, ...addresses: string[]): Promise<string> {
    const peer = await createPeer(options, ...addresses)
    peers.set(name, peer)
    peer.mechanism.addEventListener('sighting', ({ detail }) => tell(seenOf(name, detail)))
    await peer.mechanism.start()
    return peer.id.toString()
  },
  setAddresses (name: string, ...addresses: string[]): void {
    peers.get(name)!.setAddresses(...addresses)
  },
  /** @returns what a round finds */
  async discover (name: string): Promise<Seen[]> {
    const sightings = await Array.fromAsync(peers.get(name)!.mechanism.discoverPeers())
    return sightings.map(sighting => seenOf(name, sighting))
  },
  status: (name: string) => peers.get(name)!.mechanism.status(),
  async leave (name: string): Promise<void> {
    await peers.get(name)!.leave()
    peers.delete(name)
  },

  /** Starts a libp2p node that has our mechanism and nothing else to find others by. @returns its id */
  async node (name: string, options: MdnsOptions, ...listen: string[]): Promise<string> {
    const [{ createLibp2p }, { identify }, { noise }, { tcp }, { yamux }] = await Promise.all([
      import('libp2p'), import('@libp2p/identify'), import('@libp2p/noise'), import('@libp2p/tcp'), import('@libp2p/yamux')
    ])
    const node = await createLibp2p({
      start: false,
      addresses: { listen },
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      services: { identify: identify(), lan: mdns(options) }
    })
    nodes.set(name, node)
    node.addEventListener('peer:discovery', ({ detail: { id, multiaddrs } }) => {
      tell({ by: name, kind: 'peer:discovery', id: id.toString(), addresses: multiaddrs.map(String), at: now() } satisfies Seen)
    })
    node.services.lan.addEventListener('sighting', ({ detail }) => tell(seenOf(name, detail)))
    await node.start()
    return node.peerId.toString()
  },
  /** @returns the addresses that a node's peer store holds of a peer */
  async known (name: string, id: string): Promise<string[]> {
    const { addresses } = await nodes.get(name)!.peerStore.get(peerIdFromString(id))
    return addresses.map(({ multiaddr }) => multiaddr.toString())
  },
  /** Dials a peer by what its peer store holds. @returns where it was reached */
  async dial (name: string, id: string): Promise<string> {
    const connection = await nodes.get(name)!.dial(peerIdFromString(id))
    return connection.remoteAddr.toString()
  }
})

/** Comparable between processes of one machine. */
function now (): number {
  return performance.timeOrigin + performance.now()
}

function seenOf (by: string, sighting: Sighting): Seen {
  const { kind, reporter } = sighting
  const common = { by, kind, at: now(), from: reporter?.remoteAddr?.toString() ?? '', on: reporter?.interface ?? '' }
  switch (kind) {
    case 'endpoint':
      return { ...common, addresses: [sighting.multiaddr.toString()], ttl: sighting.ttl }
    case 'withdraw':
      return { ...common, id: sighting.peerId.toString(), addresses: sighting.multiaddrs?.map(String) ?? [] }
    case 'claim':
      return {
        ...common,
        id: sighting.peerId.toString(),
        addresses: sighting.multiaddrs.map(String),
        ttl: sighting.ttl,
        protocols: sighting.protocols ?? [],
        metadata: Object.fromEntries(sighting.metadata ?? [])
      }
  }
}
