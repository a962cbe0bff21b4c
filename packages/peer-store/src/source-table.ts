/**
 * Sources by small number, so that an item needs four bytes for who said it. Counts its users: a source that nothing
 * names any more is forgotten, and its number used again.
 *
 * BOUNDED by the items and withdrawals that name a source.
 */
import type { Source } from '@peerweave/interface'

/** Chosen: five mechanisms. */
const RECENT = 8

interface Row {
  key: string
  source: Source
  users: number
}

export class SourceTable {
  readonly #ids = new Map<string, number>()
  readonly #rows: Array<Row | undefined> = []
  readonly #free: number[] = []

  /** The sources asked for last: a round of sightings has few, and comparing is cheaper than making a key. */
  readonly #recent: Array<number | undefined> = Array.from({ length: RECENT })
  #oldest = 0

  /** Without counting as a use: call `use` before anything is released. */
  idOf (source: Source): number {
    for (const id of this.#recent) {
      const known = id == null ? undefined : this.#rows[id]?.source
      if (known != null && isSame(known, source)) return this.#chosen(id as number, source)
    }
    const id = this.#chosen(this.#lookUp(source), source)
    this.#recent[this.#oldest] = id
    this.#oldest = (this.#oldest + 1) % RECENT
    return id
  }

  /** A reporter that came to us before we chose it is chosen from then on. */
  #chosen (id: number, source: Source): number {
    const row = this.#row(id)
    if (source.isChosen === true && row.source.isChosen !== true) row.source = Object.freeze({ ...source })
    return id
  }

  #lookUp (source: Source): number {
    const key = keyOf(source)
    let id = this.#ids.get(key)
    if (id == null) {
      id = this.#free.pop() ?? this.#rows.length
      this.#rows[id] = { key, source: Object.freeze({ ...source }), users: 0 }
      this.#ids.set(key, id)
    }
    return id
  }

  get (id: number): Source {
    return this.#row(id).source
  }

  keyOf (id: number): string {
    return this.#row(id).key
  }

  use (id: number): void {
    this.#row(id).users++
  }

  release (id: number): void {
    const row = this.#row(id)
    if (--row.users > 0) return
    this.#ids.delete(row.key)
    this.#rows[id] = undefined
    this.#free.push(id)
  }

  #row (id: number): Row {
    return this.#rows[id] as Row
  }
}

/** What {@link keyOf} says, without making it. */
function isSame (a: Source, b: Source): boolean {
  return a.path === b.path && a.group === b.group && (a.reporter ?? '') === (b.reporter ?? '')
}

/** Path, group and reporter. Lengths in front, so that no text can pose as another triple. */
function keyOf ({ path, group, reporter = '' }: Source): string {
  return `${path.length} ${group.length} ${path} ${group} ${reporter}`
}
