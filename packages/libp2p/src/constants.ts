/** Defaults and bounds of this package. What a stranger can grow is bounded in `limits` of `@peerweave/interface`. */

/** Between two discovery rounds of a mechanism that runs as a plain libp2p service, ms. Chosen. */
export const ROUND_INTERVAL = 60_000

/** Rounds are spread by ± this share of the interval, so that nodes started together do not ask together. */
export const ROUND_JITTER = 0.2

/** DNS queries for one address, `dnsaddr` records followed included; further ones are not made. Chosen. */
export const LOOKUPS_PER_ADDRESS = 16

/** One address must be resolved within this, ms, so that a dead DNS server leaves time for the literal addresses. */
export const LOOKUP_TIMEOUT = 3_000

/** How long the other side may take to close a stream that is done, ms, before it is reset. Chosen. */
export const CLOSE_TIMEOUT = 1_000

/** libp2p forgets a peer after this, ms (3 days); Peerweave's own expiry decides earlier. */
export const MAX_PEER_AGE = 259_200_000
