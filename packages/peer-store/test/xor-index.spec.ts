import { seededRng } from '@peerweave/interface'
import { expect, it } from 'vitest'
import { XorIndex } from '../src/xor-index.ts'

const rng = seededRng(1)

function random (): Uint8Array {
  return new Uint8Array(Uint32Array.from({ length: 8 }, () => rng.int(2 ** 32)).buffer)
}

/** A hash whose first bits are those of another and whose next is not. */
function sharing (bits: number, other: Uint8Array): Uint8Array {
  const hash = random()
  hash.set(other.subarray(0, bits >>> 3))
  const last = bits >>> 3
  const mask = 0xff << (8 - (bits & 7)) & 0xff
  const turned = 0x80 >>> (bits & 7)
  const theirs = other[last] as number
  hash[last] = (theirs & mask) | (~theirs & turned) | ((hash[last] as number) & ~mask & ~turned & 0xff)
  return hash
}

function filled (hashes: Iterable<Uint8Array>): XorIndex {
  const index = new XorIndex()
  for (const hash of hashes) index.insert(hash)
  return index
}

it('answers nothing while it is empty, and after all was removed', () => {
  const index = new XorIndex()
  expect(index.closest(random(), 20)).toEqual([])
  const slots = Array.from({ length: 100 }, () => index.insert(random()))
  for (const slot of slots) index.remove(slot)
  expect(index.size).toBe(0)
  expect(index.closest(random(), 20)).toEqual([])
})

it('gives no slot for a count of 0 and below, and every slot for one above its size', () => {
  const index = filled(Array.from({ length: 50 }, random))
  for (const count of [0, -1, NaN]) expect(index.closest(random(), count)).toEqual([])
  const every = Array.from({ length: 50 }, (_, slot) => slot)
  for (const count of [51, Infinity]) expect(index.closest(random(), count).sort((a, b) => a - b)).toEqual(every)
})

it('takes numbers from 0 on as slots, and a freed one again before a new one', () => {
  const index = filled([random(), random(), random()])
  index.remove(1)
  index.remove(0)
  expect([random(), random(), random()].map(hash => index.insert(hash))).toEqual([0, 1, 3])
  expect(index.size).toBe(4)
})

it('answers with the new hash of a slot that was freed', () => {
  const [old, other] = [random(), random()]
  const index = filled([old, ...Array.from({ length: 40 }, random)])
  index.remove(0)
  expect(index.closest(old, 41)).not.toContain(0)
  expect(index.insert(other)).toBe(0)
  expect(index.closest(other, 1)).toEqual([0])
})

it('keeps its own copy of a hash', () => {
  const hash = random()
  const original = new Uint8Array(hash)
  const index = filled([random(), hash, random()])
  hash.fill(0)
  expect(index.closest(original, 1)).toEqual([1])
})

it('gives a repeated hash a slot for each time, in the order of slots', () => {
  const hash = random()
  const index = filled([random(), ...Array.from({ length: 100 }, () => hash), random()])
  expect(index.size).toBe(102)
  expect(index.closest(hash, 100)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1))
  for (let slot = 1; slot <= 99; slot++) index.remove(slot)
  expect(index.closest(hash, 1)).toEqual([100])
  expect(index.size).toBe(3)
})

it('passes over what is not accepted, and goes on until it has enough', () => {
  const index = filled(Array.from({ length: 200 }, random))
  const target = random()
  const all = index.closest(target, 200)
  expect(index.closest(target, 20, slot => slot % 7 === 0)).toEqual(all.filter(slot => slot % 7 === 0).slice(0, 20))
  expect(index.closest(target, 20, () => false)).toEqual([])
})

it('refuses what is not a hash, and takes no slot for it', () => {
  const index = filled([random()])
  for (const length of [0, 31, 33]) {
    expect(() => index.insert(new Uint8Array(length))).toThrow(TypeError)
    expect(() => index.closest(new Uint8Array(length), 1)).toThrow(TypeError)
  }
  expect(index.size).toBe(1)
  expect(index.insert(random())).toBe(1)
})

it('refuses to free a slot that holds nothing, and is as it was', () => {
  const hashes = Array.from({ length: 60 }, random)
  const index = filled(hashes)
  for (const slot of [3, 59, 17]) index.remove(slot)
  for (const slot of [-1, 60, 1_000_000, 1.5, NaN, 3, 59, 17]) {
    expect(() => index.remove(slot)).toThrow(new TypeError(`no hash has slot ${slot}`))
  }
  expect(index.size).toBe(57)
  hashes.forEach((hash, slot) => {
    if (![3, 59, 17].includes(slot)) expect(index.closest(hash, 1)).toEqual([slot])
  })
  expect([random(), random(), random(), random()].map(hash => index.insert(hash))).toEqual([17, 59, 3, 60])
})

it('crosses the chunks of its memory', () => {
  const hashes = Array.from({ length: 30_000 }, random)
  const index = filled(hashes)
  for (let slot = 0; slot < hashes.length; slot += 2) index.remove(slot)
  for (let slot = 1; slot < hashes.length; slot += 2) expect(index.closest(hashes[slot] as Uint8Array, 1)[0]).toBe(slot)
  expect(index.size).toBe(15_000)
})

it.each([0, 40, 200])('holds a hash in 60 bytes, all sharing %i bits', bits => {
  const prefix = random()
  for (const count of [1_000, 10_000, 20_000]) {
    const index = filled(Array.from({ length: count }, () => sharing(bits, prefix)))
    expect(index.byteLength / count).toBeLessThanOrEqual(60)
  }
})

it('holds a hash in 180 bytes when each is ground to be alone in its bucket', () => {
  // Around each of 4 × 20 places a chain: hashes that share 0, 1, … 250 bits with it.
  const places = Array.from({ length: 80 }, random)
  const index = filled(places.flatMap(place => Array.from({ length: 250 }, (_, bits) => sharing(bits, place))))
  expect(index.byteLength / index.size).toBeLessThanOrEqual(180)
})

it('takes no more memory when hashes come and go', () => {
  const crowds = [0, 40].map(bits => {
    const place = random()
    return Array.from({ length: 5_000 }, () => sharing(bits, place))
  }) as [Uint8Array[], Uint8Array[]]
  const index = filled(crowds[0])
  const before = index.byteLength
  for (let round = 1; round <= 50; round++) {
    for (let slot = 0; slot < 5_000; slot++) index.remove(slot)
    for (const hash of crowds[round % 2 as 0 | 1]) index.insert(hash)
  }
  // Which hashes share a bucket differs between the two, so a chunk of buckets may come on top.
  expect(index.byteLength - before).toBeLessThanOrEqual(128 * 1024)
})

it('joins what removals left thin, so that new hashes elsewhere find room', () => {
  const index = filled(Array.from({ length: 40_000 }, random))
  const before = index.byteLength
  for (let slot = 0; slot < 40_000; slot++) if (slot % 10 > 0) index.remove(slot)
  const place = random()
  for (let i = 0; i < 36_000; i++) index.insert(sharing(40, place))
  expect(index.size).toBe(40_000)
  // Buckets differ in how full they are: a chunk of them may come on top, and the nodes may double once.
  expect(index.byteLength - before).toBeLessThanOrEqual(192 * 1024)
})
