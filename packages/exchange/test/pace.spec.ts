/** When a peer is asked again. */
import { seededRng } from '@peerweave/interface'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { ASK_AGAIN, ASK_JITTER } from '../src/constants.ts'
import { askPace } from '../src/index.ts'
import { highest, lowest, numRuns } from './support.ts'

/** A middle where jitter is none. */
const middle = { float: () => 0.5, int: () => 0 }

it('is ever later while nothing is new, up to the longest wait, and sooner again while there is news', () => {
  const pace = askPace(middle, 5_000)
  expect([0, 0, 0, 0, 0, 0].map(learnt => pace.next(learnt))).toEqual([500, 1_000, 2_000, 4_000, 5_000, 5_000])
  expect([7, 7, 7, 7, 7, 7].map(learnt => pace.next(learnt))).toEqual([2_500, 1_250, 625, 500, 500, 500])
})

it('is never a loop without a wait, and never beyond the longest one and its jitter', () => {
  const news = fc.array(fc.nat(32), { maxLength: 40 })
  fc.assert(fc.property(news, fc.integer({ min: 1, max: 10_000_000 }), fc.integer(), (learnt, longest, seed) => {
    for (const rng of [seededRng(seed), highest, lowest]) {
      const pace = askPace(rng, longest)
      for (const count of learnt) {
        const wait = pace.next(count)
        expect(wait).toBeGreaterThanOrEqual(Math.min(ASK_AGAIN, longest) * (1 - ASK_JITTER))
        expect(wait).toBeLessThanOrEqual(longest * (1 + ASK_JITTER))
      }
    }
  }), { numRuns })
})

it('differs between two that began together', () => {
  const [a, b] = [askPace(seededRng(1), 300_000), askPace(seededRng(2), 300_000)]
  expect(Array.from({ length: 8 }, () => a.next(0) === b.next(0))).not.toContain(true)
})

it('rests when there is enough, and is quick again when there is not', () => {
  const pace = askPace(middle, 5_000)
  expect([pace.next(7), pace.next(7, true), pace.next(7)]).toEqual([500, 5_000, 2_500])
})
