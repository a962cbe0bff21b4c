/** Records that were verified before and kept by whoever calls: the signature is not checked again. */
import { equal } from './bytes.ts'
import { readAddress } from './address.ts'
import { decodeEnvelope } from './envelope.ts'
import { decodePeerRecord } from './peer-record.ts'
import { signerId } from './signer-id.ts'
import { verifiedRecord } from './verified-record.ts'
import type { VerifiedRecord } from '@peerweave/interface'

/**
 * The record in an envelope that `openPeerRecord` accepted before, from memory or from a folder that only its owner can
 * write. Never for bytes that somebody else sent: those are as good as unsigned here.
 *
 * @param payloadHash - that record's
 * @returns `undefined` when the bytes are not such an envelope
 */
export function restorePeerRecord (bytes: Uint8Array, payloadHash: Uint8Array): VerifiedRecord | undefined {
  const envelope = decodeEnvelope(bytes)
  if (envelope == null) return undefined
  const peerId = signerId(envelope.publicKey)
  const claims = decodePeerRecord(envelope.payload)
  if (typeof peerId === 'string' || typeof claims === 'string' || !equal(claims.peerId, peerId.toMultihash().bytes)) return undefined
  const addresses = claims.addresses.map(readAddress).filter(address => address != null)
  return verifiedRecord({ peerId, seq: claims.seq, payloadHash, addresses, bytes })
}
