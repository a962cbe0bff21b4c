/**
 * Restarts with poisoned tables: `new` 99 % hostile, `tried` with 1,000 honest in 200 groups beside the attacker. Hostile
 * peers always answer, honest ones with probability p; the first eight that answer are who we meet. A full eclipse is
 * eight hostile ones. 10,000 restarts (1,000 by default), seeded, on the tables and the order of first dials themselves.
 */
import { limits, seededRng } from '@peerweave/interface'
import { describe, expect, it } from 'vitest'
import { FirstDials } from '../../src/admission/first-dials.ts'
import { NewTable } from '../../src/admission/new-table.ts'
import { TriedTable, type TriedEntry } from '../../src/admission/tried-table.ts'
import { arrive, figure, LONG, percent, testHash } from './support.ts'

const RESTARTS = LONG ? 10_000 : 1_000
/** Restarts on one pair of tables; then others are built. */
const BLOCK = 100
const CONNECTIONS = 8
const DAY = 86_400_000

interface Scenario {
  hostileGroupsOfNew: number
  hostileGroupsOfTried: number
  /** How likely an honest peer answers. */
  p: number
  /** Of the elders, and of the anchors, hostile. */
  hostileElders?: number
  /** As it was before there were elders: tried by group in their place. */
  withoutElders?: boolean
}

interface Rates {
  eclipses: number
  atLeast4: number
  atLeast6: number
}

const isHostile = (id: string): boolean => id.startsWith('hostile')
/** `honest-12-3` is number 3 of network 12. */
const networkOf = (id: string): string => id.split('-').slice(0, 2).join('-')

function poisonedNew (groups: number, seed: number): NewTable {
  const table = new NewTable({ hash: testHash(seed) })
  const perGroup = Math.min(512, Math.floor(limits.newPeers * 0.99 / groups))
  for (let g = 0; g < groups; g++) {
    const group = `net:66.${g}`
    for (let n = 0; n < perGroup; n++) arrive(table, { id: `hostile-${g}-new${n}`, group, subgroup: `${group}.${n % 8}`, isChosen: false })
  }
  const honest = Math.round(groups * perGroup / 99)
  for (let n = 0; n < honest; n++) arrive(table, { id: `honest-${n % 200}-new${n}`, group: `net:10.${n % 10}`, isChosen: false })
  return table
}

function poisonedTried (groups: number, hostileElders: number, seed: number): TriedTable {
  const rng = seededRng(seed)
  const table = new TriedTable({ hash: testHash(seed) })
  const entry = (id: string, group: string, house: number, since: number): TriedEntry => {
    const place = { group: `net:${group}`, subgroup: `net:${group}.${house}` }
    return { id, ...place, since, lastSuccess: 90 * DAY, failures: 0, lastFailure: undefined }
  }
  const entries: TriedEntry[] = []
  for (let n = 0; n < 1_000; n++) {
    entries.push(entry(`honest-${n % 200}-${n}`, `10.${n % 200}`, Math.floor(n / 400), (10 + 50 * rng.float()) * DAY))
  }
  const room = Math.min(groups * 64, 1_048)
  for (let n = 0; n < room; n++) {
    entries.push(entry(`hostile-${n % groups}-${n}`, `66.${n % groups}`, Math.floor(n / groups / 2), (70 + rng.float()) * DAY))
  }
  // Those that came in long before: as old as the honest elders, which are the oldest of 200 groups.
  const infiltrators = Math.round(limits.elders * hostileElders)
  const oldest = entries.filter(({ id }) => !isHostile(id)).sort((a, b) => a.since - b.since)
  const elders = [...new Map(oldest.reverse().map(entry => [entry.group, entry])).values()].sort((a, b) => a.since - b.since)
  const since = elders[limits.elders - infiltrators]?.since ?? 0
  for (let n = 0; n < infiltrators; n++) {
    const age = 10 * DAY + rng.float() * (since - 10 * DAY)
    const at = entries.findIndex(({ group }) => group === `net:66.${n}`)
    entries[at] = { ...entries[at] as TriedEntry, since: age }
  }
  expect(table.restore(entries, 90 * DAY)).toBe(0)
  const hostile = table.elders().filter(isHostile).length
  expect(Math.abs(hostile - infiltrators)).toBeLessThanOrEqual(1)
  return table
}

function restarts ({ hostileGroupsOfNew, hostileGroupsOfTried, p, hostileElders = 0, withoutElders = false }: Scenario): Rates {
  const rates: Rates = { eclipses: 0, atLeast4: 0, atLeast6: 0 }
  for (let block = 0; block < RESTARTS / BLOCK; block++) {
    const tried = poisonedTried(hostileGroupsOfTried, hostileElders, block)
    const groups = { tried: tried.groups(), new: poisonedNew(hostileGroupsOfNew, block).groups() }
    const elders = withoutElders ? [] : tried.elders()
    const honestTried = groups.tried.flat().filter(id => !isHostile(id))
    const hostileTried = groups.tried.flat().filter(isHostile)
    for (let i = 0; i < BLOCK; i++) {
      const rng = seededRng(block * BLOCK + i)
      const anchors = [0, 1].map(() => {
        const from = rng.float() < hostileElders ? hostileTried : honestTried
        return from[rng.int(from.length)] as string
      })
      const dials = new FirstDials({ anchors, elders, ...groups, rng, networkOf })
      let honest = 0
      for (let met = 0; met < CONNECTIONS;) {
        const id = dials.next()
        if (id == null) break
        if (!isHostile(id) && rng.float() >= p) {
          dials.failed(id)
          continue
        }
        dials.answered(id)
        met++
        if (!isHostile(id)) honest++
      }
      if (honest === 0) rates.eclipses++
      if (honest >= 4) rates.atLeast4++
      if (honest >= 6) rates.atLeast6++
    }
  }
  return rates
}

function tell (what: string, { eclipses, atLeast4, atLeast6 }: Rates): void {
  figure(`restarts, ${what}: ${eclipses} full eclipses in ${RESTARTS}`,
    `4 or more of 8 honest ${(100 * atLeast4 / RESTARTS).toFixed(2)} %, 6 or more ${percent(atLeast6, RESTARTS)}`)
}

describe(`${RESTARTS} restarts`, () => {
  it.each([0.9, 0.5])('10 hostile groups in both tables: no full eclipse, honest peers answering with p = %s', p => {
    const rates = restarts({ hostileGroupsOfNew: 10, hostileGroupsOfTried: 10, p })
    tell(`10 hostile groups in both, p = ${p}`, rates)
    expect(rates.eclipses).toBe(0)
  }, 3_600_000)

  it.each([0.9, 0.5, 0.3])('500 hostile groups in both, honest elders: no full eclipse, 4 of 8 honest in 99.9 of 100, p = %s', p => {
    const rates = restarts({ hostileGroupsOfNew: 500, hostileGroupsOfTried: 500, p })
    tell(`500 in both, honest elders, p = ${p}`, rates)
    expect(rates.eclipses).toBe(0)
    // The figure asked for is at p = .5; with p = .3 fewer than four of 32 elders answer in one of 200 restarts.
    expect(rates.atLeast4 / RESTARTS).toBeGreaterThanOrEqual(p < 0.5 ? 0.98 : 0.999)
  }, 3_600_000)

  it('elders are what does it: without them 500 groups in both tables eclipse some', () => {
    const rates = restarts({ hostileGroupsOfNew: 500, hostileGroupsOfTried: 500, p: 0.5, withoutElders: true })
    tell('500 in both, p = 0.5, without elders', rates)
    expect(rates.eclipses).toBeGreaterThan(0)
  }, 3_600_000)

  // Whoever was patient enough to be a quarter or half of the elders and anchors: told, and bounded.
  it.each([[0.25, 0.02], [0.5, 0.15]])('with %s of the elders and anchors hostile at most %s are eclipsed', (hostileElders, atMost) => {
    const rates = restarts({ hostileGroupsOfNew: 500, hostileGroupsOfTried: 500, p: 0.5, hostileElders })
    tell(`500 in both, p = 0.5, ${100 * hostileElders} % of elders and anchors hostile`, rates)
    expect(rates.eclipses / RESTARTS).toBeLessThan(atMost)
  }, 3_600_000)
})
