/** Reads what a `ByteWriter` wrote. What is not that ends in a {@link MalformedError}, whatever the bytes. */

const decoder = new TextDecoder('utf-8', { fatal: true })

/** As in `ByteWriter`. */
const SHORT = 64

/**
 * Texts read last, by a hash: groups and protocols come in record after record, and making a text costs more than finding
 * it. BOUNDED.
 */
const RECENT = 1_024
const recent = Array.from<string | undefined>({ length: RECENT })

export class MalformedError extends Error {
  override readonly name = 'MalformedError'
}

export class ByteReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #at = 0

  constructor (bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get isAtEnd (): boolean {
    return this.#at === this.#bytes.length
  }

  byte (): number {
    this.#need(1)
    return this.#bytes[this.#at++] as number
  }

  varint (): number {
    let value = 0
    for (let factor = 1; factor < 2 ** 53; factor *= 128) {
      const byte = this.byte()
      value += (byte & 0x7f) * factor
      if (byte < 0x80) {
        if (!Number.isSafeInteger(value)) break
        return value
      }
    }
    throw new MalformedError('a number is too large')
  }

  /** @param bound - a count beyond it is not believed */
  count (bound: number): number {
    const count = this.varint()
    if (count > bound) throw new MalformedError(`${count} of at most ${bound}`)
    return count
  }

  float (): number {
    this.#need(8)
    const value = this.#view.getFloat64(this.#at)
    this.#at += 8
    return value
  }

  /** A point in time. */
  time (): number {
    const value = this.float()
    if (!Number.isFinite(value)) throw new MalformedError('a time is not finite')
    return value
  }

  uint64 (): bigint {
    this.#need(8)
    const value = this.#view.getBigUint64(this.#at)
    this.#at += 8
    return value
  }

  text (): string {
    const length = this.varint()
    this.#need(length)
    const start = this.#at
    this.#at += length
    if (length < SHORT) {
      const text = this.#ascii(start, length)
      if (text != null) return text
    }
    try {
      return decoder.decode(this.#bytes.subarray(start, this.#at))
    } catch {
      throw new MalformedError('text is not UTF-8')
    }
  }

  packed (): string {
    const length = this.varint()
    this.#need(length)
    const start = this.#at
    this.#at += length
    return String.fromCharCode(...this.#bytes.subarray(start, this.#at))
  }

  /** A view. */
  bytes (): Uint8Array {
    const length = this.varint()
    this.#need(length)
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  #ascii (start: number, length: number): string | undefined {
    let bits = 0
    let hash = length
    for (let i = start; i < start + length; i++) {
      const byte = this.#bytes[i] as number
      bits |= byte
      hash = (hash * 31 + byte) | 0
    }
    if (bits > 0x7f) return undefined
    const slot = hash & (RECENT - 1)
    const known = recent[slot]
    if (known != null && this.#isAt(start, length, known)) return known
    return recent[slot] = String.fromCharCode.apply(null, this.#bytes.subarray(start, start + length) as unknown as number[])
  }

  #isAt (start: number, length: number, text: string): boolean {
    if (text.length !== length) return false
    for (let i = 0; i < length; i++) if (text.charCodeAt(i) !== this.#bytes[start + i]) return false
    return true
  }

  #need (size: number): void {
    if (this.#at + size > this.#bytes.length) throw new MalformedError('it ends too early')
  }
}
