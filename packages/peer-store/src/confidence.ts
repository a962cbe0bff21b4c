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
export function confidence (testimonies: readonly Testimony[], outcomes: Outcomes, now: number): number {
  const floor = outcomes.lastSuccess == null ? 0 : 2 ** (-Math.max(0, now - outcomes.lastSuccess) / SUCCESS_HALF_LIFE)
  const reachable = Math.max(together(testimonies), floor)
  return outcomes.failures === 0 ? reachable : reachable * FAILURE_FACTOR ** Math.min(outcomes.failures, FAILURES_COUNTED)
}

function together (testimonies: readonly Testimony[]): number {
  const [first, ...others] = testimonies
  if (first == null) return 0
  if (others.every(({ group }) => group === first.group)) return Math.max(...testimonies.map(strength)) // most peers
  const strongest = new Map<string, number>()
  for (const testimony of testimonies) {
    const p = strength(testimony)
    if (p > (strongest.get(testimony.group) ?? 0)) strongest.set(testimony.group, p)
  }
  // Multiplied in a fixed order: the last bit of a product depends on it, and the view must not.
  let doubt = 1
  for (const p of [...strongest.values()].sort((a, b) => a - b)) doubt *= 1 - p
  return 1 - doubt
}

/** What one testimony says by itself. */
export function strength ({ type, age }: Pick<Testimony, 'type' | 'age'>): number {
  return reliability(type) * 2 ** (-Math.max(0, age) / halfLife(type))
}
