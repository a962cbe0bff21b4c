/** Whom a peer knows of: what was claimed and has neither lapsed nor been taken back. */
export class Listing {
  readonly #until = new Map<string, number>()

  /** Listed until `until` at least. Returns whether it was not listed before. */
  add (id: string, now: number, until: number): boolean {
    const before = this.#until.get(id) ?? -Infinity
    this.#until.set(id, Math.max(before, until))
    return before < now
  }

  remove (id: string): void {
    this.#until.delete(id)
  }

  clear (): void {
    this.#until.clear()
  }

  ids (now: number): string[] {
    return [...this.#until].filter(([, until]) => until >= now).map(([id]) => id)
  }
}
