/** Every default of the exchange protocol. Times are milliseconds. */

/** How long a record stands when its owner brought it: four refresh intervals of gossip (research on the ledger, W14). */
export const RECORD_TTL = 1_200_000

/** How often a record may be passed on (document 004). Its owner's own word counts as none. */
export const HOPS = 3

/** One request and its answer. */
export const REQUEST_TIMEOUT = 5_000

/** How long an answer may take to make, from the opening of the stream. */
export const ANSWER_TIMEOUT = 5_000

/** A goodbye may keep us for this long. */
export const FAREWELL_TIMEOUT = 1_000

/** The first wait before a peer is asked again; doubled while its answers bring nothing new, halved while they do. Chosen. */
export const ASK_AGAIN = 500

/** An answerer that is asked too often keeps us away for this long at the most. Chosen. */
export const MAX_WAIT = 60_000

/** Records held with which no more are sought in haste: enough to know, in a large network, and to be known. Chosen. */
export const ENOUGH_RECORDS = 64

/** How far each wait is spread. */
export const ASK_JITTER = 0.2
