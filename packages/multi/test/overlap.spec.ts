import { virtualClock } from '@peerweave/interface'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { overlap } from '../src/overlap.ts'

describe('overlapping work', () => {
  it('gives the results in the order of the items, whatever takes how long', async () => {
    const item = fc.record({ wait: fc.constantFrom(0, 0, 5, 50), work: fc.constantFrom(0, 0, 3, 100) })
    await fc.assert(fc.asyncProperty(fc.array(item, { maxLength: 20 }), fc.integer({ min: 1, max: 5 }), fc.nat(20), async (items, width, most) => {
      const clock = virtualClock()
      let [working, atOnce] = [0, 0]
      const source = (async function * () {
        for (const [i, { wait, work }] of items.entries()) {
          if (wait > 0) await clock.sleep(wait)
          yield { i, work }
        }
      })()
      const work = async ({ i, work }: { i: number, work: number }): Promise<number> => {
        atOnce = Math.max(atOnce, ++working)
        if (work > 0) await clock.sleep(work)
        working--
        return i
      }
      const done = Array.fromAsync(overlap({ source, work, isSlow: ({ work }) => work > 0, width, most }))
      await clock.advance(10_000)
      expect(await done).toEqual(items.map((_, i) => i).slice(0, most))
      expect(atOnce).toBeLessThanOrEqual(width + 1)
    }), { numRuns: 200 })
  })

  it('gives what is there while the source still thinks', async () => {
    const clock = virtualClock()
    const source = (async function * () {
      yield 1
      await clock.sleep(1_000)
      yield 2
    })()
    const seen: number[] = []
    const reading = (async () => {
      for await (const item of overlap({ source, work: async item => { await clock.sleep(10); return item }, isSlow: () => true, width: 8, most: 9 })) seen.push(item)
    })()
    await clock.advance(20)
    expect(seen).toEqual([1])
    await clock.advance(2_000)
    await reading
    expect(seen).toEqual([1, 2])
  })

  it('ends the source when its reader leaves, and passes its failure on after what came before', async () => {
    let ended = false
    const endless = (async function * () { try { for (let i = 0; ; i++) yield i } finally { ended = true } })()
    for await (const _ of overlap({ source: endless, work: async item => item, isSlow: () => true, width: 3, most: Infinity })) break
    expect(ended).toBe(true)
    const failing = (async function * () {
      yield 1
      throw new Error('no more')
    })()
    const seen: number[] = []
    await expect((async () => {
      for await (const item of overlap({ source: failing, work: async item => item, isSlow: () => false, width: 3, most: 9 })) seen.push(item)
    })()).rejects.toThrow('no more')
    expect(seen).toEqual([1])
  })
})
