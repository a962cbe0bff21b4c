/** Numbers of confidence and of slicing. Bounds are in `limits.ts`. Times are milliseconds. */
import type { DiscoveryType } from '@peerweave/interface'

/**
 * How likely a fresh claim of each type is to be reachable, before anything was learnt. Guesses in the order that the
 * mechanisms suggest (a host that answers on the link beats a record that a stranger stored); tuned by simulation when
 * the simulator can.
 */
export const RELIABILITY: Readonly<Record<string, number>> = { mdns: 0.95, bootstrap: 0.9, dns: 0.8, gossip: 0.7, dht: 0.5 }

/** For types that are not in the table. */
export const DEFAULT_RELIABILITY = 0.6

/** Age at which a claim says half as much. Guesses, by how often each mechanism hears of a peer again. */
export const HALF_LIFE: Readonly<Record<string, number>> = {
  mdns: 120_000,
  bootstrap: 600_000,
  dns: 600_000,
  gossip: 600_000,
  dht: 3_600_000
}

export const DEFAULT_HALF_LIFE = 600_000

/** Age at which a success of our own says half as much. Chosen: a peer that answered an hour ago still likely does. */
export const SUCCESS_HALF_LIFE = 3_600_000

/** What each failed dial since the last success leaves of the confidence. */
export const FAILURE_FACTOR = 0.66

/** Failures beyond this change nothing more: 0.66⁸ is 4 %. */
export const FAILURES_COUNTED = 8

/** How old a snapshot's times and confidence may be before it is computed anew. */
export const SNAPSHOT_AGE = 1_000

/** Expired entries looked at in one turn of the event loop: a few hundred microseconds. Chosen. */
export const EXPIRIES_PER_TURN = 32

/** Records of the expiry queue that count no more and are dropped in one turn, as above. */
export const STALE_PER_TURN = 1_024

/** Ids hashed in one turn of the event loop, as above. */
export const HASHES_PER_TURN = 128

export function reliability (type: DiscoveryType): number {
  return RELIABILITY[type] ?? DEFAULT_RELIABILITY
}

export function halfLife (type: DiscoveryType): number {
  return HALF_LIFE[type] ?? DEFAULT_HALF_LIFE
}
