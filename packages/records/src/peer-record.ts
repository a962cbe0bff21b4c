/**
 * The payload of a peer record: who, in which order, and where.
 *
 * Read as proto3 reads it – any order, unknown fields ignored – because the peer itself signed just these bytes, and
 * because the RFC keeps room for later fields of an address.
 *
 * @see https://github.com/libp2p/specs/blob/master/RFC/0003-routing-records.md
 */
import { limits } from '@peerweave/interface'
import { concat } from './bytes.ts'
import { bytesField, readFields, varintField } from './protobuf.ts'

export interface PeerRecordPayload {
  /** The multihash of the peer id. */
  readonly peerId: Uint8Array
  /** 0 to 2⁶⁴ − 1. Greater is newer; it need not be a time. */
  readonly seq: bigint
  /** Multiaddrs in binary, at most `limits.addressesPerClaim`. Not yet parsed: that waits until the signature is known. */
  readonly addresses: readonly Uint8Array[]
}

const FIELDS = { peerId: 1, seq: 2, addresses: 3 } as const
const MULTIADDR = 1

export function encodePeerRecord ({ peerId, seq, addresses }: PeerRecordPayload): Uint8Array {
  return concat(
    bytesField(FIELDS.peerId, peerId),
    varintField(FIELDS.seq, seq),
    ...addresses.map(address => bytesField(FIELDS.addresses, bytesField(MULTIADDR, address)))
  )
}

/** Views into `bytes`, or why not. */
export function decodePeerRecord (bytes: Uint8Array): PeerRecordPayload | 'malformed' | 'too-many-addresses' {
  let peerId: Uint8Array | undefined
  let seq = 0n
  let isOverfull = false
  const addresses: Uint8Array[] = []
  const isRead = readFields(bytes, (field, value) => {
    switch (field) {
      case FIELDS.peerId:
        if (typeof value === 'bigint') return false
        peerId = value
        return true
      case FIELDS.seq:
        if (typeof value !== 'bigint') return false
        seq = value
        return true
      case FIELDS.addresses: {
        const address = typeof value === 'bigint' ? undefined : decodeAddressInfo(value)
        if (address == null) return false
        isOverfull = addresses.length >= limits.addressesPerClaim
        addresses.push(address)
        return !isOverfull
      }
      default:
        return true
    }
  })
  if (isOverfull) return 'too-many-addresses'
  return isRead && peerId != null ? { peerId, seq, addresses } : 'malformed'
}

/** An address without bytes is the empty one, which nobody can dial; it is left out when addresses are parsed. */
function decodeAddressInfo (bytes: Uint8Array): Uint8Array | undefined {
  let address: Uint8Array = new Uint8Array()
  const isRead = readFields(bytes, (field, value) => {
    if (field !== MULTIADDR) return true
    if (typeof value === 'bigint') return false
    address = value
    return true
  })
  return isRead ? address : undefined
}
