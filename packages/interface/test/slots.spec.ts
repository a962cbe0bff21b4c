import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Slots } from '../src/slots.ts'

const someQuit = fc.array(fc.boolean(), { maxLength: 20 })
const never = new AbortController().signal

describe('slots', () => {
  it('give places in the order asked for, never more than there are, whoever gives up', async () => {
    await fc.assert(fc.asyncProperty(fc.scheduler(), fc.integer({ min: 1, max: 4 }), someQuit, async (scheduler, size, givesUp) => {
      const slots = new Slots(size, Infinity)
      const served: number[] = []
      let taken = 0
      const work = givesUp.map(async (quits, i) => {
        const controller = new AbortController()
        if (quits) void scheduler.schedule(Promise.resolve(), `give up ${i}`).then(() => controller.abort())
        try {
          const release = await slots.take(controller.signal)
          served.push(i)
          expect(++taken).toBeLessThanOrEqual(size)
          await scheduler.schedule(Promise.resolve(), `work ${i}`)
          taken--
          release()
          release() // twice is once
        } catch (error) {
          expect(quits).toBe(true)
          expect(error).toMatchObject({ name: 'AbortError' })
        }
      })
      await scheduler.waitFor(Promise.all(work))
      expect(served).toEqual(served.toSorted((a, b) => a - b))
      expect(slots.isIdle).toBe(true)
      const all = await Promise.all(Array.from({ length: size }, async () => await slots.take(never)))
      for (const release of all) release()
    }))
  })

  it('go to the next when the one whose turn it is has given up in the same moment', async () => {
    const slots = new Slots(1, Infinity)
    const release = await slots.take(never)
    const controller = new AbortController()
    const quits = slots.take(controller.signal).catch(error => error)
    const next = slots.take(never)
    controller.abort()
    release()
    expect(await quits).toMatchObject({ name: 'AbortError' })
    const releaseNext = await next
    releaseNext()
    expect(slots.isIdle).toBe(true)
  })

  it('refuse when too many wait', async () => {
    const slots = new Slots(1, 1)
    const release = await slots.take(never)
    const second = slots.take(never)
    await expect(slots.take(never)).rejects.toMatchObject({ name: 'LimitExceededError' })
    release()
    const releaseSecond = await second
    releaseSecond()
    expect(slots.isIdle).toBe(true)
  })
})
