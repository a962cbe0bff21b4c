/**
 * Numbers and lengths as LevelDB writes them (util/coding.cc), front to back. What is not there, and numbers that are
 * too great, are a {@link FormatError}.
 */

/** The bytes are not what the format says. */
export class FormatError extends Error {
  override readonly name = 'FormatError'
}

export class CodingReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor (bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** Bytes not yet read. */
  get rest (): number {
    return this.#bytes.length - this.#at
  }

  byte (): number {
    const byte = this.#bytes[this.#at++]
    if (byte == null) throw new FormatError('it ends too early')
    return byte
  }

  /** Little end first, up to eight bytes. */
  fixed (bytes: number): number {
    let number = 0
    for (let i = 0; i < bytes; i++) number += this.byte() * 2 ** (8 * i)
    return number
  }

  /** Seven bits a byte, little end first. Beyond 2⁵³ it is a number that nothing here has. */
  varint (): number {
    let number = 0
    for (let factor = 1; ; factor *= 128) {
      const byte = this.byte()
      number += (byte & 0x7f) * factor
      if (!Number.isSafeInteger(number)) throw new FormatError('a number is too great')
      if (byte < 128) return number
      if (factor > 2 ** 56) throw new FormatError('a number is too long')
    }
  }

  /** A view, not a copy. */
  take (length: number): Uint8Array {
    if (length > this.rest) throw new FormatError('it ends too early')
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }
}

/** As {@link CodingReader.varint} reads it. */
export function varintBytes (number: number): number[] {
  const bytes: number[] = []
  for (; number > 127; number = Math.floor(number / 128)) bytes.push(number % 128 | 128)
  bytes.push(number)
  return bytes
}
