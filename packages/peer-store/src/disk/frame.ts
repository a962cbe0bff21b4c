/**
 * What stands around every value on disk: format version (1 byte), CRC-32C of the rest, the version and the key
 * (4 bytes, big-endian), value. This shape never changes, so that every version can tell damage from a newer format.
 */
import { crc32c } from './crc32c.ts'

const HEADER = 5
const encoder = new TextEncoder()

export interface Frame {
  readonly version: number
  readonly checksum: number
  readonly value: Uint8Array
}

/** The key is in the checksum: a value under another key is damage too. */
export function encodeFrame (key: string, value: Uint8Array, version: number): Uint8Array {
  const frame = new Uint8Array(HEADER + value.length)
  frame[0] = version
  frame.set(value, HEADER)
  const checksum = checksumOf(key, value, version)
  // By hand: a DataView for four bytes costs more than the checksum.
  frame[1] = checksum >>> 24
  frame[2] = checksum >>> 16
  frame[3] = checksum >>> 8
  frame[4] = checksum
  return frame
}

/** @returns `undefined` when it is damaged. `value` is a view into `frame`. */
export function decodeFrame (key: string, frame: Uint8Array): Frame | undefined {
  const version = frame[0]
  if (version == null || frame.length < HEADER) return undefined
  const checksum = checksumIn(frame)
  const value = new Uint8Array(frame.buffer, frame.byteOffset + HEADER, frame.length - HEADER)
  return checksum === checksumOf(key, value, version) ? { version, checksum, value } : undefined
}

/** Of an encoded frame. */
export function checksumIn (frame: Uint8Array): number {
  return (((frame[1] as number) << 24) | ((frame[2] as number) << 16) | ((frame[3] as number) << 8) | (frame[4] as number)) >>> 0
}

/** Of the key, in a buffer that is used again. BOUNDED: keys are peer ids and names of our own. */
let keyBytes: Uint8Array = new Uint8Array(256)

function checksumOf (key: string, value: Uint8Array, version: number): number {
  if (3 * key.length + 1 > keyBytes.length) keyBytes = new Uint8Array(3 * key.length + 1)
  keyBytes[0] = version
  const { written } = encoder.encodeInto(key, keyBytes.subarray(1))
  return crc32c(value, crc32c(keyBytes.subarray(0, 1 + written)))
}
