/**
 * What must always hold and what must happen at least once. A simulation that never reaches a rare branch proves
 * nothing about it: `sometimes` counts, and a test asks for the count (Antithesis' "sometimes assertions").
 */
import { PeerweaveError } from '@peerweave/interface'

/** Something that must hold did not. The message has the seed and the moment: what it takes to see it again. */
export class InvariantError extends PeerweaveError {
  constructor (message: string) {
    super('InvariantError', 'ERR_INVARIANT', message)
  }
}

export class Coverage {
  readonly #counts = new Map<string, number>()
  readonly #where: () => string

  /** @param where - the seed and the moment, for messages */
  constructor (where: () => string) {
    this.#where = where
  }

  /** @throws InvariantError */
  invariant (holds: boolean, what: string): void {
    if (!holds) throw new InvariantError(`${this.#where()}: ${what}`)
  }

  sometimes (name: string, happens = true): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + (happens ? 1 : 0))
  }

  /** How often each `sometimes` happened; 0 for one that was passed and never true. */
  counts (): ReadonlyMap<string, number> {
    return new Map(this.#counts)
  }
}
