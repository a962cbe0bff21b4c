/**
 * Asks neighbours for what we lack: a new one at once, and `fanout` of them by chance from time to time, more often while
 * that brings news.
 */
import { askPace, type Answered, type Exchange } from '@peerweave/exchange'
import { GossipError, raceSignal, shuffle, toError, type Claim, type Clock, type Host, type HostConnection, type Rng, type Session } from '@peerweave/interface'
import { ASKS_IN_A_ROW } from './constants.ts'
import type { PeerId } from '@libp2p/interface'

export interface PullerInit {
  host: Host
  exchange: Exchange
  fanout: number
  interval: number
  clock: Clock
  rng: Rng
}

/** To be asked before the others are. */
interface Due {
  readonly peer: PeerId
  /** It was asked so many times in a row. */
  readonly asks: number
}

const NOTHING: Answered = { claims: [], learnt: 0, hasMore: false, isEnough: false, wait: 0 }

export class Puller {
  readonly #init: PullerInit
  /** New, or has more for us. BOUNDED by the connections. */
  readonly #due = new Map<string, Due>()
  /** They do not speak the exchange, until they come anew or subscribe. BOUNDED as above. */
  readonly #mute = new Set<string>()
  /** Not to be asked before, by the clock's `now`. BOUNDED as above. */
  readonly #notBefore = new Map<string, number>()
  #wake: () => void = () => {}

  constructor (init: PullerInit) {
    this.#init = init
  }

  /** @param onClaims - what came of one question */
  open (session: Session, onClaims: (claims: readonly Claim[]) => void): void {
    const { host } = this.#init
    const { signal } = session
    host.events.addEventListener('connect', ({ detail: { peer, limited } }) => {
      // A further connection of the same peer is no news.
      if (!limited && this.#connections().filter(other => other.peer.equals(peer)).length <= 1) this.#add(peer)
    }, { signal })
    host.events.addEventListener('disconnect', ({ detail: peer }) => this.#forget(peer.toString()), { signal })
    for (const peer of this.#askable()) this.#due.set(peer.toString(), { peer, asks: 0 })
    session.background(async () => await this.#run(signal, onClaims))
  }

  close (): void {
    this.#due.clear()
    this.#mute.clear()
    this.#notBefore.clear()
  }

  /** Whoever takes part in gossip speaks the exchange: one that did not may have started it since. */
  onSubscribers (peers: readonly PeerId[]): void {
    for (const peer of peers) {
      if (this.#mute.has(peer.toString())) this.#add(peer)
    }
  }

  #connections (): HostConnection[] {
    return this.#init.host.connections().filter(({ limited }) => !limited)
  }

  /** Neighbours that may be asked now, in random order. */
  #askable (): PeerId[] {
    const peers = new Map(this.#connections().map(({ peer }) => [peer.toString(), peer]))
    return shuffle(this.#init.rng, peers.values()).filter(peer => !this.#mute.has(peer.toString()) && this.#mayAsk(peer))
  }

  /** It did not send us away, and nobody of our node has asked it just now. */
  #mayAsk (peer: PeerId): boolean {
    const { clock, exchange } = this.#init
    return (this.#notBefore.get(peer.toString()) ?? 0) <= clock.now() && !exchange.isAsked(peer)
  }

  /**
   * One question to each of `fanout` neighbours, as they answer.
   *
   * @throws GossipError when all of them failed, with each cause; one that does not speak the exchange did not fail
   */
  async * round (signal: AbortSignal): AsyncGenerator<Claim[]> {
    const asked = this.#askable().slice(0, this.#init.fanout)
    const errors: Error[] = []
    const left = new AbortController()
    using until = this.#init.clock.deadline(Infinity, signal, left.signal)
    const pending = new Map(asked.map(peer => [peer, this.ask(peer, until.signal).then(
      ({ claims }) => ({ peer, claims }),
      error => {
        errors.push(toError(error))
        return { peer, claims: [] }
      }
    )]))
    try {
      while (pending.size > 0) {
        const { peer, claims } = await Promise.race(pending.values())
        pending.delete(peer)
        yield claims
      }
    } finally {
      left.abort() // the reader may have gone before the others answered
    }
    if (errors.length > 0 && errors.length === asked.length) {
      throw new GossipError(`none of ${asked.length} neighbours answered`, { cause: new AggregateError(errors) })
    }
  }

  /** An empty answer of one that does not speak the exchange. */
  async ask (peer: PeerId, signal: AbortSignal): Promise<Answered> {
    const { exchange, clock, rng } = this.#init
    try {
      const answered = await exchange.ask(peer, { signal })
      // Spread, or all whom a busy peer sent away in one moment would come back in one.
      if (answered.wait > 0) this.#notBefore.set(peer.toString(), clock.now() + answered.wait * (1 + rng.float()))
      return answered
    } catch (error) {
      if (toError(error).name !== 'NotFoundError') throw error
      this.#mute.add(peer.toString())
      return NOTHING
    }
  }

  #add (peer: PeerId): void {
    this.#mute.delete(peer.toString())
    this.#due.set(peer.toString(), { peer, asks: 0 })
    this.#wake()
  }

  #forget (id: string): void {
    this.#due.delete(id)
    this.#mute.delete(id)
    this.#notBefore.delete(id)
  }

  async #run (signal: AbortSignal, onClaims: (claims: readonly Claim[]) => void): Promise<void> {
    const { clock, rng, fanout, interval } = this.#init
    const pace = askPace(rng, interval)
    try {
      for (;;) {
        const isUrgent = this.#due.size > 0
        const dues = isUrgent ? shuffle(rng, this.#due.values()) : this.#askable().map(peer => ({ peer, asks: 0 }))
        let learnt = 0
        let isEnough = false
        await Promise.all(dues.slice(0, fanout).map(async ({ peer, asks }) => {
          this.#due.delete(peer.toString())
          if (isUrgent && !this.#mayAsk(peer)) return // its turn comes again
          const answered = await this.ask(peer, signal).catch(error => {
            if (signal.aborted) throw error
            return NOTHING // its turn comes again
          })
          onClaims(answered.claims)
          learnt += answered.learnt
          isEnough ||= answered.isEnough
          // In a row only so often: one that makes peers up never runs out of them.
          if (answered.hasMore && !answered.isEnough && answered.learnt > 0 && asks + 1 < ASKS_IN_A_ROW) this.#due.set(peer.toString(), { peer, asks: asks + 1 })
        }))
        if (this.#due.size === 0) await this.#pause(clock, pace.next(learnt, isEnough), signal)
      }
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }

  /** Until the time is over or somebody came. */
  async #pause (clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = clock.setTimeout(resolve, ms)
    this.#wake = resolve
    try {
      await raceSignal(promise, signal)
    } finally {
      timer.cancel()
      this.#wake = () => {}
    }
  }
}
