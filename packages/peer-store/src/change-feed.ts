/**
 * One writer, many readers, each at its own pace. A reader sees what happens from the moment it begins to read, and ends
 * when the feed does.
 *
 * BOUNDED: `limits.changeFeed` changes wait per reader; at the bound the oldest goes and one `missed` change says so.
 */
import { limits, type Change } from '@peerweave/interface'

interface Reader {
  queue: Change[]
  missed: number
  /** Of every `next` that waits: there may be several. */
  waiting: Array<() => void>
}

export class ChangeFeed implements AsyncIterable<Change> {
  readonly #readers = new Set<Reader>()
  #hasEnded = false

  get hasReaders (): boolean {
    return this.#readers.size > 0
  }

  begin (): void {
    this.#hasEnded = false
  }

  publish (change: Change): void {
    for (const reader of this.#readers) {
      reader.queue.push(change)
      if (reader.queue.length > limits.changeFeed) {
        reader.queue.shift()
        reader.missed++
      }
      wake(reader)
    }
  }

  /** Every reader ends once it has read what is waiting. */
  end (): void {
    this.#hasEnded = true
    for (const reader of this.#readers) {
      this.#readers.delete(reader)
      wake(reader)
    }
  }

  [Symbol.asyncIterator] (): AsyncIterator<Change> {
    const reader: Reader = { queue: [], missed: 0, waiting: [] }
    if (!this.#hasEnded) this.#readers.add(reader)
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
          await new Promise<void>(resolve => { reader.waiting.push(resolve) })
        }
      },
      return: async () => {
        this.#readers.delete(reader)
        reader.queue.length = 0
        wake(reader)
        return { done: true, value: undefined }
      }
    }
  }
}

function wake (reader: Reader): void {
  for (const resolve of reader.waiting.splice(0)) resolve()
}
