/**
 * Who stays among the peers that we know by hearsay only, when there are too many.
 *
 * The table holds *vouchers*: a peer has one for each party that claims it (quota group and, within it, subgroup) and
 * stays while it has one, so whoever announces honest peers takes no place from them. Over its cap a group loses its own
 * victim; over the table's capacity the victim is looked for in the class with more vouchers (reporters that we chose;
 * others), there in the largest group, there in the largest subgroup, and is the one with the largest keyed hash, the
 * newcomer's included. Ties go by the keyed hash of the name. So a flood displaces its own, nobody gains by being first,
 * and while nothing is removed the table is a function of the *set* of vouchers that ever arrived, whatever the order
 * and however often.
 *
 * That law is why the capacity counts vouchers and not peers (so there are at most that many peers, and fewer where
 * several parties claim the same ones), and why the same peer claimed from two subgroups, or by a chosen reporter and
 * another one, has two vouchers instead of one that moves. docs/adr/0008-admission.md has the counter-examples.
 *
 * Who can write: everybody who reports peers. How much one party can take: its cap; what remains of it under pressure is
 * in docs/admission.md. BOUNDED by the owner, which takes out what `overflow` names after each `add`: then by `capacity`.
 *
 * `add` and `remove` O(log n), and O(1) as long as no victim was asked for: nothing is hashed and no heap is built
 * before, and later only in the groups that victims come from. `victim` O(1), O(n) the first time.
 */
import { limits, numberOption, type KeyedHash } from '@peerweave/interface'
import { ShardedMap } from '../sharded-map.ts'
import { LazyHeap, type HeapOrder } from './lazy-heap.ts'

export interface Voucher {
  readonly id: string
  /** Who shares one party's room; `if:…` is behind a local interface. */
  readonly group: string
  /** Part of a group with a fair share of its room; none: the group is one party. */
  readonly subgroup?: string | undefined
  /** Of a reporter that we chose: the user named it, or we dialled it. */
  readonly isChosen: boolean
}

/** What a voucher stands for: who claims, whoever is claimed. */
export type Party = Pick<Voucher, 'group' | 'subgroup'> & { readonly isChosen?: boolean | undefined }

export function isSameParty (a: Party, b: Party): boolean {
  return a.group === b.group && (a.subgroup ?? '') === (b.subgroup ?? '') && (a.isChosen === true) === (b.isChosen === true)
}

export interface NewTableOptions {
  readonly hash: KeyedHash
  /** Vouchers. @default limits.newPeers */
  readonly capacity?: number | undefined
  /** Vouchers of one group … @default capacity / limits.newPerGroupDivisor */
  readonly perGroup?: number | undefined
  /** … of a group of chosen reporters … @default capacity / limits.newPerChosenGroupDivisor */
  readonly perChosenGroup?: number | undefined
  /** … and of a group behind a local interface. @default limits.newPerPrivateGroup */
  readonly perPrivateGroup?: number | undefined
}

interface Subgroup {
  readonly name: string
  readonly group: Group
  /** Its number in the table. */
  readonly index: number
  rank: number | undefined
  /** Where it stands in its group's heap. */
  at: number
  readonly members: LazyHeap<number>
}

interface Group {
  readonly name: string
  readonly isChosen: boolean
  readonly cap: number
  rank: number | undefined
  /** Where it stands in its class's heap. */
  at: number
  size: number
  readonly subgroups: Map<string, Subgroup>
  readonly bySize: LazyHeap<Subgroup>
}

interface GroupClass {
  size: number
  readonly groups: Map<string, Group>
  readonly bySize: LazyHeap<Group>
}

/** The end of a chain. */
const NONE = -1

export class NewTable {
  readonly capacity: number
  readonly #hash: KeyedHash
  readonly #caps: { group: number, chosen: number, private: number }
  /** The first voucher of each peer. */
  readonly #first = new ShardedMap<number>()
  readonly #chosen: GroupClass
  readonly #other: GroupClass
  /** Groups over their cap. BOUNDED: one for each voucher that the owner has not taken out yet. */
  readonly #overfull = new Set<Group>()
  #size = 0

  /** By number. BOUNDED: none is without a voucher, and a number is used again. */
  readonly #subgroups: Array<Subgroup | undefined> = []
  readonly #freeSubgroups: number[] = []

  // One voucher a slot; a number instead of a reference, where it will do, is half the memory.
  readonly #ids: Array<string | undefined> = []
  #subgroupOf = new Int32Array(16)
  /** The peer's next voucher; of a free slot, the next free one. */
  #next = new Int32Array(16)
  /** Its place in the heap of its subgroup. */
  #at = new Int32Array(16)
  /** Its keyed hash; 0: not computed yet. */
  #ranks = new Uint32Array(16)
  #free = NONE

  readonly #groupOrder: HeapOrder<Group>
  readonly #subgroupOrder: HeapOrder<Subgroup>
  readonly #memberOrder: HeapOrder<number>

  constructor ({ hash, capacity, perGroup, perChosenGroup, perPrivateGroup }: NewTableOptions) {
    this.#hash = hash
    this.capacity = numberOption('capacity', capacity, limits.newPeers, { min: 1, integer: true })
    const share = (divisor: number): number => Math.max(limits.newPerGroupMin, Math.floor(this.capacity / divisor))
    this.#caps = {
      group: numberOption('perGroup', perGroup, share(limits.newPerGroupDivisor), { min: 1, integer: true }),
      chosen: numberOption('perChosenGroup', perChosenGroup, share(limits.newPerChosenGroupDivisor), { min: 1, integer: true }),
      private: numberOption('perPrivateGroup', perPrivateGroup, limits.newPerPrivateGroup, { min: 1, integer: true })
    }
    const place = (item: { at: number }, at: number): void => { item.at = at }
    this.#groupOrder = { place, isAbove: (a, b) => this.#isLarger(a, a.size, b, b.size) }
    this.#subgroupOrder = { place, isAbove: (a, b) => this.#isLarger(a, a.members.size, b, b.members.size) }
    this.#memberOrder = {
      place: (slot, at) => { this.#at[slot] = at },
      isAbove: (a, b) => {
        const difference = this.#rank(a) - this.#rank(b)
        return difference === 0 ? (this.#ids[a] as string) > (this.#ids[b] as string) : difference > 0
      }
    }
    this.#chosen = { size: 0, groups: new Map(), bySize: new LazyHeap(this.#groupOrder) }
    this.#other = { size: 0, groups: new Map(), bySize: new LazyHeap(this.#groupOrder) }
  }

  /** Vouchers. */
  get size (): number {
    return this.#size
  }

  /** Peers with a voucher. */
  get peers (): number {
    return this.#first.size
  }

  /** The most vouchers there ever were at once: room that is taken and, where some went, used again. */
  get slots (): number {
    return this.#ids.length
  }

  has (id: string): boolean {
    return this.#first.has(id)
  }

  /** @returns false when it is there already */
  add ({ id, group: name, subgroup: part = '', isChosen }: Voucher): boolean {
    const kind = isChosen ? this.#chosen : this.#other
    let group = kind.groups.get(name)
    let subgroup = group?.subgroups.get(part)
    const first = this.#first.get(id)
    if (subgroup != null && this.#find(first, subgroup) !== NONE) return false
    if (group == null) {
      group = this.#newGroup(name, isChosen)
      kind.groups.set(name, group)
      kind.bySize.add(group)
    }
    if (subgroup == null) {
      subgroup = this.#newSubgroup(part, group)
      group.subgroups.set(part, subgroup)
      group.bySize.add(subgroup)
    }
    const slot = this.#takeSlot(id, subgroup)
    this.#next[slot] = first ?? NONE
    this.#first.set(id, slot)
    subgroup.members.add(slot)
    group.bySize.moved(subgroup.at)
    group.size++
    kind.bySize.moved(group.at)
    kind.size++
    this.#size++
    if (group.size > group.cap) this.#overfull.add(group)
    return true
  }

  /** @returns false when it is not there */
  remove ({ id, group: name, subgroup: part = '', isChosen }: Voucher): boolean {
    const subgroup = (isChosen ? this.#chosen : this.#other).groups.get(name)?.subgroups.get(part)
    const slot = subgroup == null ? NONE : this.#find(this.#first.get(id), subgroup)
    if (slot === NONE) return false
    this.#drop(id, slot)
    return true
  }

  /** All vouchers of a peer. */
  removePeer (id: string): void {
    for (let slot = this.#first.get(id); slot != null; slot = this.#first.get(id)) this.#drop(id, slot)
  }

  /** The voucher that must go: of a group over its cap, else of the table over its capacity. The owner removes it and asks again. */
  overflow (): Voucher | undefined {
    for (const group of this.#overfull) return this.#victimOf(group)
    return this.#size > this.capacity ? this.victim() : undefined
  }

  /** The voucher that goes next, whether or not one must: for an owner with less room than the capacity. */
  victim (): Voucher | undefined {
    const kind = this.#chosen.size > this.#other.size ? this.#chosen : this.#other
    const group = kind.bySize.top()
    return group == null ? undefined : this.#victimOf(group)
  }

  * vouchers (): Generator<Voucher> {
    for (let slot = 0; slot < this.#ids.length; slot++) {
      if (this.#ids[slot] != null) yield this.#voucher(slot)
    }
  }

  * vouchersOf (id: string): Generator<Voucher> {
    for (let slot = this.#first.get(id) ?? NONE; slot !== NONE; slot = this.#next[slot] as number) yield this.#voucher(slot)
  }

  /** The ids of each group, as `pick` draws from them: by class and group; a peer once a group. O(n). */
  groups (): string[][] {
    return [this.#chosen, this.#other].flatMap(({ groups }) => [...groups.values()].map(({ subgroups }) => {
      return [...new Set([...subgroups.values()].flatMap(({ members }) => [...members.values()].map(slot => this.#ids[slot] as string)))]
    }))
  }

  #newGroup (name: string, isChosen: boolean): Group {
    const { chosen, private: behindInterface, group } = this.#caps
    return {
      name, isChosen, cap: isChosen ? chosen : name.startsWith('if:') ? behindInterface : group, rank: undefined, at: 0, size: 0,
      subgroups: new Map(), bySize: new LazyHeap(this.#subgroupOrder)
    }
  }

  #newSubgroup (name: string, group: Group): Subgroup {
    const index = this.#freeSubgroups.pop() ?? this.#subgroups.length
    return this.#subgroups[index] = { name, group, index, rank: undefined, at: 0, members: new LazyHeap(this.#memberOrder) }
  }

  #subgroup (slot: number): Subgroup {
    return this.#subgroups[this.#subgroupOf[slot] as number] as Subgroup
  }

  #victimOf (group: Group): Voucher {
    const subgroup = group.bySize.top() as Subgroup
    return this.#voucher(subgroup.members.top() as number)
  }

  #voucher (slot: number): Voucher {
    const { name, group } = this.#subgroup(slot)
    return { id: this.#ids[slot] as string, group: group.name, subgroup: name === '' ? undefined : name, isChosen: group.isChosen }
  }

  /** Among a peer's vouchers the one in a subgroup. They are as many as the ledger keeps sources of a peer. */
  #find (first: number | undefined, subgroup: Subgroup): number {
    let slot = first ?? NONE
    while (slot !== NONE && this.#subgroupOf[slot] !== subgroup.index) slot = this.#next[slot] as number
    return slot
  }

  #drop (id: string, slot: number): void {
    const subgroup = this.#subgroup(slot)
    const { group } = subgroup
    const kind = group.isChosen ? this.#chosen : this.#other
    subgroup.members.remove(this.#at[slot] as number)
    if (subgroup.members.size === 0) {
      group.bySize.remove(subgroup.at)
      group.subgroups.delete(subgroup.name)
      this.#subgroups[subgroup.index] = undefined
      this.#freeSubgroups.push(subgroup.index)
    } else {
      group.bySize.moved(subgroup.at)
    }
    group.size--
    if (group.size === 0) {
      kind.bySize.remove(group.at)
      kind.groups.delete(group.name)
    } else {
      kind.bySize.moved(group.at)
    }
    if (group.size <= group.cap) this.#overfull.delete(group)
    kind.size--
    this.#size--
    this.#unchain(id, slot)
    this.#ids[slot] = undefined
    this.#next[slot] = this.#free
    this.#free = slot
  }

  #unchain (id: string, slot: number): void {
    const after = this.#next[slot] as number
    let before = this.#first.get(id) as number
    if (before === slot) {
      if (after === NONE) this.#first.delete(id)
      else this.#first.set(id, after)
      return
    }
    while (this.#next[before] !== slot) before = this.#next[before] as number
    this.#next[before] = after
  }

  #takeSlot (id: string, subgroup: Subgroup): number {
    let slot = this.#free
    if (slot === NONE) {
      slot = this.#ids.push(id) - 1
      if (slot === this.#next.length) this.#grow()
    } else {
      this.#free = this.#next[slot] as number
      this.#ids[slot] = id
    }
    this.#subgroupOf[slot] = subgroup.index
    this.#ranks[slot] = 0
    return slot
  }

  #grow (): void {
    // By a quarter: of what doubles, half may stand empty.
    const length = this.#next.length + (this.#next.length >> 2) + 16
    const grown = <T extends Int32Array | Uint32Array>(from: T, to: T): T => {
      to.set(from)
      return to
    }
    this.#subgroupOf = grown(this.#subgroupOf, new Int32Array(length))
    this.#next = grown(this.#next, new Int32Array(length))
    this.#at = grown(this.#at, new Int32Array(length))
    this.#ranks = grown(this.#ranks, new Uint32Array(length))
  }

  #isLarger (a: Group | Subgroup, sizeOfA: number, b: Group | Subgroup, sizeOfB: number): boolean {
    if (sizeOfA !== sizeOfB) return sizeOfA > sizeOfB
    const difference = this.#nameRank(a) - this.#nameRank(b)
    return difference === 0 ? a.name > b.name : difference > 0
  }

  #nameRank (named: Group | Subgroup): number {
    return named.rank ??= this.#hash(named.name)
  }

  /** Over the voucher and not the peer: else all groups would keep the same peers, and fewer in all. */
  #rank (slot: number): number {
    const known = this.#ranks[slot] as number
    if (known > 0) return known
    const { name, group } = this.#subgroup(slot)
    const rank = Math.max(1, this.#hash(`${group.name} ${name} ${this.#ids[slot]}`))
    this.#ranks[slot] = rank
    return rank
  }
}
