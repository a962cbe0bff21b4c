/**
 * Decompresses one Snappy block: https://github.com/google/snappy/blob/1.1.10/format_description.txt. LevelDB stores the
 * index of a table so. A few blocks a table, so it is short rather than fast.
 */
import { CodingReader, FormatError } from './leveldb-coding.ts'

/** No element makes more of a byte than a copy of 64 bytes in three. More than that was never compressed. */
const MAX_GROWTH = 64

export function decompressSnappy (bytes: Uint8Array): Uint8Array {
  const input = new CodingReader(bytes)
  const length = input.varint()
  if (length > MAX_GROWTH * bytes.length) throw new FormatError('a block says that it is longer than it can be')
  const output = new Uint8Array(length)
  let at = 0
  while (input.rest > 0) {
    const tag = input.byte()
    const kind = tag & 3
    if (kind === 0) {
      const literal = input.take(1 + ((tag >> 2) < 60 ? tag >> 2 : input.fixed((tag >> 2) - 59)))
      if (literal.length > length - at) throw new FormatError('a block is longer than it says')
      output.set(literal, at)
      at += literal.length
      continue
    }
    const copied = kind === 1 ? 4 + ((tag >> 2) & 7) : 1 + (tag >> 2)
    const back = kind === 1 ? ((tag >> 5) << 8) + input.byte() : input.fixed(kind === 2 ? 2 : 4)
    if (back === 0 || back > at || copied > length - at) throw new FormatError('a copy in a block reaches beyond it')
    // Byte by byte: where it reaches into itself it repeats what it has just written.
    for (let i = 0; i < copied; i++, at++) output[at] = output[at - back] as number
  }
  if (at !== length) throw new FormatError('a block is shorter than it says')
  return output
}
