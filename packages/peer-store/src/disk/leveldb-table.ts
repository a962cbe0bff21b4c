/**
 * LevelDB's table files: what in them is damaged, and what of a damaged one can still be read. LevelDB compacts tables
 * without verifying their checksums, and keys that come out of order then end the process by an assertion, so it is
 * looked at before LevelDB does.
 *
 * The format is doc/table_format.md of https://github.com/google/leveldb/tree/1.20: blocks (each followed by its type
 * and a masked CRC-32C of both), an index of them, and a footer that says where the index is.
 */
import { open, type FileHandle } from 'node:fs/promises'
import { CodingReader, FormatError, varintBytes } from './leveldb-coding.ts'
import { crc32c } from './crc32c.ts'
import { decompressSnappy } from './snappy.ts'

/** Two block handles, padded, and the magic number. From table/format.h. */
const FOOTER = 48
const HANDLES = 40
/** Little end first: 0xdb4775248b80fb57. */
const MAGIC = [0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb]
/** Type of the block, checksum. */
const TRAILER = 5
const SNAPPY = 1

/** Read at once, bytes. A block (4 kB) each would be ten times slower, a whole file could be of any size. Chosen. */
const WINDOW = 1_048_576

/** Where a block is in the file; its trailer comes after it. */
interface BlockHandle {
  readonly offset: number
  readonly size: number
}

interface IndexEntry {
  /** No key of its block is greater. */
  readonly key: Uint8Array
  readonly handle: BlockHandle
}

interface TableContents {
  /** The data blocks that are whole, in order. */
  readonly whole: readonly IndexEntry[]
  /** What is wrong; empty when nothing is. */
  readonly damage: readonly string[]
}

/**
 * @param size - that the file should have; `undefined` when nobody knows
 * @returns what is wrong with it, `undefined` when nothing is
 * @throws what the disk says
 */
export async function findTableDamage (path: string, size?: number): Promise<string | undefined> {
  return await withTable(path, async table => {
    if (size != null && size !== table.size) return `it has ${table.size} bytes instead of ${size}`
    const { damage } = await readTable(table)
    return damage.length > 1 ? `${damage[0]}, and ${damage.length - 1} more of this` : damage[0]
  })
}

/**
 * Writes a table of the blocks that are whole to a new file.
 *
 * @returns whether there were any
 */
export async function salvageTable (path: string, target: string): Promise<boolean> {
  return await withTable(path, async table => {
    const { whole } = await readTable(table)
    if (whole.length === 0) return false
    const file = await open(target, 'wx', 0o600)
    try {
      await writeTable(table, whole, file)
      await file.sync()
    } finally {
      await file.close()
    }
    return true
  })
}

async function withTable<T> (path: string, use: (table: WindowedFile) => Promise<T>): Promise<T> {
  const file = await open(path, 'r')
  try {
    return await use(new WindowedFile(file, (await file.stat()).size))
  } finally {
    await file.close()
  }
}

/** Reads ahead: blocks are asked for in the order in which they stand. */
class WindowedFile {
  readonly size: number
  readonly #file: FileHandle
  #start = 0
  #window = new Uint8Array()

  constructor (file: FileHandle, size: number) {
    this.#file = file
    this.size = size
  }

  /** A view, good until the next read. BOUNDED by the size of the file, whatever is asked for. */
  async read (offset: number, length: number): Promise<Uint8Array> {
    if (offset < 0 || offset + length > this.size) throw new FormatError('a block reaches beyond the file')
    if (offset < this.#start || offset + length > this.#start + this.#window.length) await this.#fill(offset, length)
    return this.#window.subarray(offset - this.#start, offset - this.#start + length)
  }

  async #fill (offset: number, length: number): Promise<void> {
    const window = new Uint8Array(Math.min(this.size - offset, Math.max(length, WINDOW)))
    for (let filled = 0; filled < window.length;) {
      const { bytesRead } = await this.#file.read(window, filled, window.length - filled, offset + filled)
      if (bytesRead === 0) throw new FormatError('the file was cut short while it was read')
      filled += bytesRead
    }
    this.#start = offset
    this.#window = window
  }
}

async function readTable (table: WindowedFile): Promise<TableContents> {
  const whole: IndexEntry[] = []
  const damage: string[] = []
  const attempt = async (what: string, read: () => Promise<void>): Promise<void> => {
    try {
      await read()
    } catch (error) {
      if (!(error instanceof FormatError)) throw error
      damage.push(`${what}: ${error.message}`)
    }
  }
  await attempt('its index', async () => {
    const [meta, index] = await readFooter(table)
    const entries = entriesOf(await readBlock(table, index))
    let end = 0
    for (const [key, value] of entries) {
      const handle = readHandle(new CodingReader(value))
      // One after the other, so that no index makes us read more than the file has.
      if (handle.offset < end) throw new FormatError('its blocks overlap')
      end = handle.offset + handle.size + TRAILER
      await attempt(`the block at ${handle.offset}`, async () => {
        await verifyBlock(table, handle)
        whole.push({ key, handle })
      })
    }
    await attempt('what stands between its blocks and its index', async () => {
      for (const [, value] of entriesOf(await readBlock(table, meta))) await verifyBlock(table, readHandle(new CodingReader(value)))
    })
  })
  return { whole, damage }
}

async function readFooter (table: WindowedFile): Promise<[meta: BlockHandle, index: BlockHandle]> {
  const footer = await table.read(table.size - FOOTER, FOOTER)
  if (MAGIC.some((byte, i) => footer[HANDLES + i] !== byte)) throw new FormatError('it does not end as a table does')
  const handles = new CodingReader(footer.subarray(0, HANDLES))
  return [readHandle(handles), readHandle(handles)]
}

function readHandle (bytes: CodingReader): BlockHandle {
  return { offset: bytes.varint(), size: bytes.varint() }
}

/** @returns the block as it is stored, with its type behind it */
async function verifyBlock (table: WindowedFile, { offset, size }: BlockHandle): Promise<Uint8Array> {
  const block = await table.read(offset, size + TRAILER)
  const stored = new DataView(block.buffer, block.byteOffset).getUint32(size + 1, true)
  const typed = block.subarray(0, size + 1)
  if (stored !== maskedChecksum(typed)) throw new FormatError('its checksum is wrong')
  return typed
}

/** util/crc32c.h of LevelDB says why: a checksum of bytes that hold checksums is a poor one. */
export function maskedChecksum (bytes: Uint8Array): number {
  const checksum = crc32c(bytes)
  return (((checksum >>> 15) | (checksum << 17)) + 0xa282ead8) >>> 0
}

async function readBlock (table: WindowedFile, handle: BlockHandle): Promise<Uint8Array> {
  const typed = await verifyBlock(table, handle)
  const type = typed[handle.size] as number
  if (type > SNAPPY) throw new FormatError(`a block has the type ${type}`)
  const block = typed.subarray(0, handle.size)
  return type === SNAPPY ? decompressSnappy(block) : block.slice() // a copy: the window moves on
}

/** Of an index. A block of data holds less of a key where it begins as the last one did; LevelDB never does so here. */
function entriesOf (block: Uint8Array): Array<[key: Uint8Array, value: Uint8Array]> {
  if (block.length < 4) throw new FormatError('a block is too short')
  const restarts = new DataView(block.buffer, block.byteOffset).getUint32(block.length - 4, true)
  const end = block.length - 4 - 4 * restarts
  if (end < 0) throw new FormatError('a block is too short')
  const bytes = new CodingReader(block.subarray(0, end))
  const entries: Array<[Uint8Array, Uint8Array]> = []
  while (bytes.rest > 0) {
    if (bytes.varint() !== 0) throw new FormatError('an index shares beginnings of keys')
    const keyLength = bytes.varint()
    const valueLength = bytes.varint()
    entries.push([bytes.take(keyLength), bytes.take(valueLength)])
  }
  return entries
}

/** The filter goes: it is for single keys, and this is read from end to end. */
async function writeTable (table: WindowedFile, whole: readonly IndexEntry[], file: FileHandle): Promise<void> {
  let offset = 0
  const append = async (bytes: Uint8Array): Promise<void> => {
    await file.writeFile(bytes)
    offset += bytes.length
  }
  const appendBlock = async (entries: ReadonlyArray<readonly [key: Uint8Array, handle: BlockHandle]>): Promise<BlockHandle> => {
    const block = encodeIndex(entries)
    const handle = { offset, size: block.length - TRAILER }
    await append(block)
    return handle
  }
  const index: Array<[Uint8Array, BlockHandle]> = []
  for (const { key, handle } of whole) {
    const block = await table.read(handle.offset, handle.size + TRAILER)
    index.push([key, { offset, size: handle.size }])
    await append(block)
  }
  const meta = await appendBlock([])
  const handles = [...encodeHandle(meta), ...encodeHandle(await appendBlock(index))]
  const footer = new Uint8Array(FOOTER)
  footer.set(handles)
  footer.set(MAGIC, HANDLES)
  await append(footer)
}

function encodeHandle ({ offset, size }: BlockHandle): number[] {
  return [...varintBytes(offset), ...varintBytes(size)]
}

/** Uncompressed, with its trailer. */
function encodeIndex (entries: ReadonlyArray<readonly [key: Uint8Array, handle: BlockHandle]>): Uint8Array {
  const bytes: number[] = []
  const restarts: number[] = []
  for (const [key, handle] of entries) {
    const value = encodeHandle(handle)
    restarts.push(bytes.length)
    bytes.push(0, ...varintBytes(key.length), ...varintBytes(value.length))
    for (const byte of key) bytes.push(byte)
    bytes.push(...value)
  }
  if (restarts.length === 0) restarts.push(0) // LevelDB wants one, also of nothing
  const block = new Uint8Array(bytes.length + 4 * restarts.length + 4 + TRAILER)
  block.set(bytes)
  const view = new DataView(block.buffer)
  for (const [i, number] of [...restarts, restarts.length].entries()) view.setUint32(bytes.length + 4 * i, number, true)
  const size = block.length - TRAILER
  view.setUint32(size + 1, maskedChecksum(block.subarray(0, size + 1)), true)
  return block
}
