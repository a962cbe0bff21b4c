/**
 * What asking a mechanism has been worth: how many peers came into the view by a round of it, and how long that took.
 * Whoever wants only some peers asks the most worthwhile mechanism first, and at its interval one that gives nothing new
 * is asked less often.
 */
import { clampMs } from '@peerweave/interface'
import { COST, FIRST_HEDGE, HEDGE_MAX, HEDGE_MIN, STRETCH, STRETCH_MAX, YIELD_MEMORY, YIELD_PRIOR } from './constants.ts'
import type { DiscoveryType } from '@peerweave/interface'

/** One round that ended without failing. */
export interface RoundYield {
  /** Peers that were in nobody's view before. */
  fresh: number
  /** From its beginning to the last sighting that was taken, ms; of a round without one, to its end. */
  ms: number
  /** The shortest TTL among its claims, ms; `Infinity` without one. */
  ttl: number
}

export class YieldBook {
  readonly #cost: number
  /** Peers a round, the later ones counting more. A mechanism that was never asked is worth a try. */
  #fresh = YIELD_PRIOR
  #ms: number | undefined
  #stretch = 1
  #ttl = Infinity

  constructor (type: DiscoveryType) {
    this.#cost = COST.get(type) ?? 1
  }

  add ({ fresh, ms, ttl }: RoundYield): void {
    this.#fresh += YIELD_MEMORY * (fresh - this.#fresh)
    this.#ms = this.#ms == null ? ms : this.#ms + YIELD_MEMORY * (ms - this.#ms)
    this.#stretch = fresh > 0 ? 1 : Math.min(this.#stretch * STRETCH, STRETCH_MAX)
    this.#ttl = ttl
  }

  /** Peers that a round is expected to bring, by what it costs. */
  get worth (): number {
    return this.#fresh / this.#cost
  }

  /** For how long it is waited for before another mechanism is asked beside it, ms. */
  get hedge (): number {
    return this.#ms == null ? FIRST_HEDGE : clampMs(2 * this.#ms, HEDGE_MIN, HEDGE_MAX)
  }

  /** Until the next round, ms: longer while nothing new comes, but what is known must be heard again before it lapses. */
  wait (interval: number): number {
    return Math.min(interval * this.#stretch, Math.max(interval, this.#ttl / 2))
  }
}
