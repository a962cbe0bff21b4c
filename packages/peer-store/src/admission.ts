/**
 * Who stays when the store is full. A peer holds a voucher for each quota group that claims it, and stays while it has
 * one: so whoever names honest peers harms none of them. The voucher that goes is of the class with more vouchers
 * (reporters that we chose; others), there of the largest group, there with the largest keyed hash, the newcomer's
 * included. First come, first served would let whoever is quick own the store for ever; this way a flood displaces its
 * own, and what stays does not depend on the order of arrival (DESIGN §5).
 *
 * O(log n) a voucher. BOUNDED: `sourcesPerPeer` vouchers for each peer in the store.
 */
import FlatQueue from 'flatqueue'
import type { KeyedHash } from './keyed-hash.ts'

export interface Voucher {
  readonly id: string
  readonly group: string
}

interface Group {
  readonly name: string
  readonly hash: number
  readonly members: Map<string, number>
  /** By keyed hash, largest first. Who has left is passed over when met. */
  readonly queue: FlatQueue<string>
}

export class Admission {
  readonly #hash: KeyedHash
  readonly #classes = { chosen: new GroupClass(), other: new GroupClass() }

  constructor (hash: KeyedHash) {
    this.#hash = hash
  }

  add (id: string, group: string, isChosen: boolean): void {
    this.#classes[isChosen ? 'chosen' : 'other'].add(id, group, this.#hash)
  }

  remove (id: string, group: string): void {
    this.#classes.chosen.remove(id, group)
    this.#classes.other.remove(id, group)
  }

  /** The voucher that must go. */
  victim (): Voucher | undefined {
    const { chosen, other } = this.#classes
    return (chosen.size > other.size ? chosen : other).victim()
  }
}

class GroupClass {
  /** Vouchers. */
  size = 0
  readonly #groups = new Map<string, Group>()
  /** By number of members: groups of that size, by hash, largest first. Who is of another size by now is passed over. */
  readonly #bySize: Array<FlatQueue<Group> | undefined> = []
  #largest = 0

  add (id: string, name: string, hash: KeyedHash): void {
    let group = this.#groups.get(name)
    if (group == null) {
      group = { name, hash: hash(name), members: new Map(), queue: new FlatQueue() }
      this.#groups.set(name, group)
    }
    if (group.members.has(id)) return
    const rank = hash(`${name} ${id}`)
    group.members.set(id, rank)
    if (group.queue.length > 2 * group.members.size + 16) rebuild(group)
    else group.queue.push(id, -rank)
    this.size++
    this.#file(group)
  }

  remove (id: string, name: string): void {
    const group = this.#groups.get(name)
    if (group?.members.delete(id) !== true) return
    this.size--
    if (group.members.size === 0) this.#groups.delete(name)
    else this.#file(group)
  }

  victim (): Voucher | undefined {
    for (; this.#largest > 0; this.#largest--) {
      const queue = this.#bySize[this.#largest]
      for (let group = queue?.peek(); group != null; group = queue?.peek()) {
        if (group.members.size === this.#largest && this.#groups.get(group.name) === group) {
          return { id: largestMember(group), group: group.name }
        }
        queue?.pop()
      }
      this.#bySize[this.#largest] = undefined
    }
    return undefined
  }

  #file (group: Group): void {
    const { size } = group.members
    const queue = this.#bySize[size] ??= new FlatQueue()
    queue.push(group, -group.hash)
    if (size > this.#largest) this.#largest = size
    // What is passed over is only met at the top; below it piles up as groups grow and shrink.
    if (queue.length > 2 * this.#groups.size + 16) {
      queue.clear()
      for (const known of this.#groups.values()) {
        if (known.members.size === size) queue.push(known, -known.hash)
      }
    }
  }
}

function largestMember (group: Group): string {
  for (let id = group.queue.peek(); id != null; id = group.queue.peek()) {
    if (group.members.has(id)) return id
    group.queue.pop()
  }
  rebuild(group)
  return group.queue.peek() as string
}

function rebuild ({ queue, members }: Group): void {
  queue.clear()
  for (const [id, rank] of members) queue.push(id, -rank)
}
