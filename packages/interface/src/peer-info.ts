/** What `multi` makes of sightings, what a peer store keeps, and what users read. */
import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { DiscoveryType } from './discovery.ts'

/** Where evidence came from. `path`, `group` and `reporter` together are the ledger key. */
export interface Source {
  /** The mechanism by name; inside a nested `multi`, `outer/inner`. */
  path: string
  type: DiscoveryType
  /** The quota group: who shares one party's room (an IPv4 /16, an IPv6 /32, a domain, an interface). */
  group: string
  /** Within a group of public networks, the reporter's own (an IPv4 /24, an IPv6 /48). Not part of the ledger key. */
  subgroup?: string | undefined
  /** Peer id, remote host or domain of whoever said it. */
  reporter?: string | undefined
  /** We chose this reporter (the user named it, or we dialled it); it did not come to us. A class of its own in quotas. */
  isChosen?: boolean | undefined
}

/** A claim, stamped. Times are monotonic milliseconds of the store's clock. */
export interface Evidence {
  peerId: PeerId
  multiaddrs: Multiaddr[]
  source: Source
  observedAt: number
  expiresAt: number
  record?: VerifiedRecord | undefined
  protocols?: string[] | undefined
  metadata?: ReadonlyMap<string, string> | undefined
}

/** No value has this name: an object literal is never a verified record. */
declare const verified: unique symbol

/** A signed peer record whose signature was checked. Only `@peerweave/records` makes one. */
export interface VerifiedRecord {
  readonly [verified]: true
  readonly peerId: PeerId
  /** Of two records of one peer the greater one stands. Not a time. */
  readonly seq: bigint
  /** The digest of what was signed. Two of them under one seq are equivocation. */
  readonly payloadHash: Uint8Array
  readonly addresses: readonly Multiaddr[]
  /** The envelope as it was received. */
  readonly bytes: Uint8Array
}

/** An address of a peer, with why we believe it. Times are wall-clock milliseconds. */
export interface PeerAddress {
  multiaddr: Multiaddr
  /** Signed by the peer itself. */
  certified: boolean
  /** Paths of the sources that claim it now. */
  sources: string[]
  /** When it was last claimed. */
  lastSeen: number
  expiresAt: number
  /** 0..1: how likely it answers now. */
  confidence: number
}

/** What one mechanism claims of a peer now, over all its reporters. Times are wall-clock milliseconds. */
export interface SourceSummary {
  path: string
  type: DiscoveryType
  /** The oldest live claim. */
  firstSeen: number
  /** The newest one. */
  lastSeen: number
  expiresAt: number
}

export type ConnectionStatus = 'connected' | 'connecting' | 'disconnected' | 'failed' | 'unknown'

/** `lower` is the lower confidence bound to rank by, `n` the number of outcomes behind it. A stranger is .5, 0, 0. */
export interface Reputation {
  mean: number
  lower: number
  n: number
}

/**
 * The woven view of one peer: an immutable snapshot. Times are wall-clock milliseconds.
 *
 * `addresses` are best first.
 */
export interface PeerInfo {
  readonly peerId: PeerId
  readonly addresses: readonly PeerAddress[]
  readonly protocols: readonly string[]
  readonly agentVersion?: string | undefined
  readonly protocolVersion?: string | undefined
  readonly services: readonly string[]
  /** When the store first heard of it. */
  readonly firstSeen: number
  /** Our own last contact (a connection, an answer). Claims and failures do not move it; `undefined`: never. */
  readonly lastSeen?: number | undefined
  /** When the last live claim runs out; a connected peer stays beyond it. */
  readonly expiresAt: number
  readonly connectionStatus: ConnectionStatus
  /** 0..1: how likely the peer can be reached now. */
  readonly confidence: number
  readonly reputation: Reputation
  readonly sources: readonly SourceSummary[]
  readonly metadata: ReadonlyMap<string, string>
}
