/**
 * HalfSipHash-2-4 with a 32-bit result: a hash that nobody without the key can aim at, so that "the largest hash goes"
 * cannot be played. Not for anything that must be secret.
 *
 * @see https://github.com/veorq/SipHash (halfsiphash.c)
 */
export interface KeyedHash {
  (text: string): number
}

/** @param key - 8 bytes; default: fresh from the platform's secure generator */
export function keyedHash (key: Uint8Array = crypto.getRandomValues(new Uint8Array(8))): KeyedHash {
  const view = new DataView(key.buffer, key.byteOffset, 8)
  const k0 = view.getUint32(0, true)
  const k1 = view.getUint32(4, true)
  return text => {
    const length = write(text)
    return halfSipHash(k0, k1, scratch, length)
  }
}

const encoder = new TextEncoder()
let scratch: Uint8Array = new Uint8Array(1_024)

/** Into `scratch`, as UTF-8; a fresh array for each would cost more than the hash. Returns the length. */
function write (text: string): number {
  // A code unit is at most three bytes.
  if (text.length * 3 > scratch.length) scratch = new Uint8Array(text.length * 3)
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 0x7f) return encoder.encodeInto(text, scratch).written
    scratch[i] = code
  }
  return text.length
}

function halfSipHash (k0: number, k1: number, data: Uint8Array, length: number): number {
  let v0 = k0
  let v1 = k1
  let v2 = 0x6c796765 ^ k0
  let v3 = 0x74656462 ^ k1
  const rounds = (count: number): void => {
    for (let i = 0; i < count; i++) {
      v0 = (v0 + v1) | 0
      v1 = rotate(v1, 5) ^ v0
      v0 = rotate(v0, 16)
      v2 = (v2 + v3) | 0
      v3 = rotate(v3, 8) ^ v2
      v0 = (v0 + v3) | 0
      v3 = rotate(v3, 7) ^ v0
      v2 = (v2 + v1) | 0
      v1 = rotate(v1, 13) ^ v2
      v2 = rotate(v2, 16)
    }
  }
  const absorb = (word: number): void => {
    v3 ^= word
    rounds(2)
    v0 ^= word
  }
  const whole = length - (length % 4)
  const byte = (i: number): number => data[i] as number
  for (let i = 0; i < whole; i += 4) absorb(byte(i) | (byte(i + 1) << 8) | (byte(i + 2) << 16) | (byte(i + 3) << 24))
  let last = (length & 0xff) << 24
  for (let i = whole; i < length; i++) last |= byte(i) << (8 * (i - whole))
  absorb(last)
  v2 ^= 0xff
  rounds(4)
  return (v1 ^ v3) >>> 0
}

function rotate (value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits))
}
