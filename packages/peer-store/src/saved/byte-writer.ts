/** Writes numbers and text one after the other, into a buffer that it keeps. */

const encoder = new TextEncoder()

/** Shorter ASCII text is written by hand: for less than this the call into the encoder costs more. */
const SHORT = 64

export class ByteWriter {
  #bytes = new Uint8Array(1_024)
  #view = new DataView(this.#bytes.buffer)
  #end = 0

  byte (value: number): void {
    this.#reserve(1)
    this.#bytes[this.#end++] = value
  }

  /** A whole number, 0 to 2⁵³ − 1: seven bits a byte, the smallest first (LEB128). */
  varint (value: number): void {
    this.#reserve(8)
    let rest = value
    for (; rest > 0x7f; rest = Math.floor(rest / 128)) this.#bytes[this.#end++] = (rest % 128) | 0x80
    this.#bytes[this.#end++] = rest
  }

  float (value: number): void {
    this.#reserve(8)
    this.#view.setFloat64(this.#end, value)
    this.#end += 8
  }

  uint64 (value: bigint): void {
    this.#reserve(8)
    this.#view.setBigUint64(this.#end, value)
    this.#end += 8
  }

  /** UTF-8 behind its length in bytes. Lone surrogates become U+FFFD. */
  text (value: string): void {
    this.#reserve(8 + value.length * 3)
    if (value.length < SHORT && this.#ascii(value)) return
    // The length goes in front, and is known only afterwards.
    const { written } = encoder.encodeInto(value, this.#bytes.subarray(this.#end + 8))
    const start = this.#end + 8
    this.varint(written)
    this.#bytes.copyWithin(this.#end, start, start + written)
    this.#end += written
  }

  /** Text of one character for each byte (see `packed-bytes.ts`), behind its length. */
  packed (value: string): void {
    this.varint(value.length)
    this.#reserve(value.length)
    for (let i = 0; i < value.length; i++) this.#bytes[this.#end++] = value.charCodeAt(i)
  }

  /** Bytes behind their length. */
  bytes (value: Uint8Array): void {
    this.varint(value.length)
    this.#reserve(value.length)
    this.#bytes.set(value, this.#end)
    this.#end += value.length
  }

  /** What was written since the last time. A view: it holds until something is written again. */
  take (): Uint8Array {
    const bytes = this.#bytes.subarray(0, this.#end)
    this.#end = 0
    return bytes
  }

  /** False, and nothing is written, when it is not ASCII. */
  #ascii (value: string): boolean {
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i)
      if (code > 0x7f) return false
      this.#bytes[this.#end + 1 + i] = code
    }
    this.#bytes[this.#end] = value.length
    this.#end += 1 + value.length
    return true
  }

  #reserve (size: number): void {
    if (this.#end + size <= this.#bytes.length) return
    const larger = new Uint8Array(2 * (this.#end + size))
    larger.set(this.#bytes)
    this.#bytes = larger
    this.#view = new DataView(larger.buffer)
  }
}
