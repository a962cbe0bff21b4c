import { openPeerRecord, recordCache, verifyRate } from '@peerweave/records'
import { virtualClock } from '@peerweave/interface'
import { describe, expect, it } from 'vitest'
import { counting, sealed, signer, toyCrypto } from './support.ts'

/** A valid record of its own for each number, by the toy crypto. */
async function numbered (seq: number): Promise<Uint8Array> {
  return sealed({ signer: toyCrypto.signer(await signer(1)), seq: BigInt(seq) })
}

async function forged (seq: number): Promise<Uint8Array> {
  const bytes = await numbered(seq)
  bytes[bytes.length - 1]! ^= 1
  return bytes
}

describe('the cache', () => {
  it('verifies the same bytes once, and gives everybody the same record', async () => {
    const crypto = counting(toyCrypto)
    const cache = recordCache({ crypto })
    const bytes = await numbered(1)
    const [first, second] = await Promise.all([openPeerRecord(bytes, { cache }), openPeerRecord(bytes, { cache })])
    const third = await openPeerRecord(Buffer.from(bytes), { cache })
    expect(crypto.verified).toBe(1)
    expect(first.record).toBeDefined()
    expect(second.record).toBe(first.record)
    expect(third.record).toBe(first.record)
  })

  it('verifies a forged one once too', async () => {
    const crypto = counting(toyCrypto)
    const cache = recordCache({ crypto })
    const bytes = await forged(1)
    expect((await openPeerRecord(bytes, { cache })).refused).toBe('bad-signature')
    expect((await openPeerRecord(bytes, { cache })).refused).toBe('bad-signature')
    expect(crypto.verified).toBe(1)
    expect(cache.size).toBe(0)
  })

  it('keeps what was used last', async () => {
    const crypto = counting(toyCrypto)
    const cache = recordCache({ crypto, capacity: 2 })
    const [one, two, three] = [await numbered(1), await numbered(2), await numbered(3)]
    for (const bytes of [one, two, one, three]) await openPeerRecord(bytes, { cache })
    expect([cache.size, crypto.verified]).toEqual([2, 3])
    await openPeerRecord(one, { cache })
    expect(crypto.verified).toBe(3)
    await openPeerRecord(two, { cache })
    expect(crypto.verified).toBe(4)
  })

  it('keeps its records under a flood of bad ones, and not more than its bound of those', async () => {
    const crypto = counting(toyCrypto)
    const cache = recordCache({ crypto, capacity: 4, refusals: 2 })
    const good = await numbered(0)
    await openPeerRecord(good, { cache })
    for (let i = 1; i <= 10; i++) await openPeerRecord(await forged(i), { cache })
    expect(crypto.verified).toBe(11)
    await openPeerRecord(good, { cache })
    await openPeerRecord(await forged(10), { cache })
    await openPeerRecord(await forged(9), { cache })
    expect(crypto.verified).toBe(11)
    await openPeerRecord(await forged(8), { cache })
    expect(crypto.verified).toBe(12)
  })

  it('forgets an opening that failed for a reason of its own', async () => {
    let isBroken = true
    const cache = recordCache({
      crypto: { ...toyCrypto, verify: (...args) => isBroken ? Promise.reject(new Error('no entropy')) : toyCrypto.verify(...args) }
    })
    const bytes = await numbered(1)
    await expect(openPeerRecord(bytes, { cache })).rejects.toThrow('no entropy')
    isBroken = false
    expect((await openPeerRecord(bytes, { cache })).record).toBeDefined()
  })

  it('names a wrong option', () => {
    expect(() => recordCache({ capacity: 0 })).toThrow(/^capacity /)
    expect(() => recordCache({ refusals: 0.5 })).toThrow(/^refusals /)
  })
})

describe('the rate', () => {
  it('bounds each reporter and all together, and comes back with time', async () => {
    const clock = virtualClock()
    const rate = verifyRate({ clock, perSecond: 5, perReporter: 2 })
    const taken = (reporter: string): number => [1, 2, 3].filter(() => rate.take(reporter)).length
    expect([taken('a'), taken('b'), taken('c'), taken('d')]).toEqual([2, 2, 1, 0])
    await clock.advance(500)
    expect(taken('a')).toBe(1)
    await clock.advance(10_000)
    expect([taken('a'), taken('b'), taken('c')]).toEqual([2, 2, 1])
    expect(rate.take()).toBe(false)
  })

  it('counts what is verified, not what is known or refused before', async () => {
    const crypto = counting(toyCrypto)
    const cache = recordCache({ crypto })
    const rate = verifyRate({ clock: virtualClock(), perReporter: 1 })
    const open = async (bytes: Uint8Array, reporter = 'a'): Promise<string> => {
      return (await openPeerRecord(bytes, { cache, rate, reporter })).refused ?? 'record'
    }
    expect(await open(Uint8Array.of(1))).toBe('malformed')
    expect(await open(await numbered(1))).toBe('record')
    expect(await open(await numbered(1))).toBe('record')
    expect(await open(await numbered(2))).toBe('rate-limited')
    // Nor does it stick to the record: another may bring it at once.
    expect(await Promise.all([open(await numbered(2)), open(await numbered(2), 'b')])).toEqual(['rate-limited', 'record'])
    expect(crypto.verified).toBe(2)
  })

  it('names a wrong option', () => {
    expect(() => verifyRate({ perSecond: 0 })).toThrow(/^perSecond /)
    expect(() => verifyRate({ perReporter: NaN })).toThrow(/^perReporter /)
  })
})
