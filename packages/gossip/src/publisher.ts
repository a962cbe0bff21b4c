/**
 * Says where we are: on the topic when it begins, when our addresses change, and again after a while; to a neighbour that
 * has just subscribed by itself, for the others know.
 */
import { encodeAnnouncement } from './message.ts'
import { ANNOUNCE_AGAIN, ANNOUNCE_DEBOUNCE, BRING_AFTER, PUBLISH_RETRY, REFRESH_JITTER } from './constants.ts'
import { jitter, reporterScope, toError, Turns, type Clock, type Host, type HostConnection, type PubSub, type ReporterScope, type Rng, type Session, type Timer } from '@peerweave/interface'
import type { Exchange } from '@peerweave/exchange'
import type { PeerId } from '@libp2p/interface'

export interface PublisherInit {
  host: Host
  exchange: Exchange
  topic: string
  refresh: number
  clock: Clock
  rng: Rng
}

export class Publisher {
  readonly #init: PublisherInit
  #session: Session | undefined
  #pubsub: PubSub | undefined
  /** Until we say what may be new of us, and until we say the same again. */
  #soon: Timer | undefined
  #later: Timer | undefined
  /** What somebody got of us on the topic last. */
  #heard: Uint8Array | undefined
  /** How often somebody did. */
  #times = 0
  /** We said goodbye. */
  #isSilent = false
  /** They wait for our record. BOUNDED by the connections. */
  readonly #newcomers = new Map<string, PeerId>()
  #recover: () => void = () => {}
  readonly #turns = new Turns()

  constructor (init: PublisherInit) {
    this.#init = init
  }

  open (session: Session, pubsub: PubSub): void {
    this.#session = session
    this.#pubsub = pubsub
    this.#isSilent = false
    this.#times = 0
    this.#init.host.events.addEventListener('addresses', () => this.#tellSoon(ANNOUNCE_DEBOUNCE), { signal: session.signal })
    this.#tellSoon(0)
  }

  /** After {@link farewell}, if it was opened. */
  close (): void {
    this.#soon?.cancel()
    this.#session = undefined
    this.#pubsub = undefined
    this.#newcomers.clear()
  }

  /** Neighbours that did not subscribe before. */
  onSubscribers (peers: readonly PeerId[]): void {
    if (peers.length === 0 || this.#session == null) return
    this.#tellSoon(0) // what nobody got so far
    if (this.#heard == null) return
    const isUnderWay = this.#newcomers.size > 0
    for (const peer of peers) this.#newcomers.set(peer.toString(), peer)
    if (!isUnderWay) this.#session.background(async signal => await this.#bringSoon(signal))
  }

  /** We go: said once, to whoever may have heard of us. Nothing is said after that until {@link speak}. */
  async farewell (): Promise<void> {
    this.#isSilent = true
    this.#soon?.cancel()
    this.#later?.cancel()
    this.#recover() // nothing is to be published that fails
    // In turn: what is on its way out would else come after the goodbye.
    await this.#turns.take(async () => {
      if (this.#heard == null) return
      this.#heard = undefined
      const { exchange, topic } = this.#init
      await this.#pubsub?.publish(topic, encodeAnnouncement(await exchange.own.farewell()))
    })
  }

  speak (): void {
    this.#isSilent = false
  }

  /** Says where we are, if that is not what was heard last. What nobody got will be said again. */
  async tell (): Promise<void> {
    await this.#turns.take(async () => {
      const { exchange, topic } = this.#init
      const audience = this.#isSilent ? undefined : this.#audience()
      const record = audience === undefined ? undefined : await exchange.own.for(audience)
      const session = this.#session
      if (record == null || record === this.#heard || this.#pubsub == null || this.#isSilent) return
      this.#refreshLater()
      const { recipients } = await this.#pubsub.publish(topic, encodeAnnouncement(record))
      if (recipients === 0 || this.#session !== session) return
      this.#heard = record
      this.#times++
    })
  }

  /** Neighbours to whom the topic said all that they may be told of us. */
  async heardBy (): Promise<PeerId[]> {
    const { exchange } = this.#init
    const heard: PeerId[] = []
    for (const { peer, remoteAddr } of this.#subscribed()) {
      if (this.#heard != null && await exchange.own.for(reporterScope({ remoteAddr })) === this.#heard) heard.push(peer)
    }
    return heard
  }

  /** Whoever of those that hear us first is farthest away: what he may not be told nobody is told here. */
  #audience (): ReporterScope | undefined {
    const scopes = this.#subscribed().map(({ remoteAddr }) => reporterScope({ remoteAddr }))
    const isOnSite = (scope: ReporterScope): boolean => scope === 'loopback' || scope === 'private' || scope === 'link-local'
    return scopes.find(scope => !isOnSite(scope)) ?? scopes.find(scope => scope !== 'loopback') ?? scopes[0]
  }

  #subscribed (): HostConnection[] {
    const { host, topic } = this.#init
    const subscribers = new Set(this.#pubsub?.peers(topic).map(String))
    return host.connections().filter(({ peer }) => subscribers.has(peer.toString()))
  }

  #tellSoon (ms: number): void {
    this.#soon?.cancel()
    this.#soon = this.#init.clock.setTimeout(() => { void this.#tellOrRetry() }, ms)
  }

  /** By a timer of its own, so that nothing that comes in between puts it off. */
  #refreshLater (): void {
    const { clock, rng, refresh, exchange } = this.#init
    this.#later?.cancel()
    this.#later = clock.setTimeout(() => {
      // The same in a new record: an old one is no news to anybody.
      exchange.own.renew()
      void this.#tellOrRetry()
    }, jitter(rng, Math.min(refresh, ANNOUNCE_AGAIN[this.#times] ?? refresh), REFRESH_JITTER))
  }

  async #tellOrRetry (): Promise<void> {
    const session = this.#session
    try {
      await this.tell()
      this.#recover()
    } catch (error) {
      if (session == null || session !== this.#session || this.#isSilent) return
      this.#recover()
      this.#recover = session.degrade(toError(error))
      this.#tellSoon(jitter(this.#init.rng, PUBLISH_RETRY, REFRESH_JITTER))
    }
  }

  /** To those that came meanwhile too. */
  async #bringSoon (signal: AbortSignal): Promise<void> {
    const { clock, rng, exchange } = this.#init
    // They ask us, most likely; then they have our record.
    await clock.sleep(jitter(rng, BRING_AFTER, REFRESH_JITTER), { signal })
    const peers = [...this.#newcomers.values()]
    this.#newcomers.clear()
    await Promise.allSettled(peers.map(async peer => await exchange.bring(peer, { signal })))
  }
}
