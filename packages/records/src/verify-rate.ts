/**
 * How many signatures strangers may make us verify. One costs about 0.1 ms, so the default global rate is a tenth of a
 * core; what the cache knows costs nothing of it.
 */
import { knownOptions, limits, numberOption, systemClock, type Clock } from '@peerweave/interface'
import { Lru } from './lru.ts'

export interface VerifyRate {
  /**
   * True when one more verification is allowed now, which is then counted. Nothing is counted when it is not.
   *
   * @param reporter - who sent the record: a peer id, or an address; without one only the global rate counts
   */
  take: (reporter?: string) => boolean
}

export interface VerifyRateOptions {
  /** Verifications a second in all, with a burst of as many. @default limits.verificationsPerSecond */
  perSecond?: number | undefined
  /** Verifications a second and reporter, with a burst of as many. @default limits.verificationsPerReporter */
  perReporter?: number | undefined
  /** @default systemClock() */
  clock?: Clock | undefined
}

/** @throws TypeError naming a wrong option */
export function verifyRate (options: VerifyRateOptions = {}): VerifyRate {
  knownOptions('verifyRate', options, ['perSecond', 'perReporter', 'clock'])
  const { clock = systemClock() } = options
  const perSecond = numberOption('perSecond', options.perSecond, limits.verificationsPerSecond, { min: 1 })
  const perReporter = numberOption('perReporter', options.perReporter, limits.verificationsPerReporter, { min: 1 })
  const all = new Bucket(perSecond, clock.now())
  // The reporter unheard for longest is forgotten first: by then its bucket is full again, unless more of them send at
  // once than are remembered, and those share the global rate.
  const reporters = new Lru<Bucket>(limits.verifyReporters)
  return {
    take (reporter) {
      const now = clock.now()
      const own = reporter == null ? undefined : reporters.get(reporter) ?? new Bucket(perReporter, now)
      if (reporter != null && own != null) reporters.set(reporter, own)
      if (own?.isEmpty(now) === true || all.isEmpty(now)) return false
      own?.take()
      all.take()
      return true
    }
  }
}

/** A token bucket that holds one second's worth. */
class Bucket {
  readonly #perSecond: number
  #tokens: number
  #filledAt: number

  constructor (perSecond: number, now: number) {
    this.#perSecond = perSecond
    this.#tokens = perSecond
    this.#filledAt = now
  }

  isEmpty (now: number): boolean {
    this.#tokens = Math.min(this.#perSecond, this.#tokens + (now - this.#filledAt) * this.#perSecond / 1_000)
    this.#filledAt = now
    return this.#tokens < 1
  }

  take (): void {
    this.#tokens--
  }
}
