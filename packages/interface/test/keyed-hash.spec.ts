import { expect, it } from 'vitest'
import { keyedHash } from '../src/keyed-hash.ts'

const KEY = Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7)

it('is HalfSipHash-2-4: the reference vectors of every length to 8', () => {
  // vectors_hsip32 of the reference implementation: the input is the bytes 0, 1, 2, …
  const hash = keyedHash(KEY)
  const vectors = ['a9359f5b', '27475ab8', 'fa62a603', '8afee704', '2a6e4689', 'c5fab669', '5863fc23', '8bcf63c5', 'd0b8848f']
  expect(vectors.map((_, length) => {
    const value = hash(String.fromCharCode(...Array.from({ length }, (_, i) => i)))
    return [0, 8, 16, 24].map(shift => ((value >>> shift) & 0xff).toString(16).padStart(2, '0')).join('')
  })).toEqual(vectors)
})

it('takes text that is not ASCII as UTF-8, and text of any length', () => {
  const hash = keyedHash(KEY)
  expect(hash('é')).not.toBe(hash('e'))
  expect(hash('é')).toBe(hash('\u00e9'))
  const long = 'é'.repeat(5_000)
  expect(hash(long)).toBe(keyedHash(KEY)(long))
  expect(hash(`${long}a`)).not.toBe(hash(`${long}b`))
})
