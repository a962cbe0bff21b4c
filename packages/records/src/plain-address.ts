/**
 * Addresses of the few forms that nearly all have, told by their bytes alone: an IP address and port, a transport, a peer
 * id. Read and written they are always the same, so that they need not be, which costs ten times as much as to read them.
 */

/** Bytes of the value behind each code. Codes: https://github.com/multiformats/multiaddr/blob/master/protocols.csv */
const VALUE_BYTES: ReadonlyMap<number, number> = new Map([
  [4, 4], // ip4
  [41, 16], // ip6
  [6, 2], // tcp
  [273, 2], // udp
  [461, 0], // quic-v1
  [465, 0], // webtransport
  [477, 0], // ws
  [478, 0], // wss
  [448, 0], // tls
  [290, 0] // p2p-circuit
])
const P2P = 421

/** What ids of Ed25519 keys, and of hashes of others, begin with: length, hash function, length of the hash (multihash). */
const ED25519_HEAD = [38, 0x00, 36]
const SHA256_HEAD = [34, 0x12, 32]

/** Whether it is of these forms, whole, and with nothing behind it. `false` says nothing. */
export function isPlainAddress (bytes: Uint8Array): boolean {
  let at = 0
  while (at < bytes.length) {
    // Codes above 127 are two bytes, the shortest that they can be.
    const [low = 0, high = 0] = [bytes[at], bytes[at + 1]]
    const isLong = low >= 0x80
    if (isLong && (high === 0 || high >= 0x80)) return false
    const code = isLong ? (low & 0x7f) | high << 7 : low
    at += isLong ? 2 : 1
    const size = code === P2P ? idBytes(bytes, at) : VALUE_BYTES.get(code)
    if (size == null) return false
    at += size
  }
  return at === bytes.length && at > 0
}

/** Of the peer id that begins there, its length included. */
function idBytes (bytes: Uint8Array, at: number): number | undefined {
  const head = [ED25519_HEAD, SHA256_HEAD].find(head => head.every((byte, i) => bytes[at + i] === byte))
  return head == null ? undefined : 1 + (head[0] as number)
}
