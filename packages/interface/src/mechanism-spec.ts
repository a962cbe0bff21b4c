/** What an author of a mechanism says, and what `defineMechanism` gives in return. */
import type { ContentRouting, PeerId, PeerRouting } from '@libp2p/interface'
import type { Clock } from './clock.ts'
import type { AnnounceOptions, DiscoveryType, SelfRecord, Sighting } from './discovery.ts'

/** One start-to-stop span of a mechanism. */
export interface Session {
  /** Fires when the mechanism stops. */
  readonly signal: AbortSignal
  /** News that nobody asked for. After stop, and about ourselves, it is silently not news. */
  sight: (sighting: Sighting) => void
  /**
   * Something of it does not work: the status is `degraded`, with this as its last error, until what is returned is called
   * (more than once is once) and nothing else is wrong.
   */
  degrade: (error: Error) => () => void
  /** Runs beside the rounds until done or stopped; `stop` waits for it. A rejection degrades the mechanism for good. */
  background: (task: (signal: AbortSignal) => Promise<void>) => void
}

export interface Round {
  readonly namespace?: string | undefined
  /** How many sightings are wanted at the most. */
  readonly limit: number
  /** Fires when the caller gives up, at the deadline, and on stop. */
  readonly signal: AbortSignal
}

/** Counts what was dropped, by reason. A reason is a fixed word of the mechanism, never remote text. */
export interface DropCounter {
  (reason: string): void
}

export interface MechanismSpec {
  name: string
  type: DiscoveryType
  /** Hears of peers unasked. @default false */
  passive?: boolean
  /** @default systemClock() */
  clock?: Clock | undefined
  /** One round's time, ms. @default limits.roundDeadline */
  roundDeadline?: number | undefined
  /** Takes sockets and listeners. On a throw everything is closed again and `start` rejects. */
  open?: (session: Session) => Promise<void> | void
  /** The last chance to say goodbye: connections and pubsub are still there. Runs before `close`. */
  beforeClose?: () => Promise<void> | void
  /** Gives everything back. Runs once per `open`, also after one that failed. */
  close?: () => Promise<void> | void
  round: (round: Round) => AsyncIterable<Sighting>
  findPeer?: (id: PeerId, round: Round) => AsyncIterable<Sighting>
  announceSelf?: (self: SelfRecord, options: AnnounceOptions) => Promise<{ ttl: number }>
  withdrawSelf?: (options: AnnounceOptions) => Promise<void>
  /** libp2p's own forms of asking, where the mechanism has them: one object each, for as long as the mechanism lives. */
  peerRouting?: Partial<PeerRouting>
  contentRouting?: Partial<ContentRouting>
  /** Shared counter of dropped input, shown in status. */
  dropped?: Record<string, number>
}
