import fc from 'fast-check'
import { expect, it } from 'vitest'
import { ExpiryQueue } from '../src/expiry-queue.ts'

interface Entry { name: number, dueAt: number }

it('meets every entry at the time that was set last, as a plain list would', () => {
  const steps = fc.array(fc.oneof(
    fc.record({ kind: fc.constant('set' as const), name: fc.nat(20), at: fc.oneof(fc.nat(100), fc.constant(Infinity)) }),
    fc.record({ kind: fc.constant('take' as const), now: fc.nat(100) })
  ), { maxLength: 200 })
  fc.assert(fc.property(steps, all => {
    const queue = new ExpiryQueue<Entry>()
    const entries = Array.from({ length: 21 }, (_, name): Entry => ({ name, dueAt: Infinity }))
    const model = new Map<number, number>()
    for (const step of all) {
      if (step.kind === 'set') {
        const entry = entries[step.name] as Entry
        entry.dueAt = step.at
        queue.file(entry)
        model.set(step.name, step.at)
      } else {
        const taken = queue.takeDue(step.now)
        const earliest = Math.min(Infinity, ...model.values())
        expect(taken == null).toBe(earliest > step.now)
        if (taken != null) {
          expect(model.get(taken.name)).toBe(earliest)
          model.delete(taken.name)
          taken.dueAt = Infinity
        }
      }
      expect(queue.next).toBe(Math.min(Infinity, ...model.values()))
    }
  }), { numRuns: 1_000 })
})

it('what comes and goes before its time does not pile up', () => {
  const queue = new ExpiryQueue<Entry>()
  queue.file({ name: -1, dueAt: 1 })
  for (let name = 0; name < 10_000; name++) {
    const entry = { name, dueAt: 1_000_000 }
    queue.file(entry)
    entry.dueAt = Infinity
    expect(queue.length).toBeLessThan(100)
  }
})
