import { pbkdf2 } from 'node:crypto'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { offThread } from '../src/off-thread.ts'
import { virtualClock } from '../src/virtual-clock.ts'

describe('a virtual clock', () => {
  it('starts where it is told and stands still', async () => {
    const clock = virtualClock({ now: 500, wall: 1_000_000 })
    await clock.settle()
    expect([clock.now(), clock.wall(), clock.pending]).toEqual([500, 1_000_000, 0])
  })

  it('fires exactly what is due, each at its own moment, equal moments in the order set', async () => {
    await fc.assert(fc.asyncProperty(
      fc.array(fc.integer({ min: -2, max: 20 }), { maxLength: 30 }), fc.array(fc.integer({ min: 0, max: 8 }), { maxLength: 5 }),
      async (delays, steps) => {
        const clock = virtualClock()
        const fired: Array<{ set: number, at: number }> = []
        delays.forEach((ms, set) => clock.setTimeout(() => fired.push({ set, at: clock.now() }), ms))
        for (const ms of steps) await clock.advance(ms)

        const end = steps.reduce((sum, ms) => sum + ms, 0)
        const due = delays.map((ms, set) => ({ set, at: Math.max(0, ms) })).filter(({ at }) => at <= end)
        // sort() is stable: what is due together stays in the order set.
        expect(fired).toEqual(steps.length === 0 ? [] : due.sort((a, b) => a.at - b.at))
        expect(clock.now()).toBe(end)
        expect(clock.pending).toBe(delays.length - fired.length)
      }
    ), { numRuns: 50 })
  })

  it('fires timers that are set while firing when they are due on the way, and keeps the others', async () => {
    const clock = virtualClock()
    const fired: number[] = []
    const tick = (): void => {
      fired.push(clock.now())
      clock.setTimeout(tick, 30)
    }
    clock.setTimeout(tick, 30)
    await clock.advance(100)
    expect(fired).toEqual([30, 60, 90])
    expect(clock.pending).toBe(1)
    await clock.advance(20)
    expect(fired).toEqual([30, 60, 90, 120])
  })

  it('does not fire what an earlier timer of the same moment cancelled', async () => {
    const clock = virtualClock()
    const fired = vi.fn()
    clock.setTimeout(() => second.cancel(), 10)
    const second = clock.setTimeout(fired, 10)
    await clock.advance(10)
    expect(fired).not.toHaveBeenCalled()
    expect(clock.pending).toBe(0)
  })

  it('lets code that awaits between its sleeps see each moment as it would pass', async () => {
    const clock = virtualClock()
    const seen: number[] = []
    const work = (async () => {
      for (let i = 0; i < 3; i++) {
        await clock.sleep(10)
        await Promise.resolve()
        seen.push(clock.now())
      }
    })()
    await clock.advance(1_000)
    await work
    expect(seen).toEqual([10, 20, 30])
    expect(clock.now()).toBe(1_000)
  })

  it('counts a timer as pending until it fired or was cancelled', async () => {
    const clock = virtualClock()
    const timer = clock.setTimeout(() => {}, 10)
    clock.setTimeout(() => {}, 20)
    expect(clock.pending).toBe(2)
    timer.cancel()
    timer.cancel()
    expect(clock.pending).toBe(1)
    await clock.advance(20)
    expect(clock.pending).toBe(0)
  })

  it('moves the wall clock alone when that is stepped, and with time otherwise', async () => {
    const clock = virtualClock({ wall: 10_000 })
    clock.stepWall(-4_000)
    expect([clock.now(), clock.wall()]).toEqual([0, 6_000])
    await clock.advance(500)
    expect([clock.now(), clock.wall()]).toEqual([500, 6_500])
  })

  it('never goes back, also when two advance it at once', async () => {
    const clock = virtualClock()
    await Promise.all([clock.advance(10), clock.advance(5)])
    expect(clock.now()).toBe(10)
  })

  it.each([-1, NaN, Infinity])('refuses to advance by %d', async ms => {
    const clock = virtualClock()
    await expect(clock.advance(ms)).rejects.toThrow(TypeError)
    expect(clock.now()).toBe(0)
  })
})

it('work on another thread takes no virtual time, whether it succeeds or not, and what follows from it neither', async () => {
  const clock = virtualClock()
  const done: string[] = []
  const derive = promisify(pbkdf2)
  const chain = async (): Promise<void> => {
    for (const salt of ['a', 'b']) {
      await offThread(derive('password', salt, 20_000, 32, 'sha256'))
      done.push(`${salt} at ${clock.now()}`)
    }
    await offThread(derive('password', 'c', 20_000, 32, 'no such digest')).catch(() => done.push('failed'))
  }
  clock.setTimeout(() => { void chain() }, 10)
  await clock.advance(1_000)
  expect(done).toEqual(['a at 10', 'b at 10', 'failed'])
})
