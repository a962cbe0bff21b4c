/**
 * Who asks, and whether it needs an answer. A multicast answer reaches everyone, so one in a TTL is enough for all who
 * were there to hear it, however many ask: the traffic of a link grows with its hosts, not with their square. Who was
 * not there yet, or shows that it did not hear us, gets one of its own.
 */
import { limits, tokenBucket, type TokenBucket } from '@peerweave/interface'

interface Asker {
  /** When it was last heard, and when first. */
  at: number
  readonly cameAt: number
  readonly secondChance: TokenBucket
  /** Answered by unicast. */
  toldAt: number
}

/** A question, as far as who asks it goes. */
export interface Asking {
  source: string
  /** When it came: before what is known to be known was waited for. */
  at: number
  /** It lists what it knows, and what it asks for is not in the list. */
  lists: boolean
}

/** Said this often since it came, we count as heard even over a link that loses every third packet. */
export const SURELY_HEARD = 3
/** An answer this young is on its way to whoever asks now: asked for before, or said when the asker announced itself. */
const ON_ITS_WAY = 500
/** Share of the TTL after which everyone may have us said anew: 1.5 times a TTL, whoever asks. */
const RENEWAL_AT = 2 / 3
/** A known answer is listed while at least half of its TTL is left. RFC 6762 §7.1. */
const LISTED_UNTIL = 1 / 2
/**
 * Who lists nothing is new when it was silent for so long, ms. Chosen: the known software that lists nothing asks at least
 * once a minute (go-libp2p; `@libp2p/mdns` every ten seconds), and another program behind the same address is to be answered.
 */
const SILENCE = 90_000
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
  /**
   * By source address, and by whether it lists what it knows: those are different programs. BOUNDED by twice
   * `limits.mdnsSources`: the one unheard for longest goes, and is new when it comes again.
   */
  readonly #askers = new Map<string, Asker>()
  readonly #mayTell: TokenBucket

  /** @param ttl - of our records, ms */
  constructor (ttl: number, now: number) {
    this.#ttl = ttl
    this.#mayTell = tokenBucket(TOLD_PER_SECOND, TOLD, now)
  }

  /** Somebody new is at `source`, to hear what is said from now on. */
  greet (source: string, now: number): void {
    for (const lists of [true, false]) {
      this.#askers.delete(keyOf({ source, lists }))
      this.#asker({ source, lists }, now)
    }
  }

  /**
   * Whether who asks is to be answered by multicast.
   *
   * @param spoken - when the set was multicast: the last {@link SURELY_HEARD} times, oldest first
   */
  isOwed (asking: Asking, spoken: readonly number[], now: number): boolean {
    const { cameAt, secondChance } = this.#asker(asking, asking.at)
    const spokenAt = spoken.at(-1) ?? -Infinity
    // Said while the rest of what it knows was waited for.
    if (spokenAt >= asking.at) return false
    const age = now - spokenAt
    if (age >= this.#ttl * RENEWAL_AT) return true
    const heard = spoken.filter(at => at >= cameAt).length
    if (age < ON_ITS_WAY && (heard > 0 || asking.lists)) return false
    // What has less than half its TTL left is not listed, so that it is missing says nothing then.
    return asking.lists ? age < this.#ttl * LISTED_UNTIL && secondChance(now) : heard < SURELY_HEARD
  }

  /** Whether who would take a unicast answer gets one. */
  mayBeTold (asking: Asking, now: number): boolean {
    const asker = this.#asker(asking, now)
    if (now - asker.toldAt < TOLD_INTERVAL || !this.#mayTell(now)) return false
    asker.toldAt = now
    return true
  }

  #asker (asking: Pick<Asking, 'source' | 'lists'>, now: number): Asker {
    const key = keyOf(asking)
    let asker = this.#askers.get(key)
    if (asker == null || now - asker.at > (asking.lists ? 2 * this.#ttl : SILENCE)) {
      asker = { at: now, cameAt: now, secondChance: tokenBucket(SECOND_CHANCES_PER_SECOND, SECOND_CHANCES, now), toldAt: -Infinity }
    }
    asker.at = Math.max(asker.at, now)
    this.#askers.delete(key)
    this.#askers.set(key, asker)
    if (this.#askers.size > 2 * limits.mdnsSources) this.#askers.delete(this.#askers.keys().next().value as string)
    return asker
  }
}

function keyOf ({ source, lists }: Pick<Asking, 'source' | 'lists'>): string {
  return `${source} ${lists}`
}
