/** Every default of `multi`. Times are milliseconds. */

/** How often every mechanism is asked anew (document 004). */
export const INTERVAL = 60_000

/** How far each interval is spread, so that nodes started together do not ask together. */
export const INTERVAL_JITTER = 0.2

/** Sightings taken of one mechanism and round (document 004). */
export const MAX_PEERS_PER_ROUND = 50

/**
 * How long `start` waits for its mechanisms. Chosen: a socket opens in milliseconds; a mechanism that needs longer goes
 * on starting, and the node does not wait for it.
 */
export const START_PATIENCE = 1_000

/** How long `discover` looks for peers when nothing else was said. */
export const DISCOVER_DEADLINE = 10_000

/** Mechanism back-off after a failed round: full jitter from `base`, doubling to `cap`. */
export const ROUND_BACKOFF: { base: number, cap: number } = { base: 1_000, cap: 30_000 }

/** Own addresses change several times while a node starts; one announcement is enough for all. */
export const ANNOUNCE_DEBOUNCE = 100

/** An announcement is renewed when this part of its granted TTL has passed. */
export const RENEW_AT: number = 7 / 8

/** How long an announcement that failed waits for the next try. */
export const ANNOUNCE_RETRY = 30_000

/** Connections to peers of an earlier run, sought after a start. Half of the first eight (ledger research §B). */
export const WARM_CONNECTIONS = 4

/** How long they are sought. Chosen: three rounds of dials that time out. */
export const WARM_TIME = 30_000

/** Peers of each kind that are dialled on hearsay, when nobody proven answers and we are alone. Chosen. */
export const WARM_HEARSAY = 16

/** Peers drawn of each table for those who ask which ones we know; the rest stay unsaid for {@link DRAWN_FOR}. Chosen: four answers' worth. */
export const DRAWN_PEERS = 128

/** For how long the same ones are drawn. Chosen. */
export const DRAWN_FOR = 1_000

/** How long an announcement at a memory hub stands. */
export const MEMORY_TTL = 60_000

/** How long the word of a wrapped libp2p module stands: it never says so itself. As mDNS records do (RFC 6762 §10). */
export const MODULE_TTL = 120_000

/** Others may write to the store too, so what has expired is looked for this often at least. */
export const EXPIRE_AT_LEAST_EVERY = 60_000
