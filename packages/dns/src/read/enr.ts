/**
 * Ethereum Node Records: who a node is and where, signed by itself.
 *
 * @see https://eips.ethereum.org/EIPS/eip-778
 */
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { keccak_256 as keccak256 } from '@noble/hashes/sha3.js'
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import type { PeerId } from '@libp2p/interface'

export interface NodeRecord {
  readonly peerId: PeerId
  /** TCP only. */
  readonly multiaddrs: Multiaddr[]
}

/** EIP-778: "The maximum encoded size of a node record is 300 bytes." */
const MAX_BYTES = 300
const TEXT = /^enr:[A-Za-z0-9_-]+$/
const MALFORMED = 'not an RLP list'

const latin1 = new TextDecoder('latin1')

/** @throws Error when it is none, or its signature is wrong */
export function readNodeRecord (text: string): NodeRecord {
  if (text.length > 'enr:'.length + MAX_BYTES * 4 / 3) throw new Error(`a node record of more than ${MAX_BYTES} bytes`)
  const bytes = new Uint8Array(TEXT.test(text) ? Buffer.from(text.slice('enr:'.length), 'base64url') : [])
  const list = readItem(bytes, 0)
  if (!list.isList) throw new Error(MALFORMED)
  const signature = readItem(bytes, list.start)
  const fields = new Map<string, Uint8Array>()
  const sequence = readItem(bytes, signature.end)
  for (let at = sequence.end; at < list.end;) {
    const key = readItem(bytes, at)
    const value = readItem(bytes, key.end)
    fields.set(latin1.decode(bytes.subarray(key.start, key.end)), bytes.subarray(value.start, value.end))
    at = value.end
  }
  const publicKey = fields.get('secp256k1') ?? new Uint8Array()
  const content = bytes.subarray(signature.end)
  const signed = keccak256(Uint8Array.of(...listHeader(content.length), ...content))
  const isSigned = latin1.decode(fields.get('id')) === 'v4' && publicKey.length === 33 &&
    secp256k1.verify(bytes.subarray(signature.start, signature.end), signed, publicKey, { prehash: false })
  if (!isSigned) throw new Error('a node record without a right signature of identity scheme v4')
  const tcp = fields.get('tcp')
  return {
    peerId: peerIdOf(publicKey),
    multiaddrs: [
      ...address(4, 4, fields.get('ip'), tcp),
      // EIP-778: "if `tcp6` is not specified, the `tcp` port applies to both".
      ...address(41, 16, fields.get('ip6'), fields.get('tcp6') ?? tcp)
    ]
  }
}

interface Item {
  readonly isList: boolean
  /** Of what is in it. */
  readonly start: number
  readonly end: number
}

/** One item of RLP. */
function readItem (bytes: Uint8Array, at: number): Item {
  const first = bytes[at] ?? 0xff
  if (first < 0x80) return { isList: false, start: at, end: at + 1 }
  const isList = first >= 0xc0
  const short = first - (isList ? 0xc0 : 0x80)
  const sizeBytes = Math.max(0, short - 55)
  const start = at + 1 + sizeBytes
  const length = sizeBytes === 0 ? short : bytes.subarray(at + 1, start).reduce((length, byte) => 256 * length + byte, 0)
  if (start + length > bytes.length) throw new Error(MALFORMED)
  return { isList, start, end: start + length }
}

function listHeader (length: number): number[] {
  if (length < 56) return [0xc0 + length]
  return length < 256 ? [0xf8, length] : [0xf9, length >> 8, length & 0xff]
}

/** @param code - of ip4 or ip6; the binary form is the multiaddr's own */
function address (code: number, size: number, ip: Uint8Array | undefined, port: Uint8Array | undefined): Multiaddr[] {
  if (ip?.length !== size || port == null || port.length === 0 || port.length > 2) return []
  return [multiaddr(Uint8Array.of(code, ...ip, 6, port.at(-2) ?? 0, port.at(-1) ?? 0))]
}

/** libp2p's peer id of the key: itself, as a protobuf, in an identity multihash (libp2p specs, peer-ids). */
function peerIdOf (publicKey: Uint8Array): PeerId {
  const p2p = multiaddr(Uint8Array.of(0xa5, 0x03, 39, 0x00, 37, 0x08, 0x02, 0x12, 33, ...publicKey))
  return peerIdFromString(p2p.getComponents()[0]?.value ?? '')
}
