/** Calls the store's `expire` when something is due, and not before. */
import type { Clock, PeerStore, Timer } from '@peerweave/interface'

/** Others may write to the store too, so it is looked at now and then. */
const AT_LEAST_EVERY = 60_000

export class ExpiryTimer {
  readonly #store: PeerStore
  readonly #clock: Clock
  #timer: Timer | undefined
  #at = Infinity
  #isRunning = false

  constructor (store: PeerStore, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  start (): void {
    this.#isRunning = true
    this.dueAt(this.#clock.now() + AT_LEAST_EVERY)
  }

  stop (): void {
    this.#isRunning = false
    this.#timer?.cancel()
    this.#at = Infinity
  }

  /** Something may run out at `at` (monotonic ms). */
  dueAt (at: number): void {
    if (!this.#isRunning || at >= this.#at) return
    this.#timer?.cancel()
    this.#at = at
    this.#timer = this.#clock.setTimeout(() => { void this.#expire() }, at - this.#clock.now())
  }

  async #expire (): Promise<void> {
    this.#at = Infinity
    const now = this.#clock.now()
    const { next } = await this.#store.expire(now)
    this.dueAt(Math.min(next, now + AT_LEAST_EVERY))
  }
}
