/** The only place where a verified record is made, so that having one means that the signature was checked. */
import type { VerifiedRecord } from '@peerweave/interface'
import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'

class BrandedRecord {
  readonly #isVerified = true
  readonly peerId: PeerId
  readonly seq: bigint
  readonly payloadHash: Uint8Array
  readonly addresses: readonly Multiaddr[]
  readonly bytes: Uint8Array

  constructor (parts: VerifiedParts) {
    this.peerId = parts.peerId
    this.seq = parts.seq
    this.payloadHash = parts.payloadHash
    this.addresses = Object.freeze(parts.addresses)
    this.bytes = parts.bytes
    Object.freeze(this) // one record is handed to everybody who opens the same bytes
  }

  static isOne (value: unknown): boolean {
    return typeof value === 'object' && value !== null && #isVerified in value && value.#isVerified
  }
}

export interface VerifiedParts {
  peerId: PeerId
  seq: bigint
  payloadHash: Uint8Array
  addresses: Multiaddr[]
  bytes: Uint8Array
}

/** For `open.ts` alone, after the signature. Not exported by the package. */
export function verifiedRecord (parts: VerifiedParts): VerifiedRecord {
  // The brand of the type is a symbol that has no value: nobody can write it down, here neither.
  return new BrandedRecord(parts) as unknown as VerifiedRecord
}

/** True for records that `openPeerRecord` returned, whatever types were cast in between. */
export function isVerifiedRecord (value: unknown): value is VerifiedRecord {
  return BrandedRecord.isOne(value)
}
