/**
 * The store's own time: that of its clock, less what did not count (`hold`). All that the store keeps is in this time, so
 * a hold makes everything stand longer at once, whatever it is.
 *
 * Time that is held goes back, so whatever was stamped while it passed would be in the future, and stand before every
 * later word of its source. So stamps of the time that did not count are pressed together, in their order: what was
 * said then counts as if it had been said when time stood still.
 */
import { limits, type Clock } from '@peerweave/interface'

/** From a time before a hold to one after it. Never changes which of two is the earlier one. */
export type Press = (time: number) => number

interface Hold {
  /** When it was said, by the clock. */
  readonly at: number
  /** When it began, in the store's time. */
  readonly from: number
  /** What was held before, ms. */
  readonly before: number
  readonly press: Press
}

/**
 * What a hold lets pass all the same, ms, so that the stamps of the time that did not count have room. Chosen: nobody
 * measures so little, not a hundred times either; and a month after the boot, where a number of ms has 2⁻²¹ for its last
 * bit, an hour still has 30,000 moments in it. Two of one moment count as one, so of a claim and a goodbye the goodbye.
 */
const ROOM = 2 ** -6

/** Chosen: evidence comes within a second or two, and holds come seconds apart. */
const HOLDS = 64

export class HeldClock implements Clock {
  readonly sleep: Clock['sleep']
  readonly deadline: Clock['deadline']
  readonly setTimeout: Clock['setTimeout']
  readonly #clock: Clock
  #held = 0
  /**
   * For what was observed before a hold and comes after it. BOUNDED by {@link HOLDS}, the oldest goes: then what is from
   * before it is taken to be older than it is. Those from before `limits.evidenceLag` are of no use.
   */
  readonly #holds: Hold[] = []

  constructor (clock: Clock) {
    this.#clock = clock
    this.sleep = clock.sleep.bind(clock)
    this.deadline = clock.deadline.bind(clock)
    this.setTimeout = clock.setTimeout.bind(clock)
  }

  now (): number {
    return this.#clock.now() - this.#held
  }

  wall (): number {
    return this.#clock.wall()
  }

  /** The last `ms` did not count. @returns what to do with the stamps that were made until now */
  hold (ms: number): Press {
    const at = this.#clock.now()
    const to = at - this.#held
    const from = to - ms
    const press = pressed(from, to)
    this.#holds.push({ at, from, before: this.#held, press })
    this.#held += Math.max(0, ms - ROOM)
    while (this.#holds.length > HOLDS || (this.#holds[0] as Hold).from < from - limits.evidenceLag) this.#holds.shift()
    return press
  }

  /** A stamp of the clock in the store's time, whenever it comes. */
  stamp (at: number): number {
    let first = this.#holds.length
    while (first > 0 && at < (this.#holds[first - 1] as Hold).at) first--
    let time = at - (this.#holds[first]?.before ?? this.#held)
    for (let i = first; i < this.#holds.length; i++) time = (this.#holds[i] as Hold).press(time)
    return time
  }

  /** A time of the store's by the clock: when it will be, or would have been if all time had counted. */
  unheld (time: number): number {
    return time + this.#held
  }

  /** A time of the clock's in the store's, as if no hold came after it. */
  counted (at: number): number {
    return at - this.#held
  }
}

/** Times from `from` to `to` into the {@link ROOM} ms after `from`; later ones as many ms back. */
function pressed (from: number, to: number): Press {
  const [before, after] = [to - from, Math.min(ROOM, to - from)]
  return time => {
    if (!(time > from)) return time
    return time >= to ? time - before + after : from + (time - from) * after / before
  }
}
