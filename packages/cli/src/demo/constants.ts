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

/** Table repaints. */
export const REPAINT = 250

/** How long nodes may take to stop when the demo ends. */
export const STOP_PATIENCE = 1_500
