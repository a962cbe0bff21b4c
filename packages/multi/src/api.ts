/** What users of a `multi` call and hear. */
import type { ChangeCause, DiscoveryMechanism, MechanismEvents, MechanismFactory, PeerInfo, PeerQuery, PeerStore } from '@peerweave/interface'
import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { AskOptions, FindOptions } from './answers.ts'
import type { Explanation } from './explain.ts'
import type { LaneStatus } from './lane.ts'
import type { MechanismEntry } from './options.ts'
import type { RefusalReason } from './pipeline.ts'

export interface PeerChange {
  peer: PeerInfo
  cause: ChangeCause
  /** What was shown before, for an update. */
  previous?: PeerInfo | undefined
}

export interface MultiEvents extends MechanismEvents {
  /** A peer came into the view. */
  'peer:discovery': CustomEvent<PeerChange>
  /** Its addresses, sources, protocols, metadata, identity or connection changed. */
  'peer:update': CustomEvent<PeerChange>
  /** Nothing live is claimed of it any more, and it is not connected. `peer` is what was shown last. */
  'peer:expire': CustomEvent<PeerChange>
  'mechanism:status': CustomEvent<{ name: string, status: LaneStatus }>
}

export interface Multi extends DiscoveryMechanism<MultiEvents> {
  readonly store: PeerStore

  /** The view as it is: empty before start. */
  peers: (query?: PeerQuery) => AsyncIterable<PeerInfo>
  /**
   * Asks the mechanisms and yields woven peers, known ones first, then as they come, fairly between the mechanisms, each
   * once. Ends when it has `need`, at its deadline, or when all have answered.
   *
   * @throws NoAnswersError when every mechanism failed and nothing was known
   * @throws AbortError when `signal` fires
   */
  discover: (options?: AskOptions) => AsyncIterable<PeerInfo>
  /**
   * Where a peer is: at once when the view knows, else by whichever mechanism finds it first.
   *
   * @throws NotFoundError when nobody knows; NoAnswersError when every mechanism failed; AbortError when `signal` fires
   */
  find: (id: PeerId, options?: FindOptions) => Promise<PeerInfo>
  /** Why a peer is in the view, or is not; or what became of an address of which no peer was known. */
  explain: (about: PeerId | Multiaddr) => Explanation
  /** Status of each mechanism by name. */
  mechanisms: () => ReadonlyMap<string, LaneStatus>
  /** How many sightings (or parts of one) were refused, by source path and reason. */
  refusals: () => Record<string, Partial<Record<RefusalReason, number>>>

  /**
   * One mechanism more, now. It is started if this is, and we are announced by it.
   *
   * @returns its name, when it has started or has taken a second
   * @throws TypeError when there is one of its name
   */
  add: (mechanism: MechanismFactory | MechanismEntry) => Promise<string>
  /** One mechanism less: it says goodbye and is stopped. What it told stands as long as it was told to. False: there is none of that name. */
  remove: (name: string) => Promise<boolean>
  /** Neither asked nor listened to until it is resumed; it goes on by itself. False: there is none of that name. */
  pause: (name: string) => boolean
  resume: (name: string) => boolean
  /**
   * For an app that goes to the background: nobody is asked, dialled or judged, and time does not count until `wake`. The
   * mechanisms stay up, and the node's connections too.
   */
  suspend: () => void
  wake: () => void

  /** From now on nothing is known of this peer, nor by it; what was is forgotten, and it is disconnected. Until `allow`. */
  deny: (id: PeerId) => Promise<void>
  allow: (id: PeerId) => void
  /** All that is remembered of this peer is gone. What is said of it from now on counts as ever: see {@link Multi.deny}. */
  forget: (id: PeerId) => Promise<void>
  /** All that is remembered of anybody is gone, as on the first day. */
  clear: () => Promise<void>
}
