/**
 * What a peer signed last: the highest sequence number, and the two smallest payload hashes under it. Two hashes are
 * equivocation: the smaller one's addresses stand then, and count as uncertified. Smallest, and not first, because that
 * does not depend on the order of arrival (k-minimum is a join; with "first two of three" it is not).
 *
 * Kept `seqFloor` past the expiry of the last claim that carried it, so that nobody can replay an older one meanwhile.
 */
import { limits, withoutPeer, type VerifiedRecord } from '@peerweave/interface'
import { compareText } from './compare-text.ts'

export class SignedFloor {
  /** The record that stands. */
  record: VerifiedRecord
  #hash: string
  /** A second payload under the same number. */
  #rival: string | undefined
  #expiresAt: number

  constructor (record: VerifiedRecord, expiresAt: number) {
    this.record = record
    this.#hash = hex(record.payloadHash)
    this.#expiresAt = expiresAt
  }

  get isEquivocal (): boolean {
    return this.#rival != null
  }

  /** Monotonic ms: forgotten then. */
  get forgottenAt (): number {
    return this.#expiresAt + limits.seqFloor
  }

  /**
   * Hears one more record. `stands`: it is the one whose addresses count; `replaces`: it is now, and those of the one
   * before do not any more; `ignored`: another one stands.
   */
  hear (record: VerifiedRecord, expiresAt: number): 'stands' | 'replaces' | 'ignored' {
    if (record.seq < this.record.seq) return 'ignored'
    const hash = hex(record.payloadHash)
    if (record.seq > this.record.seq) {
      this.record = record
      this.#hash = hash
      this.#rival = undefined
      this.#expiresAt = expiresAt
      return 'replaces'
    }
    this.#expiresAt = Math.max(this.#expiresAt, expiresAt)
    if (hash === this.#hash) return 'stands'
    const [smaller, larger] = compareText(hash, this.#hash) < 0 ? [hash, this.#hash] : [this.#hash, hash]
    this.#rival = this.#rival == null || compareText(larger, this.#rival) < 0 ? larger : this.#rival
    if (smaller === this.#hash) return 'ignored'
    this.#hash = smaller
    this.record = record
    return 'replaces'
  }
}

/** The addresses that a record certifies, as text without the peer id at their end. Worked out once per record. */
export function certifiedBy (record: VerifiedRecord): ReadonlySet<string> {
  let names = certified.get(record)
  if (names == null) {
    names = new Set(record.addresses.map(address => withoutPeer(address).toString()))
    certified.set(record, names)
  }
  return names
}

const certified = new WeakMap<VerifiedRecord, ReadonlySet<string>>()

function hex (bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0')
  return text
}
