/** A map that forgets what was used longest ago. BOUNDED by `capacity`. */
export class Lru<Value> {
  readonly #capacity: number
  /** Insertion order is order of use: whatever is read is put at the end. */
  readonly #entries = new Map<string, Value>()

  constructor (capacity: number) {
    this.#capacity = capacity
  }

  get size (): number {
    return this.#entries.size
  }

  get (key: string): Value | undefined {
    const value = this.#entries.get(key)
    if (value !== undefined) {
      this.#entries.delete(key)
      this.#entries.set(key, value)
    }
    return value
  }

  set (key: string, value: Value): void {
    this.#entries.delete(key)
    this.#entries.set(key, value)
    if (this.#entries.size <= this.#capacity) return
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest)
      break
    }
  }
}
