/** Every default of the gossip mechanism. Times are milliseconds. */
import { limits } from '@peerweave/interface'

/** Between two pull rounds (document 004). */
export const INTERVAL = 30_000

/** Peers asked in one pull round (document 004). */
export const FANOUT = 3

/** Questions to one peer in a row, while it has more: a full share of what we keep of one peer's answers. */
export const ASKS_IN_A_ROW: number = limits.exchangeAsked / limits.exchangeAnswer

/** Peers claimed of one source (document 004). */
export const MAX_PEERS = 50

/** Authors whose last announcement is remembered (document 004). */
export const HISTORY = 1_000

/** Between two announcements of a node that stays as it is: N of them cost N² deliveries. What the documents call refresh. */
export const REFRESH = 300_000

/**
 * The first announcements come again sooner: a node's mesh, where it joins by one neighbour, is small when the first is made,
 * and those who come a moment later hear it by no other way but exchange, which goes as far as its hop limit. Once while the
 * net forms, and once when others know us for long enough (`limits.gossipAuthorAge`) that it costs our neighbours nothing of
 * what they may hand on of newcomers: goodbyes of the first minute have room there. Chosen.
 */
export const ANNOUNCE_AGAIN: readonly number[] = [5_000, 90_000]

/** How far each of our waits is spread, so that nodes started together do not announce together. */
export const REFRESH_JITTER = 0.2

/** Own addresses change several times while a node starts; one announcement is enough for all. */
export const ANNOUNCE_DEBOUNCE = 100

/** A publication that failed is tried again after this. */
export const PUBLISH_RETRY = 1_000

/** A neighbour that subscribed and has neither asked nor been told of us after this is brought our record. Chosen. */
export const BRING_AFTER = 1_000
