/** Times of the resolver, with their source; milliseconds. */

/**
 * A record is believed at least this long: a TTL of 0 cannot make us ask all the time. Security research T9. What we announce
 * has no TTL beyond these two either: a shorter one would be raised by readers, a longer one keeps the dead.
 */
export const TTL_MIN = 30_000
/** … and at most this long. Security research T9. */
export const TTL_MAX = 86_400_000
/** That something is not there is believed at most this long. RFC 2308 §5: one to three hours are found to work well. */
export const NEGATIVE_TTL_MAX = 10_800_000
/**
 * … and this long when the zone does not say: without its SOA it "should not be cached" (RFC 2308 §5), because servers
 * that ask each other would keep it for ever. Nobody asks us; this only keeps one round from asking twice. Chosen.
 */
export const NEGATIVE_TTL_UNTOLD = 5_000
/** A failed question is asked again after full jitter, doubling from `base` to `cap`. RFC 2308 §7: at most five minutes. Chosen. */
export const RETRY: { readonly base: number, readonly cap: number } = { base: 500, cap: 5_000 }
/** What has lapsed is kept for when nobody answers. RFC 8767 §5: one to three days. Security research T9: one. */
export const STALE_FOR = 86_400_000
/** What has lapsed is given out after servers were silent for this. RFC 8767 §5. */
export const STALE_WAIT = 1_800
/** … and is believed for this. RFC 8767 §4. */
export const STALE_TTL = 30_000
