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
  /** Records of an entry at other times than its `dueAt` are passed over. BOUNDED: at most about as many as are valid. */
  #queue = new FlatQueue<Entry>()
  /** Entries with a `dueAt`. */
  #size = 0

  /** When to look next, monotonic ms; `Infinity`: never. */
  get next (): number {
    this.#skipStale()
    return this.#queue.peekValue() ?? Infinity
  }

  /** Records held, valid or not. */
  get length (): number {
    return this.#queue.length
  }

  /** Look at `entry` at `at`, or before. */
  set (entry: Entry, at: number): void {
    if (entry.dueAt <= at) return
    if (entry.dueAt === Infinity) this.#size++
    entry.dueAt = at
    this.#queue.push(entry, at)
    // Peers that come and go long before their time would pile up below the top.
    if (this.#queue.length > 2 * this.#size + 64) this.#compact()
  }

  remove (entry: Entry): void {
    if (entry.dueAt === Infinity) return
    entry.dueAt = Infinity
    this.#size--
  }

  /** One entry that is to be looked at by `now`. */
  takeDue (now: number): Entry | undefined {
    if (this.next > now) return undefined
    const entry = this.#queue.pop()
    if (entry != null) this.remove(entry)
    return entry
  }

  #skipStale (): void {
    while (this.#queue.length > 0 && this.#queue.peek()?.dueAt !== this.#queue.peekValue()) this.#queue.pop()
  }

  #compact (): void {
    const valid = new Set<Entry>()
    for (let i = 0; i < this.#queue.length; i++) {
      const entry = this.#queue.ids[i] as Entry
      if (entry.dueAt !== Infinity) valid.add(entry)
    }
    this.#queue = new FlatQueue()
    for (const entry of valid) this.#queue.push(entry, entry.dueAt)
  }
}
