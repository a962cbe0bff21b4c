/** Work that waits for other threads is done on several items at once; the results come in the order of the items. */

export interface OverlapInit<T, R> {
  source: AsyncIterable<T>
  /** Must not reject. */
  work: (item: T) => Promise<R>
  /** Whether it waits for somebody else; other work is not begun before its turn. */
  isSlow: (item: T) => boolean
  /** Items in work at once. */
  width: number
  /** Items taken of the source. */
  most: number
}

/** Results that are there are given while the source is still thinking of its next item. */
export async function * overlap<T, R> ({ source, work, isSlow, width, most }: OverlapInit<T, R>): AsyncGenerator<R> {
  const iterator = source[Symbol.asyncIterator]()
  const inWork: Array<Promise<R>> = []
  try {
    for (let taken = 0; taken < most; taken++) {
      const step = iterator.next()
      if (inWork.length > 0) step.catch(() => {}) // heard below, unless the reader leaves first
      for (let [first] = inWork; first != null; [first] = inWork) {
        if (inWork.length < width && await isSooner(step, first)) break
        yield await first
        void inWork.shift() // it is given
      }
      const { done, value } = await step
      if (done === true) break
      const result = work(value)
      if (inWork.length === 0 && !isSlow(value)) yield await result
      else inWork.push(result)
    }
    for (const result of inWork) yield await result
  } finally {
    await iterator.return?.()
  }
}

async function isSooner (one: Promise<unknown>, other: Promise<unknown>): Promise<boolean> {
  return await Promise.race([one.then(() => true), other.then(() => false)])
}
