/** What is to happen, soonest first: a binary heap that also gives up an entry from its middle, so that cancelled timers leave nothing. */

export interface HeapEntry {
  /** When it happens, ms. */
  at: number
  /** When it should have happened: what was held up happens in the order it was due. */
  due: number
  /** Ties go by insertion. */
  readonly order: number
  /** Its place in the heap, −1 outside. Kept by the heap. */
  index: number
}

export class EventHeap<Entry extends HeapEntry> {
  readonly #entries: Entry[] = []

  get size (): number {
    return this.#entries.length
  }

  peek (): Entry | undefined {
    return this.#entries[0]
  }

  push (entry: Entry): void {
    entry.index = this.#entries.length
    this.#entries.push(entry)
    this.#up(entry)
  }

  pop (): Entry | undefined {
    const first = this.#entries[0]
    if (first != null) this.remove(first)
    return first
  }

  /** Nothing happens when it is not in the heap. */
  remove (entry: Entry): void {
    const { index } = entry
    if (index < 0) return
    entry.index = -1
    const last = this.#entries.pop() as Entry
    if (last === entry) return
    this.#place(last, index)
    this.#up(last)
    this.#down(last)
  }

  #place (entry: Entry, index: number): void {
    this.#entries[index] = entry
    entry.index = index
  }

  #up (entry: Entry): void {
    while (entry.index > 0) {
      const { index } = entry
      const above = (index - 1) >> 1
      const parent = this.#entries[above] as Entry
      if (!isBefore(entry, parent)) return
      this.#place(parent, index)
      this.#place(entry, above)
    }
  }

  #down (entry: Entry): void {
    for (;;) {
      const { index } = entry
      const left = this.#entries[2 * index + 1]
      if (left == null) return
      const right = this.#entries[2 * index + 2]
      const child = right != null && isBefore(right, left) ? right : left
      if (!isBefore(child, entry)) return
      const below = child.index
      this.#place(child, index)
      this.#place(entry, below)
    }
  }
}

function isBefore (a: HeapEntry, b: HeapEntry): boolean {
  if (a.at !== b.at) return a.at < b.at
  if (a.due !== b.due) return a.due < b.due
  return a.order < b.order
}
