/** The index against a plain sort of all hashes: hashes at random, and ground to agree with each other and with the target. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { XorIndex } from '../src/xor-index.ts'

const LONG = process.env.PEERWEAVE_TIER === 'long'

/** A hash that shares the first `shared` bits with `other`, at least. */
function sharing (shared: number, other: Uint8Array, rest: Uint8Array): Uint8Array {
  return rest.map((byte, i) => {
    const mask = 0xff << (8 - Math.max(0, Math.min(8, shared - 8 * i)))
    return ((other[i] as number) & mask) | (byte & ~mask)
  })
}

const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 })

/** Hashes as a crowd (all agree in as many bits), as chains (each agrees in a number of its own), or both; some twice. */
const hashes: fc.Arbitrary<fc.Arbitrary<Uint8Array>> = fc
  .record({ places: fc.array(bytes, { minLength: 1, maxLength: 3 }), crowd: fc.nat(250) })
  .map(({ places, crowd }) => fc.tuple(
    fc.oneof({ weight: 3, arbitrary: fc.constant(crowd) }, fc.nat(256), fc.constant(0)), fc.constantFrom(...places), bytes
  ).map(([shared, place, rest]) => sharing(shared, place, rest)))

/** The slots that a sort of everything gives. */
function nearest (held: ReadonlyMap<number, Uint8Array>, target: Uint8Array, count: number): number[] {
  return [...held]
    .map(([slot, hash]) => ({ slot, distance: hash.map((byte, i) => byte ^ (target[i] as number)) }))
    .sort((a, b) => Buffer.compare(a.distance, b.distance) || a.slot - b.slot)
    .slice(0, count)
    .map(({ slot }) => slot)
}

it('gives what a sort of all hashes gives', () => {
  const cases = hashes.chain(hash => fc.record({
    held: fc.array(hash, { maxLength: 300, size: 'max' }),
    targets: fc.array(hash, { minLength: 1, maxLength: 5 }),
    count: fc.oneof(fc.constantFrom(0, 1, 20), fc.nat(400))
  }))
  fc.assert(fc.property(cases, ({ held, targets, count }) => {
    const index = new XorIndex()
    const model = new Map(held.map(hash => [index.insert(hash), hash]))
    expect(index.size).toBe(held.length)
    for (const target of [...targets, ...held.slice(0, 3)]) expect(index.closest(target, count)).toEqual(nearest(model, target, count))
  }), { numRuns: LONG ? 10_000 : 500 })
})

interface Model {
  held: Map<number, Uint8Array>
  /** The most that were held at once: slots stay below. */
  most: number
}

type Command = fc.Command<Model, XorIndex>

/** Several at once, so that buckets divide within the few commands of a case. */
class Insert implements Command {
  readonly hashes: Uint8Array[]

  constructor (hashes: Uint8Array[]) {
    this.hashes = hashes
  }

  check (): boolean {
    return true
  }

  run (model: Model, index: XorIndex): void {
    for (const hash of this.hashes) {
      const slot = index.insert(hash)
      expect(model.held.has(slot)).toBe(false)
      model.held.set(slot, hash)
      model.most = Math.max(model.most, model.held.size)
      expect(slot).toBeLessThan(model.most)
    }
    expect(index.size).toBe(model.held.size)
  }

  toString (): string {
    return `insert(${this.hashes.map(hash => Buffer.from(hash).toString('hex')).join(' ')})`
  }
}

/** Those whose place in the order of insertion is in a pattern; then each once more, which is refused. */
class Remove implements Command {
  readonly pattern: boolean[]

  constructor (pattern: boolean[]) {
    this.pattern = pattern
  }

  check (): boolean {
    return true
  }

  run (model: Model, index: XorIndex): void {
    const slots = [...model.held.keys()].filter((_, i) => this.pattern[i % this.pattern.length])
    for (const slot of slots) {
      index.remove(slot)
      model.held.delete(slot)
    }
    for (const slot of slots) expect(() => index.remove(slot)).toThrow(TypeError)
    expect(index.size).toBe(model.held.size)
  }

  toString (): string {
    return `remove(${this.pattern.map(Number).join('')})`
  }
}

class Closest implements Command {
  readonly target: Uint8Array
  readonly count: number

  constructor (target: Uint8Array, count: number) {
    this.target = target
    this.count = count
  }

  check (): boolean {
    return true
  }

  run (model: Model, index: XorIndex): void {
    expect(index.closest(this.target, this.count)).toEqual(nearest(model.held, this.target, this.count))
    const isEven = (slot: number): boolean => slot % 2 === 0
    const even = new Map([...model.held].filter(([slot]) => isEven(slot)))
    expect(index.closest(this.target, this.count, isEven)).toEqual(nearest(even, this.target, this.count))
  }

  toString (): string {
    return `closest(${Buffer.from(this.target).toString('hex')}, ${this.count})`
  }
}

it('gives it while hashes come and go, and reuses slots only when they are free', () => {
  const cases = hashes.chain(hash => fc.commands<Model, XorIndex>([
    fc.array(hash, { maxLength: 60, size: 'max' }).map(hashes => new Insert(hashes)),
    fc.array(fc.boolean(), { minLength: 1, maxLength: 20 }).map(pattern => new Remove(pattern)),
    fc.tuple(hash, fc.constantFrom(0, 1, 20, 1_000)).map(([target, count]) => new Closest(target, count))
  ], { maxCommands: 30, size: 'max' }))
  fc.assert(fc.property(cases, commands => {
    fc.modelRun(() => ({ model: { held: new Map<number, Uint8Array>(), most: 0 }, real: new XorIndex() }), commands)
  }), { numRuns: LONG ? 10_000 : 300 })
}, LONG ? 3_600_000 : 30_000)
