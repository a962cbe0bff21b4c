/**
 * Who stays when the store is full: of the group with the most peers, the one with the largest keyed hash goes, the
 * newcomer included. First come, first served would let whoever is quick own the store for ever; with this rule the
 * outcome does not depend on the order of arrival, and a flood from one group displaces its own.
 *
 * BOUNDED: one entry per peer in the store.
 */
import type { KeyedHash } from './keyed-hash.ts'

export class Admission {
  readonly #groups = new Map<string, Map<string, number>>()
  readonly #hash: KeyedHash

  constructor (hash: KeyedHash) {
    this.#hash = hash
  }

  add (id: string, group: string): void {
    let members = this.#groups.get(group)
    if (members == null) this.#groups.set(group, members = new Map())
    members.set(id, this.#hash(`${group} ${id}`))
  }

  remove (id: string, group: string): void {
    const members = this.#groups.get(group)
    members?.delete(id)
    if (members?.size === 0) this.#groups.delete(group)
  }

  /** The peer that must go; `isKept` exempts some (the connected ones). */
  victim (isKept: (id: string) => boolean): string | undefined {
    const groups = [...this.#groups].sort(([nameA, a], [nameB, b]) => b.size - a.size || this.#hash(nameB) - this.#hash(nameA))
    for (const [, members] of groups) {
      let victim: string | undefined
      let largest = -1
      for (const [id, hash] of members) {
        if (hash > largest && !isKept(id)) {
          victim = id
          largest = hash
        }
      }
      if (victim != null) return victim
    }
    return undefined
  }
}
