/** How many contacts of one network the routing table takes. */

export interface DiversityLimits {
  /** Contacts of one group that share one length of common prefix with us. */
  perPrefix: number
  /** Contacts of one group in the whole table. */
  perTable: number
}

interface Place {
  group: string | undefined
  prefix: number
}

/**
 * Who is in the table, by group and by common prefix length. A contact of no group always finds a place. Who is in stays
 * in: a newcomer never displaces a contact, which is still there because it answered.
 *
 * BOUNDED by the routing table, and by what may be under way for it.
 */
export class Diversity {
  readonly #limits: DiversityLimits
  readonly #places = new Map<string, Place>()
  readonly #perTable = new Map<string, number>()
  readonly #perPrefix = new Map<string, number>()

  constructor (limits: DiversityLimits) {
    this.#limits = limits
  }

  get size (): number {
    return this.#places.size
  }

  has (peer: string): boolean {
    return this.#places.has(peer)
  }

  /** Whether a contact of this group would find a place. */
  admits (group: string | undefined, prefix: number): boolean {
    if (group === undefined) return true
    return (this.#perTable.get(group) ?? 0) < this.#limits.perTable &&
      (this.#perPrefix.get(`${prefix} ${group}`) ?? 0) < this.#limits.perPrefix
  }

  /** Takes a place; `false` when there is none. One that has a place keeps it, whatever it says now. */
  take (peer: string, group: string | undefined, prefix: number): boolean {
    if (this.#places.has(peer)) return true
    if (!this.admits(group, prefix)) return false
    this.#places.set(peer, { group, prefix })
    this.#count(group, prefix, 1)
    return true
  }

  release (peer: string): void {
    const place = this.#places.get(peer)
    if (place == null) return
    this.#places.delete(peer)
    this.#count(place.group, place.prefix, -1)
  }

  clear (): void {
    for (const peer of [...this.#places.keys()]) this.release(peer)
  }

  #count (group: string | undefined, prefix: number, by: number): void {
    if (group === undefined) return
    add(this.#perTable, group, by)
    add(this.#perPrefix, `${prefix} ${group}`, by)
  }
}

function add (counts: Map<string, number>, key: string, by: number): void {
  const count = (counts.get(key) ?? 0) + by
  if (count === 0) counts.delete(key)
  else counts.set(key, count)
}

/** Leading bits that two Kademlia ids have in common. */
export function commonPrefix (a: Uint8Array, b: Uint8Array): number {
  for (const [i, byte] of a.entries()) {
    const difference = byte ^ (b[i] ?? 0)
    if (difference !== 0) return i * 8 + Math.clz32(difference) - 24
  }
  return a.length * 8
}
