import fc from 'fast-check'
import { beforeAll, expect, it } from 'vitest'
import { limits, virtualClock } from '@peerweave/interface'
import { History } from '../src/history.ts'
import { peer } from './support.ts'
import type { PeerId } from '@libp2p/interface'

const numRuns = process.env.PEERWEAVE_TIER === 'ci' ? 5_000 : 500

let authors: PeerId[]
beforeAll(async () => { authors = await Promise.all([1, 2, 3, 4].map(peer)) })

const heard = fc.array(fc.record({ author: fc.nat(3), seq: fc.bigInt({ min: 0n, max: 6n }) }), { maxLength: 60 })

it('takes of each author only what is newer than all that it took of him, while he is remembered', () => {
  fc.assert(fc.property(heard, fc.integer({ min: 1, max: 5 }), (messages, size) => {
    const history = new History({ clock: virtualClock(), size })
    /** Authors in the order of their last news. */
    let last: Array<{ author: number, seq: bigint }> = []
    for (const { author, seq } of messages) {
      const known = last.find(entry => entry.author === author)
      const isNews = known == null || seq > known.seq
      expect(history.take(authors[author] as PeerId, seq)).toBe(isNews)
      if (isNews) last = [...last.filter(entry => entry !== known), { author, seq }].slice(-size)
    }
  }), { numRuns })
})

it('with room for all of them takes no announcement twice, in whatever order they come', () => {
  fc.assert(fc.property(heard, messages => {
    const history = new History({ clock: virtualClock(), size: 4 })
    const taken = messages.filter(({ author, seq }) => history.take(authors[author] as PeerId, seq)).map(({ author, seq }) => `${author} ${seq}`)
    expect(new Set(taken).size).toBe(taken.length)
  }), { numRuns })
})

it('remembers n authors and not one more', async () => {
  const history = new History({ clock: virtualClock(), size: 2 })
  const [a, b, c] = authors as [PeerId, PeerId, PeerId]
  for (const author of [a, b]) history.take(author, 5n)
  expect([a, b].map(author => history.take(author, 5n))).toEqual([false, false])
  history.take(c, 5n)
  expect(history.take(a, 5n)).toBe(true) // forgotten: he was unheard for longest
  expect(history.take(c, 5n)).toBe(false)
})

it('an author who is known for a minute announces himself on his own account, so often and no more', async () => {
  const clock = virtualClock()
  const history = new History({ clock, size: 2 })
  const [known, other] = authors as [PeerId, PeerId]
  const taken = (author: PeerId, tries: number): number => Array.from({ length: tries }, () => history.mayAnnounce(author)).filter(Boolean).length
  expect(taken(known, 9)).toBe(0)
  history.take(known, 1n)
  await clock.advance(limits.gossipAuthorAge - 1)
  expect(taken(known, 9)).toBe(0)
  await clock.advance(1)
  history.take(known, 2n) // what he says makes him no newer
  expect([taken(known, 99), taken(other, 9)]).toEqual([limits.gossipAuthorBurst, 0])
  await clock.advance(60_000)
  expect(taken(known, 99)).toBe(limits.gossipAuthorPerMinute)
})
