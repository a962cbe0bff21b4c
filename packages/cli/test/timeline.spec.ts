import fc from 'fast-check'
import { expect, it } from 'vitest'
import { CRASH_AT, LAST_JOIN_BEFORE_END, NOTICED_WITHIN } from '../src/demo/constants.ts'
import { opening, scenes, type Scene } from '../src/demo/timeline.ts'

const story = fc.record({ nodes: fc.integer({ min: 1, max: 50 }), seed: fc.nat(2 ** 31 - 1), end: fc.integer({ min: 10_000, max: 600_000 }) })

it('the same seed tells the same story', () => {
  fc.assert(fc.property(story, ({ nodes, seed, end }) => {
    expect([...scenes(nodes, seed, end)]).toEqual([...scenes(nodes, seed, end)])
  }))
})

it('in every story of 10 s and more all nodes come in time to be seen, and one crashes in time to be missed', () => {
  fc.assert(fc.property(story, ({ nodes, seed, end }) => {
    const all: Scene[] = [...scenes(nodes, seed, end)]
    const joins = all.filter(({ action }) => action.startsWith('join'))
    for (const { at } of joins) expect(at).toBeLessThanOrEqual(end - LAST_JOIN_BEFORE_END)
    // One process and the opening from the beginning, and a newcomer where there is room for one.
    expect(1 + opening(nodes) + (nodes > 2 ? 1 : 0)).toBe(nodes)
    expect(joins.length).toBeGreaterThanOrEqual(nodes > 2 ? 1 : 0)
    const crash = all.find(({ action }) => action === 'crash') as Scene
    expect(crash.at).toBeLessThanOrEqual(Math.min(end - NOTICED_WITHIN, CRASH_AT * 1.1))
    expect(all.map(({ at }) => at)).toEqual(all.map(({ at }) => at).sort((a, b) => a - b))
  }))
})

it('in no story, however short, does a node crash that could not be noticed any more', () => {
  const short = fc.record({ nodes: fc.integer({ min: 1, max: 50 }), seed: fc.nat(2 ** 31 - 1), end: fc.integer({ min: 1_000, max: 60_000 }) })
  fc.assert(fc.property(short, ({ nodes, seed, end }) => {
    for (const { at } of [...scenes(nodes, seed, end)].filter(({ action }) => action === 'crash')) {
      expect(at).toBeLessThanOrEqual(end - NOTICED_WITHIN)
    }
  }))
  expect([...scenes(1, 7, 3_000)]).toEqual([])
})
