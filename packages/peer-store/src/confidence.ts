/**
 * How likely a peer can be reached now, from who claims it, how long ago, and what our own dials told (DESIGN §5).
 * Pure functions of their arguments. What was tried, and what won: `npm run bench -- multi/expiry`.
 */
import { FAILURE_FACTOR, FAILURE_HALF_LIFE, FAILURES_COUNTED, halfLife, reliability, SUCCESS_HALF_LIFE } from './constants.ts'
import type { DiscoveryType } from '@peerweave/interface'

/** A claim as confidence sees it. */
export interface Testimony {
  type: DiscoveryType
  /** ms */
  age: number
}

/** Our own dials. Times are monotonic ms. */
export interface Outcomes {
  lastSuccess?: number | undefined
  /** Failures since the last success. */
  failures: number
  /** The latest of them. Not known: it counts as if it was now. */
  lastFailure?: number | undefined
}

/**
 * The most reliable type of mechanism that speaks of the peer decides; of its testimonies the strongest, which says
 * p = reliability · 2^(−age / halfLife). A success of ours is a floor that halves with its age; each failure since takes a
 * third, and is forgotten as it ages: a peer that was away for an hour is dialled too rarely to be forgiven by a success.
 *
 * Independent claims do not add up. Whoever leaves makes all of them wrong at once, and the mechanisms that hear of a
 * departure last repeat the most: where a better one has fallen silent, their word is old news.
 */
export function confidence (testimonies: readonly Testimony[], outcomes: Outcomes, now: number): number {
  const { lastSuccess, failures, lastFailure = now } = outcomes
  const floor = lastSuccess == null ? 0 : faded(now - lastSuccess, SUCCESS_HALF_LIFE)
  const reachable = Math.max(decisive(testimonies), floor)
  if (failures === 0) return reachable
  return reachable * FAILURE_FACTOR ** (Math.min(failures, FAILURES_COUNTED) * faded(now - lastFailure, FAILURE_HALF_LIFE))
}

function decisive (testimonies: readonly Testimony[]): number {
  let most = 0
  let strongest = 0
  for (const testimony of testimonies) {
    const trust = reliability(testimony.type)
    if (trust < most) continue
    const p = strength(testimony)
    strongest = trust > most ? p : Math.max(strongest, p)
    most = trust
  }
  return strongest
}

/** What one testimony says by itself. */
export function strength ({ type, age }: Testimony): number {
  return reliability(type) * faded(age, halfLife(type))
}

function faded (age: number, halfLife: number): number {
  return 2 ** (-Math.max(0, age) / halfLife)
}
