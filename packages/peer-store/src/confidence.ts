/**
 * How likely a peer can be reached now, from who claims it, how long ago, and what our own dials told (DESIGN §5).
 * Pure functions of their arguments.
 */
import { FAILURE_FACTOR, FAILURES_COUNTED, halfLife, reliability, SUCCESS_HALF_LIFE } from './constants.ts'
import type { DiscoveryType } from '@peerweave/interface'

/** A claim as confidence sees it. */
export interface Testimony {
  group: string
  type: DiscoveryType
  /** ms */
  age: number
}

/** Our own dials. `lastSuccess` is monotonic ms. */
export interface Outcomes {
  lastSuccess?: number | undefined
  /** Failures since the last success. */
  failures: number
}

/**
 * The strongest testimony of each group says p = reliability · 2^(−age / halfLife); independent groups together
 * 1 − ∏(1 − p). A success of ours is a floor that halves with its age; each failure since takes a third.
 */
export function confidence (testimonies: Iterable<Testimony>, outcomes: Outcomes, now: number): number {
  const strongest = new Map<string, number>()
  for (const { group, type, age } of testimonies) {
    const p = reliability(type) * 2 ** (-Math.max(0, age) / halfLife(type))
    if (p > (strongest.get(group) ?? 0)) strongest.set(group, p)
  }
  // Multiplied in a fixed order: the last bit of a product depends on it, and the view must not.
  let doubt = 1
  for (const p of [...strongest.values()].sort((a, b) => a - b)) doubt *= 1 - p
  const floor = outcomes.lastSuccess == null ? 0 : 2 ** (-Math.max(0, now - outcomes.lastSuccess) / SUCCESS_HALF_LIFE)
  return Math.max(1 - doubt, floor) * FAILURE_FACTOR ** Math.min(outcomes.failures, FAILURES_COUNTED)
}
