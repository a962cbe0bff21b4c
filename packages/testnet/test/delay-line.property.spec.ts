import { virtualClock } from '@peerweave/interface'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DelayLine } from '../src/delay-line.ts'

type Command = { push: number } | { pass: number } | 'hold' | 'release'

const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({ push: fc.nat({ max: 50 }) }),
  fc.record({ pass: fc.nat({ max: 60 }) }),
  fc.constantFrom('hold' as const, 'release' as const)
)

describe('a delay line', () => {
  it('lets everything happen once, in order, no sooner than due and no later than the slowest before it', async () => {
    await fc.assert(fc.asyncProperty(fc.array(command, { maxLength: 40 }), async commands => {
      const clock = virtualClock()
      const line = new DelayLine(clock)
      const due: number[] = []
      const happened: number[] = []
      let isHeld = false
      let count = 0
      for (const step of [...commands, 'release' as const, { pass: 60 }]) {
        if (step === 'hold') {
          line.hold()
          isHeld = true
        } else if (step === 'release') {
          line.release()
          isHeld = false
        } else if ('pass' in step) {
          const before = happened.length
          await clock.advance(step.pass)
          if (isHeld) expect(happened.length).toBe(before)
          else expect(happened.length).toBe(due.filter(time => time <= clock.now()).length)
        } else {
          const number = count++
          due.push(Math.max(clock.now() + step.push, due.at(-1) ?? 0))
          line.push(step.push, 1, () => {
            expect(clock.now()).toBeGreaterThanOrEqual(due[number] ?? Infinity)
            happened.push(number)
          })
        }
        expect(line.bytes).toBe(count - happened.length)
      }
      expect(happened).toEqual(Array.from({ length: count }, (_, i) => i))
      expect(clock.pending).toBe(0)
    }))
  })

  it('forgets what waits, and its timer, when it is cleared', async () => {
    const clock = virtualClock()
    const line = new DelayLine(clock)
    line.push(10, 5, () => expect.fail('it was cleared'))
    line.clear()
    expect([line.bytes, clock.pending]).toEqual([0, 0])
    await clock.advance(20)
  })
})
