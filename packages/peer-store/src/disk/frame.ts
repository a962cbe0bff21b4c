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
  new DataView(frame.buffer).setUint32(1, checksumOf(key, value, version))
  return frame
}

/** @returns `undefined` when it is damaged */
export function decodeFrame (key: string, frame: Uint8Array): Frame | undefined {
  const version = frame[0]
  if (version == null || frame.length < HEADER) return undefined
  const checksum = checksumIn(frame)
  const value = new Uint8Array(frame.subarray(HEADER)) // not slice(): of a Buffer that is no copy
  return checksum === checksumOf(key, value, version) ? { version, checksum, value } : undefined
}

/** Of an encoded frame. */
export function checksumIn (frame: Uint8Array): number {
  return new DataView(frame.buffer, frame.byteOffset).getUint32(1)
}

function checksumOf (key: string, value: Uint8Array, version: number): number {
  return crc32c(value, crc32c(encoder.encode(key), crc32c(Uint8Array.of(version))))
}
