/** Drawing by group. */
import { seededRng } from '@peerweave/interface'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { pick } from '../../src/admission/pick.ts'

const networkOf = (id: string): string => id.split('-')[0] as string
const groupsOf = (...groups: string[][]): string[][] => groups

describe('pick', () => {
  it('draws each group as often as another, however many it holds', () => {
    const groups = groupsOf(Array.from({ length: 500 }, (_, n) => `big-${n}`), ['a-1'], ['b-1'], ['c-1'])
    const rng = seededRng(1)
    let big = 0
    for (let i = 0; i < 8_000; i++) if (pick(groups, 1, rng)[0]?.startsWith('big') === true) big++
    // A quarter; by entry it would be 99 %.
    expect(big / 8_000).toBeGreaterThan(0.22)
    expect(big / 8_000).toBeLessThan(0.28)
  })

  it('draws each entry of a group as often as another', () => {
    const rng = seededRng(2)
    const counts = new Map<string, number>()
    for (let i = 0; i < 9_000; i++) {
      const [id] = pick([['a', 'b', 'c']], 1, rng)
      counts.set(id as string, (counts.get(id as string) ?? 0) + 1)
    }
    for (const count of counts.values()) expect(Math.abs(count - 3_000)).toBeLessThan(300)
    expect(counts.size).toBe(3)
  })

  it('takes one of each group before a second of any', () => {
    const groups = groupsOf(['a-1', 'a-2', 'a-3'], ['b-1', 'b-2'], ['c-1'])
    for (let seed = 0; seed < 50; seed++) {
      const picked = pick(groups, 3, seededRng(seed))
      expect(new Set(picked.map(networkOf)).size).toBe(3)
    }
  })

  it('leaves taken networks and given ids aside, and takes networks twice only when there is no other', () => {
    // Groups of reporters: what they name is of any network.
    const groups = groupsOf(['x-1', 'x-2', 'x-3'], ['x-4', 'y-1'], ['z-1'])
    for (let seed = 0; seed < 50; seed++) {
      const rng = seededRng(seed)
      expect(new Set(pick(groups, 3, rng, { networkOf }).map(networkOf)).size).toBe(3)
      expect(pick(groups, 2, rng, { networkOf, taken: ['x'] }).sort()).toEqual(['y-1', 'z-1'])
      expect(pick(groups, 9, rng, { networkOf, without: new Set(['x-1']) }).sort()).toEqual(['x-2', 'x-3', 'x-4', 'y-1', 'z-1'])
    }
  })

  it('gives distinct ids, as many as asked or all there are, each network once while others are left', () => {
    const id = fc.tuple(fc.nat(6), fc.nat(9)).map(([network, n]) => `${network}-${n}`)
    const groups = fc.array(fc.uniqueArray(id, { maxLength: 12, size: 'max' }), { maxLength: 8, size: 'max' })
    fc.assert(fc.property(groups, fc.nat(20), fc.nat(), (groups, count, seed) => {
      const all = new Set(groups.flat())
      const picked = pick(groups, count, seededRng(seed), { networkOf })
      expect(new Set(picked).size).toBe(picked.length)
      expect(picked.length).toBe(Math.min(count, all.size))
      expect(picked.every(id => all.has(id))).toBe(true)
      const networks = new Set([...all].map(networkOf)).size
      const fresh = Math.min(networks, picked.length)
      expect(new Set(picked.slice(0, fresh).map(networkOf)).size).toBe(fresh)
    }), { numRuns: 3_000 })
  })
})
