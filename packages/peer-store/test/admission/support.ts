/** What the specs of admission share: the tier, the owner's loop, and an oracle that fills where the table empties. */
import { keyedHash, type KeyedHash } from '@peerweave/interface'
import type { NewTable, Voucher } from '../../src/admission/new-table.ts'

export const LONG: boolean = process.env.PEERWEAVE_TIER === 'long'

/** A fixed key, so that a run repeats. */
export function testHash (seed = 0): KeyedHash {
  return keyedHash(Uint8Array.of(seed & 0xff, seed >> 8, 1, 2, 3, 4, 5, 6))
}

/** As the owner of a table does it. */
export function arrive (table: NewTable, voucher: Voucher): void {
  if (!table.add(voucher)) return
  for (let victim = table.overflow(); victim != null; victim = table.overflow()) table.remove(victim)
}

export function nameOf ({ id, group, subgroup = '', isChosen }: Voucher): string {
  return [isChosen ? 'chosen' : 'other', group, subgroup, id].join(' ')
}

export function contents (table: NewTable): string[] {
  return [...table.vouchers()].map(nameOf).sort()
}

export interface OracleBounds {
  capacity: number
  perGroup: number
  perChosenGroup: number
  perPrivateGroup: number
}

/**
 * What max-min fairness gives a set of vouchers: places are handed out one at a time, each to whoever has fewest among
 * those that want more, ties to the smaller hash; from classes to groups to subgroups to peers. Sorts and loops only.
 */
export function maxMin (vouchers: readonly Voucher[], bounds: OracleBounds, hash: KeyedHash): string[] {
  const distinct = [...new Map(vouchers.map(voucher => [nameOf(voucher), voucher])).values()]
  const classes = [true, false].map(isChosen => {
    const ofClass = distinct.filter(voucher => voucher.isChosen === isChosen)
    const groups = [...Map.groupBy(ofClass, ({ group }) => group)].map(([name, members]) => {
      const cap = isChosen ? bounds.perChosenGroup : name.startsWith('if:') ? bounds.perPrivateGroup : bounds.perGroup
      return { name, members, wants: Math.min(cap, members.length) }
    })
    return { groups: byRank(groups, ({ name }) => name, hash), wants: groups.reduce((sum, { wants }) => sum + wants, 0) }
  })
  // The first of equals is served first: the chosen class, the smaller hash.
  const placesOfClasses = fill(bounds.capacity, classes.map(({ wants }) => wants))
  return classes.flatMap(({ groups }, c) => {
    const placesOfGroups = fill(placesOfClasses[c] as number, groups.map(({ wants }) => wants))
    return groups.flatMap(({ members }, g) => {
      const subgroups = byRank([...Map.groupBy(members, ({ subgroup = '' }) => subgroup)], ([name]) => name, hash)
      const placesOfSubgroups = fill(placesOfGroups[g] as number, subgroups.map(([, vouchers]) => vouchers.length))
      return subgroups.flatMap(([, vouchers], s) => {
        return byRank(vouchers, ({ id, group, subgroup = '' }) => `${group} ${subgroup} ${id}`, hash).slice(0, placesOfSubgroups[s])
      })
    })
  }).map(nameOf).sort()
}

function fill (places: number, wants: readonly number[]): number[] {
  const given = wants.map(() => 0)
  for (let left = places; left > 0; left--) {
    let poorest = -1
    for (const [i, wanted] of wants.entries()) {
      const has = given[i] as number
      if (has < wanted && (poorest === -1 || has < (given[poorest] as number))) poorest = i
    }
    if (poorest === -1) break
    given[poorest] = (given[poorest] as number) + 1
  }
  return given
}

function byRank<T> (items: readonly T[], text: (item: T) => string, hash: KeyedHash): T[] {
  return items.map(item => ({ item, text: text(item), rank: hash(text(item)) }))
    .sort((a, b) => a.rank - b.rank || (a.text < b.text ? -1 : 1))
    .map(({ item }) => item)
}

/** A figure for docs/admission.md, printed where somebody asked for more than the default tests. */
export function figure (...parts: unknown[]): void {
  if (process.env.PEERWEAVE_TIER != null) console.log('figure:', ...parts)
}

export function percent (part: number, whole: number): string {
  return `${(100 * part / whole).toFixed(1)} %`
}
