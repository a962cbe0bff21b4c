import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dropCounter } from '../src/define-mechanism.ts'
import { limits } from '../src/limits.ts'
import { recordStrings, takeRecord } from '../src/record-text.ts'

function take (...strings: Array<string | Uint8Array>): { record: Uint8Array | undefined, others: string[], dropped: Record<string, number> } {
  const { dropped, drop } = dropCounter()
  const { record, others } = takeRecord(strings.map(string => typeof string === 'string' ? Buffer.from(string) : string), drop)
  return { record, others: others.map(string => Buffer.from(string).toString()), dropped }
}

describe('a signed record in TXT strings', () => {
  it('is read as it was written, in strings that fit, among others', () => {
    fc.assert(fc.property(fc.uint8Array({ minLength: 1, maxLength: limits.peerRecordBytes }), bytes => {
      const strings = recordStrings(bytes)
      for (const { length } of strings) expect(length).toBeLessThanOrEqual(255)
      expect(take('a=b', ...strings, 'c')).toEqual({ record: bytes, others: ['a=b', 'c'], dropped: {} })
    }), { numRuns: 300 })
  })

  it.each([
    ['is not there', ['a=b']],
    ['is nothing', ['record=']],
    ['is no base64url', ['record=a+b/']],
    ['ends within a byte', ['record=AAAAA']],
    ['is too large', recordStrings(new Uint8Array(limits.peerRecordBytes + 1))]
  ])('is none when it %s', (_why, strings) => {
    const { record, dropped } = take(...strings)
    expect(record).toBeUndefined()
    expect(dropped).toEqual(strings[0] === 'a=b' ? {} : { 'bad-peer-record': 1 })
  })

  it('is as large as it may be', () => {
    const largest = new Uint8Array(limits.peerRecordBytes).fill(1)
    expect(take(...recordStrings(largest)).record).toEqual(largest)
  })

  it('of any strings is taken without a throw, and of a bounded size', () => {
    fc.assert(fc.property(fc.array(fc.oneof(fc.uint8Array({ maxLength: 255 }), fc.uint8Array({ maxLength: 200 }).map(bytes => Buffer.concat([Buffer.from('RECORD='), bytes])))), strings => {
      const { record } = take(...strings)
      expect(record?.length ?? 0).toBeLessThanOrEqual(limits.peerRecordBytes)
    }), { numRuns: 500 })
  })
})
