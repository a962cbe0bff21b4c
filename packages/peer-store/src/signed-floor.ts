/**
 * What a peer signed last: the highest sequence number, and the two smallest payload hashes under it. Two hashes are
 * equivocation: the smaller one's addresses stand then, and count as uncertified. Smallest, and not first, because that
 * does not depend on the order of arrival (k-minimum is a join; with "first two of three" it is not).
 *
 * Kept `seqFloor` past the expiry of the last claim that carried it, so that nobody can replay an older one meanwhile.
 */
import { limits, withoutPeer, type VerifiedRecord } from '@peerweave/interface'
import { restorePeerRecord } from '@peerweave/records/restore'
import { compareText } from './compare-text.ts'
import { packBytes, unpackBytes } from './packed-bytes.ts'

export class SignedFloor {
  #seq: bigint
  /** Payload and envelope of the record that stands, packed: a record as an object is ten times that. */
  #hash: string
  #envelope: string
  /** A second payload under the same number. */
  #rival: string | undefined
  #expiresAt: number

  constructor (record: Pick<VerifiedRecord, 'seq' | 'payloadHash' | 'bytes'>, expiresAt: number) {
    this.#seq = record.seq
    this.#hash = packBytes(record.payloadHash)
    this.#envelope = packBytes(record.bytes)
    this.#expiresAt = expiresAt
  }

  get isEquivocal (): boolean {
    return this.#rival != null
  }

  /** Monotonic ms: forgotten then. */
  get forgottenAt (): number {
    return this.#expiresAt + limits.seqFloor
  }

  /** The record that stands. */
  get record (): VerifiedRecord | undefined {
    return restorePeerRecord(unpackBytes(this.#envelope), unpackBytes(this.#hash))
  }

  /**
   * Hears one more record. `stands`: it is the one whose addresses count; `replaces`: it is now, and those of the one
   * before do not any more; `ignored`: another one stands.
   */
  hear (record: VerifiedRecord, expiresAt: number): 'stands' | 'replaces' | 'ignored' {
    if (record.seq < this.#seq) return 'ignored'
    const hash = packBytes(record.payloadHash)
    if (record.seq > this.#seq) {
      this.#stand(record, hash)
      this.#rival = undefined
      this.#expiresAt = expiresAt
      return 'replaces'
    }
    this.#expiresAt = Math.max(this.#expiresAt, expiresAt)
    if (hash === this.#hash) return 'stands'
    const [smaller, larger] = compareText(hash, this.#hash) < 0 ? [hash, this.#hash] : [this.#hash, hash]
    this.#rival = this.#rival == null || compareText(larger, this.#rival) < 0 ? larger : this.#rival
    if (smaller === this.#hash) return 'ignored'
    this.#stand(record, hash)
    return 'replaces'
  }

  /** Takes over what `other`, heard before, knew beyond its record: that there are two. */
  joinRivals (other: SignedFloor): void {
    if (other.#seq !== this.#seq) return
    const hashes = [this.#hash, this.#rival, other.#hash, other.#rival].filter(hash => hash != null)
    this.#rival = [...new Set(hashes)].sort(compareText)[1]
  }

  #stand (record: VerifiedRecord, hash: string): void {
    this.#seq = record.seq
    this.#hash = hash
    this.#envelope = packBytes(record.bytes)
  }

  /** All of it, for the disk. */
  get state (): SignedState {
    return { seq: this.#seq, hash: this.#hash, envelope: this.#envelope, rival: this.#rival, expiresAt: this.#expiresAt }
  }

  static restore ({ seq, hash, envelope, rival, expiresAt }: SignedState): SignedFloor {
    const floor = new SignedFloor({ seq, payloadHash: unpackBytes(hash), bytes: unpackBytes(envelope) }, expiresAt)
    floor.#rival = rival
    return floor
  }
}

/** Bytes are packed. `expiresAt` is monotonic ms. */
export interface SignedState {
  readonly seq: bigint
  readonly hash: string
  readonly envelope: string
  readonly rival: string | undefined
  readonly expiresAt: number
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
