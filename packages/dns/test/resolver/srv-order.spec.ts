import { seededRng } from '@peerweave/interface'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { srvOrder } from '../../src/resolver/srv-order.ts'

interface Srv { id: number, priority: number, weight: number }

const records = fc.array(fc.record({
  priority: fc.oneof(fc.nat(3), fc.nat(65_535)),
  weight: fc.oneof(fc.constant(0), fc.nat(3), fc.nat(65_535))
}), { maxLength: 40 }).map(list => list.map((srv, id) => ({ ...srv, id })))

/** How often each record came first of many draws. */
function firsts (weights: number[], draws: number): number[] {
  const rng = seededRng(7)
  const set = weights.map((weight, id) => ({ id, priority: 1, weight }))
  const counts = weights.map(() => 0)
  for (let i = 0; i < draws; i++) {
    const [first] = srvOrder(set, rng) as unknown as Iterable<Srv>
    counts[first!.id]!++
  }
  return counts
}

function chiSquare (counts: number[], probabilities: number[]): number {
  const draws = counts.reduce((sum, count) => sum + count)
  return counts.reduce((sum, count, i) => sum + (count - draws * probabilities[i]!) ** 2 / (draws * probabilities[i]!), 0)
}

describe('the order of SRV records', () => {
  it('has each record once, whatever the weights', () => {
    fc.assert(fc.property(records, fc.nat(), (list, seed) => {
      const ordered = [...srvOrder(list, seededRng(seed))]
      expect(ordered.map(({ id }) => id).sort((one, other) => one - other)).toEqual(list.map(({ id }) => id))
    }))
  })

  it('has lower priorities first', () => {
    fc.assert(fc.property(records, fc.nat(), (list, seed) => {
      const priorities = [...srvOrder(list, seededRng(seed))].map(({ priority }) => priority)
      expect(priorities).toEqual(priorities.toSorted((one, other) => one - other))
    }))
  })

  it('is the same from the same seed, and leaves its input as it is', () => {
    fc.assert(fc.property(records, fc.nat(), (list, seed) => {
      const before = structuredClone(list)
      expect([...srvOrder(list, seededRng(seed))]).toEqual([...srvOrder(list, seededRng(seed))])
      expect(list).toEqual(before)
    }))
  })

  // RFC 2782: a number from 0 to the sum S, both included, so each of S + 1 has the same chance. 0 goes to whichever is
  // at the beginning: one of weight 0 when there is one, else any.
  it.each([
    { weights: [1, 3], probabilities: [1.5 / 5, 3.5 / 5], critical: 10.83 },
    { weights: [0, 1, 3], probabilities: [1 / 5, 1 / 5, 3 / 5], critical: 13.82 },
    { weights: [0, 0, 2, 6], probabilities: [0.5 / 9, 0.5 / 9, 2 / 9, 6 / 9], critical: 16.27 },
    { weights: [0, 0, 0], probabilities: [1 / 3, 1 / 3, 1 / 3], critical: 13.82 },
    { weights: [5, 5, 5, 5], probabilities: [1 / 4, 1 / 4, 1 / 4, 1 / 4], critical: 16.27 }
  ])('draws by weight: $weights', ({ weights, probabilities, critical }) => {
    // Beyond the critical value (p = 0.001) a right draw would come once in a thousand seeds; this one is fixed.
    expect(chiSquare(firsts(weights, 20_000), probabilities)).toBeLessThan(critical)
  })

  it('draws the second among those that are left', () => {
    const rng = seededRng(3)
    const counts = new Map<string, number>()
    for (let i = 0; i < 20_000; i++) {
      const order = [...srvOrder([0, 2, 4].map((weight, id) => ({ id, priority: 0, weight })), rng)].map(({ id }) => id).join('')
      counts.set(order, (counts.get(order) ?? 0) + 1)
    }
    const orders = ['012', '021', '102', '120', '201', '210']
    // First of {0, 2, 4} with S = 6, second of what is left with its own S; without a zero the first in order has 1 more.
    const probabilities = [1 / 7 * 2.5 / 7, 1 / 7 * 4.5 / 7, 2 / 7 * 1 / 5, 2 / 7 * 4 / 5, 4 / 7 * 1 / 3, 4 / 7 * 2 / 3]
    expect(chiSquare(orders.map(order => counts.get(order) ?? 0), probabilities)).toBeLessThan(20.52)
  })

  it('takes as much work as is read of it', () => {
    let asked = 0
    const rng = { ...seededRng(1), float: () => { asked++; return 0.5 } }
    const many = Array.from({ length: 10_000 }, (_, id) => ({ id, priority: 0, weight: 65_535 }))
    for (const _ of srvOrder(many, rng)) {
      if (asked === 64) break
    }
    expect(asked).toBe(64)
  })
})
