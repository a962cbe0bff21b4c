import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { clampMs, clampTtl, limits } from '../src/limits.ts'

describe('limits', () => {
  it.each(Object.entries(limits))('%s = %d is a positive whole number that a timer or an array can take', (_name, value) => {
    expect(Number.isInteger(value)).toBe(true)
    expect(value).toBeGreaterThan(0)
    expect(value).toBeLessThan(2 ** 31)
  })

  it('fit into each other', () => {
    expect(limits.ttlMin).toBeLessThan(limits.ttlMax)
    expect(limits.addressesPerSource).toBeLessThanOrEqual(limits.addressesPerPeer)
    expect(limits.addressesPerDial).toBeLessThanOrEqual(limits.addressesPerPeer)
    expect(limits.requestsPerPeer).toBeLessThanOrEqual(limits.inboundStreams)
    expect(limits.mdnsAnswerBytes).toBeLessThanOrEqual(limits.mdnsPacketBytes)
    expect(limits.peerRecordBytes).toBeLessThanOrEqual(limits.messageBytes)
    expect(limits.upgradeTimeout).toBeLessThanOrEqual(limits.dialTimeout)
    expect(limits.connectionsPerPeer).toBeLessThanOrEqual(limits.connections)
  })
})

describe('clampMs', () => {
  it.each([
    [NaN, 10, 'no number: the least'],
    [-Infinity, 10, 'below'],
    [-5, 10, 'negative'],
    [0, 10, 'below'],
    [9.99, 10, 'just below'],
    [10, 10, 'at the lower bound'],
    [10.4, 10, 'rounded'],
    [99, 99, 'inside'],
    [1_000, 1_000, 'at the upper bound'],
    [1_000.1, 1_000, 'just above'],
    [2 ** 31, 1_000, 'would fire at once on the platform'],
    [2 ** 40, 1_000, 'would throw on the platform'],
    [Infinity, 1_000, 'above']
  ])('makes %d into %d: %s', (ms, expected) => {
    expect(clampMs(ms, 10, 1_000)).toBe(expected)
  })

  it('gives a whole number within the bounds for any double', () => {
    fc.assert(fc.property(fc.double(), fc.nat(), fc.nat(), (ms, a, b) => {
      const [min, max] = [Math.min(a, b), Math.max(a, b)]
      const clamped = clampMs(ms, min, max)
      expect(Number.isInteger(clamped) && clamped >= min && clamped <= max).toBe(true)
    }))
  })
})

describe('clampTtl', () => {
  it.each([
    [limits.ttlMin - 1, limits.ttlMin],
    [limits.ttlMin, limits.ttlMin],
    [limits.ttlMin + 1, limits.ttlMin + 1],
    [limits.ttlMax - 1, limits.ttlMax - 1],
    [limits.ttlMax, limits.ttlMax],
    [limits.ttlMax + 1, limits.ttlMax],
    [NaN, limits.ttlMin]
  ])('makes a claimed %d into %d', (ttl, expected) => {
    expect(clampTtl(ttl)).toBe(expected)
  })
})
