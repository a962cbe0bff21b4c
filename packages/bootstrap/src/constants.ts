/** Every default of the bootstrap mechanism. Times are milliseconds. */
import { limits } from '@peerweave/interface'

/** Peers taken in one round (document 004). */
export const MAX_PEERS = 10

/** One attempt at one node, over all its addresses (document 004). */
export const TIMEOUT = 30_000

/**
 * Wait before a failed node is tried again: full jitter, doubling from `base` to `cap`, for as long as we run. The
 * documents' three retries a minute apart give up on a node that is away for five minutes; this does not.
 */
export const RETRY: { base: number, cap: number } = { base: 1_000, cap: 60_000 }

/** Connections with which no more nodes are dialled (document 003). */
export const ENOUGH = 3

/** The longest between two questions to one node: what the documents call refresh. */
export const ASK_INTERVAL = 300_000

/** Questions to one node in a row, while it has more: a full share of what we keep of one peer's answers. */
export const ASKS_IN_A_ROW: number = limits.exchangeAsked / limits.exchangeAnswer

/** How long "it answered us there" stands. Each round that finds it connected says it anew. */
export const TTL = 600_000
