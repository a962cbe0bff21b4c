/**
 * How well we are ourselves (Lifeguard's local health, arXiv 1707.00788): a node whose own event loop is late hears
 * answers late, and gives others more time before it suspects them.
 */
import { HEALTH_RECOVERY, HEALTH_WORST } from './constants.ts'

export class LocalHealth {
  #score = 0
  #since = 0

  /** 0: well; {@link HEALTH_WORST}: as bad as it gets. One point is forgiven every {@link HEALTH_RECOVERY}. `now`: ms awake. */
  score (now: number): number {
    const forgiven = Math.floor((now - this.#since) / HEALTH_RECOVERY)
    return Math.max(0, this.#score - forgiven)
  }

  /** We were late by `ms`: one point for each second begun. */
  worsen (ms: number, now: number): void {
    this.#score = Math.min(HEALTH_WORST, this.score(now) + Math.ceil(ms / 1_000))
    this.#since = now
  }

  /** What the patience with a probe is multiplied by. */
  factor (now: number): number {
    return 1 + this.score(now)
  }
}
