/**
 * Work on other threads takes no virtual time: a clock that a test moves waits for it, or what it is needed for would
 * come when time has passed already.
 */

/** BOUNDED by whoever asks for the work: each goes when it is done. */
const underWay = new Set<Promise<unknown>>()

/** Says that `work` is done elsewhere, and gives it back. In real time that changes nothing. */
export function offThread<T> (work: Promise<T>): Promise<T> {
  underWay.add(work)
  const done = (): void => { underWay.delete(work) }
  work.then(done, done)
  return work
}

/** Resolves when nothing is under way that was when it was called; at once when nothing is. */
export async function offThreadDone (): Promise<boolean> {
  if (underWay.size === 0) return false
  await Promise.allSettled(underWay)
  return true
}
