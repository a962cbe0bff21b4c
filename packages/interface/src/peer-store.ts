/** The contract of a peer store: an evidence ledger in, one woven view out. */
import type { PeerId, Startable } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { ConnectionStatus, Evidence, PeerInfo, Reputation, Source } from './peer-info.ts'

export type RefusalReason = 'own-id' | 'no-address' | 'stale-evidence' | 'expired' | 'full' | 'denied'

/** What one piece of evidence did to the view. */
export type MergeResult =
  | { outcome: 'new' | 'updated' | 'unchanged', peer: PeerInfo }
  | { outcome: 'refused', reason: RefusalReason }

export interface MergeSummary {
  new: number
  updated: number
  unchanged: number
  refused: number
}

/** A change of the view. `previous` is what was shown before; a `lost` change carries what was shown last. */
export type Change =
  | { kind: 'new', peer: PeerInfo, previous?: undefined }
  | { kind: 'updated', peer: PeerInfo, previous: PeerInfo }
  | { kind: 'lost', peer: PeerInfo, previous: PeerInfo, cause: 'expired' | 'withdrawn' | 'removed' }

export interface PeerQuery {
  /** At least this confident. */
  minConfidence?: number | undefined
  /** Speaks all of these. */
  protocols?: readonly string[] | undefined
  connected?: boolean | undefined
  /** Claimed by a source of this path. */
  source?: string | undefined
  /** Only peers with an address that they signed themselves. */
  certified?: boolean | undefined
  metadata?: ReadonlyMap<string, string> | undefined
  /** @default 'confidence' (best first; ties by peer id) */
  order?: 'confidence' | 'reputation' | 'lastSeen' | undefined
  /** @default Infinity */
  limit?: number | undefined
}

export interface PeerStore extends Startable {
  readonly size: number

  addPeer: (evidence: Evidence) => Promise<MergeResult>
  addPeers: (evidence: Iterable<Evidence>) => Promise<MergeSummary>
  /** A goodbye of `source`, said at `at` (monotonic ms): claims it observed until then count no more. */
  withdraw: (id: PeerId, source: Source, at: number, multiaddrs?: readonly Multiaddr[]) => Promise<MergeResult>
  removePeer: (id: PeerId) => Promise<boolean>

  getPeer: (id: PeerId) => Promise<PeerInfo | undefined>
  /** As `getPeer`, without waiting: memory only. */
  peek: (id: PeerId) => PeerInfo | undefined
  getPeers: (query?: PeerQuery) => AsyncIterable<PeerInfo>
  /** Exactly the `count` nearest by XOR of SHA-256, nearest first. */
  getClosestPeers: (key: Uint8Array, count: number) => Promise<PeerInfo[]>

  /** Only for what we saw ourselves (we are connected, it answered us). */
  updatePeerSeen: (id: PeerId, at?: number) => Promise<void>
  /** How a dial of ours ended. */
  recordOutcome: (id: PeerId, address: Multiaddr, outcome: 'success' | 'failure') => Promise<void>
  setConnection: (id: PeerId, status: ConnectionStatus) => void
  setReputation: (id: PeerId, reputation: Reputation) => void
  /** What identify said: authenticated, so it replaces claimed protocols. */
  setIdentity: (id: PeerId, identity: { protocols: string[], agentVersion?: string | undefined, protocolVersion?: string | undefined }) => void

  /** Live evidence of a peer, for `explain`. */
  evidence: (id: PeerId) => readonly Evidence[]
  /** Changes from now on. Several may read; each reader gets all. Ends with `stop`. */
  readonly changes: AsyncIterable<Change>
  /** Drops what has run out at `now` (monotonic ms). `next` is when to call again, `Infinity` for never. */
  expire: (now: number, options?: { limit?: number | undefined }) => Promise<{ expired: number, next: number }>
  /** Resolves when all that was acknowledged is on disk. */
  flush: () => Promise<void>
}
