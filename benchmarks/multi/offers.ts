/**
 * How many of those whom a policy offers are gone, at a given share of misses. A policy gives each peer a score at each
 * moment and offers those that score at least as much as its bar; `NONE` is never offered, wherever the bar is.
 */

/** Of a peer that no bar lets in. */
export const NONE = -Infinity

export class Offers {
  /** Of peers that are gone. */
  readonly #gone: number[] = []
  /** Of peers that are there, and ought to be offered. */
  readonly #there: number[] = []

  gone (score: number): void {
    if (score !== NONE) this.#gone.push(score)
  }

  there (score: number): void {
    this.#there.push(score)
  }

  add (other: Offers): void {
    for (const score of other.#gone) this.#gone.push(score)
    for (const score of other.#there) this.#there.push(score)
  }

  /**
   * Gone peers that are offered, for each one that is there and ought to be, when the bar is where the share `missed` of the
   * latter is not. Where many score the same, no bar misses that share: then it is between the two nearest, as far as it
   * has to be, as if the bar moved from one to the other at random.
   *
   * @returns NaN when so many are never offered that no bar is low enough
   */
  staleAt (missed: number): number {
    const there = Float64Array.from(this.#there).sort()
    const gone = Float64Array.from(this.#gone).sort()
    const most = missed * there.length
    if (below(there, NONE, true) > most) return NaN
    // With the bar at `score` those below it are missed; just above it also those at it.
    const score = there[Math.min(there.length - 1, Math.floor(most))] as number
    const [missedAt, missedAbove] = [below(there, score), below(there, score, true)]
    const [staleAt, staleAbove] = [gone.length - below(gone, score), gone.length - below(gone, score, true)]
    const part = missedAbove === missedAt ? 0 : (most - missedAt) / (missedAbove - missedAt)
    return (staleAt + part * (staleAbove - staleAt)) / there.length
  }
}

/** How many of them are less than `value`, or no more than that. */
function below (sorted: Float64Array, value: number, orEqual = false): number {
  let [from, to] = [0, sorted.length]
  while (from < to) {
    const middle = (from + to) >> 1
    const one = sorted[middle] as number
    if (one < value || (orEqual && one === value)) from = middle + 1
    else to = middle
  }
  return from
}
