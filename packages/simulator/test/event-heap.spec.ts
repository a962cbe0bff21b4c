import fc from 'fast-check'
import { expect, it } from 'vitest'
import { EventHeap, type HeapEntry } from '../src/event-heap.ts'

it('gives up its entries in order, whichever were taken from its middle', () => {
  const step = fc.record({ at: fc.nat(50), removes: fc.option(fc.nat()) })
  fc.assert(fc.property(fc.array(step, { minLength: 20, maxLength: 100 }), steps => {
    const heap = new EventHeap<HeapEntry>()
    const model: HeapEntry[] = []
    for (const [order, { at, removes }] of steps.entries()) {
      const entry = { at, due: at, order, index: -1 }
      heap.push(entry)
      model.push(entry)
      if (removes == null) continue
      const [removed] = model.splice(removes % model.length, 1)
      heap.remove(removed as HeapEntry)
      heap.remove(removed as HeapEntry) // a second time does nothing
    }
    const given = Array.from({ length: heap.size }, () => heap.pop())
    expect(given).toEqual(model.sort((a, b) => a.at - b.at || a.order - b.order))
    expect(heap.pop()).toBeUndefined()
  }), { numRuns: 500 })
})
