/** When what we provide and put is announced again. In virtual time. */
import { LimitExceededError, limits, seededRng, virtualClock, type VirtualClock } from '@peerweave/interface'
import { defaultLogger } from '@libp2p/logger'
import { describe, expect, it } from 'vitest'
import { Publishing } from '../src/publishing.ts'

const HOUR = 3_600_000

function make (answers: (time: number) => number = () => 3): { clock: VirtualClock, publishing: Publishing, times: number[], stop: () => Promise<void>, publish: () => Promise<number> } {
  const clock = virtualClock()
  const publishing = new Publishing({ clock, rng: seededRng(1), wanted: 3, log: defaultLogger().forComponent('test') })
  const times: number[] = []
  const controller = new AbortController()
  const running = publishing.run(controller.signal)
  return {
    clock,
    publishing,
    times,
    publish: async () => {
      times.push(clock.now())
      return answers(times.length)
    },
    stop: async () => {
      controller.abort()
      await running
      expect(clock.pending).toBe(0)
    }
  }
}

describe('a key', () => {
  it('is announced at once, and then within its interval, never later', async () => {
    const { clock, publishing, times, publish, stop } = make()
    publishing.add('a', publish, { interval: 12 * HOUR })
    for (let i = 0; i < 100; i++) await clock.advance(HOUR)
    expect(times.length).toBe(9)
    for (const [i, time] of times.slice(1).entries()) {
      expect(time - times[i]!).toBeGreaterThanOrEqual(0.9 * 12 * HOUR)
      expect(time - times[i]!).toBeLessThanOrEqual(12 * HOUR)
    }
    await stop()
  })

  it.each([[2, 'too few'], [0, 'none']])('that %d confirm is announced again with back-off, until enough do', async confirmations => {
    const { clock, publishing, times, publish, stop } = make(time => time < 6 ? confirmations : 3)
    publishing.add('a', publish, { interval: 12 * HOUR })
    await clock.advance(60_000)
    expect(times.length).toBeGreaterThanOrEqual(3)
    expect(publishing.wanting).toBe(times.length < 6 ? 1 : 0)
    await clock.advance(HOUR)
    expect(times.length).toBe(6)
    expect(publishing.wanting).toBe(0)
    await stop()
  })

  it('that fails is tried again, and takes nothing from the others', async () => {
    const { clock, publishing, times, publish, stop } = make()
    publishing.add('bad', async () => { throw new Error('no network') }, { interval: HOUR })
    publishing.add('good', publish, { interval: HOUR })
    await clock.advance(10 * HOUR)
    expect(times.length).toBeGreaterThanOrEqual(10)
    await stop()
  })

  it('that somebody else repeats is announced until enough have it, and left then', async () => {
    const { clock, publishing, times, publish, stop } = make(time => time < 3 ? 1 : 3)
    publishing.add('a', publish, { interval: Infinity })
    await clock.advance(24 * HOUR)
    expect(times.length).toBe(3)
    expect(publishing.size).toBe(0)
    await stop()
  })

  it('that was taken back is announced no more, also when it was under way', async () => {
    const { clock, publishing, stop } = make()
    let count = 0
    publishing.add('a', async () => {
      count++
      publishing.remove('a')
      return 0
    }, { interval: HOUR })
    await clock.advance(10 * HOUR)
    expect(count).toBe(1)
    await stop()
  })

  it('is hastened, and its other times follow from then', async () => {
    const { clock, publishing, times, publish, stop } = make()
    publishing.add('a', publish, { interval: HOUR, due: HOUR })
    await clock.advance(1_000)
    expect(times).toEqual([])
    publishing.hasten('a', 500)
    await clock.advance(1_000)
    expect(times).toEqual([1_500])
    await stop()
  })

  it('that was announced by somebody waits its interval', async () => {
    const { clock, publishing, times, publish, stop } = make()
    publishing.add('a', publish, { interval: HOUR, due: HOUR / 2 })
    await clock.advance(HOUR / 4)
    publishing.announced('a', 5)
    await clock.advance(HOUR / 2)
    expect(times).toEqual([])
    await clock.advance(HOUR)
    expect(times.length).toBe(1)
    await stop()
  })
})

describe('keys', () => {
  it.each([limits.dhtOwnKeys - 1, limits.dhtOwnKeys, limits.dhtOwnKeys + 1])('are bounded: %d of them', async count => {
    const { publishing, publish, stop } = make()
    const add = (): void => {
      for (let i = 0; i < count; i++) publishing.add(`${i}`, publish, { interval: HOUR, due: HOUR })
    }
    if (count > limits.dhtOwnKeys) expect(add).toThrow(LimitExceededError)
    else add()
    expect(publishing.size).toBe(Math.min(count, limits.dhtOwnKeys))
    publishing.add('0', publish, { interval: HOUR, due: HOUR }) // one that is there is no more of them
    publishing.clear()
    await stop()
  })
})
