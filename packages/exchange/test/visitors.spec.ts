/** How often each peer may ask and bring: at one less than the bound, at it, and at one more. */
import { limits, virtualClock } from '@peerweave/interface'
import { describe, expect, it } from 'vitest'
import { Visitors } from '../src/visitors.ts'
import { paperId } from './support.ts'

const times = (count: number, act: () => boolean): number => Array.from({ length: count }, act).filter(Boolean).length

describe('a visitor', () => {
  it.each([[15, 15], [16, 16], [17, 16]])('that asks %i times at once is answered %i times', (asks, answered) => {
    const visitors = new Visitors(virtualClock())
    expect(times(asks, () => visitors.mayAsk(paperId(1)))).toBe(answered)
  })

  it('is answered once a second after that', async () => {
    const clock = virtualClock()
    const visitors = new Visitors(clock)
    times(limits.exchangeAsksBurst, () => visitors.mayAsk(paperId(1)))
    await clock.advance(999)
    expect(visitors.mayAsk(paperId(1))).toBe(false)
    await clock.advance(1)
    expect(times(2, () => visitors.mayAsk(paperId(1)))).toBe(1)
  })

  it.each([[63, 63], [64, 64], [65, 64]])('that brings %i records at once has %i looked at', (records, seen) => {
    const visitors = new Visitors(virtualClock())
    expect(times(records, () => visitors.mayBring(paperId(1)))).toBe(seen)
  })

  it('has 12 a minute looked at after that', async () => {
    const clock = virtualClock()
    const visitors = new Visitors(clock)
    times(limits.unsolicitedBurst, () => visitors.mayBring(paperId(1)))
    await clock.advance(4_999)
    expect(visitors.mayBring(paperId(1))).toBe(false)
    await clock.advance(55_001)
    expect(times(100, () => visitors.mayBring(paperId(1)))).toBe(12)
  })

  it('does not use up what others may', () => {
    const visitors = new Visitors(virtualClock())
    times(1_000, () => visitors.mayAsk(paperId(1)))
    times(1_000, () => visitors.mayBring(paperId(1)))
    expect([visitors.mayAsk(paperId(2)), visitors.mayBring(paperId(2))]).toEqual([true, true])
  })
})

describe('all visitors together', () => {
  it.each([[199, 199], [200, 200], [201, 200]])('that ask %i times at once are answered %i times', (asks, answered) => {
    const visitors = new Visitors(virtualClock())
    let next = 0
    expect(times(asks, () => visitors.mayAsk(paperId(next++)))).toBe(answered)
  })

  it('are answered 100 times a second after that', async () => {
    const clock = virtualClock()
    const visitors = new Visitors(clock)
    let next = 0
    times(500, () => visitors.mayAsk(paperId(next++)))
    await clock.advance(1_000)
    expect(times(500, () => visitors.mayAsk(paperId(next++)))).toBe(limits.exchangeAsksTotal)
  })

  it.each([[limits.exchangePeers - 1, false], [limits.exchangePeers, true]])('one unheard for %i others is remembered no more: %s', (others, isForgotten) => {
    const visitors = new Visitors(virtualClock())
    times(limits.unsolicitedBurst, () => visitors.mayBring(paperId('old')))
    for (let i = 0; i < others; i++) visitors.mayBring(paperId(i))
    expect(visitors.mayBring(paperId('old'))).toBe(isForgotten)
  })

  it('one heard again in between is remembered', () => {
    const visitors = new Visitors(virtualClock())
    times(limits.unsolicitedBurst, () => visitors.mayBring(paperId('old')))
    for (let i = 0; i < limits.exchangePeers; i++) {
      visitors.mayBring(paperId(i))
      if (i === limits.exchangePeers / 2) visitors.mayAsk(paperId('old'))
    }
    expect(visitors.mayBring(paperId('old'))).toBe(false)
  })
})
