/**
 * Answers by the digest of the envelope, so that a record that comes by a hundred ways is verified once.
 *
 * Whoever sends garbage writes into the refusals only: no flood of them moves a record that was verified. A flood of
 * records that verify (fresh keys cost an attacker little) can; then honest ones are verified again, which the rate
 * bounds.
 */
import { knownOptions, limits, numberOption, type Crypto } from '@peerweave/interface'
import { Lru } from './lru.ts'
import { systemCrypto } from './system-crypto.ts'
import type { OpenedRecord } from './opened-record.ts'

export interface RecordCache {
  /** Whose answers these are: envelopes opened with the cache are verified with it. */
  readonly crypto: Crypto
  /** Verified records held. */
  readonly size: number
  /**
   * The answer for these bytes, known or under way; otherwise what `open` says. What it
   * says later goes to everybody who asks meanwhile. `bytes` must not change.
   */
  readonly answer: (bytes: Uint8Array, open: () => Promise<OpenedRecord> | OpenedRecord) => Promise<OpenedRecord>
}

export interface RecordCacheOptions {
  /** Verified records kept; the one unused for longest goes. @default limits.cachedRecords */
  capacity?: number | undefined
  /** Refusals kept, apart from the records. @default limits.cachedRefusals */
  refusals?: number | undefined
  /** @default systemCrypto() */
  crypto?: Crypto | undefined
}

/** @throws TypeError naming a wrong option */
export function recordCache (options: RecordCacheOptions = {}): RecordCache {
  knownOptions('recordCache', options, ['capacity', 'refusals', 'crypto'])
  const { crypto = systemCrypto() } = options
  const records = new Lru<OpenedRecord>(numberOption('capacity', options.capacity, limits.cachedRecords, { min: 1, integer: true }))
  const refusals = new Lru<OpenedRecord>(numberOption('refusals', options.refusals, limits.cachedRefusals, { min: 1, integer: true }))
  // BOUNDED by the calls that wait: the first of each envelope is here, and goes when it is answered.
  const underWay = new Map<string, Promise<OpenedRecord>>()

  const keep = (key: string, opened: OpenedRecord): OpenedRecord => {
    if (opened.record != null) records.set(key, opened)
    // Being refused for coming too often says nothing of the bytes.
    else if (opened.refused !== 'rate-limited') refusals.set(key, opened)
    return opened
  }

  return {
    crypto,
    get size () {
      return records.size
    },
    async answer (bytes, open) {
      const key: string = Reflect.apply(String.fromCharCode, undefined, await crypto.digest(bytes))
      const known = records.get(key) ?? refusals.get(key) ?? underWay.get(key)
      if (known != null) return known
      const opening = open()
      if (!(opening instanceof Promise)) return keep(key, opening)
      underWay.set(key, opening)
      try {
        return keep(key, await opening)
      } finally {
        underWay.delete(key)
      }
    }
  }
}
