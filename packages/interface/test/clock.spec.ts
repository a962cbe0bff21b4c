import { getEventListeners } from 'node:events'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { MAX_TIMEOUT, nextTurn, systemClock } from '../src/clock.ts'
import { TimeoutError } from '../src/errors.ts'
import { virtualClock } from '../src/virtual-clock.ts'

const listeners = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length

afterEach(() => {
  vi.useRealTimers()
})

describe('the system clock', () => {
  const clock = systemClock()

  it('fires timers in the order of their delays', async () => {
    const fired: string[] = []
    clock.setTimeout(() => fired.push('late'), 20)
    clock.setTimeout(() => fired.push('early'), 1)
    await clock.sleep(40)
    expect(fired).toEqual(['early', 'late'])
  })

  it('never goes back, and keeps a wall clock beside', async () => {
    const [now, wall] = [clock.now(), clock.wall()]
    await clock.sleep(5)
    expect(clock.now()).toBeGreaterThan(now)
    expect(Math.abs(wall - Date.now())).toBeLessThan(60_000)
  })

  it('does not fire a cancelled timer, however often it is cancelled', async () => {
    const fired = vi.fn()
    const timer = clock.setTimeout(fired, 1)
    timer.cancel()
    timer.cancel()
    await clock.sleep(10)
    expect(fired).not.toHaveBeenCalled()
  })

  it.each([NaN, -1, -Infinity, 0])('takes a delay of %d as 0', async ms => {
    await clock.sleep(ms)
  })

  // The platform fires a longer delay after 1 ms (security research F10).
  it.each([2 ** 31, 2 ** 32, 2 ** 40, Infinity])('does not fire a delay of %d ms at once', async ms => {
    const fired = vi.fn()
    const timer = clock.setTimeout(fired, ms)
    await clock.sleep(10)
    timer.cancel()
    expect(fired).not.toHaveBeenCalled()
  })

  it('fires a delay that takes several platform timers at its very millisecond', () => {
    vi.useFakeTimers()
    const fired = vi.fn()
    clock.setTimeout(fired, 2 * MAX_TIMEOUT + 5)
    vi.advanceTimersByTime(2 * MAX_TIMEOUT + 4)
    expect(fired).not.toHaveBeenCalled()
    vi.advanceTimersByTime(1)
    expect(fired).toHaveBeenCalledOnce()
  })

  it('can cancel a long delay in any of its parts', () => {
    vi.useFakeTimers()
    const fired = vi.fn()
    const timer = clock.setTimeout(fired, 3 * MAX_TIMEOUT)
    vi.advanceTimersByTime(MAX_TIMEOUT + 1)
    timer.cancel()
    expect(vi.getTimerCount()).toBe(0)
    vi.advanceTimersByTime(3 * MAX_TIMEOUT)
    expect(fired).not.toHaveBeenCalled()
  })

  it('leaves no platform timer behind an aborted sleep or a cleared deadline', async () => {
    vi.useFakeTimers()
    const controller = new AbortController()
    const sleep = clock.sleep(1_000, { signal: controller.signal })
    const deadline = clock.deadline(1_000)
    expect(vi.getTimerCount()).toBe(2)
    controller.abort()
    deadline.clear()
    await expect(sleep).rejects.toThrow('aborted')
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('sleep', () => {
  it('rejects with an AbortError that carries the reason, and lets go of timer and signal', async () => {
    const clock = virtualClock()
    const controller = new AbortController()
    const sleep = clock.sleep(1_000, { signal: controller.signal })
    expect(listeners(controller.signal)).toBe(1)
    controller.abort(new Error('enough'))
    await expect(sleep).rejects.toMatchObject({ name: 'AbortError', cause: new Error('enough') })
    expect(clock.pending).toBe(0)
    expect(listeners(controller.signal)).toBe(0)
  })

  it('does not even set a timer when the signal has fired before', async () => {
    const clock = virtualClock()
    await expect(clock.sleep(1_000, { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' })
    expect(clock.pending).toBe(0)
  })

  it('lets go of the signal when it was slept through', async () => {
    const clock = virtualClock()
    const { signal } = new AbortController()
    const sleep = clock.sleep(10, { signal })
    await clock.advance(10)
    await sleep
    expect(listeners(signal)).toBe(0)
  })

  it('passes a deadline on as the TimeoutError that it is', async () => {
    const clock = virtualClock()
    using deadline = clock.deadline(5)
    const sleep = clock.sleep(10, { signal: deadline.signal })
    const rejects = expect(sleep).rejects.toBeInstanceOf(TimeoutError)
    await clock.advance(5)
    await rejects
  })
})

describe('deadline', () => {
  it('fires with a TimeoutError that says how long it was', async () => {
    const clock = virtualClock()
    const { signal } = clock.deadline(250)
    await clock.advance(249)
    expect(signal.aborted).toBe(false)
    await clock.advance(1)
    expect(signal.reason).toBeInstanceOf(TimeoutError)
    expect(signal.reason).toMatchObject({ name: 'TimeoutError', message: 'nothing within 250 ms' })
  })

  it('fires with the reason of whichever parent is first, once, and lets go of the others', async () => {
    const clock = virtualClock()
    const parents = [new AbortController(), new AbortController(), new AbortController()]
    const { signal } = clock.deadline(1_000, ...parents.map(parent => parent.signal), undefined)
    const fired = vi.fn()
    signal.addEventListener('abort', fired)
    expect(parents.map(parent => listeners(parent.signal))).toEqual([1, 1, 1])

    parents[1]?.abort('second')
    parents[0]?.abort('first')
    await clock.advance(2_000)

    expect(signal.reason).toBe('second')
    expect(fired).toHaveBeenCalledOnce()
    expect(parents.map(parent => listeners(parent.signal))).toEqual([0, 0, 0])
    expect(clock.pending).toBe(0)
  })

  it('has fired already when a parent has, and holds on to none of the parents', () => {
    const clock = virtualClock()
    const before = new AbortController()
    const after = new AbortController()
    const { signal } = clock.deadline(1_000, before.signal, AbortSignal.abort('gone'), after.signal)
    expect(signal.reason).toBe('gone')
    expect(listeners(before.signal)).toBe(0)
    expect(listeners(after.signal)).toBe(0)
    expect(clock.pending).toBe(0)
  })

  it('never fires of itself when it is infinite, and takes no timer for that', async () => {
    const clock = virtualClock()
    const parent = new AbortController()
    const { signal } = clock.deadline(Infinity, parent.signal)
    expect(clock.pending).toBe(0)
    await clock.advance(Number.MAX_SAFE_INTEGER)
    expect(signal.aborted).toBe(false)
    parent.abort('now')
    expect(signal.reason).toBe('now')
  })

  it('stays silent after clear, whatever happens', async () => {
    const clock = virtualClock()
    const parent = new AbortController()
    const deadline = clock.deadline(10, parent.signal)
    deadline.clear()
    deadline.clear()
    parent.abort()
    await clock.advance(20)
    expect(deadline.signal.aborted).toBe(false)
  })

  it('clears itself at the end of a using block', () => {
    const clock = virtualClock()
    const parent = new AbortController()
    {
      using deadline = clock.deadline(10, parent.signal)
      expect([clock.pending, listeners(parent.signal), deadline.signal.aborted]).toEqual([1, 1, false])
    }
    expect([clock.pending, listeners(parent.signal)]).toEqual([0, 0])
  })

  it('leaves nothing on a parent that outlives ten thousand of them', () => {
    const clock = virtualClock()
    const { signal } = new AbortController()
    for (let i = 0; i < 10_000; i++) clock.deadline(1_000, signal, signal).clear()
    expect(listeners(signal)).toBe(0)
    expect(clock.pending).toBe(0)
  })
})

describe('nextTurn', () => {
  it('comes after every promise callback that is ready, and after timers that are due', async () => {
    const seen: string[] = []
    const due = new Promise<void>(resolve => {
      systemClock().setTimeout(() => {
        seen.push('timer')
        resolve()
      }, 0)
    })
    const turn = due.then(nextTurn).then(() => seen.push('turn'))
    void due.then(() => {}).then(() => {}).then(() => seen.push('callbacks'))
    await turn
    expect(seen).toEqual(['timer', 'callbacks', 'turn'])
  })
})
