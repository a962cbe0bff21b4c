/** What opening an envelope comes to. */
import type { VerifiedRecord } from '@peerweave/interface'

/**
 * Why an envelope gave no record, in the order of the checks. Whoever sent one that is not `rate-limited` sent garbage.
 *
 * - `too-large`: more than `limits.peerRecordBytes`
 * - `malformed`: no envelope, or in a form that nobody writes; no key; after the signature, no peer record
 * - `wrong-type`: an envelope of something else
 * - `unsupported-key`: signed with a kind or size of key that is not verified here
 * - `rate-limited`: not verified now; it may come again
 * - `bad-signature`: changed, forged, or signed for another domain (the domain is signed, not sent)
 * - `too-many-addresses`: more than `limits.addressesPerClaim`
 * - `id-mismatch`: it speaks of another peer than the one that signed it
 */
export type RecordRefusal =
  | 'too-large' | 'malformed' | 'wrong-type' | 'unsupported-key' | 'rate-limited' | 'bad-signature' | 'too-many-addresses' | 'id-mismatch'

/** Either a record or the reason why there is none. */
export type OpenedRecord =
  | { readonly record: VerifiedRecord, readonly refused?: undefined }
  | { readonly record?: undefined, readonly refused: RecordRefusal }

export function accept (record: VerifiedRecord): OpenedRecord {
  return Object.freeze({ record })
}

export function refuse (refused: RecordRefusal): OpenedRecord {
  return Object.freeze({ refused })
}
