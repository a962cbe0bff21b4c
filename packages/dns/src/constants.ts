/** Every default of the mechanism, with unit and source. Times are milliseconds. */

/** Between two rounds of a plain libp2p service. Chosen: what zones usually let others keep (five minutes). */
export const ROUND_INTERVAL = 300_000
/** How long others may believe what we announce. Chosen: a peer that is killed is gone from every reader's view in twice that and `CLOCK_SKEW`. */
export const ANNOUNCE_TTL = 300_000
/** Share of the TTL after which we announce ourselves anew: as go-libp2p's routing discovery does. */
export const REFRESH_AT = 0.875
/** Between attempts of an announcement that failed, from … to. */
export const ANNOUNCE_RETRY: { readonly base: number, readonly cap: number } = { base: 2_000, cap: 60_000 }
/** Addresses change together; what is announced waits for the last of them. Chosen. */
export const ADDRESSES_SETTLE = 500
/** The goodbye, look-up and update together: whom libp2p asks to leave keeps all others waiting. Chosen: as one look-up. */
export const GOODBYE_TIMEOUT = 5_000
