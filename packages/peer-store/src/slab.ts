/** Numbers for rows of flat columns, given out again when they are free. */

/** The end of a chain. */
export const NONE = -1

/** What a slab starts with. Small: most stores in tests hold a handful of peers. */
const FIRST_SIZE = 256

/** Columns grow by this: doubling would leave a third of the memory unused on average. */
const GROWTH = 1.25

export class Slab {
  /** Free numbers are chained here; whoever holds one may chain it as he likes. */
  next: Int32Array = new Int32Array(0)
  #free = NONE
  #end = 0
  readonly #resize: (size: number) => void

  /** @param resize - makes the columns that size; called at once, and whenever there are more */
  constructor (resize: (size: number) => void) {
    this.#resize = resize
    this.#grow(FIRST_SIZE)
  }

  allocate (): number {
    if (this.#free !== NONE) {
      const number = this.#free
      this.#free = this.next[number] as number
      return number
    }
    if (this.#end === this.next.length) this.#grow(Math.ceil(this.#end * GROWTH))
    return this.#end++
  }

  free (number: number): void {
    this.next[number] = this.#free
    this.#free = number
  }

  #grow (size: number): void {
    this.next = resized(this.next, new Int32Array(size))
    this.#resize(size)
  }
}

export function resized<Column extends Float64Array | Int32Array | Uint32Array | Uint8Array> (old: Column, larger: Column): Column {
  larger.set(old)
  return larger
}
