/** A rate with a burst. */

/** Takes a token; `false` when there is none. `now` in ms, never going back. */
export interface TokenBucket {
  (now: number): boolean
}

/**
 * @param rate - tokens a second
 * @param burst - how many it holds at most; it begins full
 */
export function tokenBucket (rate: number, burst: number, now: number): TokenBucket {
  let tokens = burst
  let at = now
  return now => {
    tokens = Math.min(burst, tokens + rate * (now - at) / 1_000)
    at = now
    if (tokens < 1) return false
    tokens--
    return true
  }
}
