import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addressScope, limits } from '@peerweave/interface'
import { addressIn, groupOf, GROUPS, HOSTS_PER_GROUP, keyedHashCrypto, seededBytes, simPeerId, streamOf } from '../src/index.ts'
import { sample, type Distribution } from '../src/distribution.ts'

describe('keyed-hash signatures', () => {
  const crypto = keyedHashCrypto(1)
  const [alice, bob] = [simPeerId(1, 'alice'), simPeerId(1, 'bob')]

  it('are good for the signer and the data, and for nothing else', async () => {
    await fc.assert(fc.asyncProperty(fc.uint8Array(), fc.uint8Array(), async (data, other) => {
      const signature = await crypto.signerOf(alice).sign(data)
      expect(await crypto.verify(alice, data, signature)).toBe(true)
      expect(await crypto.verify(bob, data, signature)).toBe(false)
      expect(await crypto.verify(alice, other, signature)).toBe(data.join() === other.join())
      expect(await crypto.verify(alice, data, other)).toBe(false)
      expect(await keyedHashCrypto(2).verify(alice, data, signature)).toBe(false)
    }))
  })

  it('are of peers that look like any other', () => {
    expect(alice.type).toBe('Ed25519')
    expect(alice.toString()).toMatch(/^12D3KooW/)
    expect(alice.equals(simPeerId(1, 'alice'))).toBe(true)
    expect(alice.equals(simPeerId(2, 'alice'))).toBe(false)
  })

  it('have a digest of SHA-256', async () => {
    const expected = new Uint8Array(await globalThis.crypto.subtle.digest('SHA-256', Uint8Array.of(1, 2, 3)))
    expect(await crypto.digest(Uint8Array.of(1, 2, 3))).toEqual(expected)
  })
})

describe('addresses', () => {
  it('are public, each its own, and in the group that was asked for', () => {
    fc.assert(fc.property(fc.nat(GROUPS - 1), fc.integer({ min: 1, max: HOSTS_PER_GROUP }), fc.nat(GROUPS - 1), (group, host, other) => {
      const address = addressIn(group, host)
      expect(addressScope(address)).toBe('public')
      expect(address.bytes.length).toBeLessThan(limits.multiaddrBytes)
      expect(groupOf(address) === groupOf(addressIn(other, 1))).toBe(group === other)
    }))
    expect(new Set(Array.from({ length: 1_000 }, (_, i) => addressIn(3, i + 1).toString())).size).toBe(1_000)
  })

  it.each([[-1, 1], [GROUPS, 1], [0, 0], [0, HOSTS_PER_GROUP + 1], [0.5, 1]])('there is none of group %s, host %s', (group, host) => {
    expect(() => addressIn(group, host)).toThrow(TypeError)
  })
})

describe('chance', () => {
  it('is the same for the same seed and name, and another for every other', () => {
    fc.assert(fc.property(fc.integer(), fc.string(), fc.string(), (seed, name, other) => {
      expect(seededBytes(seed, name, 16)).toEqual(seededBytes(seed, name, 16))
      fc.pre(name !== other)
      expect(seededBytes(seed, name, 16)).not.toEqual(seededBytes(seed, other, 16))
      expect(seededBytes(seed, name, 16)).not.toEqual(seededBytes(seed + 1, name, 16))
    }))
  })

  it.each<[string, Distribution, number, number]>([
    ['fixed', 7, 7, 7],
    ['uniform', { uniform: [10, 30] }, 20, 25],
    ['log-normal', { lognormal: { median: 40, sigma: 0.5 } }, 40, 40 * Math.exp(0.5 * 0.6745)]
  ])('%s has the quartiles that it should', (_, distribution, median, upper) => {
    const rng = streamOf(1, 'quartiles')
    const draws = Array.from({ length: 20_000 }, () => sample(distribution, rng)).sort((a, b) => a - b)
    expect((draws[10_000] ?? 0) / median).toBeCloseTo(1, 1)
    expect((draws[15_000] ?? 0) / upper).toBeCloseTo(1, 1)
  })
})
