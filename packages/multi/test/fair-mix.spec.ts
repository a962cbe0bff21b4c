import { nextTurn, virtualClock } from '@peerweave/interface'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MIX_PATIENCE } from '../src/constants.ts'
import { FairMix } from '../src/fair-mix.ts'

const numRuns = process.env.PEERWEAVE_TIER === 'ci' ? 1_000 : 100

async function drain (): Promise<void> {
  for (let i = 0; i < 20; i++) await nextTurn()
}

describe('a fair mix', () => {
  it('gives each item of each source once, in its source\'s order, whenever they come', async () => {
    const source = fc.array(fc.constantFrom(0, 0, 1, 30, 500), { maxLength: 8 })
    await fc.assert(fc.asyncProperty(fc.array(source, { maxLength: 5 }), fc.nat(3), async (sources, late) => {
      const clock = virtualClock()
      const mix = new FairMix<[number, number]>(clock)
      const add = (waits: number[], which: number): void => mix.add((async function * () {
        for (const [i, ms] of waits.entries()) {
          if (ms > 0) await clock.sleep(ms)
          yield [which, i] as [number, number]
        }
      })())
      sources.slice(late).forEach((waits, i) => add(waits, late + i))
      const seen = Array.fromAsync(mix)
      await clock.advance(100)
      sources.slice(0, late).forEach(add)
      mix.close()
      await clock.advance(5_000)
      const all = await seen
      for (const [which, waits] of sources.entries()) {
        expect(all.filter(([from]) => from === which).map(([, i]) => i)).toEqual(waits.map((_, i) => i))
      }
    }), { numRuns })
  })

  it('of one that floods and one that is a little slower, takes from both in turn', async () => {
    const clock = virtualClock()
    const mix = new FairMix<string>(clock)
    mix.add((async function * () { for (;;) yield 'flood' })())
    mix.add((async function * () {
      for (;;) {
        await clock.sleep(MIX_PATIENCE / 2)
        yield 'slow'
      }
    })())
    const seen: string[] = []
    const reading = (async () => {
      for await (const item of mix) if (seen.push(item) === 20) break
    })()
    await clock.advance(20 * MIX_PATIENCE)
    await reading
    expect(seen.filter(item => item === 'slow').length).toBeGreaterThanOrEqual(9)
  })

  it('waits less and less for one that never speaks', async () => {
    const clock = virtualClock()
    const mix = new FairMix<number>(clock)
    mix.add((async function * () { await new Promise(() => {}) })())
    mix.add((async function * () { for (let i = 0; i < 100; i++) yield i })())
    let count = 0
    const reading = (async () => {
      for await (const _ of mix) if (++count === 100) break
    })()
    // 20 + 10 + 5 + … ms, and no more.
    await clock.advance(2 * MIX_PATIENCE)
    await drain()
    expect(count).toBe(100)
    await reading
  })

  it('tells every source to end when its reader leaves', async () => {
    const clock = virtualClock()
    const mix = new FairMix<number>(clock)
    let ended = 0
    for (let i = 0; i < 3; i++) {
      mix.add((async function * () {
        try { for (;;) yield i } finally { ended++ }
      })())
    }
    for await (const _ of mix) break
    await drain()
    expect(ended).toBe(3)
  })

  it('without sources ends when it is closed', async () => {
    const mix = new FairMix<number>(virtualClock())
    const seen = Array.fromAsync(mix)
    mix.close()
    expect(await seen).toEqual([])
  })
})
