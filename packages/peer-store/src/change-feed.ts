/**
 * One writer, many readers, each at its own pace. A reader sees what happens from the moment it begins to read.
 *
 * BOUNDED: `limits.changeFeed` changes wait per reader; at the bound the oldest goes and one `missed` change says so.
 */
import { limits, type Change } from '@peerweave/interface'

interface Reader {
  queue: Change[]
  missed: number
  wake: (() => void) | undefined
}

export class ChangeFeed implements AsyncIterable<Change> {
  readonly #readers = new Set<Reader>()

  publish (change: Change): void {
    for (const reader of this.#readers) {
      reader.queue.push(change)
      if (reader.queue.length > limits.changeFeed) {
        reader.queue.shift()
        reader.missed++
      }
      reader.wake?.()
    }
  }

  /** Every reader ends once it has read what is waiting. */
  end (): void {
    for (const reader of this.#readers) {
      this.#readers.delete(reader)
      reader.wake?.()
    }
  }

  [Symbol.asyncIterator] (): AsyncIterator<Change> {
    const reader: Reader = { queue: [], missed: 0, wake: undefined }
    this.#readers.add(reader)
    return {
      next: async () => {
        while (true) {
          if (reader.missed > 0) {
            const count = reader.missed
            reader.missed = 0
            return { done: false, value: { kind: 'missed', count } }
          }
          const value = reader.queue.shift()
          if (value != null) return { done: false, value }
          if (!this.#readers.has(reader)) return { done: true, value: undefined }
          await new Promise<void>(resolve => { reader.wake = resolve })
        }
      },
      return: async () => {
        this.#readers.delete(reader)
        reader.queue.length = 0
        reader.wake?.()
        return { done: true, value: undefined }
      }
    }
  }
}
