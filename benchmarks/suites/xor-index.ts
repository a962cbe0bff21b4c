/**
 * The index of the peer store alone: the 20 nearest of many hashes, hashed key in and slots out, while 1,000 hashes a
 * second come in. Beside it one pass over all hashes in a flat typed array, keeping the best 20.
 */
import { randomFillSync } from 'node:crypto'
import { XorIndex } from '../../packages/peer-store/src/xor-index.ts'
import { alone, alternate, beside, median, type Measured } from '../harness.ts'

const REPEATS = 7
const COUNT = 20
/** Hashes per ms that come in during the queries. */
const INSERT_RATE = 1
const GROUND_BYTES = 5
const CHURN = 50_000

interface Index {
  insert: (hash: Uint8Array) => unknown
  closest: (target: Uint8Array, count: number) => number[]
}

export async function * run (progress: (text: string) => void): AsyncGenerator<Measured> {
  progress('1,000 hashes …')
  const small = held(new XorIndex(), hashes(1_000))

  for (const { name, size, shared, queries } of [
    { name: '100k', size: 100_000, shared: 0, queries: 50 },
    { name: '100k that share 40 bits', size: 100_000, shared: GROUND_BYTES, queries: 50 },
    { name: '1M', size: 1_000_000, shared: 0, queries: 8 }
  ]) {
    progress(`${name} …`)
    const prefix = hashes(1)
    const keys = hashes(size, prefix.subarray(0, shared))
    const index = held(new XorIndex(), keys)
    const scan = held(new FlatScan(size), keys)
    const draw = (count: number): Uint8Array => hashes(count, prefix.subarray(0, shared))
    check(index, scan, draw(5))
    const values = await alternate(
      // The clock is read seldom beside a query of 1 µs, and at every query of the scan.
      async () => perQuery(index, draw(20_000), draw(1_000), 100),
      async () => perQuery(scan, draw(queries), draw(10_000), 1),
      REPEATS
    )
    yield beside(`closest 20 of ${name}`, 'µs', 'flat scan', values)

    if (size < 1_000_000) continue
    progress('growth, inserts and removals at 1M …')
    const growth = await alternate(
      async () => perQuery(index, draw(20_000), draw(1_000), 100),
      async () => perQuery(small, draw(20_000), draw(1_000), 100),
      REPEATS
    )
    yield beside('closest 20, growth 1k to 1M', 'µs', 'at 1k', growth)
    const memory = index.byteLength / index.size
    const churns = Array.from({ length: REPEATS }, () => churn(index, draw(CHURN)))
    yield alone('insert at 1M', median(churns.map(({ insert }) => insert)), 'ns')
    yield alone('remove at 1M', median(churns.map(({ remove }) => remove)), 'ns')
    yield alone('memory at 1M', memory, 'bytes per hash')
  }
}

/** µs per query, the inserts included. */
function perQuery (index: Index, targets: Uint8Array, incoming: Uint8Array, clockEvery: number): number {
  const queries = targets.length / 32
  const slots = incoming.length / 32
  let inserted = 0
  let consumed = 0
  const started = performance.now()
  for (let i = 0; i < queries; i++) {
    consumed += index.closest(hashAt(targets, i), COUNT).length
    if (i % clockEvery > 0) continue
    const due = Math.min(slots, (performance.now() - started) * INSERT_RATE)
    while (inserted < due) index.insert(hashAt(incoming, inserted++))
  }
  const took = performance.now() - started
  if (consumed !== queries * COUNT) throw new Error('answers are missing')
  return took * 1_000 / queries
}

/** ns for each. */
function churn (index: XorIndex, keys: Uint8Array): { insert: number, remove: number } {
  const slots = new Int32Array(CHURN)
  const started = performance.now()
  for (let i = 0; i < CHURN; i++) slots[i] = index.insert(hashAt(keys, i))
  const inserted = performance.now()
  for (let i = 0; i < CHURN; i++) index.remove(slots[i] as number)
  return { insert: (inserted - started) * 1e6 / CHURN, remove: (performance.now() - inserted) * 1e6 / CHURN }
}

/** Both number hashes as they come, so their answers can be compared. */
function check (index: Index, scan: Index, targets: Uint8Array): void {
  for (let i = 0; i < targets.length / 32; i++) {
    const target = hashAt(targets, i)
    const ours = index.closest(target, COUNT)
    const theirs = scan.closest(target, COUNT)
    if (ours.length !== COUNT || ours.join() !== theirs.join()) throw new Error(`index and scan disagree: ${ours} and ${theirs}`)
  }
}

function held<I extends Index> (index: I, keys: Uint8Array): I {
  for (let i = 0; i < keys.length / 32; i++) index.insert(hashAt(keys, i))
  return index
}

function hashAt (keys: Uint8Array, i: number): Uint8Array {
  return keys.subarray(32 * i, 32 * i + 32)
}

/** Random hashes after one another, each with the prefix. */
function hashes (count: number, prefix: Uint8Array = new Uint8Array(0)): Uint8Array {
  const keys = randomFillSync(new Uint8Array(32 * count))
  for (let i = 0; i < count; i++) keys.set(prefix, 32 * i)
  return keys
}

/** All hashes as big-endian words in one array; a query reads it once and keeps the best in order. */
class FlatScan implements Index {
  #words: Uint32Array
  #size = 0

  constructor (capacity: number) {
    // Room for what comes in during the queries too.
    this.#words = new Uint32Array(8 * (capacity + 200_000))
  }

  insert (hash: Uint8Array): number {
    this.#words.set(wordsOf(hash), 8 * this.#size)
    return this.#size++
  }

  closest (target: Uint8Array, count: number): number[] {
    const words = this.#words
    const own = wordsOf(target)
    const best: number[] = []
    const isNearer = (a: number, b: number): boolean => {
      for (let i = 0; i < 8; i++) {
        const distanceA = ((words[8 * a + i] as number) ^ (own[i] as number)) >>> 0
        const distanceB = ((words[8 * b + i] as number) ^ (own[i] as number)) >>> 0
        if (distanceA !== distanceB) return distanceA < distanceB
      }
      return false
    }
    const first = own[0] as number
    const size = this.#size
    let worst = 2 ** 32
    for (let slot = 0; slot < size; slot++) {
      // Nearly all fail here.
      if ((((words[8 * slot] as number) ^ first) >>> 0) > worst) continue
      let to = best.length
      while (to > 0 && isNearer(slot, best[to - 1] as number)) to--
      if (to === count) continue
      best.splice(to, 0, slot)
      if (best.length > count) best.pop()
      if (best.length === count) worst = ((words[8 * (best[count - 1] as number)] as number) ^ first) >>> 0
    }
    return best
  }
}

function wordsOf (hash: Uint8Array): Uint32Array {
  const view = new DataView(hash.buffer, hash.byteOffset, 32)
  return Uint32Array.from({ length: 8 }, (_, i) => view.getUint32(4 * i))
}
