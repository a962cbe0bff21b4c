import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { loadTrace, parseTrace, TRACES, type ChurnTrace } from '../src/index.ts'
import { format, generate, NAMES } from './churn-generator.ts'

/** How many are there at a moment. */
function present ({ peers }: ChurnTrace, at: number): number {
  return peers.filter(sessions => sessions.some(([join, leave]) => join <= at && at < leave)).length
}

const MINUTE = 60_000

describe('the traces of the package', () => {
  it('are just those that the generator makes', () => {
    expect([...TRACES]).toEqual(NAMES)
    for (const name of TRACES) {
      expect(readFileSync(new URL(`../traces/${name}.json`, import.meta.url), 'utf8')).toBe(format(generate(name)))
    }
  })

  it.each(TRACES)('%s loads, and is of 1,000 peers', name => {
    const trace = loadTrace(name)
    expect(trace.name).toBe(name)
    expect(trace.peers).toHaveLength(1_000)
  })

  it('steady: about as many all along, and about half of them replaced in ten minutes', () => {
    const trace = loadTrace('steady')
    for (let at = 0; at <= 45 * MINUTE; at += 5 * MINUTE) {
      expect(present(trace, at)).toBeGreaterThan(400)
      expect(present(trace, at)).toBeLessThan(600)
      const there = trace.peers.filter(sessions => sessions.some(([join, leave]) => join <= at && at < leave))
      const stay = there.filter(sessions => sessions.some(([join, leave]) => join <= at && at + 10 * MINUTE < leave))
      expect(stay.length / there.length).toBeGreaterThan(0.3)
      expect(stay.length / there.length).toBeLessThan(0.65)
    }
  })

  it('diurnal: more by day than by night', () => {
    const trace = loadTrace('diurnal')
    const [night, day] = [present(trace, 28 * 60 * MINUTE), present(trace, 38 * 60 * MINUTE)] // 04:00 and 14:00
    expect(day).toBeGreaterThan(1.2 * night)
  })

  it('mass leave: half are gone within five seconds', () => {
    const trace = loadTrace('mass-leave')
    expect([present(trace, 9 * MINUTE), present(trace, 10 * MINUTE + 6_000)]).toEqual([1_000, 500])
  })

  it('flash crowd: twenty times as many within a minute', () => {
    const trace = loadTrace('flash-crowd')
    expect(present(trace, 4 * MINUTE)).toBe(50)
    expect(present(trace, 6 * MINUTE)).toBeGreaterThan(800)
    expect(present(trace, 16 * MINUTE)).toBeLessThan(600)
  })

  it('partition: all are there, and one cut of twenty minutes', () => {
    const trace = loadTrace('partition')
    expect(present(trace, 20 * MINUTE)).toBe(1_000)
    expect(trace.cuts).toEqual([{ from: 10 * MINUTE, to: 30 * MINUTE, share: 0.5 }])
  })
})

describe('a trace that is wrong', () => {
  const right = { name: 'a', description: 'b', source: 'c', seed: 1, duration: 100, cuts: [], peers: [[[0, 50], [60, 100]]] }

  it.each([
    ['the trace', null],
    ['duration', { ...right, duration: -1 }],
    ['description', { ...right, description: '' }],
    ['seed', { ...right, seed: 'x' }],
    ['cuts', { ...right, cuts: undefined }],
    ['cuts[0]', { ...right, cuts: [{ from: 10, to: 5, share: 0.5 }] }],
    ['cuts[0].share', { ...right, cuts: [{ from: 10, to: 15, share: 1 }] }],
    ['cuts[1]', { ...right, cuts: [{ from: 10, to: 15, share: 0.5 }, { from: 12, to: 20, share: 0.5 }] }],
    ['peers', { ...right, peers: {} }],
    ['peers[0]', { ...right, peers: [3] }],
    ['peers[0][0]', { ...right, peers: [[[5, 5]]] }],
    ['peers[0][1]', { ...right, peers: [[[0, 50], [40, 60]]] }],
    ['peers[0][0]', { ...right, peers: [[[0, 101]]] }],
    ['peers[0][0]', { ...right, peers: [[[0, NaN]]] }]
  ])('is refused with the place: %s', (place, trace) => {
    expect(() => parseTrace(trace)).toThrow(`${place} of the trace is wrong`)
  })

  it('passes when it is right', () => {
    expect(parseTrace(right)).toBe(right)
  })

  it('is a SerializationError when it cannot be read, and a TypeError when there is none of that name', () => {
    expect(() => loadTrace(new URL('file:///nowhere.json'))).toThrow(expect.objectContaining({ name: 'SerializationError' }))
    expect(() => loadTrace('weekly' as never)).toThrow('mass-leave')
  })
})
