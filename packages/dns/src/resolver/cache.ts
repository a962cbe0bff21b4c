/** What was answered, by question. BOUNDED by `limits.dnsCacheEntries` and `limits.dnsCacheBytes`: what was used longest ago goes. */
import { limits } from '@peerweave/interface'
import type { DnsRecord } from '../records.ts'
import type { Step } from './answer-step.ts'

export interface Failure {
  readonly error: Error
  /** Not to be asked again before this, monotonic ms. */
  readonly until: number
  /** In a row. */
  readonly count: number
}

export interface Entry {
  /** The last answer, also when it has lapsed. */
  readonly step?: Step | undefined
  /** Of the question after it. */
  readonly failure?: Failure | undefined
}

/** What an object with its fields costs, about. */
const OBJECT_BYTES = 128

export class Cache {
  readonly #maxEntries: number
  readonly #maxBytes: number
  /** Insertion order is order of use. */
  readonly #entries = new Map<string, { entry: Entry, bytes: number }>()
  #bytes = 0

  constructor (maxEntries: number = limits.dnsCacheEntries, maxBytes: number = limits.dnsCacheBytes) {
    this.#maxEntries = maxEntries
    this.#maxBytes = maxBytes
  }

  get size (): number {
    return this.#entries.size
  }

  get bytes (): number {
    return this.#bytes
  }

  get (key: string): Entry | undefined {
    const kept = this.#entries.get(key)
    if (kept == null) return
    this.#entries.delete(key)
    this.#entries.set(key, kept)
    return kept.entry
  }

  set (key: string, entry: Entry): void {
    this.delete(key)
    const bytes = bytesOf(key, entry)
    if (bytes > this.#maxBytes) return
    this.#entries.set(key, { entry, bytes })
    this.#bytes += bytes
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#maxEntries && this.#bytes <= this.#maxBytes) break
      this.delete(oldest)
    }
  }

  delete (key: string): void {
    const kept = this.#entries.get(key)
    if (kept == null) return
    this.#entries.delete(key)
    this.#bytes -= kept.bytes
  }
}

function bytesOf (key: string, { step }: Entry): number {
  let bytes = 2 * OBJECT_BYTES + key.length
  for (const alias of step?.aliases ?? []) bytes += alias.length
  for (const record of step?.records ?? []) bytes += recordBytes(record)
  for (const { record } of step?.hints ?? []) bytes += OBJECT_BYTES + recordBytes(record)
  return bytes
}

function recordBytes (record: DnsRecord): number {
  const bytes = OBJECT_BYTES + record.name.length
  if (record.type === 'TXT') return record.strings.reduce((sum, string) => sum + OBJECT_BYTES + string.length, bytes)
  return 'target' in record ? bytes + record.target.length : bytes
}
