/**
 * What must be looked at when. A time that moves later, as with every refresh, costs nothing: the entry is met at the
 * old one, and whoever looks finds out and sets it anew. O(log n) for one that moves earlier.
 */
import FlatQueue from 'flatqueue'

/** Something to look at. `dueAt` is the queue's: when it is met next, `Infinity` when it is not in the queue. */
export interface Expiring {
  dueAt: number
}

export class ExpiryQueue<Entry extends Expiring> {
  /** Records of an entry at other times than its `dueAt` are passed over. */
  readonly #queue = new FlatQueue<Entry>()

  /** When to look next, monotonic ms; `Infinity`: never. */
  get next (): number {
    this.#skipStale()
    return this.#queue.peekValue() ?? Infinity
  }

  /** Look at `entry` at `at`, or before. */
  set (entry: Entry, at: number): void {
    if (entry.dueAt <= at) return
    entry.dueAt = at
    this.#queue.push(entry, at)
  }

  remove (entry: Entry): void {
    entry.dueAt = Infinity
  }

  /** One entry that is to be looked at by `now`. */
  takeDue (now: number): Entry | undefined {
    if (this.next > now) return undefined
    const entry = this.#queue.pop()
    if (entry != null) entry.dueAt = Infinity
    return entry
  }

  #skipStale (): void {
    while (this.#queue.length > 0 && this.#queue.peek()?.dueAt !== this.#queue.peekValue()) this.#queue.pop()
  }
}
