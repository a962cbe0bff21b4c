/** From the key in an envelope to the id of the peer that signed it. */
import { publicKeyFromRaw, publicKeyToProtobuf } from '@libp2p/crypto/keys'
import { peerIdFromPublicKey } from '@libp2p/peer-id'
import { equal } from './bytes.ts'
import { RSA_MAX_BYTES, RSA_MIN_BITS } from './constants.ts'
import { readFields } from './protobuf.ts'
import type { PeerId, PublicKey } from '@libp2p/interface'

// Field numbers and key types of libp2p's `PublicKey` message (libp2p specs, peer-ids).
const FIELDS = { type: 1, data: 2 } as const
const RSA = 0n
const ED25519 = 1n
const SECP256K1 = 2n

/**
 * The peer id with its public key in it, or why there is none:
 *
 * - `unsupported-key`: a type other than Ed25519, secp256k1 and RSA (ECDSA too: js-libp2p has no peer id for it, and
 *   writes the key otherwise than go-libp2p does); RSA outside 2,048 to 8,192 bits or with an exponent that is not 65,537
 * - `malformed`: no such key, or not in the one form whose hash is the peer id (libp2p specs, peer-ids)
 */
export function signerId (bytes: Uint8Array): PeerId | 'malformed' | 'unsupported-key' {
  let type: bigint | undefined
  let data: Uint8Array | undefined
  const isRead = readFields(bytes, (field, value) => {
    if (field === FIELDS.type && typeof value === 'bigint') type = value
    else if (field === FIELDS.data && typeof value !== 'bigint') data = value
    else return false
    return true
  })
  if (!isRead || type == null || data == null) return 'malformed'
  if (type !== ED25519 && type !== SECP256K1 && (type !== RSA || data.length > RSA_MAX_BYTES)) return 'unsupported-key'
  let key: PublicKey
  try {
    key = publicKeyFromRaw(data)
  } catch {
    return 'malformed' // a wrong length, a point that is not on the curve, no DER
  }
  // Also when the data is a key of another type than the one that was said.
  if (!equal(publicKeyToProtobuf(key), bytes)) return 'malformed'
  return isSupported(key) ? peerIdFromPublicKey(key) : 'unsupported-key'
}

/**
 * The key of a peer id as it goes into an envelope.
 *
 * @throws TypeError when the id has no key, or one that {@link signerId} would not take
 */
export function publicKeyBytes ({ publicKey }: PeerId): Uint8Array {
  if (publicKey == null || !isSupported(publicKey)) {
    throw new TypeError('signer must have a peer id with its public key in it: Ed25519, secp256k1, or RSA of 2048 bits or more')
  }
  return publicKeyToProtobuf(publicKey)
}

function isSupported (key: PublicKey): key is Exclude<PublicKey, { type: 'ECDSA' }> {
  switch (key.type) {
    case 'Ed25519':
    case 'secp256k1':
      return true
    case 'RSA':
      // Nobody makes another exponent, and a long one makes each verification as slow as a signature.
      return key.jwk.e === 'AQAB' && base64Bits(key.jwk.n) >= RSA_MIN_BITS
    case 'ECDSA':
      return false
  }
}

/** Whole bytes only, as moduli are. */
function base64Bits (text: string = ''): number {
  return 8 * Math.floor(text.length * 3 / 4)
}
