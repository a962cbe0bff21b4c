/**
 * The exchange protocol: a peer is asked for signed records of the peers that it knows, and told what is known already;
 * it answers with at most 32 that are new. For mechanisms: `bootstrap` and `gossip` are built on it.
 *
 * Specified in docs/protocols/exchange.md.
 *
 * @packageDocumentation
 */
export { ENOUGH_RECORDS, HOPS, RECORD_TTL } from './constants.ts'
export { exchange, type Exchange, type ExchangeOptions, type ExchangeWait } from './exchange.ts'
export { askPace, type Pace } from './pace.ts'
export type { AnnounceOptions, Answered, AskOptions } from './node-exchange.ts'
export type { Heard, PoolResult } from './record-pool.ts'
