/** CRC-32C (Castagnoli, RFC 3720 appendix B.4), as LevelDB uses it. In plain code: the same log runs in a browser. */

const TABLE = new Uint32Array(256).map((_, byte) => {
  let rest = byte
  for (let bit = 0; bit < 8; bit++) rest = (rest & 1) === 1 ? (rest >>> 1) ^ 0x82f63b78 : rest >>> 1
  return rest >>> 0
})

/** @param before - the checksum of what came before `bytes` */
export function crc32c (bytes: Uint8Array, before = 0): number {
  let rest = ~before
  for (const byte of bytes) rest = (rest >>> 8) ^ (TABLE[(rest ^ byte) & 0xff] as number)
  return ~rest >>> 0
}
