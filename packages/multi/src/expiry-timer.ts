/** Calls the store's `expire` when something is due, and not before. */
import { EXPIRE_AT_LEAST_EVERY, HOLD_STEP } from './constants.ts'
import type { Clock, PeerStore, Timer } from '@peerweave/interface'

export interface ExpiryTimerInit {
  store: PeerStore
  clock: Clock
  /** Asked before anything is dropped: whether time counts. */
  mayExpire: () => boolean
  onError: (error: unknown) => void
}

export class ExpiryTimer {
  readonly #init: ExpiryTimerInit
  #timer: Timer | undefined
  #at = Infinity
  #isRunning = false

  constructor (init: ExpiryTimerInit) {
    this.#init = init
  }

  start (): void {
    this.#isRunning = true
    // What is next is the store's to say.
    this.dueAt(this.#init.clock.now())
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
    this.#timer = this.#init.clock.setTimeout(() => { void this.#expire() }, at - this.#init.clock.now())
  }

  async #expire (): Promise<void> {
    const { store, clock, mayExpire, onError } = this.#init
    this.#at = Infinity
    const now = clock.now()
    if (!mayExpire()) {
      this.dueAt(now + HOLD_STEP)
      return
    }
    let next = Infinity
    try {
      next = (await store.expire(now)).next
    } catch (error) {
      onError(error)
    } finally {
      this.dueAt(Math.min(next, now + EXPIRE_AT_LEAST_EVERY))
    }
  }
}
