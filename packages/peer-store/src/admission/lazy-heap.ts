/**
 * A bag until somebody asks for its top; from then on a binary heap. What is never asked costs an append, and whatever
 * decides the order (a keyed hash) is not computed for it.
 *
 * Items are told where they stand, so that one can be taken from the middle. The caller bounds the size.
 */
export interface HeapOrder<T> {
  /** A total order, so that the top does not depend on how the heap came about. */
  isAbove: (a: T, b: T) => boolean
  /** Called whenever an item has a new place; the caller keeps it and gives it back to `remove` and `moved`. */
  place: (item: T, at: number) => void
}

export class LazyHeap<T> {
  readonly #items: T[] = []
  readonly #order: HeapOrder<T>
  #isHeap = false

  constructor (order: HeapOrder<T>) {
    this.#order = order
  }

  get size (): number {
    return this.#items.length
  }

  values (): IterableIterator<T> {
    return this.#items.values()
  }

  /** O(log n); O(1) before the first `top`. */
  add (item: T): void {
    const at = this.#items.push(item) - 1
    if (this.#isHeap) this.#up(item, at)
    else this.#order.place(item, at)
  }

  remove (at: number): void {
    const last = this.#items.pop() as T
    if (at === this.#items.length) return
    this.#items[at] = last
    if (this.#isHeap) this.#settle(last, at)
    else this.#order.place(last, at)
  }

  /** To be called after anything that the order looks at has changed for the item at this place. */
  moved (at: number): void {
    if (this.#isHeap) this.#settle(this.#items[at] as T, at)
  }

  /** O(1); O(n) the first time. */
  top (): T | undefined {
    if (!this.#isHeap) {
      this.#isHeap = true
      for (let at = (this.#items.length >> 1) - 1; at >= 0; at--) this.#down(this.#items[at] as T, at)
    }
    return this.#items[0]
  }

  #settle (item: T, at: number): void {
    if (at > 0 && this.#order.isAbove(item, this.#items[(at - 1) >> 1] as T)) this.#up(item, at)
    else this.#down(item, at)
  }

  #up (item: T, from: number): void {
    let at = from
    while (at > 0) {
      const above = (at - 1) >> 1
      const other = this.#items[above] as T
      if (!this.#order.isAbove(item, other)) break
      this.#put(other, at)
      at = above
    }
    this.#put(item, at)
  }

  #down (item: T, from: number): void {
    const items = this.#items
    let at = from
    for (let below = 2 * at + 1; below < items.length; below = 2 * at + 1) {
      if (below + 1 < items.length && this.#order.isAbove(items[below + 1] as T, items[below] as T)) below++
      const other = items[below] as T
      if (!this.#order.isAbove(other, item)) break
      this.#put(other, at)
      at = below
    }
    this.#put(item, at)
  }

  #put (item: T, at: number): void {
    this.#items[at] = item
    this.#order.place(item, at)
  }
}
