/**
 * Identity flood against `tried`: we dial one peer every two minutes, half of the hostile ones authenticate, a tenth of
 * the honest is offline at any test, hostile ones never are. 20,000 dials (4,000 by default), seeded.
 */
import { seededRng, type Rng } from '@peerweave/interface'
import { describe, expect, it } from 'vitest'
import { TriedTable } from '../../src/admission/tried-table.ts'
import { figure, LONG, percent, testHash } from './support.ts'

const DIALS = LONG ? 20_000 : 4_000
const SEEDS = LONG ? [1, 2, 3, 4, 5] : [1]
const DIAL_EVERY = 120_000
const HONEST = 1_000
const HONEST_GROUPS = 200
/** Live ids of a hostile group, two to a /24. */
const LIVE_IDS = 20

class World {
  readonly table: TriedTable
  readonly rng: Rng
  now = 0

  constructor (seed: number) {
    this.rng = seededRng(seed)
    this.table = new TriedTable({ hash: testHash(seed) })
  }

  /** One dial of ours, then the tests that are due. */
  dial (id: string, group: string, house: number): void {
    this.now += DIAL_EVERY
    this.table.proven(id, { group: `net:${group}`, subgroup: `net:${group}.${house}` }, this.now)
    for (const tested of this.table.tests(this.now)) {
      const place = this.table.placeOf(tested)
      if (place == null) continue
      if (tested.startsWith('hostile') || this.rng.float() < 0.9) this.table.proven(tested, place, this.now)
      else this.table.failed(tested, this.now)
    }
  }

  honest (): void {
    for (let n = 0; n < HONEST; n++) this.dial(`honest-${n}`, `10.${n % HONEST_GROUPS}`, Math.floor(n / HONEST_GROUPS / 2))
  }

  /** Whoever does not authenticate is no matter of this table, but costs us a dial. */
  flood (groups: number): void {
    for (let i = 0; i < DIALS; i++) {
      if (this.rng.float() < 0.5) this.now += DIAL_EVERY
      else this.hostile(this.rng.int(groups), this.rng.int(LIVE_IDS))
    }
  }

  hostile (owner: number, n: number): void {
    this.dial(`hostile-${owner}-${n}`, `66.${owner}`, n >> 1)
  }

  late (): number {
    for (let n = 0; n < 100; n++) this.dial(`late-${n}`, `30.${n}`, 0)
    return Array.from({ length: 100 }, (_, n) => `late-${n}`).filter(id => this.table.has(id)).length
  }

  count (prefix: string): number {
    return [...this.table.entries()].filter(({ id }) => id.startsWith(prefix)).length
  }
}

describe(`tried, over ${DIALS} dials of which half reach a hostile peer`, () => {
  it.each([10, 500])('%d hostile groups displace none of 1,000 honest in 200 groups, and peers of new groups find room', groups => {
    for (const seed of SEEDS) {
      const world = new World(seed)
      world.honest()
      expect(world.count('honest')).toBe(HONEST)
      world.flood(groups)
      const kept = world.count('honest')
      const share = percent(world.count('hostile'), world.table.size)
      const late = world.late()
      figure(`tried, ${groups} groups, seed ${seed}: kept ${percent(kept, HONEST)}, hostile ${share} of ${world.table.size}`,
        `late of new groups ${late} of 100, honest kept after them ${percent(world.count('honest'), HONEST)}`)
      expect(kept).toBe(HONEST)
      expect(late).toBe(100)
    }
  }, 3_600_000)

  it('an attacker that was first with 500 groups keeps no honest group below two', () => {
    for (const seed of SEEDS) {
      const world = new World(seed)
      world.flood(500)
      // What those dials have left of the room is filled too.
      for (let n = 0; n < LIVE_IDS; n++) for (let owner = 0; owner < 500; owner++) world.hostile(owner, n)
      expect(world.table.size).toBe(world.table.capacity)
      world.honest()
      const perGroup = Array.from({ length: HONEST_GROUPS }, () => 0)
      for (const { id } of world.table.entries()) {
        if (id.startsWith('honest')) {
          const group = Number(id.slice(7)) % HONEST_GROUPS
          perGroup[group] = (perGroup[group] ?? 0) + 1
        }
      }
      figure(`tried, attacker first, 500 groups, seed ${seed}: honest per group at least ${Math.min(...perGroup)}`,
        `kept ${percent(world.count('honest'), HONEST)}, hostile ${percent(world.count('hostile'), world.table.size)}`)
      expect(Math.min(...perGroup)).toBeGreaterThanOrEqual(2)
    }
  }, 3_600_000)
})
