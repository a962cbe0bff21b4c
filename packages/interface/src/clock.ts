/**
 * Time as an option. One of the two files that may touch the platform's clock (the other is `rng.ts`, for chance):
 * everything else takes a {@link Clock}, so that a simulator can move it.
 */
import { abortError, TimeoutError } from './errors.ts'

/** The longest delay a platform timer takes: anything longer fires at once (security research F10). */
export const MAX_TIMEOUT: number = 2 ** 31 - 1

/** A pending timer. `cancel` may be called any number of times. */
export interface Timer {
  cancel: () => void
}

/** A signal that fires at a point in time, or with a parent. `clear` must be called when the work is done. */
export interface Deadline extends Disposable {
  readonly signal: AbortSignal
  clear: () => void
}

export interface Clock {
  /** Monotonic milliseconds from an arbitrary start. Ages and expiry are measured with this. */
  now: () => number
  /** Wall-clock milliseconds since 1970. It may jump; it is for people and for what is written to disk or wire. */
  wall: () => number
  /** Calls `fn` after `ms`. Negative and `NaN` mean 0; there is no upper bound. */
  setTimeout: (fn: () => void, ms: number) => Timer
  /** Resolves after `ms`; rejects with the signal's reason wrapped in an `AbortError`. */
  sleep: (ms: number, options?: { signal?: AbortSignal | undefined }) => Promise<void>
  /**
   * A signal that fires with a `TimeoutError` after `ms` (`Infinity`: never), or with the reason of whichever parent
   * fires first. Instead of `AbortSignal.any`, which leaks on long-lived parents and runs on the platform's clock.
   */
  deadline: (ms: number, ...parents: Array<AbortSignal | undefined>) => Deadline
}

/** The platform's clock. */
export function systemClock (): Clock {
  return system
}

const system: Clock = createClock({
  now: () => performance.now(),
  wall: () => Date.now(),
  setTimeout (fn, ms) {
    let handle: ReturnType<typeof setTimeout>
    // A delay that one platform timer cannot hold is waited for in parts.
    const arm = (left: number): void => {
      handle = left > MAX_TIMEOUT ? setTimeout(() => arm(left - MAX_TIMEOUT), MAX_TIMEOUT) : setTimeout(fn, left)
    }
    arm(ms > 0 ? ms : 0)
    return { cancel: () => clearTimeout(handle) }
  }
})

/**
 * Resolves in a later turn of the event loop, after timers and I/O that are ready had theirs. Not a wait: no time is
 * meant to pass, so it is no clock's business.
 */
export async function nextTurn (): Promise<void> {
  await new Promise<void>(resolve => {
    if (typeof setImmediate === 'function') setImmediate(resolve)
    else setTimeout(resolve, 0)
  })
}

/** Builds the waiting methods on the three primitives, so that every clock waits in the same way. */
export function createClock (base: Pick<Clock, 'now' | 'wall' | 'setTimeout'>): Clock {
  return {
    ...base,
    async sleep (ms, { signal } = {}) {
      if (signal?.aborted === true) throw abortError(signal.reason)
      await new Promise<void>((resolve, reject) => {
        const onAbort = (): void => {
          timer.cancel()
          reject(abortError(signal?.reason))
        }
        const timer = base.setTimeout(() => {
          signal?.removeEventListener('abort', onAbort)
          resolve()
        }, ms)
        signal?.addEventListener('abort', onAbort, { once: true })
      })
    },
    deadline (ms, ...parents) {
      const controller = new AbortController()
      const timer = ms === Infinity
        ? undefined
        : base.setTimeout(() => end(new TimeoutError(`nothing within ${ms} ms`)), ms)
      const listened: Array<[AbortSignal, () => void]> = []
      const clear = (): void => {
        timer?.cancel()
        for (const [parent, listener] of listened.splice(0)) parent.removeEventListener('abort', listener)
      }
      const end = (reason: unknown): void => {
        clear()
        controller.abort(reason)
      }
      for (const parent of parents) {
        if (parent == null || controller.signal.aborted) continue
        if (parent.aborted) {
          end(parent.reason)
          continue
        }
        const listener = (): void => end(parent.reason)
        parent.addEventListener('abort', listener, { once: true })
        listened.push([parent, listener])
      }
      return { signal: controller.signal, clear, [Symbol.dispose]: clear }
    }
  }
}
