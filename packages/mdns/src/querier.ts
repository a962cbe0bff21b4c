/** When we ask. */
import {
  QUERY_DELAY, QUERY_INTERVAL, QUERY_INTERVAL_FACTOR, QUERY_INTERVAL_MAX, QUERY_SPREAD, REFRESH_JITTER
} from './constants.ts'
import type { Clock, Rng } from '@peerweave/interface'

export interface QuerierInit {
  clock: Clock
  rng: Rng
  /** Sends one query. */
  send: () => void
}

export class Querier {
  readonly #init: QuerierInit
  #askedAt = -Infinity

  constructor (init: QuerierInit) {
    this.#init = init
  }

  /** Asks, unless we did within the last second: whoever would answer is about to, and RFC 6762 §5.2 wants no more. */
  ask (): void {
    const now = this.#init.clock.now()
    if (now - this.#askedAt < QUERY_INTERVAL) return
    this.#askedAt = now
    this.#init.send()
  }

  /** Asks soon, then less and less often (RFC 6762 §5.2), until aborted. */
  async run (signal: AbortSignal): Promise<void> {
    const { clock, rng } = this.#init
    await clock.sleep(QUERY_DELAY + rng.float() * QUERY_SPREAD, { signal })
    for (let interval = QUERY_INTERVAL; ; interval = Math.min(interval * QUERY_INTERVAL_FACTOR, QUERY_INTERVAL_MAX)) {
      this.ask()
      // Only ever longer: the intervals are minima.
      await clock.sleep(interval * (1 + rng.float() * REFRESH_JITTER), { signal })
    }
  }
}
