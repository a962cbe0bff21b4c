/** Making a signed peer record of our own. */
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { limits, show } from '@peerweave/interface'
import { MAX_SEQ, PEER_RECORD_DOMAIN, PEER_RECORD_TYPE } from './constants.ts'
import { encodeEnvelope, signedBytes } from './envelope.ts'
import { encodePeerRecord } from './peer-record.ts'
import { publicKeyBytes } from './signer-id.ts'
import type { Signer } from '@peerweave/interface'
import type { PrivateKey } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'

export interface SealOptions {
  /** Who signs: `ports.host.signer`, or {@link keySigner} of a private key. */
  signer: Signer
  /** Where we can be reached: at most `limits.addressesPerClaim` of `limits.multiaddrBytes` each. */
  multiaddrs: readonly Multiaddr[]
  /** Greater than in every record of ours before; see `ownSeq`. 0 to 2⁶⁴ − 1. */
  seq: bigint
}

/**
 * A signed envelope (libp2p RFC 0002) with a peer record (RFC 0003) in it, byte for byte what `@libp2p/peer-record`
 * makes of the same key, addresses and seq.
 *
 * @throws TypeError when the record would be one that `openPeerRecord` refuses
 */
export async function sealPeerRecord ({ signer, multiaddrs, seq }: SealOptions): Promise<Uint8Array> {
  const publicKey = publicKeyBytes(signer.peerId)
  if (typeof seq !== 'bigint' || seq < 0n || seq > MAX_SEQ) {
    throw new TypeError(`seq must be a bigint from 0 to 2^64 - 1, got ${show(seq)}`)
  }
  if (multiaddrs.length > limits.addressesPerClaim) {
    throw new TypeError(`multiaddrs must be at most ${limits.addressesPerClaim}, got ${multiaddrs.length}`)
  }
  const tooLong = multiaddrs.find(({ bytes }) => bytes.length > limits.multiaddrBytes)
  if (tooLong != null) throw new TypeError(`multiaddrs must be at most ${limits.multiaddrBytes} bytes each, got ${show(tooLong)}`)

  const payload = encodePeerRecord({
    peerId: signer.peerId.toMultihash().bytes,
    seq,
    addresses: multiaddrs.map(({ bytes }) => bytes)
  })
  const signature = await signer.sign(signedBytes(PEER_RECORD_DOMAIN, PEER_RECORD_TYPE, payload))
  const envelope = encodeEnvelope({ publicKey, payloadType: PEER_RECORD_TYPE, payload, signature })
  if (envelope.length > limits.peerRecordBytes) {
    throw new TypeError(`multiaddrs must fit into a record of ${limits.peerRecordBytes} bytes, they make one of ${envelope.length}`)
  }
  return envelope
}

/** A signer for a key in hand; a node's own is `ports.host.signer`. */
export function keySigner (privateKey: PrivateKey): Signer {
  return { peerId: peerIdFromPrivateKey(privateKey), sign: async data => await privateKey.sign(data) }
}
