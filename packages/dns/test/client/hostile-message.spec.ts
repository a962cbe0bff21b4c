/**
 * What the worst answers cost: work that the length of the message bounds, and 2 MB of heap each at most. How long it takes is
 * the benchmark's to say, 50 ms of event loop at the most (benchmarks/goals.json): a stopwatch here fails on a busy machine.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { limits } from '@peerweave/interface'
import { expect, it, vi } from 'vitest'
import { MAX_MESSAGE_BYTES } from '../../src/client/constants.ts'
import { encodeQuestion, readAnswer, type Reading } from '../../src/client/message.ts'
import { answerTo, times } from './fakes.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

const NAME = 'example.test'
const sent = encodeQuestion({ id: 7, name: NAME, type: 'SRV', hasEdns: true })
const RECORDS = sent.length - 11

/** As many records as a message holds, after `before`. */
function full (record: (i: number, at: number) => number[], before: number[] = [], count?: number): Uint8Array {
  const message = Buffer.alloc(MAX_MESSAGE_BYTES)
  message.set(answerTo(sent, []))
  message.set(before, RECORDS)
  let at = RECORDS + before.length
  let i = 0
  for (; ; i++) {
    const bytes = record(i, at)
    if (at + bytes.length > MAX_MESSAGE_BYTES) break
    message.set(bytes, at)
    at += bytes.length
  }
  message.writeUInt16BE(count ?? i + (before.length > 0 ? 1 : 0), 6)
  return new Uint8Array(message.subarray(0, at))
}

/** An unknown record with this data, to be pointed into from others. */
function filler (data: number[]): number[] {
  return [0, 0xff, 0, 0, 1, 0, 0, 0, 1, data.length >> 8, data.length & 0xff, ...data]
}

const FILLER_DATA = RECORDS + 11

function fixed (type: number, length: number): number[] {
  return [0, type, 0, 1, 0, 0, 0, 60, length >> 8, length & 0xff]
}

function pointer (at: number): number[] {
  return [0xc0 | at >> 8, at & 0xff]
}

/** Names of 252 characters, of one-letter labels. */
const longNames = Array.from({ length: 24 }, () => [...times(126, 1, 0x61), 0]).flat()
/** Where names of 64 labels and more begin in them. */
const starts = Array.from({ length: 24 * 60 }, (_, i) => FILLER_DATA + 253 * Math.floor(i / 60) + 2 * (1 + i % 60))

const chain = Array.from({ length: 8_000 }, (_, i) => pointer(i === 0 ? 12 : FILLER_DATA + 2 * i - 2)).flat()

/** A name of 126 labels, each behind a pointer. */
const labels = Array.from({ length: 126 }, (_, i) => [1, 0x61, ...i === 0 ? [0xc0, 12] : pointer(FILLER_DATA + 4 * i - 4)]).flat()
const top = pointer(FILLER_DATA + 4 * 119)

const messages: Array<[what: string, message: Uint8Array, records: number | 'refused']> = [
  ['one text of 64 KiB', full(() => [...pointer(12), ...fixed(16, 64_000), ...times(250, 255, ...times(255, 0xff))]), 1],
  ['65,000 empty strings', full(() => [...pointer(12), ...fixed(16, 65_000), ...times(65_000, 0)]), 0],
  ['5,000 texts of one empty string', full(() => [...pointer(12), ...fixed(16, 1), 0]), limits.dnsTextStrings],
  ['3,400 SRV', full(() => [...pointer(12), ...fixed(33, 7), 0, 0, 0, 0, 0, 0, 0]), 3_447],
  ['SRV with targets of their own', full(i => [...pointer(12), ...fixed(33, 12), 0, 0, 0, 0, 0, 0, 3, 0x61 + i % 26, 0x61 + (i >> 4) % 26, 0x61 + (i >> 8) % 26, ...pointer(12)]), 2_700],
  ['SRV with long names of their own, every one by another pointer', full(
    i => [1, 0x61, ...pointer(starts[i % starts.length]!), ...fixed(33, 10), 0, 0, 0, 0, 0, 0, 1, 0x62, ...pointer(starts[(i * 7) % starts.length]!)], filler(longNames)
  ), 2_200],
  ['names that all run through a chain of 8,000 pointers', full(() => [...pointer(FILLER_DATA + 2 * 7_999), ...fixed(1, 4), 1, 2, 3, 4], filler(chain)), 'refused'],
  ['the same, climbed a step at a time', full(i => [...pointer(FILLER_DATA + 2 * (100 * i % 8_000 >> 6)), ...fixed(1, 4), 1, 2, 3, 4], filler(chain)), 3_000],
  ['SRV with names of 120 labels, each behind a pointer', full(() => [...top, ...fixed(33, 8), 0, 0, 0, 0, 0, 0, ...top], filler(labels)), 3_200],
  ['65,535 records that are not there', full(() => [0, ...fixed(1, 0)], [], 65_535), 'refused'],
  ['5,900 records of an unknown type', full(() => [0, ...fixed(0xff, 0)]), 0],
  ['a name in each, dotted', full(() => [3, 0x61, 0x2e, 0x62, 0, ...fixed(1, 4), 1, 2, 3, 4]), 0]
]

it.each(messages)('%s', (_, message, records) => {
  const read = (): Reading | Error => {
    try {
      return readAnswer(message, sent, () => {})
    } catch (error) {
      return error as Error
    }
  }
  // Every name is put together byte by byte, and made a text once: how many, and of how many bytes, is what can get out of hand.
  const texts = vi.spyOn(Buffer.prototype, 'toString')
  const result = read()
  const names = texts.mock.calls.map(([, start, end]) => Number(end) - Number(start))
  texts.mockRestore()
  if (typeof records === 'number' && records > 0) expect(names.length).toBeGreaterThan(0)
  expect(names.length).toBeLessThan(message.length)
  expect(names.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThan(8 * message.length)
  const got = result instanceof Error ? result.name : (result as Exclude<Reading, string | undefined>).answers.length
  if (typeof records === 'string') expect(got).toBe('InvalidDnsRecordError')
  else expect(got).toBeGreaterThanOrEqual(records)
  const heap = Array.from({ length: 3 }, () => {
    collect()
    const before = process.memoryUsage()
    read()
    const after = process.memoryUsage()
    // Nothing was collected meanwhile: what is held afterwards, and what was needed on the way.
    return after.heapUsed - before.heapUsed + after.external - before.external
  })
  // The least: the engine's own book-keeping comes on top now and then.
  expect(Math.min(...heap)).toBeLessThan(2_000_000)
})
