/** When we are announced in the zone: at the start, as addresses change, before others forget us. */
import {
  backoff, raceSignal, throwIfAborted, toError, Turns, type Clock, type Rng, type SelfRecord, type Session
} from '@peerweave/interface'
import { ADDRESSES_SETTLE, ANNOUNCE_RETRY, GOODBYE_TIMEOUT, REFRESH_AT } from './constants.ts'
import type { Announcer } from './write/announcer.ts'
import type { Logger } from '@libp2p/interface'

export interface AnnouncingInit {
  announcer: Announcer
  clock: Clock
  rng: Rng
  /** ms */
  ttl: number
  session: Session
  /** What to announce while nobody gave anything else. */
  own: () => SelfRecord
  log: Logger
}

export class Announcing {
  readonly #init: AnnouncingInit
  readonly #turns = new Turns()
  /** Fires with the goodbye: nothing is announced from then on. */
  readonly #leaving = new AbortController()
  /** What `announceSelf` gave; `null` after it was withdrawn. */
  #given: SelfRecord | null | undefined
  /** Fires when something else may have to be said than was. One for each time that we say something. */
  #woken = new AbortController()
  #recover: (() => void) | undefined

  constructor (init: AnnouncingInit) {
    this.#init = init
    init.session.background(signal => this.#run(signal))
  }

  /**
   * In place of the host's addresses, at once.
   *
   * @returns whether there was an address for the zone
   * @throws DnsError when the zone was not changed: we try on
   */
  async announce (self: SelfRecord, signal: AbortSignal | undefined): Promise<boolean> {
    throwIfAborted(this.#leaving.signal)
    this.#given = self
    return await this.#now(signal)
  }

  /** Nothing from now on. @throws DnsError when the zone was not changed: we try on */
  async withdraw (signal: AbortSignal | undefined): Promise<void> {
    this.#given = null
    await this.#now(signal)
  }

  /**
   * The goodbye, given up after {@link GOODBYE_TIMEOUT}. Never rejects: libp2p would break off its stop, and a primary that
   * is silent must not keep a node from its end.
   */
  async leave (): Promise<void> {
    const { clock, session, announcer } = this.#init
    this.#given = null
    this.#leaving.abort()
    using deadline = clock.deadline(GOODBYE_TIMEOUT)
    const { signal } = deadline
    try {
      await raceSignal(this.#turns.take(async () => announcer.withdraw(signal)), signal)
    } catch (error) {
      session.degrade(toError(error))
    }
  }

  /** The host's addresses may be others. */
  changed (): void {
    if (this.#given === undefined) this.#woken.abort()
  }

  async #now (signal: AbortSignal | undefined): Promise<boolean> {
    using until = this.#init.clock.deadline(Infinity, signal, this.#leaving.signal)
    try {
      // Another announcement may be under way, and its server silent.
      return await raceSignal(this.#say(until.signal), until.signal)
    } finally {
      this.#woken.abort()
    }
  }

  async #say (signal: AbortSignal): Promise<boolean> {
    const { announcer, own, log } = this.#init
    return await this.#turns.take(async () => {
      throwIfAborted(signal)
      const self = this.#given === undefined ? own() : this.#given
      if (self == null) await announcer.withdraw(signal)
      else if (await announcer.announce(self, signal)) return true
      else log('not announced: of %d addresses none is meant for the zone', self.multiaddrs.length)
      return false
    })
  }

  /** Announces anew when it is time, until we leave or stop. */
  async #run (stopped: AbortSignal): Promise<void> {
    const { clock, rng, ttl, session } = this.#init
    using until = clock.deadline(Infinity, stopped, this.#leaving.signal)
    const { signal } = until
    for (let failures = 0; !signal.aborted;) {
      this.#woken = new AbortController()
      let wait = Infinity
      let recover: (() => void) | undefined
      try {
        if (await this.#say(signal)) wait = ttl * REFRESH_AT
        failures = 0
      } catch (error) {
        if (signal.aborted) return
        recover = session.degrade(toError(error))
        wait = backoff(rng, failures++, ANNOUNCE_RETRY)
      }
      this.#recover?.()
      this.#recover = recover
      await this.#pause(wait, signal)
    }
  }

  /** Ends after `ms`, a moment after something changed, or with the signal. */
  async #pause (ms: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#init
    const woken = this.#woken.signal
    using until = clock.deadline(Infinity, signal, woken)
    await clock.sleep(ms, { signal: until.signal }).catch(() => {})
    if (woken.aborted) await clock.sleep(ADDRESSES_SETTLE, { signal }).catch(() => {})
  }
}
