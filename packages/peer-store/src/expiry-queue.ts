/**
 * What must be looked at when. A time that moves later, as with every refresh, costs nothing: the entry is met at the
 * old one, and whoever looks finds out and files it anew. O(log n) to file.
 */
import FlatQueue from 'flatqueue'

/** Something to look at. `dueAt` is when; `Infinity`: never. */
export interface Expiring {
  dueAt: number
}

export class ExpiryQueue<Entry extends Expiring> {
  /** Records of an entry at other times than its `dueAt` are passed over. BOUNDED: about twice as many as were valid when it was last tidied. */
  #queue = new FlatQueue<Entry>()
  #tidied = 0

  /** When to look next, monotonic ms; `Infinity`: never. */
  get next (): number {
    this.dropStale(Infinity)
    return this.#queue.peekValue() ?? Infinity
  }

  /** Records held, valid or not. */
  get length (): number {
    return this.#queue.length
  }

  /** To be called whenever `dueAt` was set to another time; not for `Infinity`. */
  file (entry: Entry): void {
    if (entry.dueAt === Infinity) return
    this.#queue.push(entry, entry.dueAt)
    // Peers that come and go long before their time would pile up below the top.
    if (this.#queue.length > 2 * this.#tidied + 64) this.#tidy()
  }

  /** One entry that is to be looked at by `now`. Set its `dueAt` anew, and file it. */
  takeDue (now: number): Entry | undefined {
    if (this.next > now) return undefined
    return this.#queue.pop()
  }

  /**
   * Drops at most so many records that count no more from the top: whoever asks for `next` drops all of them.
   *
   * @returns whether there may be more
   */
  dropStale (limit: number): boolean {
    for (let dropped = 0; this.#queue.length > 0 && this.#queue.peek()?.dueAt !== this.#queue.peekValue(); dropped++) {
      if (dropped === limit) return true
      this.#queue.pop()
    }
    return false
  }

  #tidy (): void {
    const valid = new Set<Entry>()
    for (let i = 0; i < this.#queue.length; i++) {
      const entry = this.#queue.ids[i] as Entry
      if (entry.dueAt === this.#queue.values[i]) valid.add(entry)
    }
    this.#queue = new FlatQueue()
    for (const entry of valid) this.#queue.push(entry, entry.dueAt)
    this.#tidied = valid.size
  }
}
