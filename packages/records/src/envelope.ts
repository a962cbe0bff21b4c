/**
 * The signed envelope: a payload, what it is, and whose signature stands under it.
 *
 * @see https://github.com/libp2p/specs/blob/master/RFC/0002-signed-envelopes.md
 */
import { concat } from './bytes.ts'
import { bytesField, readExactFields, varint } from './protobuf.ts'

export interface Envelope {
  /** The signer's public key as libp2p serialises it (protobuf `PublicKey`). */
  readonly publicKey: Uint8Array
  readonly payloadType: Uint8Array
  readonly payload: Uint8Array
  readonly signature: Uint8Array
}

// In the order in which they are written. The field numbers are those of the implementations; the RFC's draft has 4 for the signature.
const FIELDS = { publicKey: 1, payloadType: 2, payload: 3, signature: 5 } as const

export function encodeEnvelope ({ publicKey, payloadType, payload, signature }: Envelope): Uint8Array {
  return concat(
    bytesField(FIELDS.publicKey, publicKey),
    bytesField(FIELDS.payloadType, payloadType),
    bytesField(FIELDS.payload, payload),
    bytesField(FIELDS.signature, signature)
  )
}

/**
 * Views into `bytes`, or nothing when they are not an envelope in exactly the form that {@link encodeEnvelope} writes:
 * fields in order and shortest varints, as protobuf writers do by themselves.
 *
 * So strict because the signature does not cover the envelope: with unknown fields, another order or longer varints,
 * anybody could dress one record of another peer as any number of envelopes, each a new digest to verify and to cache.
 */
export function decodeEnvelope (bytes: Uint8Array): Envelope | undefined {
  const [publicKey, payloadType, payload, signature] = readExactFields(bytes, Object.values(FIELDS)) ?? []
  if (publicKey == null || payloadType == null || payload == null || signature == null) return undefined
  return { publicKey, payloadType, payload, signature }
}

/** The bytes that are signed: domain, type and payload, each behind its length. */
export function signedBytes (domain: string, payloadType: Uint8Array, payload: Uint8Array): Uint8Array {
  const domainBytes = encoder.encode(domain)
  return concat(
    length(domainBytes), domainBytes,
    length(payloadType), payloadType,
    length(payload), payload
  )
}

function length (value: Uint8Array): Uint8Array {
  return varint(BigInt(value.length))
}

const encoder = new TextEncoder()
