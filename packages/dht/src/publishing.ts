/** What is announced again before it lapses: provider records, and values. */
import {
  backoff, LimitExceededError, limits, settledOrAborted, toError, type Clock, type Rng
} from '@peerweave/interface'
import { PROVIDE_JITTER, PROVIDE_RETRY } from './constants.ts'
import type { Logger } from '@libp2p/interface'

/** Announces once; resolves with how many confirmed. */
export interface Publish {
  (signal: AbortSignal): Promise<number>
}

export interface PublishingInit {
  clock: Clock
  rng: Rng
  /** Confirmations wanted; with fewer it is tried again, with back-off. */
  wanted: number
  log: Logger
}

interface Item {
  readonly publish: Publish
  /** ms; `Infinity`: once it was confirmed by as many as wanted, somebody else renews it. */
  readonly interval: number
  due: number
  /** Times in a row that too few confirmed. */
  failures: number
}

export interface PublishOptions {
  interval: number
  /** How long from now the first time may wait, ms. @default 0 */
  due?: number | undefined
}

/**
 * Each key in its own time, one after the other; each time to the peers that are nearest then. BOUNDED by
 * `limits.dhtOwnKeys`.
 */
export class Publishing {
  readonly #init: PublishingInit
  readonly #items = new Map<string, Item>()
  #woken = new AbortController()

  constructor (init: PublishingInit) {
    this.#init = init
  }

  get size (): number {
    return this.#items.size
  }

  /** Keys that fewer confirmed than wanted, the last time. */
  get wanting (): number {
    return [...this.#items.values()].filter(({ failures }) => failures > 0).length
  }

  has (key: string): boolean {
    return this.#items.has(key)
  }

  /** @throws LimitExceededError when there are too many already */
  add (key: string, publish: Publish, { interval, due = 0 }: PublishOptions): void {
    if (!this.#items.has(key) && this.#items.size >= limits.dhtOwnKeys) {
      throw new LimitExceededError(`at most ${limits.dhtOwnKeys} keys are announced`)
    }
    this.#items.set(key, { publish, interval, due: this.#init.clock.now() + due, failures: 0 })
    this.#woken.abort()
  }

  remove (key: string): void {
    this.#items.delete(key)
  }

  clear (): void {
    this.#items.clear()
  }

  /** This key at once, and every other in its time. */
  hasten (key: string, due: number = 0): void {
    const item = this.#items.get(key)
    if (item == null) return
    item.due = Math.min(item.due, this.#init.clock.now() + due)
    this.#woken.abort()
  }

  /** What was announced just now, outside of {@link run}: counts as one of its times. */
  announced (key: string, confirmations: number): void {
    const item = this.#items.get(key)
    if (item != null) this.#settle(key, item, confirmations)
  }

  async run (signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#init
    while (!signal.aborted) {
      this.#woken = new AbortController()
      const [key, item] = this.#next()
      if (item == null || item.due > clock.now()) {
        using until = clock.deadline(item == null ? Infinity : item.due - clock.now(), signal, this.#woken.signal)
        await settledOrAborted(new Promise(() => {}), until.signal)
        continue
      }
      let confirmations = 0
      try {
        confirmations = await item.publish(signal)
      } catch (error) {
        if (signal.aborted) return
        log('could not announce %s - %e', key, toError(error))
      }
      // Unless it was taken back or replaced meanwhile.
      if (this.#items.get(key) === item) this.#settle(key, item, confirmations)
    }
  }

  #next (): [string, Item | undefined] {
    let next: [string, Item | undefined] = ['', undefined]
    for (const entry of this.#items) {
      if (next[1] == null || entry[1].due < next[1].due) next = entry
    }
    return next
  }

  #settle (key: string, item: Item, confirmations: number): void {
    const { clock, rng, wanted } = this.#init
    if (confirmations >= wanted) {
      item.failures = 0
      if (item.interval === Infinity) {
        this.#items.delete(key)
        return
      }
      // Early, never late: others forget us at a fixed time.
      item.due = clock.now() + item.interval * (1 - PROVIDE_JITTER * rng.float())
    } else {
      item.due = clock.now() + Math.min(item.interval, backoff(rng, item.failures++, PROVIDE_RETRY))
    }
    this.#woken.abort()
  }
}
