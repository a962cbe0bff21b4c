/** The contract of a peer store: an evidence ledger in, one woven view out. */
import type { PeerId, Startable } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { ConnectionStatus, Evidence, PeerInfo, Reputation, Source } from './peer-info.ts'

export type StoreRefusalReason = 'no-address' | 'stale-evidence' | 'full'

/** What one piece of evidence, or a goodbye, did to the view. */
export type MergeResult =
  | { outcome: 'new' | 'updated' | 'unchanged' }
  | { outcome: 'refused', reason: StoreRefusalReason }

export interface MergeSummary {
  new: number
  updated: number
  unchanged: number
  refused: number
}

/**
 * What made the view change. `source` is the path of the mechanism, where one did. `removal` is the user's, `displaced`
 * the store's own when it was full; `silence`: we found it gone; `restore`: it was read from the disk, or had run out in time that was then held.
 */
export interface ChangeCause {
  kind: 'claim' | 'withdrawal' | 'expiry' | 'connection' | 'identify' | 'outcome' | 'removal' | 'displaced' | 'silence' | 'restore'
  source?: string | undefined
}

/**
 * A change of the view: of its addresses, sources, protocols, metadata, identity or connection. Times and confidence
 * moving on are no change. `previous` is what was shown before, for `lost` what was shown last.
 */
export type Change =
  | { kind: 'new', peer: PeerInfo, cause: ChangeCause }
  | { kind: 'updated', peer: PeerInfo, previous: PeerInfo, cause: ChangeCause }
  | { kind: 'lost', peer: PeerInfo, cause: ChangeCause }
  /** This reader was too slow: `count` changes were dropped, so re-read what matters. */
  | { kind: 'missed', count: number }

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

/** Which peers to draw. */
export interface PickOptions {
  /**
   * `tried`: a dial of ours authenticated them once. `new`: we know them by hearsay. `dormant`: we did, until a week ago at
   * most, and nothing counts of them now.
   */
  table: 'tried' | 'new' | 'dormant'
  count: number
  /** Not these. */
  without?: Iterable<PeerId> | undefined
}

export interface PeerStore extends Startable {
  /** Peers in the view. */
  readonly size: number

  addPeer: (evidence: Evidence) => Promise<MergeResult>
  addPeers: (evidence: Iterable<Evidence>) => Promise<MergeSummary>
  /** A goodbye of `source`, said at `at` (monotonic ms): claims it observed until then count no more. */
  withdraw: (id: PeerId, source: Source, at: number, multiaddrs?: readonly Multiaddr[]) => Promise<MergeResult>
  /**
   * We found it gone: what anybody claimed of it until `at` (monotonic ms) counts no more, and it is not connected. What we
   * knew is kept for a later start. False: it is not in the view.
   */
  dismiss: (id: PeerId, at: number) => Promise<boolean>
  /** All that is remembered of it goes. False: it is not in the view. */
  removePeer: (id: PeerId) => Promise<boolean>
  /** All that is remembered of anybody goes: peers in the view and out of it, proven ones, anchors, goodbyes. */
  clear: () => Promise<void>

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

  /**
   * Peers to dial, drawn by quota group and never by entry, of different networks while there are any. Tried peers of whom
   * nothing counts at present are among them, with the addresses that they had.
   */
  pick: (options: PickOptions) => PeerInfo[]
  /** Whom to dial first after a start: the peers of our own dialling that we were connected to last, the longest first. */
  anchors: () => PeerInfo[]
  /** The longest-proven tried peers, one a network: whoever poisons the store today was not there then. */
  elders: () => PeerInfo[]
  /** Tried peers that are to be dialled now, because a newcomer gets their place if they do not answer (four times in a row). */
  tests: () => PeerInfo[]

  /** Live evidence of a peer, for `explain`. */
  evidence: (id: PeerId) => readonly Evidence[]
  /** Changes from the moment that reading begins. Several may read; each gets all. Ends with `stop`. */
  readonly changes: AsyncIterable<Change>
  /** Drops what has run out at `now` (monotonic ms). `next` is when to call again, `Infinity` for never. */
  expire: (now: number, options?: { limit?: number | undefined }) => Promise<{ expired: number, next: number }>
  /**
   * The last `ms` did not count: the machine slept, the event loop stood still, the network was gone. Everything that
   * stands, stands so much longer, and every age is so much less: claims, goodbyes, confidence, what our dials told. What
   * was said while that time passed counts as if said when it was over, in its order; what was observed before and comes
   * later, as if it had come before.
   *
   * What ran out meanwhile comes back, unless it was dropped since: by `expire`, or because something came of the same peer
   * (a claim, a goodbye, an outcome, the end of its connection). Until this is called, reads do not show it. So: before
   * `expire`, and before what happened meanwhile is told.
   *
   * @throws TypeError for what is no finite time, or less than 0
   */
  hold: (ms: number) => void
  /** Resolves when all that was acknowledged is on disk. */
  flush: () => Promise<void>
}
