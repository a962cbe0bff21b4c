/**
 * Notices time in which we were not there: a busy event loop, a machine that slept, a clock that was set. Without it a
 * node that wakes up takes its own absence for that of everybody else.
 *
 * A timer comes late: monotonic time passed that we did not see. Wall and monotonic time drift apart by more than
 * `limits.clockJump` between two looks: the machine slept with its monotonic clock stopped (Linux), or somebody set the
 * wall clock. The two look the same.
 */
import { limits, type Clock, type Timer } from '@peerweave/interface'
import { LATE, SLEEP_MAX, TIMER_SLACK, WATCH_INTERVAL } from './constants.ts'

export interface LostTime {
  /**
   * - `stall`: our timers were late by up to `limits.clockJump`: the event loop was blocked, or the process stopped.
   * - `sleep`: they were later than that, or the wall clock ran ahead by more, up to {@link SLEEP_MAX}. A wall clock set
   *   ahead by so much looks the same and is told as this.
   * - `jump`: the wall clock went back, or ahead by more than anybody sleeps.
   */
  readonly kind: 'stall' | 'sleep' | 'jump'
  /** How long, or how far; negative for a wall clock that went back. */
  readonly ms: number
  /** Of that, monotonic time that passed without us, ms: 0 where the wall clock alone moved. Ages grew by this. */
  readonly lost: number
}

export interface ClockWatchInit {
  clock: Clock
  /** Called from a timer, or from {@link ClockWatch.check} and {@link ClockWatch.awake}. */
  onLost: (event: LostTime) => void
}

export class ClockWatch {
  readonly #clock: Clock
  readonly #onLost: (event: LostTime) => void
  #timer: Timer | undefined
  #due = Infinity
  /** Wall minus monotonic time when last looked at. */
  #gap = 0
  /** Monotonic time without us so far, ms. */
  #lost = 0

  constructor ({ clock, onLost }: ClockWatchInit) {
    this.#clock = clock
    this.#onLost = onLost
  }

  start (): void {
    if (this.#timer != null) return
    this.#gap = this.#clock.wall() - this.#clock.now()
    this.#arm()
  }

  stop (): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#due = Infinity
  }

  /**
   * Monotonic ms, less the time that we were not there. Exact to {@link WATCH_INTERVAL}: a shorter absence between two
   * looks is not seen.
   */
  awake (): number {
    this.check()
    return this.#clock.now() - this.#lost
  }

  /** Looks now. Of timers that are late together any may be first: whoever measures ages in one calls this before. */
  check (): void {
    const late = this.#clock.now() - this.#due
    const moved = this.#lookAtWall()
    if (late > TIMER_SLACK) {
      this.#lost += late
      this.#timer?.cancel()
      this.#arm()
      if (late > LATE) this.#onLost({ kind: late > limits.clockJump ? 'sleep' : 'stall', ms: late, lost: late })
    }
    if (Math.abs(moved) > limits.clockJump) {
      this.#onLost({ kind: moved > 0 && moved <= SLEEP_MAX ? 'sleep' : 'jump', ms: moved, lost: 0 })
    }
  }

  /** How far the wall clock moved against the monotonic one. What moves slowly, as NTP slews, never adds up. */
  #lookAtWall (): number {
    if (this.#timer == null) return 0
    const gap = this.#clock.wall() - this.#clock.now()
    const moved = gap - this.#gap
    this.#gap = gap
    return moved
  }

  #arm (): void {
    this.#due = this.#clock.now() + WATCH_INTERVAL
    this.#timer = this.#clock.setTimeout(() => {
      this.check()
      this.#timer?.cancel()
      this.#arm()
    }, WATCH_INTERVAL)
  }
}
