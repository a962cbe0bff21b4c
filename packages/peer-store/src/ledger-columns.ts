/**
 * Where the items of all ledgers stand: a peer's ledger is a chain of rows, one for each source, and a row is a chain of
 * items. Flat columns: a refresh, which is nine of ten sightings, allocates nothing, and the collector has nothing to
 * visit. An object per item costs three times the memory.
 */
import { NONE, resized, Slab } from './slab.ts'

/** What one source says of one peer. 12 bytes. */
export class RowColumns {
  source: Int32Array = new Int32Array(0)
  /** Its first item. */
  first: Int32Array = new Int32Array(0)
  readonly #slab = new Slab(size => {
    this.source = resized(this.source, new Int32Array(size))
    this.first = resized(this.first, new Int32Array(size))
  })

  get next (): Int32Array {
    return this.#slab.next
  }

  add (source: number, next: number): number {
    const row = this.#slab.allocate()
    this.source[row] = source
    this.first[row] = NONE
    this.#slab.next[row] = next
    return row
  }

  free (row: number): void {
    this.#slab.free(row)
  }
}

/** 25 bytes beside the name. */
export class ItemColumns {
  /** Monotonic ms. */
  observedAt: Float64Array = new Float64Array(0)
  /** Whole ms; `limits.ttlMax` fits. */
  ttl: Uint32Array = new Uint32Array(0)
  kind: Uint8Array = new Uint8Array(0)
  readonly name: string[] = []
  /** Values of metadata, by item. */
  readonly value: Map<number, string> = new Map()
  readonly #slab = new Slab(size => {
    this.observedAt = resized(this.observedAt, new Float64Array(size))
    this.ttl = resized(this.ttl, new Uint32Array(size))
    this.kind = resized(this.kind, new Uint8Array(size))
  })

  get next (): Int32Array {
    return this.#slab.next
  }

  add (kind: number, name: string, observedAt: number, ttl: number): number {
    const item = this.#slab.allocate()
    this.kind[item] = kind
    this.name[item] = name
    this.observedAt[item] = observedAt
    this.ttl[item] = ttl
    this.#slab.next[item] = NONE
    return item
  }

  /** Monotonic ms. */
  expiresAt (item: number): number {
    return (this.observedAt[item] as number) + (this.ttl[item] as number)
  }

  free (item: number): void {
    this.value.delete(item)
    this.name[item] = '' // lets go of the text
    this.#slab.free(item)
  }
}
