/**
 * Identity flood against `new`: 5,000 honest peers in 200 groups, a million hostile ids (50,000 by default), seeded.
 * The figures are those of docs/admission.md.
 */
import { limits, seededRng } from '@peerweave/interface'
import { describe, expect, it } from 'vitest'
import { NewTable, type Voucher } from '../../src/admission/new-table.ts'
import { arrive, contents, figure, LONG, percent, testHash } from './support.ts'

const ATTACKERS = LONG ? 1_000_000 : 50_000
const HONEST = 5_000
const HONEST_GROUPS = 200
const LATE = 500
/** Networks within a hostile group that its ids are spread over. */
const HOUSES = 16

interface Share {
  /** Groups of hostile reporters; those from `chosen` on came to us, the ones below we dialled. */
  groups: number
  chosen?: number
  /** They claim honest ids besides their own. */
  namesHonest?: boolean
}

type Population = Map<string, Voucher[]>

/** Each honest peer claimed once, by a reporter of its group; group i as large as the others, or with weight 1/i. */
function inGroups (count: number, { zipf = false, prefix = 'honest', from = 0 } = {}): Population {
  const weights = Array.from({ length: HONEST_GROUPS }, (_, i) => zipf ? 1 / (i + 1) : 1)
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  const owners = weights.flatMap((weight, i) => Array.from({ length: Math.ceil(weight * count / total) }, () => i)).slice(0, count)
  return new Map(owners.map((owner, n) => {
    const id = `${prefix}-${n}`
    const group = `net:10.${from + owner}`
    return [id, [{ id, group, subgroup: `${group}.${n % 4}`, isChosen: false }]]
  }))
}

/** Each honest peer claimed by each of 12 reporters that we dialled, with a probability of 60 %. */
function byIntroducers (count: number, prefix = 'honest', seed = 1): Population {
  const rng = seededRng(seed)
  return new Map(Array.from({ length: count }, (_, n) => {
    const introducers = Array.from({ length: 12 }, (_, i) => i).filter(() => rng.float() < 0.6)
    const id = `${prefix}-${n}`
    return [id, introducers.map(i => ({ id, group: `net:20.${i}`, subgroup: `net:20.${i}.1`, isChosen: true }))]
  }))
}

function attack (table: NewTable, { groups, chosen = 0, namesHonest = false }: Share, seed: number, honest: Population): void {
  const rng = seededRng(seed)
  for (let n = 0; n < ATTACKERS; n++) {
    const owner = n % groups
    const group = `net:66.${owner}`
    const voucher = { group, subgroup: `${group}.${rng.int(HOUSES)}`, isChosen: owner < chosen }
    arrive(table, { id: `hostile-${seed}-${n}`, ...voucher })
  }
  if (!namesHonest) return
  for (const id of honest.keys()) {
    // Each by every group; by 20 of them by default.
    const step = LONG ? 1 : Math.ceil(groups / 20)
    const first = rng.int(groups)
    for (let owner = first; owner < first + groups; owner += step) {
      const group = `net:66.${owner % groups}`
      arrive(table, { id, group, subgroup: `${group}.${rng.int(HOUSES)}`, isChosen: owner % groups < chosen })
    }
  }
}

interface Result {
  /** Honest peers held without an attack, with it, and of the late ones with it. */
  before: number
  kept: number
  late: number
  hostileVouchers: number
  size: number
  state: string
}

function flood (honest: Population, late: Population, share: Share, order: 'honest first' | 'attacker first' | 'mixed'): Result {
  const hash = testHash(7)
  const quiet = new NewTable({ hash })
  for (const vouchers of honest.values()) for (const voucher of vouchers) arrive(quiet, voucher)
  const held = [...honest.keys()].filter(id => quiet.has(id))

  const table = new NewTable({ hash })
  const arriveAll = (population: Population): void => {
    for (const vouchers of population.values()) for (const voucher of vouchers) arrive(table, voucher)
  }
  if (order === 'attacker first') attack(table, share, 3, honest)
  if (order === 'mixed') arriveAll(new Map([...honest].filter((_, n) => n % 2 === 0)))
  if (order === 'mixed') attack(table, share, 3, honest)
  arriveAll(honest)
  if (order === 'honest first') attack(table, share, 3, honest)
  const kept = held.filter(id => isHonestly(table, id)).length
  const hostileVouchers = [...table.vouchers()].filter(({ group }) => group.startsWith('net:66.')).length
  const { size } = table
  const state = contents(table).join()
  arriveAll(late)
  const cameLate = [...late.keys()].filter(id => table.has(id)).length
  expect(table.size).toBeLessThanOrEqual(limits.newPeers)
  return { before: held.length, kept, late: cameLate, hostileVouchers, size, state }
}

/** By a voucher of an honest reporter: a hostile one could be taken back. */
function isHonestly (table: NewTable, id: string): boolean {
  return [...table.vouchersOf(id)].some(({ group }) => !group.startsWith('net:66.'))
}

function tell (what: string, { before, kept, late, hostileVouchers, size }: Result, lateCount = LATE): void {
  figure(`new, ${ATTACKERS} hostile ids, ${what}: held ${before} of ${HONEST} without the attack, kept ${kept} (${percent(kept, before)})`,
    `late ${percent(late, lateCount)}, hostile ${percent(hostileVouchers, size)}`)
}

const orders = ['honest first', 'attacker first', 'mixed'] as const

describe(`new, against ${ATTACKERS} hostile ids`, () => {
  it('10 hostile groups cost honest groups of equal size nobody, and newcomers find room, in whatever order', () => {
    const results = orders.map(order => flood(inGroups(HONEST), inGroups(LATE, { prefix: 'late' }), { groups: 10 }, order))
    tell('10 groups', results[0] as Result)
    for (const { before, kept, late, state } of results) {
      expect(before).toBe(HONEST)
      expect(kept / before).toBeGreaterThanOrEqual(0.999)
      expect(late).toBe(LATE)
      expect(state).toBe(results[0]?.state)
    }
  }, 3_600_000)

  it('newcomers of groups never seen before find room among 10 and 500 hostile groups', () => {
    for (const groups of [10, 500]) {
      const result = flood(inGroups(HONEST), inGroups(LATE, { prefix: 'late', from: 1_000 }), { groups }, 'honest first')
      tell(`${groups} groups, late ones of new groups`, result)
      expect(result.late).toBe(LATE)
    }
  }, 3_600_000)

  it('500 inbound hostile groups leave 12 dialled introducers at 60 % coverage half of the honest peers and more', () => {
    const honest = byIntroducers(HONEST)
    const results = orders.map(order => flood(honest, byIntroducers(LATE, 'late', 2), { groups: 500 }, order))
    tell('500 inbound groups, 12 dialled introducers', results[0] as Result)
    for (const { kept, state } of results) {
      expect(kept / HONEST).toBeGreaterThanOrEqual(0.5)
      expect(state).toBe(results[0]?.state)
    }
  }, 3_600_000)

  it.each([
    ['10 groups', inGroups(HONEST), { groups: 10 }],
    ['500 groups', inGroups(HONEST), { groups: 500 }],
    ['500 inbound groups, 12 dialled introducers', byIntroducers(HONEST), { groups: 500 }],
    ['as many dialled by us', byIntroducers(HONEST), { groups: 12, chosen: 12 }]
  ])('whoever announces honest ids too costs them no place: %s', (what, honest, share) => {
    const without = flood(honest, new Map(), share, 'honest first')
    for (const order of orders) {
      const naming = flood(honest, new Map(), { ...share, namesHonest: true }, order)
      expect(naming.kept).toBe(without.kept)
    }
    figure(`new, ${what}, hostile reporters name every honest id too: kept ${without.kept} without and with`)
  }, 3_600_000)

  // What fair shares cannot help is told, not hidden: the fair share of one of 700 groups is 11.7 places.
  it.each([
    ['10 groups, honest groups by Zipf', inGroups(HONEST, { zipf: true }), { groups: 10 }, 0.9],
    ['500 groups', inGroups(HONEST), { groups: 500 }, 0.46],
    ['500 groups, honest groups by Zipf', inGroups(HONEST, { zipf: true }), { groups: 500 }, 0.3],
    ['500 inbound groups and 6 dialled, 12 dialled introducers', byIntroducers(HONEST), { groups: 506, chosen: 6 }, 0.4],
    ['500 inbound groups and 12 dialled, 12 dialled introducers', byIntroducers(HONEST), { groups: 512, chosen: 12 }, 0.3]
  ])('the share of an attacker that is many: %s', (what, honest, share, atLeast) => {
    const result = flood(honest, new Map(), share, 'honest first')
    tell(what, result, 1)
    expect(result.kept / result.before).toBeGreaterThan(atLeast)
  }, 3_600_000)
})
