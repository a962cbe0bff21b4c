/** The rules of `TriedTable`, one by one. */
import { limits } from '@peerweave/interface'
import { describe, expect, it } from 'vitest'
import { TriedTable, type TriedEntry } from '../../src/admission/tried-table.ts'
import { testHash } from './support.ts'
import type { Place } from '../../src/admission/place.ts'

const HOUR = limits.triedTestGap
const at = (group: string | number, house: string | number = 0): Place => ({ group: `net:${group}`, subgroup: `net:${group}.${house}` })

/** A full table: `groups` groups of `each`, one proven after the other, every house with one. */
function filled (groups: number, each: number): TriedTable {
  const table = new TriedTable({ hash: testHash(), capacity: groups * each, perGroup: each + 2 })
  for (let n = 0; n < each; n++) for (let g = 0; g < groups; g++) table.proven(`${g}-${n}`, at(g, n), n * groups + g)
  expect(table.size).toBe(groups * each)
  return table
}

/** Somebody else answers, so that a failure counts; then `id` does not. */
function failTest (table: TriedTable, id: string, now: number, witness = '0-0'): ReturnType<TriedTable['failed']> {
  table.proven(witness, table.placeOf(witness) ?? at('witness'), now)
  return table.failed(id, now)
}

describe('TriedTable', () => {
  it('holds two of a subgroup, and a third only waits though there is room', () => {
    const table = new TriedTable({ hash: testHash() })
    expect(table.proven('a', at(1), 0)).toEqual({ outcome: 'admitted' })
    expect(table.proven('b', at(1), 1)).toEqual({ outcome: 'admitted' })
    expect(table.proven('c', at(1), 2)).toEqual({ outcome: 'waits', behind: 'b' })
    expect(table.proven('a', at(1), 3)).toEqual({ outcome: 'held' })
    expect([table.size, table.has('c')]).toEqual([2, false])
  })

  it('holds its share of a group and no more', () => {
    const table = new TriedTable({ hash: testHash() })
    const cap = limits.triedPeers / limits.triedPerGroupDivisor
    for (let n = 0; n < 2 * cap; n++) table.proven(`p${n}`, at(1, n), n)
    expect(table.size).toBe(cap)
  })

  it('when full, a group with fewer than two displaces the latest proven of the groups with more than two', () => {
    const table = filled(4, 3)
    expect(table.proven('x', at('new'), 100)).toEqual({ outcome: 'admitted', displaced: '3-2' })
    expect(table.proven('y', at('new', 1), 101)).toEqual({ outcome: 'admitted', displaced: '2-2' })
    expect(table.proven('z', at('new', 2), 102)).toMatchObject({ outcome: 'waits' })
    expect(table.size).toBe(12)
  })

  it('takes nobody below two: when all groups have two a newcomer waits', () => {
    const table = filled(6, 2)
    expect(table.proven('x', at('new'), 100)).toEqual({ outcome: 'waits', behind: '5-1' })
    expect(table.size).toBe(12)
  })

  it('a victim goes with its fourth failed test, an hour or more apart, and the newcomer who waited comes in', () => {
    const table = filled(4, 3)
    expect(table.proven('x', at(1, 9), 100)).toEqual({ outcome: 'waits', behind: '1-2' })
    expect(table.tests(100)).toEqual(['1-2'])
    for (const n of [1, 2, 3]) {
      expect(failTest(table, '1-2', n * HOUR)).toEqual({})
      // Too soon: not due, and not counted.
      expect(table.tests(n * HOUR + HOUR - 1)).toEqual([])
      expect(failTest(table, '1-2', n * HOUR + HOUR - 1)).toEqual({})
      expect(table.tests((n + 1) * HOUR + HOUR)).toEqual(['1-2'])
    }
    expect(failTest(table, '1-2', 4 * HOUR)).toEqual({ displaced: '1-2', admitted: 'x' })
    expect([table.has('1-2'), table.has('x'), table.size]).toEqual([false, true, 12])
  })

  it('one success sends the newcomer away, who has to come again', () => {
    const table = filled(4, 3)
    table.proven('x', at(1, 9), 100)
    for (const n of [1, 2, 3]) failTest(table, '1-2', n * HOUR)
    table.proven('1-2', at(1, 2), 4 * HOUR - 1)
    expect(table.tests(10 * HOUR)).toEqual([])
    expect(failTest(table, '1-2', 5 * HOUR)).toEqual({})
    expect(table.proven('x', at(1, 9), 6 * HOUR)).toEqual({ outcome: 'waits', behind: '1-2' })
  })

  it('failures count only while other dials of ours succeed: a night without a network costs nobody', () => {
    const table = filled(4, 3)
    table.proven('x', at(1, 9), 100)
    for (let n = 2; n < 40; n++) table.failed('1-2', n * HOUR)
    expect(table.has('1-2')).toBe(true)
    expect([...table.entries()].find(({ id }) => id === '1-2')?.failures).toBe(0)
  })

  it('who has failed four tests already makes room at once', () => {
    const table = filled(4, 3)
    for (const n of [1, 2, 3, 4]) failTest(table, '1-0', n * HOUR)
    expect(table.proven('x', at(1, 9), 5 * HOUR)).toEqual({ outcome: 'admitted', displaced: '1-0' })
  })

  it('a newcomer of a group with its fair share competes within it, one of a poorer group with the richer', () => {
    const table = new TriedTable({ hash: testHash(), capacity: 12, perGroup: 8 })
    for (let n = 0; n < 8; n++) table.proven(`rich-${n}`, at('rich', n), n)
    for (let n = 0; n < 2; n++) table.proven(`poor-${n}`, at('poor', n), 20 + n)
    for (let n = 0; n < 2; n++) table.proven(`late-${n}`, at('late', n), 30 + n)
    expect(table.proven('more', at('rich', 9), 40)).toEqual({ outcome: 'waits', behind: 'rich-7' })
    expect(table.proven('third', at('poor', 9), 41)).toEqual({ outcome: 'waits', behind: 'rich-6' })
  })

  it('one newcomer waits per group, and so many in all', () => {
    const table = new TriedTable({ hash: testHash(), capacity: 400, perGroup: 4 })
    for (let g = 0; g < 100; g++) for (let n = 0; n < 4; n++) table.proven(`${g}-${n}`, at(g, n), g)
    expect(table.proven('x0', at(0, 9), 1_000)).toMatchObject({ outcome: 'waits' })
    expect(table.proven('second', at(0, 10), 1_000)).toEqual({ outcome: 'refused' })
    const outcomes = Array.from({ length: 100 }, (_, g) => table.proven(`x${g}`, at(g, 9), 1_000).outcome)
    expect(outcomes.filter(outcome => outcome === 'waits').length).toBe(limits.triedCandidates)
    expect(table.proven('again', at(0, 10), 1_000)).toEqual({ outcome: 'refused' })
    expect(table.proven('x0', at(0, 9), 1_001)).toMatchObject({ outcome: 'waits' })
    expect(table.tests(1_000).length).toBe(limits.triedCandidates)
  })

  it('a peer that answers from elsewhere moves there with its age, unless somebody would have to go', () => {
    const table = new TriedTable({ hash: testHash() })
    table.proven('a', at(1), 0)
    table.proven('a', at(2), 10)
    expect(table.placeOf('a')).toEqual(at(2))
    expect([...table.entries()][0]).toMatchObject({ since: 0, lastSuccess: 10 })
    table.proven('b', at(3), 11)
    table.proven('c', at(3), 12)
    table.proven('a', at(3), 13)
    expect(table.placeOf('a')).toEqual(at(2))
  })

  it('elders are the longest proven, one a group, without who has failed its tests', () => {
    const table = new TriedTable({ hash: testHash() })
    for (let g = 0; g < 40; g++) for (let n = 0; n < 3; n++) table.proven(`${g}-${n}`, at(g, n), 1_000 * n + g)
    for (const n of [1, 2, 3, 4]) failTest(table, '2-0', n * HOUR, '39-2')
    const elders = table.elders()
    expect(elders).toEqual([0, 1, ...Array.from({ length: 30 }, (_, i) => i + 3)].map(g => `${g}-0`))
    expect(elders.length).toBe(limits.elders)
  })

  it('an elder that is gone gives its place to the next of its group', () => {
    const table = filled(4, 3)
    table.remove('0-0')
    expect(table.elders()).toEqual(['1-0', '2-0', '3-0', '0-1'])
  })

  it('who is removed lets in who waited for it; a newcomer that waits can be removed too', () => {
    const table = filled(4, 3)
    table.proven('x', at(1, 9), 100)
    table.proven('y', at(2, 9), 100)
    expect(table.remove('1-2')).toEqual({ displaced: '1-2', admitted: 'x' })
    expect(table.remove('y')).toEqual({})
    expect(table.remove('nobody')).toEqual({})
    expect(table.tests(200)).toEqual([])
  })

  it('gives back after a restart what it wrote, and no more than fits', () => {
    const table = filled(4, 3)
    for (const n of [1, 2]) failTest(table, '1-2', n * HOUR)
    const written = [...table.entries()]
    const again = new TriedTable({ hash: testHash(9), capacity: 12, perGroup: 5 })
    expect(again.restore(written, 10 * HOUR)).toBe(0)
    const byId = (a: { id: string }, b: { id: string }): number => a.id < b.id ? -1 : 1
    expect([...again.entries()].sort(byId)).toEqual(written.sort(byId))
    const smaller = new TriedTable({ hash: testHash(), capacity: 5 })
    expect(smaller.restore(written, 10 * HOUR)).toBe(7)
    expect([...smaller.entries()].map(({ since }) => since).sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4])
  })

  it('takes nothing false from a disk: no future, no repeats, no third of a subgroup', () => {
    const table = new TriedTable({ hash: testHash() })
    const entry = (id: string, since: number, failures = 0): TriedEntry => {
      return { id, ...at(1), since, lastSuccess: since + 5, failures, lastFailure: since + 6 }
    }
    expect(table.restore([entry('a', 1), entry('a', 2), entry('b', 900, 99), entry('c', 3_000), entry('nan', Number.NaN)], 500)).toBe(3)
    expect([...table.entries()].map(({ id, since, lastSuccess, failures, lastFailure }) => [id, since, lastSuccess, failures, lastFailure]))
      .toEqual([['a', 1, 6, 0, 7], ['b', 500, 500, limits.triedTests, 500]])
  })
})
