import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { simClock } from '../src/index.ts'

describe('the heap of timers', () => {
  it('fires as a sorted list would, with timers that are cancelled and timers that set timers', async () => {
    const timer = fc.record({ at: fc.nat(20), cancels: fc.option(fc.nat(30)), sets: fc.option(fc.nat(10)) })
    await fc.assert(fc.asyncProperty(fc.array(timer, { maxLength: 30 }), async timers => {
      // The plainest model: look through all, take the earliest, the first set of several.
      const model: Array<{ at: number, name: string, index: number }> = timers.map(({ at }, index) => ({ at, name: `${index}`, index }))
      const expected: string[] = []
      while (model.length > 0) {
        const next = model.reduce((a, b) => b.at < a.at ? b : a)
        model.splice(model.indexOf(next), 1)
        expected.push(`${next.name} at ${next.at}`)
        const { cancels, sets } = timers[next.index] ?? {}
        const cancelled = model.findIndex(({ index }) => index === cancels)
        if (cancelled >= 0) model.splice(cancelled, 1)
        if (sets != null) model.push({ at: next.at + sets, name: `${next.name}+${sets}`, index: -1 })
      }

      const clock = simClock()
      const fired: string[] = []
      const set = timers.map(({ at, cancels, sets }, index) => clock.setTimeout(() => {
        fired.push(`${index} at ${clock.now()}`)
        if (cancels != null) set[cancels]?.cancel()
        if (sets != null) clock.setTimeout(() => fired.push(`${index}+${sets} at ${clock.now()}`), sets)
      }, at))
      await clock.advance(50)
      expect(fired).toEqual(expected)
      expect(clock.pending).toBe(0)
    }), { numRuns: 100 })
  })

  it('holds a million timers, and leaves nothing of those that are cancelled', async () => {
    const clock = simClock()
    const timers = Array.from({ length: 1_000_000 }, (_, i) => clock.setTimeout(() => {}, 1_000 + (i * 7_919) % 1_000_000))
    expect(clock.pending).toBe(1_000_000)
    for (const timer of timers) timer.cancel()
    expect(clock.pending).toBe(0)
  })
})

describe('time', () => {
  it('stands still for promises between timers', async () => {
    const clock = simClock()
    const seen: number[] = []
    const loop = (async () => {
      for (let i = 0; i < 3; i++) {
        await clock.sleep(10)
        await Promise.resolve()
        seen.push(clock.now())
      }
    })()
    await clock.advance(100)
    await loop
    expect(seen).toEqual([10, 20, 30])
    expect(clock.now()).toBe(100)
  })

  it('does not move for two at once', async () => {
    const clock = simClock()
    const first = clock.advance(10)
    await expect(clock.advance(10)).rejects.toThrow('moving already')
    await first
  })

  it('runs until something is true, and says when it is not', async () => {
    const clock = simClock()
    let count = 0
    const again = (): void => {
      count++
      clock.setTimeout(again, 10)
    }
    clock.setTimeout(again, 10)
    expect(await clock.run(() => count === 3, 1_000)).toBe(30)
    await expect(clock.run(() => count < 0, 50)).rejects.toThrow('within 50 ms')
    expect(clock.now()).toBe(80)
  })
})

describe('a node that sleeps (fault X11)', () => {
  it('has its monotonic time and timers stop while the wall goes on', async () => {
    const clock = simClock({ wall: 0 })
    const node = clock.clockOf('a')
    let firedAt: [number, number] | undefined
    node.setTimeout(() => { firedAt = [node.now(), node.wall()] }, 100)
    await clock.advance(40)
    node.suspend()
    await clock.advance(3_600_000)
    expect([node.now(), node.wall(), firedAt]).toEqual([40, 3_600_040, undefined])
    node.resume()
    await clock.advance(59)
    expect(firedAt).toBeUndefined()
    await clock.advance(1)
    expect(firedAt).toEqual([100, 3_600_100])
  })

  it('sets and cancels timers in its sleep', async () => {
    const clock = simClock()
    const node = clock.clockOf('a')
    const fired: string[] = []
    const kept = node.setTimeout(() => fired.push('cancelled'), 10)
    node.suspend()
    node.setTimeout(() => fired.push('set asleep'), 10)
    kept.cancel()
    await clock.advance(100)
    node.resume()
    await clock.advance(10)
    expect(fired).toEqual(['set asleep'])
  })
})

describe('a node whose event loop is blocked (fault X2)', () => {
  it('gets its timers late, in the order that they were due, while others get theirs on time', async () => {
    const clock = simClock()
    const [slow, other] = [clock.clockOf('slow'), clock.clockOf('other')]
    const fired: string[] = []
    slow.setTimeout(() => fired.push(`second ${slow.now()}`), 20) // set first, due second
    slow.setTimeout(() => fired.push(`first ${slow.now()}`), 10)
    other.setTimeout(() => fired.push(`other ${other.now()}`), 15)
    slow.stall(100)
    await clock.advance(200)
    expect(fired).toEqual(['other 15', 'first 100', 'second 100'])
  })

  it('gets what comes from outside when it is free again', async () => {
    const clock = simClock()
    const node = clock.clockOf('a')
    const seen: number[] = []
    node.stall(50)
    clock.setTimeout(() => node.post(() => seen.push(node.now())), 10)
    await clock.advance(100)
    expect(seen).toEqual([50])
  })
})

describe('a node’s wall clock', () => {
  it('is off by what it is told, and jumps alone', async () => {
    const clock = simClock({ wall: 1_000 })
    const node = clock.clockOf('a', { wallOffset: -200 })
    expect(node.wall()).toBe(800)
    node.stepWall(3_600_000)
    await clock.advance(5)
    expect([node.now(), node.wall(), clock.wall()]).toEqual([5, 3_600_805, 1_005])
  })
})

it('a dead node’s timers never fire, neither old nor new ones', async () => {
  const clock = simClock()
  const node = clock.clockOf('a')
  node.setTimeout(() => expect.unreachable(), 10)
  node.kill()
  node.setTimeout(() => expect.unreachable(), 10)
  expect(node.post(() => expect.unreachable())).toBe(false)
  await clock.advance(100)
  expect(node.pending).toBe(0)
})
