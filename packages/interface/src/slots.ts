/** Places for work at once, and a queue before them: first come, first served. */
import { LimitExceededError } from './errors.ts'
import { raceSignal } from './waiting.ts'

export class Slots {
  readonly #size: number
  readonly #maxWaiting: number
  readonly #waiting = new Set<() => void>()
  #taken = 0

  /** @param maxWaiting - at this many waiting, {@link take} fails with `LimitExceededError` */
  constructor (size: number, maxWaiting: number) {
    this.#size = size
    this.#maxWaiting = maxWaiting
  }

  get isIdle (): boolean {
    return this.#taken === 0
  }

  /** Resolves with the function that gives the place back. Rejects with `AbortError` when `signal` fires first. */
  async take (signal: AbortSignal): Promise<() => void> {
    if (this.#taken < this.#size) {
      this.#taken++
    } else {
      if (this.#waiting.size >= this.#maxWaiting) throw new LimitExceededError(`${this.#maxWaiting} are waiting already`)
      await this.#turn(signal)
    }
    let isTaken = true
    return () => {
      if (isTaken) this.#pass()
      isTaken = false
    }
  }

  async #turn (signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#waiting.add(resolve)
    try {
      await raceSignal(promise, signal)
    } catch (error) {
      // Called in the same moment as it gave up: the place goes on to the next.
      if (!this.#waiting.delete(resolve)) this.#pass()
      throw error
    }
  }

  /** A place that is free goes straight to whoever waits longest, so that nobody can overtake. */
  #pass (): void {
    const [next] = this.#waiting
    if (next == null) {
      this.#taken--
    } else {
      this.#waiting.delete(next)
      next()
    }
  }
}
