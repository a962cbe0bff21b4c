/**
 * Who asks, and whether it needs an answer. A multicast answer reaches everyone, so one in a TTL is enough for all who
 * were there to hear it, however many ask: the traffic of a link grows with its hosts, not with their square. Who was
 * not there yet, or shows that it did not hear us, gets one of its own.
 */
import { limits } from '@peerweave/interface'
import { tokenBucket, type TokenBucket } from './token-bucket.ts'

interface Asker {
  /** When it was last heard, and when first. */
  at: number
  readonly cameAt: number
  readonly secondChance: TokenBucket
  /** Answered by unicast. */
  toldAt: number
}

/** Said this often since it came, we count as heard even over a link that loses every third packet. */
export const SURELY_HEARD = 3
/** An answer this young is on its way to whoever asks now: asked for before, or said when the asker announced itself. */
const ON_ITS_WAY = 500
/** Share of the TTL after which everyone may have us said anew: 1.5 times a TTL, whoever asks. */
const RENEWAL_AT = 2 / 3
/** A known answer is listed while at least half of its TTL is left. RFC 6762 §7.1. */
const LISTED_UNTIL = 1 / 2
/** How often a source that lists what it knows may show that it lost us: so many at once … */
const SECOND_CHANCES = 8
/** … and then one in ten seconds. */
const SECOND_CHANCES_PER_SECOND = 0.1
/** Unicast answers to one source are this far apart, as multicast ones are, ms. */
const TOLD_INTERVAL = 1_000
/** Unicast answers to all: a source address can be made up, and whose it is should not be flooded by us. So many at once … */
const TOLD = 64
/** … and then so many a second. */
const TOLD_PER_SECOND = 8

export class Askers {
  readonly #ttl: number
  /** By source address. BOUNDED by `limits.mdnsSources`: the one unheard for longest goes, and is new when it comes again. */
  readonly #askers = new Map<string, Asker>()

  readonly #mayTell: TokenBucket

  /** @param ttl - of our records, ms */
  constructor (ttl: number, now: number) {
    this.#ttl = ttl
    this.#mayTell = tokenBucket(TOLD_PER_SECOND, TOLD, now)
  }

  /** Somebody new is at `source`, to hear what is said from now on. */
  greet (source: string, now: number): void {
    this.#askers.delete(source)
    this.#asker(source, now)
  }

  /** Notes that `source` spoke: it is still there. */
  touch (source: string, now: number): void {
    this.#asker(source, now)
  }

  /**
   * Whether `source`, which asks now, is to be answered by multicast.
   *
   * @param spoken - when the set was multicast: the last {@link SURELY_HEARD} times, oldest first
   * @param lists - it lists what it knows, and this is not in the list
   */
  isOwed (source: string, spoken: readonly number[], lists: boolean, now: number): boolean {
    const { cameAt, secondChance } = this.#asker(source, now)
    const heard = spoken.filter(at => at >= cameAt).length
    const age = now - (spoken.at(-1) ?? -Infinity)
    if (age >= this.#ttl * RENEWAL_AT || heard === 0) return true
    if (age < ON_ITS_WAY) return false
    const isSettled = heard === SURELY_HEARD
    if (!lists) return !isSettled
    // What has less than half its TTL left is not listed, so that it is missing says nothing then.
    return age < this.#ttl * LISTED_UNTIL && (!isSettled || secondChance(now))
  }

  /** Whether `source`, which would take a unicast answer, gets one. */
  mayBeTold (source: string, now: number): boolean {
    const asker = this.#asker(source, now)
    if (now - asker.toldAt < TOLD_INTERVAL || !this.#mayTell(now)) return false
    asker.toldAt = now
    return true
  }

  #asker (source: string, now: number): Asker {
    let asker = this.#askers.get(source)
    if (asker == null || now - asker.at > 2 * this.#ttl) {
      asker = { at: now, cameAt: now, secondChance: tokenBucket(SECOND_CHANCES_PER_SECOND, SECOND_CHANCES, now), toldAt: -Infinity }
    }
    asker.at = now
    this.#askers.delete(source)
    this.#askers.set(source, asker)
    if (this.#askers.size > limits.mdnsSources) this.#askers.delete(this.#askers.keys().next().value as string)
    return asker
  }
}
