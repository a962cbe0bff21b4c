/** Numbers of confidence and of slicing. Bounds are in `limits.ts`. Times are milliseconds. */
import type { DiscoveryType } from '@peerweave/interface'

/**
 * How likely a fresh claim of each type is to be reachable, before anything was learnt; where several types speak of a peer
 * the greatest decides. Those of gossip and dht by simulation (`npm run bench -- multi/expiry`, other seeds than its own):
 * an announcement is the peer's own word of that moment, a routing table keeps who is gone; from 0.25 to 0.4 for dht and
 * from 0.9 to 0.99 for gossip are as good. The others are guesses in the order that the mechanisms suggest.
 */
export const RELIABILITY: Readonly<Record<string, number>> = { mdns: 0.95, gossip: 0.95, bootstrap: 0.9, dns: 0.8, dht: 0.3 }

/** For types that are not in the table. */
export const DEFAULT_RELIABILITY = 0.6

/**
 * Age at which a claim says half as much: about as often as each mechanism hears of a peer again. Gossip's by simulation as
 * above: announcements come every 300 s.
 */
export const HALF_LIFE: Readonly<Record<string, number>> = {
  mdns: 120_000,
  bootstrap: 600_000,
  dns: 600_000,
  gossip: 300_000,
  dht: 3_600_000
}

export const DEFAULT_HALF_LIFE = 600_000

/**
 * Age at which a success of our own says half as much. By simulation as above: an hour offers a tenth more of those who are
 * gone where most stay for minutes, and a third more where they stay for hours.
 */
export const SUCCESS_HALF_LIFE = 600_000

/** What each failed dial since the last success leaves of the confidence. */
export const FAILURE_FACTOR = 0.66

/**
 * Age at which the failures since the last success count half as much. By simulation as above: without it, who came back is
 * thought to be away for hours, because hardly anybody dials it. From 300 s to an hour are as good.
 */
export const FAILURE_HALF_LIFE = 600_000

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
