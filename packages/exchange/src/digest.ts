/**
 * What an asker knows already, in ten bits a record: a Bloom filter, salted anew each time, so that what one digest hides
 * by chance (0.8 % of what is not in it) the next one shows.
 *
 * @see https://dl.acm.org/doi/10.1145/362686.362692 Bloom, 1970
 */
import { sha256 } from '@noble/hashes/sha2.js'
import type { VerifiedRecord } from '@peerweave/interface'

/** The first eight bytes of SHA-256 over id and seq, as two numbers of 32 bits: so a newer record is another one. */
export interface RecordHash {
  readonly high: number
  readonly low: number
}

export function recordHash ({ peerId, seq }: Pick<VerifiedRecord, 'peerId' | 'seq'>): RecordHash {
  const id = peerId.toMultihash().bytes
  const bytes = new Uint8Array(id.length + 8)
  bytes.set(id)
  new DataView(bytes.buffer).setBigUint64(id.length, seq)
  const digest = new DataView(sha256(bytes).buffer)
  return { high: digest.getUint32(0), low: digest.getUint32(4) }
}

/** Salt (4 bytes) and filter (at least 8). */
const SALT_BYTES = 4
const MIN_BYTES = 8
const BITS_PER_RECORD = 10
/** ln 2 times the bits per record. */
const PROBES = 7

/** @param salt - 32 bits, by chance */
export function digestOf (hashes: readonly RecordHash[], salt: number): Uint8Array {
  const filter = new Uint8Array(SALT_BYTES + Math.max(MIN_BYTES, Math.ceil(hashes.length * BITS_PER_RECORD / 8)))
  new DataView(filter.buffer).setUint32(0, salt)
  for (const hash of hashes) {
    for (const bit of probes(hash, salt, filter.length)) filter[bit >> 3] = (filter[bit >> 3] ?? 0) | 1 << (bit & 7)
  }
  return filter
}

/** Whether the digest may hold the record. Of bytes that are too few to be one: no. */
export function mayHold (filter: Uint8Array, hash: RecordHash): boolean {
  if (filter.length < SALT_BYTES + MIN_BYTES) return false
  const salt = new DataView(filter.buffer, filter.byteOffset).getUint32(0)
  for (const bit of probes(hash, salt, filter.length)) {
    if (((filter[bit >> 3] ?? 0) & 1 << (bit & 7)) === 0) return false
  }
  return true
}

/** Bit numbers, counted from the filter's first byte on. Two hashes give all the others (Kirsch and Mitzenmacher, 2006). */
function * probes ({ high, low }: RecordHash, salt: number, length: number): Generator<number> {
  const bits = (length - SALT_BYTES) * 8
  let at = mix(high ^ salt)
  const step = mix(low ^ salt) | 1
  for (let i = 0; i < PROBES; i++) {
    yield SALT_BYTES * 8 + at % bits
    at = (at + step) >>> 0
  }
}

/** The finaliser of MurmurHash3 for 32 bits. */
function mix (value: number): number {
  value = Math.imul(value ^ value >>> 16, 0x85ebca6b)
  value = Math.imul(value ^ value >>> 13, 0xc2b2ae35)
  return (value ^ value >>> 16) >>> 0
}
