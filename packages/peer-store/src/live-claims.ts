/**
 * What counts of a peer, as it stood at one moment: read from the ledger for as long as the ledger says the same, and
 * copied just before it changes. Most snapshots are gone by then, and were never copied.
 */
import type { OnlySource, SourceItems } from './claims.ts'
import type { EvidenceTable, Ledger } from './evidence-table.ts'

export class LiveClaims {
  readonly #table: EvidenceTable
  readonly #ledger: Ledger
  readonly #at: number
  #copy: readonly SourceItems[] | undefined
  /** `null`: there are several. */
  #only: OnlySource | null | undefined

  /** @param at - monotonic ms */
  constructor (table: EvidenceTable, ledger: Ledger, at: number) {
    this.#table = table
    this.#ledger = ledger
    this.#at = at
  }

  get only (): OnlySource | undefined {
    if (this.#only === undefined) this.#only = onlyOf(this.sources)
    return this.#only ?? undefined
  }

  get sources (): readonly SourceItems[] {
    return this.#copy ?? this.#table.live(this.#ledger, this.#at)
  }

  /** To be called before the ledger changes. */
  settle (): void {
    this.#copy ??= this.#table.live(this.#ledger, this.#at)
  }
}

function onlyOf ([first, ...others]: readonly SourceItems[]): OnlySource | null {
  if (first == null || others.length > 0) return null
  const { source: { type }, items } = first
  return { type, latest: Math.max(...items.map(({ observedAt }) => observedAt)) }
}
