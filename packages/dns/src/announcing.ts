/** When we are announced in the zone: at the start, as addresses change, before others forget us. */
import { backoff, raceSignal, toError, Turns, type Clock, type Rng, type SelfRecord, type Session } from '@peerweave/interface'
import { ADDRESSES_SETTLE, ANNOUNCE_RETRY, REFRESH_AT } from './constants.ts'
import type { Announcer } from './write/announcer.ts'

export interface AnnouncingInit {
  announcer: Announcer
  clock: Clock
  rng: Rng
  /** ms */
  ttl: number
  session: Session
  /** What to announce while nobody gave anything else. */
  own: () => SelfRecord
}

export class Announcing {
  readonly #init: AnnouncingInit
  readonly #turns = new Turns()
  /** What `announceSelf` gave; `null` after a goodbye. */
  #given: SelfRecord | null | undefined
  #wake: (() => void) | undefined
  #recover: (() => void) | undefined

  constructor (init: AnnouncingInit) {
    this.#init = init
    init.session.background(signal => this.#run(signal))
  }

  /** In place of the host's addresses, at once. @throws DnsError when the zone was not changed */
  async announce (self: SelfRecord, signal: AbortSignal | undefined): Promise<void> {
    this.#given = self
    // Another announcement may be under way, and its server silent.
    await unlessAborted(this.#say(signal), signal)
    this.#wake?.()
  }

  /** Nothing from now on. */
  async withdraw (signal?: AbortSignal): Promise<void> {
    this.#given = null
    await unlessAborted(this.#turns.take(() => this.#init.announcer.withdraw(signal)), signal)
  }

  /** The host's addresses may be others. */
  changed (): void {
    if (this.#given === undefined) this.#wake?.()
  }

  async #say (signal: AbortSignal | undefined): Promise<boolean> {
    return await this.#turns.take(async () => {
      const self = this.#given === undefined ? this.#init.own() : this.#given
      return self != null && await this.#init.announcer.announce(self, signal)
    })
  }

  /** Announces anew when it is time; rejects when stopped. */
  async #run (signal: AbortSignal): Promise<void> {
    const { rng, ttl, session } = this.#init
    for (let failures = 0; ;) {
      let wait = Infinity
      try {
        const isSaid = this.#given !== null && await this.#say(signal)
        this.#recover?.()
        this.#recover = undefined
        failures = 0
        if (isSaid) wait = ttl * REFRESH_AT
      } catch (error) {
        signal.throwIfAborted()
        this.#recover?.()
        this.#recover = session.degrade(toError(error))
        wait = backoff(rng, failures++, ANNOUNCE_RETRY)
      }
      await this.#pause(wait, signal)
    }
  }

  /** Ends after `ms`, or a moment after something changed. */
  async #pause (ms: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#init
    const woken = new AbortController()
    this.#wake = () => woken.abort()
    {
      using until = clock.deadline(Infinity, signal, woken.signal)
      await clock.sleep(ms, { signal: until.signal }).catch(() => {})
    }
    this.#wake = undefined
    signal.throwIfAborted()
    if (woken.signal.aborted) await clock.sleep(ADDRESSES_SETTLE, { signal })
  }
}

async function unlessAborted (work: Promise<unknown>, signal: AbortSignal | undefined): Promise<void> {
  await (signal == null ? work : raceSignal(work, signal))
}
