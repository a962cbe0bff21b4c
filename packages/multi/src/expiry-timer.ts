/** Calls the store's `expire` when something is due, and not before. */
import { EXPIRE_AT_LEAST_EVERY } from './constants.ts'
import type { Clock, PeerStore, Timer } from '@peerweave/interface'

export class ExpiryTimer {
  readonly #store: PeerStore
  readonly #clock: Clock
  readonly #onError: (error: unknown) => void
  #timer: Timer | undefined
  #at = Infinity
  #isRunning = false

  constructor (store: PeerStore, clock: Clock, onError: (error: unknown) => void) {
    this.#store = store
    this.#clock = clock
    this.#onError = onError
  }

  start (): void {
    this.#isRunning = true
    this.dueAt(this.#clock.now() + EXPIRE_AT_LEAST_EVERY)
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
    let next = Infinity
    try {
      next = (await this.#store.expire(now)).next
    } catch (error) {
      this.#onError(error)
    } finally {
      this.dueAt(Math.min(next, now + EXPIRE_AT_LEAST_EVERY))
    }
  }
}
