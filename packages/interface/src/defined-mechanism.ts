/** What `defineMechanism` makes: the life cycle around an author's spec. */
import { contentRoutingSymbol, peerRoutingSymbol } from '@libp2p/interface'
import { TypedEventEmitter } from 'main-event'
import { systemClock, type Clock } from './clock.ts'
import { NotStartedError, throwIfAborted, toError } from './errors.ts'
import { limits } from './limits.ts'
import { Turns } from './turns.ts'
import { raceSignal, settledOrAborted, untilAborted } from './waiting.ts'
import type { PeerId } from '@libp2p/interface'
import type {
  Capabilities, DiscoverOptions, DiscoveryMechanism, DiscoveryType, FindPeerOptions, MechanismEvents, MechanismStatus, Sighting
} from './discovery.ts'
import type { MechanismSpec, Round } from './mechanism-spec.ts'

interface RunningSession {
  controller: AbortController
  /** Opening, announcing, background tasks and generators on their way out: `stop` waits for them. */
  work: Set<Promise<unknown>>
  /** What does not work: each until it does again, a failed background task for good. */
  faults: Set<object>
  saidGoodbye: boolean
}

export class DefinedMechanism extends TypedEventEmitter<MechanismEvents> implements DiscoveryMechanism {
  readonly name: string
  readonly type: DiscoveryType
  readonly capabilities: Capabilities
  readonly findPeer?: DiscoveryMechanism['findPeer']
  readonly announceSelf?: DiscoveryMechanism['announceSelf']
  readonly withdrawSelf?: DiscoveryMechanism['withdrawSelf']
  readonly #self: PeerId
  readonly #spec: MechanismSpec
  readonly #clock: Clock
  #state: MechanismStatus['state'] = 'stopped'
  #session: RunningSession | undefined
  readonly #turns = new Turns()
  /** Calls of stop: a start that waited for its turn while one came is not wanted any more. */
  #stops = 0
  #sightings = 0
  #rounds = 0
  #failures = 0
  #lastError: Error | undefined

  constructor (self: PeerId, spec: MechanismSpec) {
    super()
    this.#self = self
    this.#spec = spec
    this.#clock = spec.clock ?? systemClock()
    this.name = spec.name
    this.type = spec.type
    const { findPeer, announceSelf, withdrawSelf } = spec
    if (findPeer != null) {
      this.findPeer = (id, options = {}) => this.#ask(round => findPeer(id, round), options)
    }
    if (announceSelf != null) {
      this.announceSelf = async (record, options = {}) => {
        const session = this.#sessionOrThrow('announceSelf')
        throwIfAborted(options.signal)
        using until = this.#clock.deadline(Infinity, session.controller.signal, options.signal)
        return await this.#hold(session, announceSelf(record, { ...options, signal: until.signal }))
      }
    }
    if (withdrawSelf != null) {
      this.withdrawSelf = async (options = {}) => {
        if (this.#session != null) await withdrawSelf(options)
      }
    }
    // Properties of the instance: an exported class cannot declare a member under another package's symbol (TS9038).
    const { peerRouting, contentRouting } = spec
    if (peerRouting != null) Object.defineProperty(this, peerRoutingSymbol, { value: peerRouting })
    if (contentRouting != null) Object.defineProperty(this, contentRoutingSymbol, { value: contentRouting })
    this.capabilities = Object.freeze({
      announce: announceSelf != null,
      peerRouting: findPeer != null || peerRouting != null,
      contentRouting: contentRouting != null,
      passive: spec.passive === true
    })
  }

  get [Symbol.toStringTag] (): string {
    return `@peerweave/${this.name}`
  }

  discoverPeers (options: DiscoverOptions = {}): AsyncIterable<Sighting> {
    return this.#ask(round => this.#spec.round(round), options)
  }

  status (): MechanismStatus {
    return {
      state: this.#state,
      sightings: this.#sightings,
      rounds: this.#rounds,
      failures: this.#failures,
      lastError: this.#lastError,
      dropped: Object.freeze({ ...this.#spec.dropped })
    }
  }

  async start (): Promise<void> {
    const stops = this.#stops
    await this.#turns.take(async () => {
      if (this.#session != null || this.#stops !== stops) return
      const session: RunningSession = { controller: new AbortController(), work: new Set(), faults: new Set(), saidGoodbye: false }
      this.#session = session
      this.#enter('starting')
      try {
        await this.#open(session)
        this.#enter(session.faults.size > 0 ? 'degraded' : 'running')
      } catch (error) {
        if (!session.controller.signal.aborted) this.#lastError = toError(error)
        // What made the start fail says more than what failed after it.
        await this.#close(session).catch(() => {})
        throw error
      }
    })
  }

  /** Rejects as soon as the session is stopped, also when the author's `open` does not look at its signal. */
  async #open (session: RunningSession): Promise<void> {
    const { signal } = session.controller
    const opening = Promise.resolve(this.#spec.open?.({
      signal,
      sight: sighting => {
        if (this.#session === session && this.#isReportable(sighting)) this.safeDispatchEvent<Sighting>('sighting', { detail: sighting })
      },
      degrade: error => this.#degrade(session, error),
      background: task => {
        if (!signal.aborted) this.#track(session, task(signal))
      }
    }))
    // Held, because what it takes late must be given back by `close`.
    await raceSignal(this.#hold(session, opening), signal).catch(error => { throw signal.aborted ? signal.reason : error })
  }

  async beforeStop (): Promise<void> {
    const session = this.#session
    if (session == null || session.saidGoodbye) return
    session.saidGoodbye = true
    await this.#spec.beforeClose?.()
  }

  async stop (): Promise<void> {
    this.#stops++
    // At once, not in turn: a start that waits for something must be told to give up.
    const starting = this.#state === 'starting' ? this.#session : undefined
    starting?.controller.abort(new NotStartedError(`${this.name} was stopped`))
    await this.#turns.take(async () => {
      const session = this.#session
      if (session == null) return
      this.#enter('stopping')
      using patience = this.#clock.deadline(limits.lifecycleDeadline)
      // libp2p has called it before, a plain user need not. A goodbye that fails or hangs does not keep us.
      await settledOrAborted(this.beforeStop().catch(error => { this.#lastError = toError(error) }), patience.signal)
      await this.#close(session)
    })
  }

  async #close (session: RunningSession): Promise<void> {
    session.controller.abort(new NotStartedError(`${this.name} was stopped`))
    this.#session = undefined
    try {
      // A well-behaved author's work ends with the signal; one that hangs must not take the node's stop with it.
      using deadline = this.#clock.deadline(limits.lifecycleDeadline)
      await settledOrAborted(Promise.allSettled(session.work), deadline.signal)
      await this.#spec.close?.()
    } finally {
      this.#enter('stopped')
    }
  }

  /** A round that ends when its signal fires, whatever the author's generator does. */
  async * #ask (run: (round: Round) => AsyncIterable<Sighting>, options: DiscoverOptions | FindPeerOptions): AsyncGenerator<Sighting> {
    const session = this.#sessionOrThrow('a round')
    throwIfAborted(options.signal)
    const { limit = limits.sightingsPerRound, namespace } = options as DiscoverOptions
    using deadline = this.#clock.deadline(this.#spec.roundDeadline ?? limits.roundDeadline, session.controller.signal, options.signal)
    const { signal } = deadline
    this.#rounds++
    if (limit <= 0) return
    let given = 0
    try {
      for await (const sighting of untilAborted(run({ signal, limit, namespace }), signal, left => this.#track(session, left))) {
        if (!this.#isReportable(sighting)) continue
        given++
        yield sighting
        if (given === limit) break
      }
    } catch (error) {
      if (!signal.aborted) {
        this.#failures++
        this.#lastError = toError(error)
        throw error
      }
    }
    throwIfAborted(options.signal)
  }

  /** Counts a sighting that may go out. */
  #isReportable (sighting: Sighting): boolean {
    if (sighting.kind !== 'endpoint' && sighting.peerId.equals(this.#self)) return false
    this.#sightings++
    return true
  }

  /** Makes `stop` wait for `work`, whatever becomes of it. */
  #hold<T> (session: RunningSession, work: Promise<T>): Promise<T> {
    const settled = work.then(() => {}, () => {}).finally(() => session.work.delete(settled))
    session.work.add(settled)
    return work
  }

  /** As `#hold`, for work whose failure nobody else hears of. */
  #track (session: RunningSession, work: Promise<unknown>): void {
    void this.#hold(session, work.catch(error => {
      this.#degrade(session, toError(error))
    }))
  }

  #degrade (session: RunningSession, error: Error): () => void {
    if (session.controller.signal.aborted) return () => {}
    const fault = {}
    session.faults.add(fault)
    this.#lastError = error
    if (this.#state === 'running') this.#enter('degraded')
    return () => {
      session.faults.delete(fault)
      if (this.#session === session && this.#state === 'degraded' && session.faults.size === 0) this.#enter('running')
    }
  }

  #sessionOrThrow (what: string): RunningSession {
    if (this.#session == null || this.#state === 'starting') {
      throw new NotStartedError(`${this.name}: ${what} before start()`)
    }
    return this.#session
  }

  #enter (state: MechanismStatus['state']): void {
    if (this.#state === state) return
    this.#state = state
    this.safeDispatchEvent<MechanismStatus>('status', { detail: this.status() })
  }
}
