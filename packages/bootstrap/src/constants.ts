/** Every default of the bootstrap mechanism. Times are milliseconds. */

/** Peers taken in one round (document 004). */
export const MAX_PEERS = 10

/** One attempt at one node, over all its addresses (document 004). */
export const TIMEOUT = 30_000

/**
 * Wait before a failed node is tried again: full jitter, doubling from `base` to `cap`, for as long as we run. The
 * documents' three retries a minute apart give up on a node that is away for five minutes; this does not.
 */
export const RETRY: { base: number, cap: number } = { base: 1_000, cap: 60_000 }

/** How long "it answered us there" stands. Each round that finds it connected says it anew. */
export const TTL = 600_000
