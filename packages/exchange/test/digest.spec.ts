/** The digest: it hides nothing that is lacked for long, and what is known nearly always. */
import { seededRng } from '@peerweave/interface'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { digestOf, mayHold, recordHash, type RecordHash } from '../src/digest.ts'
import { numRuns, paperRecord } from './support.ts'

const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const hash: fc.Arbitrary<RecordHash> = fc.record({ high: uint32, low: uint32 })

function hashes (count: number, seed: number): RecordHash[] {
  const rng = seededRng(seed)
  return Array.from({ length: count }, () => ({ high: rng.int(2 ** 32), low: rng.int(2 ** 32) }))
}

/** Which of `others` a digest of `known` hides. */
function hidden (known: readonly RecordHash[], others: readonly RecordHash[], salt: number): number[] {
  const digest = digestOf(known, salt)
  return others.flatMap((other, i) => mayHold(digest, other) ? [i] : [])
}

describe('a digest', () => {
  it('holds whatever went into it, with any salt', () => {
    fc.assert(fc.property(fc.array(hash, { maxLength: 300 }), uint32, (known, salt) => {
      const digest = digestOf(known, salt)
      expect(known.filter(one => !mayHold(digest, one))).toEqual([])
    }), { numRuns })
  })

  it('holds it also where it is a view into a longer message', () => {
    const known = hashes(50, 1)
    const digest = digestOf(known, 0xdeadbeef)
    const message = new Uint8Array(digest.length + 9)
    message.set(digest, 7)
    expect(known.every(one => mayHold(message.subarray(7, 7 + digest.length), one))).toBe(true)
  })

  it.each([1, 8, 32, 100, 1_024, 2_048])('of %i records hides at most 1.5 %% of the others', count => {
    const others = hashes(4_000, 2)
    const salts = Array.from({ length: 50 }, (_, i) => i * 0x9e3779b1 >>> 0)
    const share = salts.map((salt, i) => hidden(hashes(count, 10 + i), others, salt).length).reduce((sum, one) => sum + one) / salts.length / others.length
    expect(share).toBeLessThanOrEqual(0.015)
  })

  it('with another salt hides others: nothing is hidden for ever', () => {
    const known = hashes(500, 1)
    const others = hashes(20_000, 2)
    const [first, second] = [hidden(known, others, 1), hidden(known, others, 2)]
    expect(first.length).toBeGreaterThan(50)
    const both = first.filter(i => second.includes(i)).length
    expect(both / first.length).toBeLessThan(0.05)
    const always = Array.from({ length: 6 }, (_, salt) => hidden(known, others, salt)).reduce((all, some) => all.filter(one => some.includes(one)))
    expect(always).toEqual([])
  })

  it.each([[0, 12], [1, 12], [6, 12], [7, 13], [8, 14], [2_048, 2_564]])('of %i records has %i bytes', (count, bytes) => {
    expect(digestOf(hashes(count, 1), 0)).toHaveLength(bytes)
  })

  it('of nothing holds nothing', () => {
    expect(hashes(1_000, 1).some(one => mayHold(digestOf([], 7), one))).toBe(false)
  })

  it('that is too short to be one holds nothing, one of ones holds everything, and no bytes make it throw', () => {
    const [one = { high: 0, low: 0 }] = hashes(1, 1)
    expect(mayHold(new Uint8Array(11).fill(0xff), one)).toBe(false)
    expect(mayHold(new Uint8Array(12).fill(0xff), one)).toBe(true)
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), hash, (noise, hash) => { mayHold(noise, hash) }), { numRuns })
  })
})

describe('the hash of a record', () => {
  it('is another one for another peer and for another seq', () => {
    const texts = [paperRecord('a', 1n), paperRecord('a', 2n), paperRecord('b', 1n), paperRecord('a', 2n ** 32n), paperRecord('a', 2n ** 64n - 1n)]
      .map(record => JSON.stringify(recordHash(record)))
    expect(new Set(texts).size).toBe(texts.length)
    expect(recordHash(paperRecord('a', 1n))).toEqual(recordHash(paperRecord('a', 1n)))
  })
})
