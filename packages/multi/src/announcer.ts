/**
 * Keeps us announced: to every mechanism that can, when our addresses change, and again when 7/8 of the granted TTL
 * have passed. Before the first address is known there is nothing to announce. A mechanism that hangs is left behind.
 */
import { clampMs, limits, raceSignal, settledOrAborted, type Clock, type Host, type SelfRecord, type Timer } from '@peerweave/interface'
import { ANNOUNCE_DEBOUNCE, ANNOUNCE_RETRY, RENEW_AT } from './constants.ts'
import type { Lane } from './lane.ts'

export interface AnnouncerInit {
  host: Host
  clock: Clock
  lanes: Iterable<Lane>
  /** While it is not, nothing is announced; {@link Announcer.renew} when it is again. */
  isAwake: () => boolean
}

export class Announcer {
  readonly #host: Host
  readonly #clock: Clock
  readonly #lanes: Iterable<Lane>
  readonly #isAwake: () => boolean
  readonly #timers = new Map<Lane, Timer>()
  /** Who granted an announcement: these are told goodbye. */
  readonly #announced = new Set<Lane>()
  #session: AbortController | undefined

  constructor ({ host, clock, lanes, isAwake }: AnnouncerInit) {
    this.#host = host
    this.#clock = clock
    this.#lanes = lanes
    this.#isAwake = isAwake
  }

  start (): void {
    if (this.#session != null) return
    this.#session = new AbortController()
    this.#host.events.addEventListener('addresses', () => this.renew(), { signal: this.#session.signal })
    this.renew()
  }

  /** Announces us everywhere anew. */
  renew (): void {
    for (const lane of this.#lanes) this.announceTo(lane)
  }

  /** To one that came late, or is listened to again. */
  announceTo (lane: Lane): void {
    if (this.#session != null && lane.canAnnounce) this.#schedule(lane, ANNOUNCE_DEBOUNCE)
  }

  /** Says goodbye by one mechanism, and announces us there no more. */
  async withdrawFrom (lane: Lane): Promise<void> {
    this.#timers.get(lane)?.cancel()
    this.#timers.delete(lane)
    if (!this.#announced.delete(lane)) return
    using deadline = this.#clock.deadline(limits.lifecycleDeadline)
    await settledOrAborted((async () => lane.mechanism.withdrawSelf?.({ signal: deadline.signal }))(), deadline.signal)
  }

  /** Stops renewing and says goodbye where it was announced. */
  async stop (): Promise<void> {
    this.#session?.abort()
    this.#session = undefined
    await Promise.all([...new Set([...this.#timers.keys(), ...this.#announced])].map(lane => this.withdrawFrom(lane)))
  }

  #schedule (lane: Lane, ms: number): void {
    this.#timers.get(lane)?.cancel()
    this.#timers.set(lane, this.#clock.setTimeout(() => { void this.#announce(lane) }, ms))
  }

  async #announce (lane: Lane): Promise<void> {
    const session = this.#session
    const multiaddrs = this.#host.addresses()
    if (session == null || lane.isPaused || !this.#isAwake() || multiaddrs.length === 0) return
    const record: SelfRecord = { peerId: this.#host.self, multiaddrs }
    using deadline = this.#clock.deadline(limits.roundDeadline, session.signal)
    let next = ANNOUNCE_RETRY
    try {
      const announcing = (async () => lane.mechanism.announceSelf?.(record, { signal: deadline.signal }))()
      const granted = await raceSignal(announcing, deadline.signal)
      if (granted != null) {
        next = clampMs(granted.ttl * RENEW_AT, limits.ttlMin, limits.ttlMax)
        if (this.#session === session && this.#timers.has(lane)) this.#announced.add(lane)
      }
    } catch { /* the mechanism's status says why; we try again */ }
    // Not where it was withdrawn meanwhile.
    if (this.#session === session && this.#timers.has(lane)) this.#schedule(lane, next)
  }
}
