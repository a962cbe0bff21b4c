/**
 * Does the work for each item, at most so many at once, and yields what comes of it, whatever comes first. More items may
 * be put into `items` meanwhile. The first rejection ends it; what is under way then, or when the reader leaves, goes on
 * unheard: its signal must end it.
 */
export async function * inParallel<Item, Result> (
  items: Item[], most: number, work: (item: Item) => Promise<Result>
): AsyncGenerator<Result> {
  const pending = new Set<Promise<{ readonly done: Promise<unknown>, readonly result: Result }>>()
  for (;;) {
    for (const item of items.splice(0, most - pending.size)) {
      const done: Promise<{ readonly done: Promise<unknown>, readonly result: Result }> = work(item).then(result => ({ done, result }))
      done.catch(() => {}) // heard in the race, unless that is over
      pending.add(done)
    }
    if (pending.size === 0) return
    const { done, result } = await Promise.race(pending)
    pending.delete(done as typeof pending extends Set<infer Pending> ? Pending : never)
    yield result
  }
}
