import { seededRng } from '@peerweave/interface'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { wires } from '../src/wiring.ts'

/** Nodes that can be reached from node 0. */
function reached (links: ReadonlyArray<readonly [number, number]>): number {
  const seen = new Set([0])
  for (const node of seen) {
    for (const [a, b] of links) {
      if (a === node) seen.add(b)
      if (b === node) seen.add(a)
    }
  }
  return seen.size
}

const size = fc.integer({ min: 1, max: 60 })

describe('wiring by { links }', () => {
  it('reaches everybody, joins no pair twice and nobody with itself, and is the same for the same seed', () => {
    fc.assert(fc.property(size, fc.integer({ min: 1, max: 8 }), fc.nat(), (n, links, seed) => {
      const drawn = wires({ links }, n, seededRng(seed))
      expect(reached(drawn)).toBe(n)
      expect(new Set(drawn.map(([a, b]) => `${Math.min(a, b)} ${Math.max(a, b)}`)).size).toBe(drawn.length)
      expect(drawn.filter(([a, b]) => a === b)).toEqual([])
      expect(wires({ links }, n, seededRng(seed))).toEqual(drawn)
      // Each dials as many as asked for, or as there are; two that chose each other have one link.
      const degree = Array.from({ length: n }, (_, node) => drawn.filter(wire => wire.includes(node)).length)
      expect(Math.min(...degree)).toBeGreaterThanOrEqual(Math.min(links, n - 1))
    }))
  })
})

describe('wiring', () => {
  it.each([[1, []], [2, ['0 1']], [4, ['0 1', '1 2', '2 3', '3 0']]])('as a ring of %i', (n, expected) => {
    expect(wires('ring', n, seededRng(1)).map(wire => wire.join(' '))).toEqual(expected)
  })

  it('by a list is that list, each pair once', () => {
    expect(wires([[0, 1], [2, 1], [1, 0]], 3, seededRng(1))).toEqual([[0, 1], [2, 1]])
    expect(wires('none', 3, seededRng(1))).toEqual([])
  })
})
