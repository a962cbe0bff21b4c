/**
 * Which tables LevelDB will read: its MANIFEST says so, as a log of changes. Other tables may lie about, torn by a crash
 * in the middle of a compaction; LevelDB deletes them, and that is no damage.
 *
 * The formats are doc/log_format.md, db/log_reader.cc and db/version_edit.cc of
 * https://github.com/google/leveldb/tree/1.20.
 */
import { CodingReader, FormatError } from './leveldb-coding.ts'
import { maskedChecksum } from './leveldb-table.ts'

/** A log is cut into these; no piece of a record reaches across. */
const BLOCK = 32_768
/** Masked CRC-32C of type and data, length of the data, type. */
const HEADER = 7
const [UNWRITTEN, FULL, FIRST, MIDDLE, LAST] = [0, 1, 2, 3, 4] as const

/**
 * @returns the size of each table, by its number
 * @throws FormatError where LevelDB would complain too. A cut at the end is none: a crash leaves that
 */
export function liveTables (manifest: Uint8Array): Map<number, number> {
  /** By level and number: a table moves to another level by leaving one and joining the other. */
  const tables = new Map<string, [number: number, size: number]>()
  for (const edit of recordsOf(manifest)) applyEdit(edit, tables)
  return new Map(tables.values())
}

function applyEdit (edit: Uint8Array, tables: Map<string, [number: number, size: number]>): void {
  const bytes = new CodingReader(edit)
  const skip = (): void => { bytes.take(bytes.varint()) }
  while (bytes.rest > 0) {
    const tag = bytes.varint()
    switch (tag) {
      case 1: // name of the order of keys
        skip()
        break
      case 2: // numbers of the log, of the next file, of the last change, of the log before
      case 3:
      case 4:
      case 9:
        bytes.varint()
        break
      case 5: // where the next compaction of a level begins
        bytes.varint()
        skip()
        break
      case 6:
        tables.delete(`${bytes.varint()}/${bytes.varint()}`)
        break
      case 7: {
        const level = bytes.varint()
        const number = bytes.varint()
        tables.set(`${level}/${number}`, [number, bytes.varint()])
        skip() // its smallest and its largest key
        skip()
        break
      }
      default:
        throw new FormatError(`MANIFEST has the tag ${tag}`)
    }
  }
}

function * recordsOf (log: Uint8Array): Generator<Uint8Array> {
  let pieces: Uint8Array[] | undefined
  for (const { type, data } of piecesOf(log)) {
    if (type === UNWRITTEN) {
      if (pieces != null) throw new FormatError('MANIFEST has a gap in a record')
      continue
    }
    if (type === FULL || type === FIRST) {
      // An empty one is what an old writer left at the end of a block.
      if (pieces?.some(({ length }) => length > 0) === true) throw new FormatError('MANIFEST has a record without an end')
      pieces = [data]
    } else {
      if (pieces == null || (type !== MIDDLE && type !== LAST)) throw new FormatError('MANIFEST has a record without a beginning')
      pieces.push(data)
    }
    if (type !== FULL && type !== LAST) continue
    yield joined(pieces)
    pieces = undefined
  }
}

function * piecesOf (log: Uint8Array): Generator<{ type: number, data: Uint8Array }> {
  for (let start = 0; start < log.length; start += BLOCK) {
    const block = new CodingReader(log.subarray(start, start + BLOCK))
    const isLast = log.length - start < BLOCK
    while (block.rest >= HEADER) {
      const checksum = block.fixed(4)
      const length = block.fixed(2)
      if (length >= block.rest) {
        if (isLast) return // whoever wrote it ended there
        throw new FormatError('MANIFEST has a record that is too long')
      }
      const typed = block.take(1 + length)
      const type = typed[0] as number
      if (type === UNWRITTEN && length === 0) { // and so is the rest of the block
        yield { type, data: typed.subarray(1) }
        break
      }
      if (maskedChecksum(typed) !== checksum) throw new FormatError('MANIFEST has a record with a wrong checksum')
      yield { type, data: typed.subarray(1) }
    }
  }
}

function joined (pieces: readonly Uint8Array[]): Uint8Array {
  const [only] = pieces
  if (only != null && pieces.length === 1) return only
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const piece of pieces) {
    bytes.set(piece, at)
    at += piece.length
  }
  return bytes
}
