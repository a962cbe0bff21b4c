/**
 * What counts of a peer, as it stood at one moment: read from the ledger for as long as the ledger says the same, and
 * copied just before it changes. Most snapshots are gone by then, and were never copied.
 */
import type { SourceItems } from './claims.ts'
import type { EvidenceTable, Ledger } from './evidence-table.ts'

export class LiveClaims {
  readonly #table: EvidenceTable
  readonly #ledger: Ledger
  readonly #at: number
  #copy: readonly SourceItems[] | undefined

  /** @param at - monotonic ms */
  constructor (table: EvidenceTable, ledger: Ledger, at: number) {
    this.#table = table
    this.#ledger = ledger
    this.#at = at
  }

  get sources (): readonly SourceItems[] {
    return this.#copy ?? this.#table.live(this.#ledger, this.#at)
  }

  /** To be called before the ledger changes. */
  settle (): void {
    this.#copy ??= this.#table.live(this.#ledger, this.#at)
  }
}
