/** What RFC 0002 and RFC 0003 of the libp2p specs fix, and the defaults of this package. */

/** Signed in front of the payload, so that a signature made for something else is none here (RFC 0003). */
export const PEER_RECORD_DOMAIN = 'libp2p-peer-record'

/** The multicodec `libp2p-peer-record` (0x0301), as go-libp2p and js-libp2p write it: two plain bytes, no varint. */
export const PEER_RECORD_TYPE: Uint8Array = Uint8Array.of(0x03, 0x01)

/** `seq` is a protobuf uint64. */
export const MAX_SEQ: bigint = 2n ** 64n - 1n

/** The smallest RSA modulus, in bits: go-libp2p's bound. */
export const RSA_MIN_BITS = 2_048

/**
 * The longest RSA key in PKIX form, in bytes: js-libp2p's bound, which 8,192 bits just miss. Checked before the key is
 * looked at (CVE-2023-39533). A record of `limits.peerRecordBytes` has no room for more than about 7,000 bits anyway.
 */
export const RSA_MAX_BYTES = 1_061
