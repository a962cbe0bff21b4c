/** Opening signed peer records that came from strangers: what is cheap to refuse is refused before the signature. */
import { limits } from '@peerweave/interface'
import { readAddress } from './address.ts'
import { equal } from './bytes.ts'
import { PEER_RECORD_DOMAIN, PEER_RECORD_TYPE } from './constants.ts'
import { decodeEnvelope, signedBytes, type Envelope } from './envelope.ts'
import { accept, refuse, type OpenedRecord, type RecordRefusal } from './opened-record.ts'
import { decodePeerRecord } from './peer-record.ts'
import { signerId } from './signer-id.ts'
import { systemCrypto } from './system-crypto.ts'
import { verifiedRecord } from './verified-record.ts'
import type { RecordCache } from './record-cache.ts'
import type { VerifyRate } from './verify-rate.ts'
import type { Crypto } from '@peerweave/interface'
import type { PeerId } from '@libp2p/interface'

/** A cache brings its own crypto, so that no answer of one is given for another. */
export type OpenOptions = {
  /** Bounds what is verified; what the cache knows does not count. */
  rate?: VerifyRate | undefined
  /** Who sent it, for {@link rate}: a peer id or an address. */
  reporter?: string | undefined
} & (
  | { cache: RecordCache, crypto?: undefined }
  | { cache?: undefined, /** @default systemCrypto() */ crypto?: Crypto | undefined }
)

/**
 * The record in a signed envelope (libp2p RFC 0002 and 0003), or why there is none. Never throws, whatever the bytes.
 *
 * Checked in this order: size, cache, shape, type, key, rate, signature, claims. `bytes` are copied: the caller may use
 * the buffer again at once. Addresses that are too long or that we cannot read are left out, as go-libp2p does, so that a
 * peer with a new transport is not lost to those who lack it; those that are kept may still name other peers or private
 * networks. `seq` is not compared with anything: the store does.
 */
export async function openPeerRecord (bytes: Uint8Array, options: OpenOptions = {}): Promise<OpenedRecord> {
  if (bytes.length > limits.peerRecordBytes) return refuse('too-large')
  const { cache, crypto = cache?.crypto ?? systemCrypto(), rate, reporter } = options
  const envelope = new Uint8Array(bytes)
  const open = (): OpenedRecord | Promise<OpenedRecord> => {
    const signed = read(envelope)
    if (typeof signed === 'string') return refuse(signed)
    if (rate?.take(reporter) === false) return refuse('rate-limited')
    return verify(envelope, signed, crypto)
  }
  return cache == null ? open() : cache.answer(envelope, open)
}

/**
 * Who says that he signed this envelope; nothing when it is none. Cheap, and no proof: for dropping what pretends to be of
 * another peer than its sender before anything is verified.
 */
export function recordSigner (bytes: Uint8Array): PeerId | undefined {
  const signed = bytes.length > limits.peerRecordBytes ? 'too-large' : read(bytes)
  return typeof signed === 'string' ? undefined : signed.signer
}

/** Whether this envelope says that its peer is nowhere. Cheap, and no proof. */
export function isFarewell (bytes: Uint8Array): boolean {
  const payload = bytes.length > limits.peerRecordBytes ? undefined : decodeEnvelope(bytes)?.payload
  const claims = payload == null ? 'malformed' : decodePeerRecord(payload)
  return typeof claims !== 'string' && claims.addresses.length === 0
}

interface SignedEnvelope extends Envelope {
  readonly signer: PeerId
}

/** As much as may be known before the signature. */
function read (bytes: Uint8Array): SignedEnvelope | RecordRefusal {
  const envelope = decodeEnvelope(bytes)
  if (envelope == null) return 'malformed'
  if (!equal(envelope.payloadType, PEER_RECORD_TYPE)) return 'wrong-type'
  const signer = signerId(envelope.publicKey)
  return typeof signer === 'string' ? signer : { ...envelope, signer }
}

/** RFC 0003: "a peer MUST validate the signature before deserializing", so what a record says is looked at last. */
async function verify (bytes: Uint8Array, envelope: SignedEnvelope, crypto: Crypto): Promise<OpenedRecord> {
  const { payloadType, payload, signature, signer } = envelope
  if (!await crypto.verify(signer, signedBytes(PEER_RECORD_DOMAIN, payloadType, payload), signature)) return refuse('bad-signature')
  const claims = decodePeerRecord(payload)
  if (typeof claims === 'string') return refuse(claims)
  if (!equal(claims.peerId, signer.toMultihash().bytes)) return refuse('id-mismatch')
  const addresses = claims.addresses.map(readAddress).filter(address => address != null)
  return accept(verifiedRecord({ peerId: signer, seq: claims.seq, payloadHash: await crypto.digest(payload), addresses, bytes }))
}
