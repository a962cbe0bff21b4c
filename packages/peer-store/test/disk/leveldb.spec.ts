/** What is looked at in LevelDB's files before LevelDB is: it must find all damage, and nothing but damage. */
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { seededRng } from '@peerweave/interface'
import fc from 'fast-check'
import { Level } from 'level'
import { describe, expect, it } from 'vitest'
import { FormatError } from '../../src/disk/leveldb-coding.ts'
import { crc32c } from '../../src/disk/crc32c.ts'
import { assertWhole } from '../../src/disk/leveldb-folder.ts'
import { liveTables } from '../../src/disk/leveldb-manifest.ts'
import { findTableDamage, maskedChecksum, salvageTable } from '../../src/disk/leveldb-table.ts'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { decompressSnappy } from '../../src/disk/snappy.ts'
import { byTier, bytes, openReal, tempFolder } from './support.ts'

const RECORDS = 500
/** Every so many bytes of a table are flipped; the footer has each of its own. */
const STRIDE = byTier({ default: 61, ci: 17, long: 1 })

/** A folder of LevelDB's with one table in it. Random values do not compress, the others do, and so does the index. */
async function oneTable (isRandom = false): Promise<{ folder: string, table: string }> {
  const folder = join(tempFolder(), 'log')
  const level = new Level(folder)
  await level.open()
  for (let round = 0; round < 2; round++) { // the table of the first one is gone after the second
    for (let i = 0; i < RECORDS; i++) await level.put(key(i), isRandom ? randomText(i) : 'value '.repeat(20))
    await (level as unknown as { compactRange: (from: string, to: string) => Promise<void> }).compactRange('a', 'z')
  }
  await level.close()
  const [name] = readdirSync(folder).filter(name => name.endsWith('.ldb'))
  return { folder, table: join(folder, name as string) }
}

function randomText (seed: number): string {
  const rng = seededRng(seed)
  return Array.from({ length: 20 }, () => rng.int(2 ** 32).toString(36)).join('')
}

const key = (i: number): string => `peer/${String(i).padStart(6, '0')}`

function flip (path: string, at: number): () => void {
  const content = readFileSync(path)
  const flipped = Uint8Array.from(content)
  flipped[at] = (content[at] as number) ^ 0x10
  writeFileSync(path, flipped)
  return () => { writeFileSync(path, content) }
}

function manifestOf (folder: string): string {
  return join(folder, readFileSync(join(folder, 'CURRENT'), 'latin1').trim())
}

describe('the checksum', () => {
  it.each([
    ['32 bytes of zeroes', new Uint8Array(32), 0x8a9136aa],
    ['32 bytes of ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ['32 bytes that go up', Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
    ['32 bytes that go down', Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
    ['an iSCSI read command', Uint8Array.from(
      [
        0x01, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x14, 0, 0, 0, 0, 0, 0x04, 0,
        0, 0, 0, 0x14, 0, 0, 0, 0x18, 0x28, 0, 0, 0, 0, 0, 0, 0, 0x02, 0, 0, 0, 0, 0, 0, 0
      ]
    ), 0xd9963a56]
  ])('of %s is the one of RFC 3720, B.4', (_, input, checksum) => {
    expect(crc32c(input)).toBe(checksum)
  })

  it('is the one bit by bit, of any bytes, in any pieces', () => {
    const slow = (input: Uint8Array): number => {
      let rest = 0xffffffff
      for (const byte of input) {
        rest ^= byte
        for (let bit = 0; bit < 8; bit++) rest = (rest & 1) === 1 ? (rest >>> 1) ^ 0x82f63b78 : rest >>> 1
      }
      return ~rest >>> 0
    }
    fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat(64), (input, cut) => {
      expect(crc32c(input)).toBe(slow(input))
      expect(crc32c(input.subarray(cut), crc32c(input.subarray(0, cut)))).toBe(slow(input))
    }), { numRuns: 1_000 })
  })
})

describe('a table', () => {
  it.each([false, true])('of LevelDB’s is whole, and every byte of it that is another is found (random values: %s)', async isRandom => {
    const { table } = await oneTable(isRandom)
    const { size } = statSync(table)
    expect(await findTableDamage(table, size)).toBeUndefined()
    expect(await findTableDamage(table, size + 1)).toBe(`it has ${size} bytes instead of ${size + 1}`)
    const places = Array.from({ length: size }, (_, i) => i).filter(at => at % STRIDE === 0 || at >= size - 48)
    const unseen: number[] = []
    for (const at of places) {
      const mend = flip(table, at)
      if (await findTableDamage(table, size) == null) unseen.push(at)
      mend()
    }
    // Between the two handles and the magic number nothing is written and nothing is read.
    expect(unseen.every(at => at > size - 48 && at < size - 8)).toBe(true)
    expect(unseen.length).toBeLessThan(40)
  })

  it('with a damaged block gives all others, and LevelDB reads them', async () => {
    const { folder, table } = await oneTable(true)
    flip(table, 5_000)
    expect(await findTableDamage(table)).toMatch(/^the block at \d+: its checksum is wrong$/)
    const salvaged = join(folder, '..', 'salvaged')
    expect(await salvageTable(table, salvaged)).toBe(true)
    expect(await findTableDamage(salvaged)).toBeUndefined()
    await expect(nodeDisk().open(folder)).rejects.toMatchObject({
      name: 'PeerStoreCorruptError', message: expect.stringMatching(/damaged table, \d+\.ldb: the block at/)
    })
    const aside = await nodeDisk().setAside(folder)
    const log = await nodeDisk().open(aside)
    const keys: string[] = []
    for await (const [key] of log.entries()) keys.push(key)
    await log.close()
    expect(keys.length).toBeGreaterThan(RECORDS * 0.9)
    expect(keys.length).toBeLessThan(RECORDS)
    expect(existsSync(join(aside, 'lost', table.slice(folder.length)))).toBe(true)
  })

  it('with a damaged index gives nothing, and the rest of the log is there', async () => {
    const path = join(tempFolder(), 'log')
    for (const name of ['a', 'b']) {
      const { log } = await openReal(path)
      for (let i = 0; i < RECORDS; i++) log.put(`${name} ${i}`, bytes(name))
      await log.close()
    }
    await (await openReal(path)).log.close() // makes tables of both
    const tables = readdirSync(path).filter(name => name.endsWith('.ldb')).sort()
    expect(tables).toHaveLength(2)
    const last = join(path, tables[1] as string)
    flip(last, statSync(last).size - 60)
    const { entries, report } = await openReal(path)
    expect([...entries.keys()].every(key => key.startsWith('a'))).toBe(true)
    expect(report).toMatchObject({ kept: RECORDS, missing: RECORDS, reason: expect.stringContaining('its index') })
  })

  it('that nobody needs may be torn: a process that is killed while it compacts leaves that', async () => {
    const path = join(tempFolder(), 'log')
    const { log } = await openReal(path)
    log.put('a', bytes('1'))
    await log.close()
    const torn = join(path, '000099.ldb')
    writeFileSync(torn, new Uint8Array(5_000))
    const { entries, report } = await openReal(path)
    expect([entries.size, report]).toEqual([1, undefined])
    expect(existsSync(torn)).toBe(false)
  })

  it('of any bytes, with a footer that says anything, is damaged and no more', async () => {
    const path = join(tempFolder(), 'table')
    const magic = [0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb]
    const handles = fc.uint8Array({ minLength: 40, maxLength: 40 })
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), handles, async (head, handles) => {
      writeFileSync(path, Uint8Array.from([...head, ...handles, ...magic]))
      expect(await findTableDamage(path)).toEqual(expect.stringMatching(/^its index: /))
      expect(await salvageTable(path, `${path}.salvaged`)).toBe(false)
    }), { numRuns: 300 })
  })

  it('of an index that names one block again and again is not read again and again', async () => {
    const path = join(tempFolder(), 'table')
    const block = withTrailer(new Uint8Array(10_000))
    const entry = [0, 1, 3, 0x61, 0, 0x90, 0x4e] // key `a`, offset 0, size 10,000
    const index = withTrailer(Uint8Array.from([...entry, ...entry, 0, 0, 0, 0]))
    const footer = new Uint8Array(40)
    footer.set([0, 0, 0x95, 0x4e, index.length - 5])
    writeFileSync(path, Uint8Array.from([...block, ...index, ...footer, 0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb]))
    expect(await findTableDamage(path)).toContain('its blocks overlap')
  })
})

function withTrailer (block: Uint8Array): Uint8Array {
  const typed = Uint8Array.from([...block, 0, 0, 0, 0, 0])
  new DataView(typed.buffer).setUint32(block.length + 1, maskedChecksum(typed.subarray(0, block.length + 1)), true)
  return typed
}

describe('MANIFEST', () => {
  it('names the tables that are there, with their sizes', async () => {
    const { folder, table } = await oneTable()
    const tables = liveTables(readFileSync(manifestOf(folder)))
    expect([...tables]).toEqual([[Number(/(\d+)\.ldb$/.exec(table)?.[1]), statSync(table).size]])
    await assertWhole(folder)
  })

  it('cut short is what a crash leaves, with a byte changed it is damage', async () => {
    const { folder } = await oneTable()
    const whole = readFileSync(manifestOf(folder))
    for (let length = 0; length < whole.length; length++) expect(() => liveTables(whole.subarray(0, length))).not.toThrow()
    let found = 0
    for (let at = 0; at < whole.length; at++) {
      const flipped = Uint8Array.from(whole)
      flipped[at] = (whole[at] as number) ^ 0x10
      try {
        liveTables(flipped)
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError)
        found++
      }
    }
    // Where a length is another the rest may look cut short, and LevelDB takes it so too.
    expect(found / whole.length).toBeGreaterThan(0.9)
  })

  it('of any bytes is damage or nothing', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 40_000, size: 'max' }), bytes => {
      try {
        liveTables(bytes)
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError)
      }
    }), { numRuns: 100 })
  })
})

describe('a compressed block', () => {
  it('is decompressed: what it says itself, and what it repeats', () => {
    const text = (block: number[]): string => new TextDecoder().decode(decompressSnappy(Uint8Array.from(block)))
    expect(text([3, 0x08, 0x61, 0x62, 0x63])).toBe('abc')
    expect(text([9, 0x08, 0x61, 0x62, 0x63, 0b00001001, 3])).toBe('abcabcabc') // a copy into itself, one byte of offset
    expect(text([8, 0x08, 0x61, 0x62, 0x63, (5 - 1) << 2 | 2, 3, 0])).toBe('abcabcab'.slice(0, 8)) // two bytes
    expect(text([5, 0x08, 0x61, 0x62, 0x63, (2 - 1) << 2 | 3, 1, 0, 0, 0])).toBe('abccc') // four
    const long = Array.from({ length: 100 }, (_, i) => i)
    expect([...decompressSnappy(Uint8Array.from([100, 60 << 2, 99, ...long]))]).toEqual(long)
  })

  it.each([
    ['says that it is enormous', [0xff, 0xff, 0xff, 0xff, 0x0f, 0x00, 0x61]],
    ['is longer than it says', [2, 0x08, 0x61, 0x62, 0x63]],
    ['is shorter than it says', [4, 0x08, 0x61, 0x62, 0x63]],
    ['repeats what was not there', [9, 0x08, 0x61, 0x62, 0x63, 0b00001001, 4]],
    ['repeats from nowhere', [9, 0x08, 0x61, 0x62, 0x63, 0b00001001, 0]],
    ['repeats too much', [6, 0x08, 0x61, 0x62, 0x63, 0b00001001, 3]],
    ['ends in a literal', [9, 0x08, 0x61]]
  ])('that %s is refused', (_, block) => {
    expect(() => decompressSnappy(Uint8Array.from(block))).toThrow(FormatError)
  })

  it('of any bytes is refused or bounded', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), block => {
      try {
        expect(decompressSnappy(block).length).toBeLessThanOrEqual(64 * block.length)
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError)
      }
    }), { numRuns: 2_000 })
  })
})
