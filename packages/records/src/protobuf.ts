/**
 * As much of protobuf as an envelope and a peer record need: varints and length-delimited fields. Written out because
 * the general decoders throw on hostile bytes, and read an envelope in forms that nobody writes.
 *
 * @see https://protobuf.dev/programming-guides/encoding/
 */
import { concat } from './bytes.ts'

export { concat } from './bytes.ts'

/** What a field holds. Fixed-size fields are skipped: nothing here has any. */
export type FieldValue = bigint | Uint8Array

const VARINT = 0
const FIXED64 = 1
const BYTES = 2
const FIXED32 = 5
const MAX_FIELD = 2n ** 29n - 1n

/**
 * Calls `visit` with each field in order, as proto3 allows them; bytes are views into `message`. False as soon as the
 * message is no protobuf or `visit` returns false.
 */
export function readFields (message: Uint8Array, visit: (field: number, value: FieldValue) => boolean): boolean {
  const cursor: Cursor = { bytes: message, at: 0 }
  while (cursor.at < message.length) {
    const tag = readVarint(cursor)
    if (tag == null) return false
    const field = tag >> 3n
    if (field === 0n || field > MAX_FIELD) return false
    const value = readValue(cursor, Number(tag & 7n))
    if (value == null) return false
    if (value !== SKIPPED && !visit(Number(field), value)) return false
  }
  return true
}

/**
 * The values of a message that holds just these fields below 16, in this order, each with at least one byte and with
 * the shortest varints. There is one such message for the same values, so nothing was read over.
 */
export function readExactFields (message: Uint8Array, fields: readonly number[]): Uint8Array[] | undefined {
  const cursor: Cursor = { bytes: message, at: 0 }
  const values: Uint8Array[] = []
  for (const field of fields) {
    if (message[cursor.at++] !== (field << 3 | BYTES)) return undefined
    const start = cursor.at
    const length = readVarint(cursor)
    if (length == null || length === 0n || cursor.at - start !== varint(length).length) return undefined
    const value = take(cursor, length)
    if (value == null) return undefined
    values.push(value)
  }
  return cursor.at === message.length ? values : undefined
}

/** `undefined` for 0, which proto3 leaves out. */
export function varintField (field: number, value: bigint): Uint8Array | undefined {
  return value === 0n ? undefined : concat(varint(BigInt(field << 3 | VARINT)), varint(value))
}

/** Written even when empty: an empty element of a repeated field is one. */
export function bytesField (field: number, value: Uint8Array): Uint8Array {
  return concat(varint(BigInt(field << 3 | BYTES)), varint(BigInt(value.length)), value)
}

export function varint (value: bigint): Uint8Array {
  if (value < 0x80n) return Uint8Array.of(Number(value))
  const bytes: number[] = []
  for (; value >= 0x80n; value >>= 7n) bytes.push(Number(value & 0x7fn) | 0x80)
  bytes.push(Number(value))
  return Uint8Array.from(bytes)
}

interface Cursor {
  readonly bytes: Uint8Array
  at: number
}

const SKIPPED = Symbol('a field that nobody reads')

function readValue (cursor: Cursor, wireType: number): FieldValue | typeof SKIPPED | undefined {
  switch (wireType) {
    case VARINT: return readVarint(cursor)
    case BYTES: {
      const length = readVarint(cursor)
      return length == null ? undefined : take(cursor, length)
    }
    case FIXED64: return take(cursor, 8n) && SKIPPED
    case FIXED32: return take(cursor, 4n) && SKIPPED
    default: return undefined // groups, which proto3 does not have, and what is no wire type
  }
}

function take (cursor: Cursor, length: bigint): Uint8Array | undefined {
  if (length > BigInt(cursor.bytes.length - cursor.at)) return undefined
  return cursor.bytes.subarray(cursor.at, cursor.at += Number(length))
}

/** At most ten bytes and 64 bits. */
function readVarint (cursor: Cursor): bigint | undefined {
  const { bytes } = cursor
  const first = bytes[cursor.at++]
  if (first == null) return undefined
  if (first < 0x80) return BigInt(first) // nearly all of them: tags and short lengths
  let value = BigInt(first & 0x7f)
  for (let shift = 7n; shift < 70n; shift += 7n) {
    const byte = bytes[cursor.at++]
    if (byte == null) return undefined
    value |= BigInt(byte & 0x7f) << shift
    if (byte < 0x80) return value < 2n ** 64n ? value : undefined
  }
  return undefined
}
