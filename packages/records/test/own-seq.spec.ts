import { LimitExceededError, virtualClock } from '@peerweave/interface'
import { openPeerRecord, ownSeq } from '@peerweave/records'
import { expect, it } from 'vitest'
import { sealed, signer } from './support.ts'
import type { VerifiedRecord } from '@peerweave/interface'

const WALL = 1_000_000

async function record (by: number, seq: bigint): Promise<VerifiedRecord> {
  return (await openPeerRecord(await sealed({ signer: await signer(by), seq }))).record!
}

it('our seq is the time, and one more where time stands still or goes back', async () => {
  const { peerId: self } = await signer(1)
  const clock = virtualClock({ wall: WALL })
  const seq = ownSeq({ self, clock })
  expect([seq.next(), seq.next()]).toEqual([1_000_000n, 1_000_001n])
  await clock.advance(10)
  expect(seq.next()).toBe(1_000_010n)
  const afterRestart = ownSeq({ self, clock: virtualClock({ wall: 5 }), persisted: seq.last })
  expect(afterRestart.next()).toBe(1_000_011n)
})

it('a higher one of ours that comes from outside is exceeded by the next', async () => {
  const { peerId: self } = await signer(1)
  const seq = ownSeq({ self, clock: virtualClock({ wall: WALL }) })
  const used = seq.next()
  expect(seq.observe(await record(1, used))).toBe(false)
  expect(seq.observe(await record(2, used + 50n))).toBe(false)
  expect(seq.next()).toBe(used + 1n)
  expect(seq.observe(await record(1, used + 50n))).toBe(true)
  expect(seq.next()).toBe(used + 51n)
})

it('the last number is not exceeded', async () => {
  const { peerId: self } = await signer(1)
  const seq = ownSeq({ self, persisted: 2n ** 64n - 2n })
  expect(seq.next()).toBe(2n ** 64n - 1n)
  expect(() => seq.next()).toThrow(LimitExceededError)
  expect(() => ownSeq({ self, persisted: -1n })).toThrow(/^persisted /)
  expect(() => ownSeq({ self, persisted: 2n ** 64n })).toThrow(/^persisted /)
})
