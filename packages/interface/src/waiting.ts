/** Waiting for work that may not look at signals itself. */
import { abortError, throwIfAborted } from './errors.ts'

/** `work`, or a rejection with `AbortError` as soon as `signal` fires. The work goes on unheard. */
export async function raceSignal<T> (work: Promise<T>, signal: AbortSignal): Promise<T> {
  work.catch(() => {}) // heard below, or by nobody
  throwIfAborted(signal)
  const { promise, reject } = Promise.withResolvers<never>()
  const onAbort = (): void => reject(abortError(signal.reason))
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([work, promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** Resolves when `work` has settled, either way, or when the signal fires. Never rejects. */
export async function settledOrAborted (work: Promise<unknown>, signal: AbortSignal): Promise<void> {
  await raceSignal(work, signal).catch(() => {})
}

/**
 * Passes a source on until a signal fires, whatever the source does: one that hangs or ignores the signal is left
 * behind. It is told to return in every case, at once when the signal fires (the reader may have left this lying) and
 * also when the reader breaks off. That is not awaited, for a hanging generator would hold the reader, but handed to
 * `onLeft`, for whoever must wait before letting go of what the source uses.
 */
export async function * untilAborted<T> (
  source: AsyncIterable<T>, signal: AbortSignal, onLeft: (left: Promise<unknown>) => void = ignore
): AsyncGenerator<T> {
  if (signal.aborted) return
  const iterator = source[Symbol.asyncIterator]()
  let hasLeft = false
  const leave = (): void => {
    if (hasLeft) return
    hasLeft = true
    onLeft((async () => { await iterator.return?.() })())
  }
  const { promise: ended, resolve: end } = Promise.withResolvers<IteratorReturnResult<undefined>>()
  const onAbort = (): void => {
    leave()
    end({ done: true, value: undefined })
  }
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    while (!hasLeft) {
      const step = iterator.next()
      step.catch(() => {}) // once the signal has fired nobody awaits this step, and its failure is no news
      const { done, value } = await Promise.race([step, ended])
      if (done === true) return
      yield value
    }
  } finally {
    signal.removeEventListener('abort', onAbort)
    leave()
  }
}

function ignore (left: Promise<unknown>): void {
  left.catch(() => {})
}
