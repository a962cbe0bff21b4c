/** The order of the first dials after a start. */
import { seededRng } from '@peerweave/interface'
import { describe, expect, it } from 'vitest'
import { FirstDials, type FirstDialsOptions } from '../../src/admission/first-dials.ts'

const networkOf = (id: string): string => id.split('-')[1] as string

function dials (init: Partial<FirstDialsOptions> = {}): FirstDials {
  return new FirstDials({
    anchors: ['anchor-1', 'anchor-2'],
    elders: Array.from({ length: 6 }, (_, n) => `elder-${10 + n}`),
    tried: Array.from({ length: 8 }, (_, n) => [`tried-${20 + n}`, `tried-${20 + n}-b`]),
    new: Array.from({ length: 8 }, (_, n) => [`new-${40 + n}`]),
    rng: seededRng(1),
    networkOf,
    ...init
  })
}

/** Who is dialled until `count` have answered. */
function run (dials: FirstDials, doesAnswer: (id: string) => boolean, count = 8): string[] {
  const dialled: string[] = []
  for (let met = 0; met < count;) {
    const id = dials.next()
    if (id == null) break
    dialled.push(id)
    if (doesAnswer(id)) {
      dials.answered(id)
      met++
    } else {
      dials.failed(id)
    }
  }
  return dialled
}

const kinds = (ids: readonly string[]): string[] => ids.map(id => id.split('-')[0] as string)

describe('FirstDials', () => {
  it('anchors, four elders, then tried and new in turns', () => {
    const dialled = run(dials(), () => true)
    expect(kinds(dialled)).toEqual(['anchor', 'anchor', 'elder', 'elder', 'elder', 'elder', 'tried', 'new'])
    expect(dialled.slice(2, 6)).toEqual(['elder-10', 'elder-11', 'elder-12', 'elder-13'])
  })

  it('goes on with elders until four have answered', () => {
    const dialled = run(dials(), id => id !== 'elder-10' && id !== 'elder-12' && !id.startsWith('anchor'))
    expect(kinds(dialled)).toEqual(['anchor', 'anchor', ...Array.from({ length: 6 }, () => 'elder'), 'tried', 'new', 'tried', 'new'])
  })

  it('tried peers by group stand in for elders that run out', () => {
    const dialled = run(dials({ elders: ['elder-10'] }), () => true)
    expect(kinds(dialled)).toEqual(['anchor', 'anchor', 'elder', 'tried', 'tried', 'tried', 'tried', 'new'])
  })

  it('with nothing but hearsay it dials hearsay, and with nothing nobody', () => {
    const dialled = run(dials({ anchors: [], elders: [], tried: [] }), () => true)
    expect(kinds(dialled)).toEqual(Array.from({ length: 8 }, () => 'new'))
    expect(dials({ anchors: [], elders: [], tried: [], new: [] }).next()).toBe(undefined)
  })

  it('dials one of each network, again when the first did not answer, and twice only when there is no other', () => {
    const same = {
      anchors: ['anchor-1'], elders: ['elder-1', 'elder-2'], tried: [['tried-1'], ['tried-3']], new: [['new-2', 'new-3']]
    }
    expect(run(dials(same), () => true, 4).slice(0, 3).map(networkOf).sort()).toEqual(['1', '2', '3'])
    expect(run(dials(same), id => id !== 'anchor-1', 3)).toEqual(['anchor-1', 'elder-1', 'elder-2', 'tried-3'])
    expect(run(dials(same), () => true, 99).sort()).toEqual(['anchor-1', 'elder-2', 'new-2', 'new-3', 'tried-1', 'tried-3'])
  })

  it('gives everybody once, and ends', () => {
    const dialled = run(dials(), () => false)
    expect(new Set(dialled).size).toBe(dialled.length)
    expect(dialled.length).toBe(2 + 6 + 16 + 8)
  })

  it('asked ahead, while dials are under way, it goes on with elders', () => {
    const order = dials()
    const asked = Array.from({ length: 8 }, () => order.next() as string)
    expect(kinds(asked)).toEqual(['anchor', 'anchor', ...Array.from({ length: 6 }, () => 'elder')])
  })

  it('the same seed gives the same order, another one another', () => {
    const orderOf = (seed: number): string => run(dials({ rng: seededRng(seed) }), () => false).join()
    expect(orderOf(1)).toBe(orderOf(1))
    expect(orderOf(1)).not.toBe(orderOf(2))
  })
})
