/** The numbers of the demo. Times are milliseconds. */

/** How long a claim stands: short, so that one can watch it run out. */
export const TTL = 4_000

/** How often the observer asks. */
export const INTERVAL = 1_000

/** When the first newcomer joins, the first node crashes, and one leaves, counted from when all others run. */
export const JOIN_AT = 2_500
export const CRASH_AT = 4_000
export const LEAVE_AT = 6_000

/** After the opening, something happens this often (± 30 %). */
export const EVENT_EVERY = 6_000

/** Nobody joins so shortly before the end that the observer could miss it. */
export const LAST_JOIN_BEFORE_END = 4_000

/** A crash is noticed within this. It takes the claims their TTL to run out; the rest is for a machine that is busy. */
export const NOTICED_WITHIN: number = TTL + 1_000

/** Table repaints. */
export const REPAINT = 250

/** Lines of history below the table. */
export const HISTORY = 8

/** How long a node of the other processes may take to say goodbye: less than the demo waits for it. */
export const GOODBYE_PATIENCE = 1_000

/** How long nodes may take to stop when the demo ends. */
export const STOP_PATIENCE = 1_500

/** How long the probe for multicast waits. A packet on loopback takes well under a millisecond; a machine that is busy may take this. */
export const MULTICAST_PATIENCE = 1_000
