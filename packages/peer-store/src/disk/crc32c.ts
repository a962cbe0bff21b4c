/**
 * CRC-32C (Castagnoli, RFC 3720 appendix B.4), as LevelDB uses it. In plain code: the same log runs in a browser.
 * Eight bytes a step ("slicing-by-8", Kounavis and Berry 2005): it is on the way of every write, and of every table when
 * a log is opened. Measured with Node 24: 1.3 GB/s, where one byte a step gave 0.2.
 */

/** Eight tables in one: entry `256 n + byte` is what `byte` leaves behind when `n` zero bytes follow it. */
const TABLE = new Int32Array(8 * 256)
for (let byte = 0; byte < 256; byte++) {
  let rest = byte
  for (let bit = 0; bit < 8; bit++) rest = (rest & 1) === 1 ? (rest >>> 1) ^ 0x82f63b78 : rest >>> 1
  TABLE[byte] = rest
}
for (let i = 256; i < TABLE.length; i++) {
  const before = TABLE[i - 256] as number
  TABLE[i] = (before >>> 8) ^ (TABLE[before & 0xff] as number)
}

/** @param before - the checksum of what came before `bytes`. Every index in it is within bounds, so none is checked */
export function crc32c (bytes: Uint8Array, before = 0): number {
  let rest = ~before
  let i = 0
  for (const end = bytes.length - 7; i < end; i += 8) {
    const first = rest ^ (bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24))
    rest = TABLE[1792 + (first & 0xff)]! ^ TABLE[1536 + ((first >>> 8) & 0xff)]! ^
      TABLE[1280 + ((first >>> 16) & 0xff)]! ^ TABLE[1024 + (first >>> 24)]! ^
      TABLE[768 + bytes[i + 4]!]! ^ TABLE[512 + bytes[i + 5]!]! ^ TABLE[256 + bytes[i + 6]!]! ^ TABLE[bytes[i + 7]!]!
  }
  for (; i < bytes.length; i++) rest = (rest >>> 8) ^ TABLE[(rest ^ bytes[i]!) & 0xff]!
  return ~rest >>> 0
}
