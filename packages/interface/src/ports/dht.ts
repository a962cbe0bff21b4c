/** The port on a distributed hash table, for the service registry. */
import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'

export interface DhtOptions {
  signal: AbortSignal
}

export interface DhtPeer {
  peerId: PeerId
  multiaddrs: Multiaddr[]
}

export interface Dht {
  /** Resolves with how many peers confirmed that they hold it. */
  put: (key: Uint8Array, value: Uint8Array, options: DhtOptions) => Promise<{ confirmations: number }>
  /** Every distinct value found, in order of arrival; choosing is the caller's. */
  get: (key: Uint8Array, options: DhtOptions) => AsyncIterable<{ value: Uint8Array, from: PeerId }>
  provide: (key: Uint8Array, options: DhtOptions) => Promise<{ confirmations: number }>
  findProviders: (key: Uint8Array, options: DhtOptions) => AsyncIterable<DhtPeer>
  getClosestPeers: (key: Uint8Array, options: DhtOptions) => AsyncIterable<DhtPeer>
}
