/**
 * Who is told what. A statement is told once when it comes: as a yield of the rounds that are open then, or as an event
 * when nobody asked. What a round was meant to yield and did not, because its caller left early, becomes an event after
 * all. A round begins with what is known, told or not.
 */
import type { Clock } from '@peerweave/interface'
import type { Numbering, PeerCache, Statement } from './cache.ts'

export interface NewsInit {
  clock: Clock
  numbering: Numbering
  /** Those of the links that are there now. */
  caches: () => Iterable<PeerCache>
  /** Tells it as an event. */
  tell: (statement: Statement) => void
}

interface Asker {
  /** Number of the last statement that is meant for it: `Infinity` while it listens. */
  until: number
  wake: () => void
}

export class News {
  readonly #init: NewsInit
  readonly #askers = new Set<Asker>()

  constructor (init: NewsInit) {
    this.#init = init
  }

  add (statement: Statement): void {
    if (this.#isAskedFor(statement)) {
      for (const asker of this.#askers) asker.wake()
    } else {
      this.#tell(statement)
    }
  }

  /** What is known, then what comes within `window` ms. Ends early when `signal` fires; must be read to its end or returned. */
  async * listen (window: number, signal: AbortSignal): AsyncGenerator<Statement, void> {
    const { clock, numbering } = this.#init
    const asker: Asker = { until: Infinity, wake: () => {} }
    using deadline = clock.deadline(window, signal)
    deadline.signal.addEventListener('abort', () => {
      asker.until = numbering.last
      asker.wake()
    }, { once: true })
    this.#askers.add(asker)
    try {
      let number = 0
      while (!signal.aborted) {
        const batch = this.#after(number)
        for (const statement of batch) {
          if (statement.number > asker.until) return
          number = statement.number
          statement.isTold = true
          yield statement
        }
        if (batch.length > 0) continue // what came meanwhile
        if (asker.until !== Infinity) return
        await new Promise<void>(resolve => { asker.wake = resolve })
      }
    } finally {
      this.#askers.delete(asker)
      for (const statement of this.#after(0)) {
        if (!statement.isTold && !this.#isAskedFor(statement)) this.#tell(statement)
      }
    }
  }

  /** Of all links, oldest first. */
  #after (number: number): Statement[] {
    return [...this.#init.caches()].flatMap(cache => [...cache.after(number)]).sort((a, b) => a.number - b.number)
  }

  #isAskedFor ({ number }: Statement): boolean {
    for (const { until } of this.#askers) {
      if (number <= until) return true
    }
    return false
  }

  #tell (statement: Statement): void {
    statement.isTold = true
    this.#init.tell(statement)
  }
}
