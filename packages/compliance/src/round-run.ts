/** A round that is pulled in the background, so that a test can watch it and leave it. */
import type { Sighting } from '@peerweave/interface'

export class RoundRun {
  readonly given: Sighting[] = []
  /** It is done, or it threw. */
  ended = false
  error: unknown
  #wanted: number
  #iterator: AsyncIterator<Sighting> | undefined
  #left: Promise<unknown> | undefined

  /** @param pull - how many sightings to take; then it stays suspended until {@link leave} */
  constructor (ask: () => AsyncIterable<Sighting>, hear: (sighting: Sighting) => void, pull: number) {
    this.#wanted = pull
    void this.#pull(ask, hear)
  }

  /** Leaves early, as `break` does; resolves when the mechanism has let go. */
  async leave (): Promise<void> {
    this.#wanted = 0
    this.#left ??= this.ended ? Promise.resolve() : this.#iterator?.return?.()
    await this.#left
  }

  /** Leaves without waiting for a mechanism that may hang or throw. */
  abandon (): void {
    this.leave().catch(() => {})
  }

  async #pull (ask: () => AsyncIterable<Sighting>, hear: (sighting: Sighting) => void): Promise<void> {
    try {
      const iterator = this.#iterator = ask()[Symbol.asyncIterator]()
      while (this.given.length < this.#wanted) {
        const { done, value } = await iterator.next()
        if (done === true) {
          this.ended = true
          return
        }
        this.given.push(value)
        hear(value)
      }
    } catch (error) {
      this.error = error
      this.ended = true
    }
  }
}
