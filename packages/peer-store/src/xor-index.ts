/**
 * The nearest by XOR distance among many 32-byte hashes, exactly. It keeps hashes and gives slots; what belongs to a slot
 * is for the caller to keep, in arrays by slot.
 *
 * A path-compressed binary trie (Morrison's PATRICIA, 1968) whose leaves are buckets of up to 15. A node looks at the
 * first bit in which what is below it differs; so the child that agrees with the target in that bit is nearer as a
 * whole, and a walk that takes the near child first meets the buckets in order of distance without comparing a hash.
 * A bucket holds a tag for each member, the 32 bits below the bit of its node, by which its members are sorted when it
 * is met; whole hashes are read only when tags are equal. A hash is followed by its slot, so no two are equal.
 *
 * Bounds, whoever chose the hashes: a path has at most 288 nodes, however many bits were ground to agree; a query walks
 * one path and then meets at most one bucket per result, or per slot passed over; an insert walks it twice, reads at most
 * 15 other hashes, and takes one bucket and one node. With chains of 250 ground bits a query takes 9 µs, an insert 2 µs.
 * The caller bounds the size; memory stays at its high-water mark and is reused.
 *
 * Chosen on measurements: µs per query for 20, medians, two shared cores, Node 24; today's: `npm run bench -- xor-index`.
 *
 * |                        | 1k   | 100k | 1M   | 1M, cold caches | bytes per hash at 1M, at worst |
 * |------------------------|------|------|------|-----------------|--------------------------------|
 * | buckets of 7           | 0.53 | 0.74 | 1.82 |                 | 50, 112                        |
 * | **buckets of 15**      | 0.58 | 0.70 | 1.04 | 5.8             | 47, 176                        |
 * | buckets of 31          | 0.74 | 0.81 | 1.00 | 4.6             | 45, 304                        |
 * | buckets of 63          | 1.74 | 1.68 | 2.07 |                 | 44, 560                        |
 * | no buckets, one a leaf | 0.39 | 0.72 | 1.27 | 8.6             | 48, 48                         |
 *
 * (Rows with a gap ran beside three other indexes, so with less cache to themselves: 15 took 1.53 at 1M there.)
 * Without buckets it is half the code, but every result then lies somewhere else in memory: from 1k to 1M it gets 3.2 times
 * slower, against 1.8. When all hashes share 40 bits the figures are the same. At worst a hash is alone in its bucket; for
 * that an attacker must grind chains of prefixes: 10 bits beyond those of its place give 102 bytes per hash, 40 bits 151.
 * Not tried again, as research had: a sorted array moves on insert, fixed prefix buckets become scans when ids are ground.
 */

/** Members of a bucket, at most. With its count and a spare word a bucket is then 32 words, two cache lines. */
const CAPACITY = 15
const BUCKET_WORDS = 2 * (CAPACITY + 1)
/** Where the tags of a bucket begin, behind its count, and where its slots do. */
const TAGS = 1
const SLOTS = CAPACITY + 1
/** Siblings are joined when together they fill half a bucket, so that coming and going do not split and join in turn. */
const JOIN_AT = CAPACITY >> 1

const HASH_BYTES = 32
const HASH_WORDS = 8
/** Left child, right child, bit, and a spare word so that no node lies across cache lines. */
const NODE_WORDS = 4
const BIT = 2
/** Bits of a hash and of the slot behind it: no path is longer. */
const PATH_BITS = 32 * (HASH_WORDS + 1)
/** log2 of the keys and of the buckets in a chunk: 128 kB each, so that growing moves no more than that (but the nodes). */
const KEY_CHUNK_SHIFT = 12
const BUCKET_CHUNK_SHIFT = 10
/** Offsets of nodes, of which there are fewer, stay within Int32. Two dozen GB; the caller's bound comes first. */
const MAX_SIZE = 2 ** 29
/** The end of a free list. */
const NONE = -1
/** Turns the order of unsigned words into that of signed ones: as unsigned they may be too large for V8's small integers. */
const SIGN = 1 << 31

export class XorIndex {
  /** The hashes by slot, as big-endian words. The first word of a free slot is the next free one. */
  readonly #keys = new Chunks(HASH_WORDS, KEY_CHUNK_SHIFT)
  /** Count, tags, slots. The first word of a free bucket is the next free one. */
  readonly #buckets = new Chunks(BUCKET_WORDS, BUCKET_CHUNK_SHIFT)
  /** A child is the offset of a node, or `~bucket`. Offset 0 is no node: its left child is the root. */
  #nodes = new Int32Array(16 * NODE_WORDS)

  #size = 0
  #slots = 0
  #bucketCount = 0
  #nodeEnd = NODE_WORDS
  #freeSlot = NONE
  #freeBucket = NONE
  #freeNode = NONE

  /** A hash and its slot, of what is put in or taken out. */
  readonly #own = new Int32Array(HASH_WORDS + 1)
  readonly #target = new Int32Array(HASH_WORDS + 1)
  /** Nodes whose far side is still to be seen. */
  readonly #path = new Int32Array(PATH_BITS)
  /** The members of one bucket, being sorted. */
  readonly #nearest = new Int32Array(CAPACITY)
  readonly #distances = new Int32Array(CAPACITY)

  constructor () {
    this.#nodes[0] = ~this.#takeBucket()
  }

  get size (): number {
    return this.#size
  }

  /** Of all that is held, spare room included. */
  get byteLength (): number {
    return this.#keys.byteLength + this.#buckets.byteLength + this.#nodes.byteLength
  }

  /**
   * A hash that is already in gets a second slot.
   *
   * @param hash - 32 bytes, copied
   * @returns its slot until it is removed: the one freed last, else the next number from 0 on
   */
  insert (hash: Uint8Array): number {
    const own = this.#own
    readHash(hash, own)
    const slot = this.#takeSlot()
    own[HASH_WORDS] = slot
    const key = this.#keys.chunk(slot)
    key.set(own.subarray(0, HASH_WORDS), this.#keys.offset(slot))

    let link = 0
    let depth = 0
    let child = this.#nodes[0] as number
    while (child >= 0) {
      const bit = this.#nodes[child + BIT] as number
      link = child + bitOf(own, bit)
      depth = bit + 1
      child = this.#nodes[link] as number
    }
    const bucket = ~child
    const words = this.#buckets.chunk(bucket)
    const base = this.#buckets.offset(bucket)
    const differs = words[base] === 0 ? PATH_BITS : this.#firstDifference(slot, words[base + SLOTS] as number)
    if (differs < depth) this.#branch(slot, differs)
    else if ((words[base] as number) < CAPACITY) this.#append(bucket, slot, depth)
    else this.#split(link, bucket, slot)
    this.#size++
    return slot
  }

  /** @throws TypeError when the slot holds nothing */
  remove (slot: number): void {
    if (!(slot >= 0 && slot < this.#slots)) throw new TypeError(`no hash has slot ${slot}`)
    const own = this.#own
    const key = this.#keys.chunk(slot)
    const keyBase = this.#keys.offset(slot)
    own.set(key.subarray(keyBase, keyBase + HASH_WORDS))
    own[HASH_WORDS] = slot

    const nodes = this.#nodes
    let above = NONE
    let link = 0
    let child = nodes[0] as number
    while (child >= 0) {
      above = link
      link = child + bitOf(own, nodes[child + BIT] as number)
      child = nodes[link] as number
    }
    const bucket = ~child
    const words = this.#buckets.chunk(bucket)
    const base = this.#buckets.offset(bucket)
    const last = (words[base] as number) - 1
    const at = words.subarray(base + SLOTS, base + SLOTS + last + 1).indexOf(slot)
    // A free slot, or a fraction, leads somewhere too, but it is not there.
    if (at < 0) throw new TypeError(`no hash has slot ${slot}`)
    words[base + TAGS + at] = words[base + TAGS + last] as number
    words[base + SLOTS + at] = words[base + SLOTS + last] as number
    words[base] = last
    key[keyBase] = this.#freeSlot
    this.#freeSlot = slot
    this.#size--
    if (above !== NONE) this.#shrink(above, link, bucket)
  }

  /**
   * The slots whose hashes are nearest, exactly, nearest first. Equal hashes come by slot, the lowest first.
   *
   * @param target - 32 bytes
   * @param count - fewer come only when there are no more
   * @param accept - slots for which it is false are passed over; it must not call the index
   */
  closest (target: Uint8Array, count: number, accept?: (slot: number) => boolean): number[] {
    const bits = this.#target
    readHash(target, bits)
    const found: number[] = []
    if (!(count > 0)) return found
    const nodes = this.#nodes
    const path = this.#path
    let height = 0
    let depth = 0
    let child = nodes[0] as number
    while (true) {
      while (child >= 0) {
        path[height++] = child
        const bit = nodes[child + BIT] as number
        child = nodes[child + bitOf(bits, bit)] as number
        depth = bit + 1
      }
      const members = this.#sort(~child, depth)
      for (let i = 0; i < members; i++) {
        const slot = this.#nearest[i] as number
        if (accept != null && !accept(slot)) continue
        found.push(slot)
        if (found.length >= count) return found
      }
      if (height === 0) return found
      const node = path[--height] as number
      const bit = nodes[node + BIT] as number
      child = nodes[node + 1 - bitOf(bits, bit)] as number
      depth = bit + 1
    }
  }

  /** Puts the members of a bucket into `#nearest`, nearest to `#target` first; returns how many. */
  #sort (bucket: number, depth: number): number {
    const words = this.#buckets.chunk(bucket)
    const base = this.#buckets.offset(bucket)
    const distances = this.#distances
    const nearest = this.#nearest
    const count = words[base] as number
    const tag = tagOf(this.#target, 0, depth) ^ SIGN
    for (let i = 0; i < count; i++) {
      const slot = words[base + SLOTS + i] as number
      const distance = (words[base + TAGS + i] as number) ^ tag
      let to = i
      while (to > 0) {
        const other = distances[to - 1] as number
        if (other < distance || (other === distance && this.#isNearer(nearest[to - 1] as number, slot))) break
        distances[to] = other
        nearest[to] = nearest[to - 1] as number
        to--
      }
      distances[to] = distance
      nearest[to] = slot
    }
    return count
  }

  /** Whether the one is nearer to `#target` than the other, by all bits: for members that agree in their tags. */
  #isNearer (one: number, other: number): boolean {
    const bit = this.#firstDifference(one, other)
    const word = bit >>> 5
    const mine = word === HASH_WORDS ? one : this.#keys.chunk(one)[this.#keys.offset(one) + word] as number
    return (((mine ^ (this.#target[word] as number)) >>> (31 - (bit & 31))) & 1) === 0
  }

  /** The first bit in which two slots differ; when their hashes are equal, one of the slots themselves. */
  #firstDifference (one: number, other: number): number {
    const a = this.#keys.chunk(one)
    const b = this.#keys.chunk(other)
    const aBase = this.#keys.offset(one)
    const bBase = this.#keys.offset(other)
    for (let i = 0; i < HASH_WORDS; i++) {
      const difference = (a[aBase + i] as number) ^ (b[bBase + i] as number)
      if (difference !== 0) return 32 * i + Math.clz32(difference)
    }
    return 32 * HASH_WORDS + Math.clz32(one ^ other)
  }

  #append (bucket: number, slot: number, depth: number): void {
    const words = this.#buckets.chunk(bucket)
    const base = this.#buckets.offset(bucket)
    const count = words[base] as number
    words[base + TAGS + count] = tagOf(this.#keys.chunk(slot), this.#keys.offset(slot), depth)
    words[base + SLOTS + count] = slot
    words[base] = count + 1
  }

  /** `#own` leaves the known path at a bit that no node on it looks at: a node for that bit, and a bucket of its own. */
  #branch (slot: number, bit: number): void {
    let link = 0
    let child = this.#nodes[0] as number
    while (child >= 0 && (this.#nodes[child + BIT] as number) < bit) {
      link = child + bitOf(this.#own, this.#nodes[child + BIT] as number)
      child = this.#nodes[link] as number
    }
    const bucket = this.#takeBucket()
    this.#append(bucket, slot, bit + 1)
    const side = bitOf(this.#own, bit)
    const node = this.#takeNode(bit, side === 0 ? ~bucket : child, side === 0 ? child : ~bucket)
    this.#nodes[link] = node
  }

  /** Divides a full bucket and one more at the first bit in which they are not all alike, so that neither side is empty. */
  #split (link: number, bucket: number, slot: number): void {
    const base = this.#buckets.offset(bucket)
    let bit = PATH_BITS
    for (let i = 0; i < CAPACITY; i++) {
      bit = Math.min(bit, this.#firstDifference(slot, this.#buckets.chunk(bucket)[base + SLOTS + i] as number))
    }
    const right = this.#takeBucket()
    const words = this.#buckets.chunk(bucket)
    words[base] = 0
    for (let i = 0; i < CAPACITY; i++) this.#place(words[base + SLOTS + i] as number, bit, bucket, right)
    this.#place(slot, bit, bucket, right)
    const node = this.#takeNode(bit, ~bucket, ~right)
    this.#nodes[link] = node
  }

  #place (slot: number, bit: number, left: number, right: number): void {
    const word = bit >>> 5
    const bits = word === HASH_WORDS ? slot : this.#keys.chunk(slot)[this.#keys.offset(slot) + word] as number
    this.#append(((bits >>> (31 - (bit & 31))) & 1) === 0 ? left : right, slot, bit + 1)
  }

  /** After a removal: joins a bucket with its sibling when both are small, and drops it when it is empty. */
  #shrink (above: number, link: number, bucket: number): void {
    const nodes = this.#nodes
    const node = nodes[above] as number
    const sibling = nodes[link === node ? node + 1 : node] as number
    const count = this.#buckets.chunk(bucket)[this.#buckets.offset(bucket)] as number
    if (sibling >= 0) {
      if (count > 0) return
      nodes[above] = sibling
    } else {
      const kept = ~sibling
      const words = this.#buckets.chunk(kept)
      const base = this.#buckets.offset(kept)
      const others = words[base] as number
      if (count > 0 && count + others > JOIN_AT) return
      // Their tags began below the bit of the node that goes.
      const depth = above === 0 ? 0 : (nodes[(above & -NODE_WORDS) + BIT] as number) + 1
      words[base] = 0
      for (let i = 0; i < others; i++) this.#append(kept, words[base + SLOTS + i] as number, depth)
      const from = this.#buckets.chunk(bucket)
      const fromBase = this.#buckets.offset(bucket)
      for (let i = 0; i < count; i++) this.#append(kept, from[fromBase + SLOTS + i] as number, depth)
      nodes[above] = sibling
    }
    nodes[node] = this.#freeNode
    this.#freeNode = node
    this.#buckets.chunk(bucket)[this.#buckets.offset(bucket)] = this.#freeBucket
    this.#freeBucket = bucket
  }

  #takeSlot (): number {
    const slot = this.#freeSlot
    if (slot !== NONE) {
      this.#freeSlot = this.#keys.chunk(slot)[this.#keys.offset(slot)] as number
      return slot
    }
    if (this.#slots === MAX_SIZE) throw new RangeError(`an index holds at most ${MAX_SIZE} hashes`)
    this.#keys.reserve(this.#slots + 1)
    return this.#slots++
  }

  #takeBucket (): number {
    let bucket = this.#freeBucket
    if (bucket === NONE) {
      bucket = this.#bucketCount++
      this.#buckets.reserve(this.#bucketCount)
    } else {
      this.#freeBucket = this.#buckets.chunk(bucket)[this.#buckets.offset(bucket)] as number
    }
    this.#buckets.chunk(bucket)[this.#buckets.offset(bucket)] = 0
    return bucket
  }

  #takeNode (bit: number, left: number, right: number): number {
    let node = this.#freeNode
    if (node === NONE) {
      node = this.#nodeEnd
      this.#nodeEnd += NODE_WORDS
      if (this.#nodeEnd > this.#nodes.length) this.#nodes = enlarged(this.#nodes, 2 * this.#nodes.length)
    } else {
      this.#freeNode = this.#nodes[node] as number
    }
    this.#nodes[node] = left
    this.#nodes[node + 1] = right
    this.#nodes[node + BIT] = bit
    return node
  }
}

/** Records of words that are never moved as a whole: the first chunk doubles up to its size, then whole chunks are added. */
class Chunks {
  readonly #chunks: Int32Array[] = [new Int32Array(0)]
  readonly #words: number
  readonly #shift: number
  readonly #mask: number

  constructor (words: number, shift: number) {
    this.#words = words
    this.#shift = shift
    this.#mask = (1 << shift) - 1
  }

  get byteLength (): number {
    return this.#chunks.reduce((sum, { byteLength }) => sum + byteLength, 0)
  }

  chunk (record: number): Int32Array {
    return this.#chunks[record >>> this.#shift] as Int32Array
  }

  offset (record: number): number {
    return (record & this.#mask) * this.#words
  }

  /** Room for `count` records. Arrays that {@link chunk} gave before are stale after it. */
  reserve (count: number): void {
    const full = this.#words << this.#shift
    const first = this.#chunks[0] as Int32Array
    if (count > this.#chunks.length << this.#shift) this.#chunks.push(new Int32Array(full))
    else if (count * this.#words > first.length && first.length < full) {
      this.#chunks[0] = enlarged(first, Math.min(full, Math.max(2 * first.length, 8 * this.#words)))
    }
  }
}

function enlarged (words: Int32Array, length: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(length)
  larger.set(words)
  return larger
}

function readHash (hash: Uint8Array, words: Int32Array): void {
  if (hash.length !== HASH_BYTES) throw new TypeError(`a hash has ${HASH_BYTES} bytes, not ${hash.length}`)
  for (let i = 0; i < HASH_WORDS; i++) {
    const at = 4 * i
    words[i] = ((hash[at] as number) << 24) | ((hash[at + 1] as number) << 16) | ((hash[at + 2] as number) << 8) | (hash[at + 3] as number)
  }
}

function bitOf (words: Int32Array, bit: number): number {
  return ((words[bit >>> 5] as number) >>> (31 - (bit & 31))) & 1
}

/** The 32 bits of a hash from `depth` on; zeros follow its end. */
function tagOf (words: Int32Array, base: number, depth: number): number {
  const word = depth >>> 5
  const shift = depth & 31
  const high = word < HASH_WORDS ? words[base + word] as number : 0
  if (shift === 0) return high
  const low = word + 1 < HASH_WORDS ? words[base + word + 1] as number : 0
  return (high << shift) | (low >>> (32 - shift))
}
