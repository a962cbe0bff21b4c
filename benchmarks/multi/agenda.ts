/** What is to happen when, to the second, and the clock that it happens by. Nothing waits: time jumps from one second to the next. */
import { createClock, type Clock } from '@peerweave/interface'

const SECOND = 1_000
/** Events of one second come one after another, ms apart: a claim counts only when it was observed after a goodbye. */
const STEP = 2 ** -8

type Event = () => Promise<void> | void

export class Agenda {
  readonly #events = new Map<number, Event[]>()
  #now = 0
  readonly clock: Clock = createClock({
    now: () => this.#now,
    wall: () => Date.UTC(2026, 0, 1) + this.#now,
    setTimeout: () => { throw new Error('a memory store sets no timers') }
  })

  /** ms. */
  get now (): number {
    return this.#now
  }

  /** @param time - ms; what has passed comes next */
  at (time: number, event: Event): void {
    const second = Math.ceil(Math.max(time, this.#now) / SECOND)
    const list = this.#events.get(second)
    if (list == null) this.#events.set(second, [event])
    else list.push(event)
  }

  after (ms: number, event: Event): void {
    this.at(this.#now + ms, event)
  }

  /** @param wait - to the next time, asked after each */
  every (wait: () => number, event: Event): void {
    this.after(wait(), async () => {
      await event()
      this.every(wait, event)
    })
  }

  async run (until: number): Promise<void> {
    for (let second = 0; second * SECOND < until; second++) {
      this.#now = Math.max(this.#now, second * SECOND)
      // Who comes in meanwhile for this second has his turn too.
      for (const event of this.#events.get(second) ?? []) {
        this.#now += STEP
        await event()
      }
      this.#events.delete(second)
    }
  }
}
