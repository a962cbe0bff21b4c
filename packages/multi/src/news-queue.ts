/**
 * What a mechanism says unasked, waiting to be taken in: so many, so many a second, and in slices that leave everybody
 * else his turn. One that floods thereby costs the others next to nothing.
 *
 * BOUNDED by `limits.sightingQueue`; at the bound the oldest goes.
 */
import { limits, nextTurn, type Clock, type Sighting, type TokenBucket } from '@peerweave/interface'

export interface NewsQueueInit {
  clock: Clock
  rate: TokenBucket
  /** Fires when nobody listens any more: then nothing more is taken. */
  signal: AbortSignal
  /** Never rejects. */
  take: (sighting: Sighting) => Promise<void>
  /** So many had to go since it was called last. */
  onDropped: (count: number) => void
}

export class NewsQueue {
  readonly #init: NewsQueueInit
  /** A ring: a flood is a hundred thousand a second, and moving a queue along for each is felt. */
  readonly #ring: Array<Sighting | undefined> = []
  #first = 0
  #length = 0
  #dropped = 0
  #isDraining = false

  constructor (init: NewsQueueInit) {
    this.#init = init
  }

  add (sighting: Sighting): void {
    this.#ring[(this.#first + this.#length) % limits.sightingQueue] = sighting
    if (this.#length < limits.sightingQueue) {
      this.#length++
    } else {
      this.#first = (this.#first + 1) % limits.sightingQueue
      this.#dropped++
    }
    if (!this.#isDraining) void this.#drain()
  }

  async #drain (): Promise<void> {
    const { clock, rate, signal, take } = this.#init
    this.#isDraining = true
    try {
      while (this.#length > 0 && !signal.aborted) {
        const taking: Array<Promise<void>> = []
        while (taking.length < limits.sightingsPerTurn && this.#length > 0 && rate(clock.now())) taking.push(take(this.#shift()))
        await Promise.all(taking)
        this.#tellDropped()
        if (taking.length === 0) await clock.sleep(NEXT_TOKENS, { signal })
        else await nextTurn()
      }
    } catch {
      // Only its sleep rejects, when nobody listens any more.
    } finally {
      this.#tellDropped()
      this.#isDraining = false
    }
  }

  #shift (): Sighting {
    const sighting = this.#ring[this.#first] as Sighting
    this.#ring[this.#first] = undefined
    this.#first = (this.#first + 1) % limits.sightingQueue
    this.#length--
    return sighting
  }

  #tellDropped (): void {
    if (this.#dropped > 0) this.#init.onDropped(this.#dropped)
    this.#dropped = 0
  }
}

/** ms until a slice may be taken again. */
const NEXT_TOKENS = limits.sightingsPerTurn * 1_000 / limits.sightingsPerSecond
