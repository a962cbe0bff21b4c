/** When a silent peer is suspected, when it is dead, and when silence says more of us than of others: pure functions. */
import { DEATH_MARGIN, MASS_SILENCE, MASS_SILENCE_MIN, PEER_STALL, PROBE_TIMEOUT, RTT_UNKNOWN } from './constants.ts'

/**
 * How long a probe may go unanswered before its peer is suspected, ms: three round trips, within {@link PROBE_TIMEOUT},
 * and two for a peer so far away that these are more.
 */
export function suspicionAfter (rtt: number | undefined, healthFactor: number): number {
  const { min, max } = PROBE_TIMEOUT
  if (rtt == null) return max * healthFactor
  return Math.max(2 * rtt, Math.min(max, Math.max(min, 3 * rtt))) * healthFactor
}

/**
 * How long after the first unanswered probe was sent a peer is dead, ms. One that was stalled for {@link PEER_STALL}
 * answers a round trip later, or three when it had reset the stream of pings meanwhile and must open another.
 */
export function deathAfter (rtt: number = RTT_UNKNOWN): number {
  return PEER_STALL + Math.max(DEATH_MARGIN, 3 * rtt + DEATH_MARGIN / 3)
}

/**
 * Whether so many fell silent at once that it is rather our own network. Of one or two peers nothing can be told: the
 * only neighbour of a node may well have crashed, and one that is wrongly given up comes back with its next connection.
 */
export function isMassSilence (silent: number, answering: number): boolean {
  return silent >= MASS_SILENCE_MIN && silent >= MASS_SILENCE * (silent + answering)
}

/** The middle of the last three round trips: one that a stall made long changes nothing, three do. */
export class RoundTrip {
  readonly #last: number[] = []

  add (ms: number): void {
    this.#last.push(ms)
    if (this.#last.length > 3) this.#last.shift()
  }

  /** `undefined` before the first. */
  get ms (): number | undefined {
    return [...this.#last].sort((a, b) => a - b)[this.#last.length >> 1]
  }
}
