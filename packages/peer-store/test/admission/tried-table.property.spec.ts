/** Laws of `TriedTable` that hold after any sequence of successes, failures, removals and restarts. */
import { limits } from '@peerweave/interface'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { TriedTable, type TriedEntry } from '../../src/admission/tried-table.ts'
import { LONG, testHash } from './support.ts'

const RUNS = LONG ? 10_000 : 300
const CAPACITY = 24
const PER_GROUP = 6

const step = fc.record({
  kind: fc.constantFrom('proven', 'proven', 'proven', 'proven', 'failed', 'test', 'test', 'test', 'remove', 'restart'),
  id: fc.nat(60),
  group: fc.nat(9),
  house: fc.nat(4),
  /** Until the next step: some tests are due by then, or too soon. */
  wait: fc.constantFrom(1, 60_000, limits.triedTestGap / 2, limits.triedTestGap)
})

function byGroup (entries: readonly TriedEntry[]): Map<string, TriedEntry[]> {
  return Map.groupBy(entries, ({ group }) => group)
}

it(`bounds, subgroups, floor and grounds for going hold (${RUNS} cases)`, () => {
  const seen = { displaced: 0, tested: 0, waiting: 0 }
  fc.assert(fc.property(fc.array(step, { maxLength: 120, size: 'max' }), steps => {
    const options = { hash: testHash(), capacity: CAPACITY, perGroup: PER_GROUP }
    let table = new TriedTable(options)
    let now = 0
    for (const { kind, id, group, house, wait } of steps) {
      now += wait
      const name = `peer-${id}`
      const place = { group: `net:${group}`, subgroup: `net:${group}.${house}` }
      const before = [...table.entries()]
      const groupsBefore = byGroup(before)
      const dueBefore = table.tests(now)
      let mayGo: string[] = []
      if (kind === 'proven') {
        const result = table.proven(name, place, now)
        expect(table.has(name)).toBe(result.outcome === 'admitted' || result.outcome === 'held')
        const own = groupsBefore.get(place.group)?.length ?? 0
        const isRichThere = [...groupsBefore.values()].some(({ length }) => length > limits.triedGroupFloor)
        // The floor: a group with fewer than two gets its place, if anybody has more than two.
        const isKnown = before.some(({ id }) => id === name)
        const { outcome } = result
        if (!isKnown && own < limits.triedGroupFloor && isRichThere) expect(outcome).toBe('admitted')
        if (result.outcome === 'admitted' && result.displaced != null) {
          seen.displaced++
          mayGo = [result.displaced]
          const victim = before.find(({ id }) => id === result.displaced) as TriedEntry
          const wasRich = (groupsBefore.get(victim.group)?.length ?? 0) > limits.triedGroupFloor
          expect(victim.failures >= limits.triedTests || (wasRich && own < limits.triedGroupFloor)).toBe(true)
        }
        if (result.outcome === 'waits') {
          seen.waiting++
          expect(table.has(result.behind)).toBe(true)
        }
      } else if (kind === 'failed' || kind === 'test') {
        const tested = kind === 'test' ? dueBefore[0] ?? name : name
        const victim = before.find(({ id }) => id === tested)
        // Most tests happen while others answer, or hardly any would count.
        const witness = before.find(({ id }) => id !== tested && !dueBefore.includes(id))
        if (kind === 'test' && witness != null) table.proven(witness.id, witness, now)
        const { displaced, admitted } = table.failed(tested, now)
        if (displaced != null) {
          seen.tested++
          mayGo = [displaced]
          expect([displaced, victim?.failures]).toEqual([tested, limits.triedTests - 1])
          expect(dueBefore).toContain(tested)
        }
        if (admitted != null) expect(table.has(admitted)).toBe(true)
      } else if (kind === 'remove') {
        mayGo = [name]
        table.remove(name)
      } else {
        table = new TriedTable(options)
        expect(table.restore(before, now)).toBe(0)
      }
      const after = [...table.entries()]
      const gone = before.filter(({ id }) => !table.has(id)).map(({ id }) => id)
      expect(gone.every(id => mayGo.includes(id))).toBe(true)
      expect(table.size).toBe(after.length)
      expect(after.length).toBeLessThanOrEqual(CAPACITY)
      for (const members of byGroup(after).values()) {
        expect(members.length).toBeLessThanOrEqual(PER_GROUP)
        for (const house of Map.groupBy(members, ({ subgroup }) => subgroup).values()) {
          expect(house.length).toBeLessThanOrEqual(limits.triedPerSubgroup)
        }
      }
      const sizes = (groups: Iterable<{ length: number }>): number[] => [...groups].map(({ length }) => length).sort((a, b) => a - b)
      expect(sizes(table.groups())).toEqual(sizes(byGroup(after).values()))
      const due = table.tests(now)
      expect(due.length).toBeLessThanOrEqual(limits.triedCandidates)
      expect(due.every(id => table.has(id))).toBe(true)
      const elders = table.elders()
      expect(new Set(elders.map(id => table.placeOf(id)?.group)).size).toBe(elders.length)
    }
  }), { numRuns: RUNS })
  // The cases were not all easy ones.
  expect(Math.min(seen.displaced, seen.tested, seen.waiting)).toBeGreaterThan(10)
}, 3_600_000)
