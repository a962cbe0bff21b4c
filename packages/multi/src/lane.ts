/**
 * One mechanism under supervision. Whatever it does (hang, throw, flood), it does to its own lane: its life cycle is a
 * chain of its own, its rounds end by a deadline, its news wait in a bounded queue, its failures open its own breaker.
 */
import {
  backoff, jitter, limits, NotStartedError, PeerweaveError, settledOrAborted, show, TimeoutError, toError, tokenBucket, untilAborted
} from '@peerweave/interface'
import { BLOCKED, INTERVAL_JITTER, ROUND_BACKOFF } from './constants.ts'
import { NewsQueue } from './news-queue.ts'
import { originOf, type Origin } from './origin.ts'
import { overlap } from './overlap.ts'
import { YieldBook } from './yield-book.ts'
import type {
  Capabilities, Clock, DiscoverOptions, DiscoveryMechanism, DiscoveryType, LifecycleHook, Logger, MechanismStatus, Rng, Sighting, TokenBucket
} from '@peerweave/interface'
import type { PeerId } from '@libp2p/interface'

/** A sighting that was taken into the view, with its origin; or one of which that shows later. */
export type TakenSighting = TakenNow | { later: Promise<TakenSighting | undefined> }

interface TakenNow {
  sighting: Sighting
  /** Nobody had told of this peer before. */
  isFresh: boolean
}

/** How a round ended. */
export interface RoundEnd {
  /** From its beginning, ms. */
  ms: number
  outcome: 'success' | 'failure'
}

export interface RoundOptions extends DiscoverOptions {
  /** Looks up this peer instead, where the mechanism can. */
  peer?: PeerId | undefined
}

export interface LaneInit {
  clock: Clock
  rng: Rng
  log: Logger
  /** ms between rounds; `Infinity`: only when asked */
  interval: number
  maxPeersPerRound: number
  /** Takes a sighting into the view; `undefined` when it was refused. Never rejects. */
  take: (sighting: Sighting, origin: Origin) => Promise<TakenSighting | undefined>
  /** Something was taken that nobody had asked for. */
  onNews: (sighting: Sighting) => void
  /** So much news had to make room for later news. */
  onDropped: (lane: Lane, count: number) => void
  onRound: (lane: Lane, end: RoundEnd) => void
  onStatus: (lane: Lane) => void
}

/** A mechanism's own status, and what its lane thinks of it. */
export interface LaneStatus extends MechanismStatus {
  /** Rounds that threw, or timed out with nothing, one after the other. */
  failuresInRow: number
  /** Whether it is left alone because it failed too often. */
  isBroken: boolean
  /** Neither asked nor listened to at present, because the user said so. */
  isPaused: boolean
  /** Peers that came into the view by it. */
  fresh: number
  /** The longest that one call into it held the event loop, ms, where that was too long; 0: it never did. */
  blocked: number
}

export class Lane {
  readonly name: string
  readonly mechanism: DiscoveryMechanism
  /** Read once: a getter of a stranger's is not asked in the middle of our own work. */
  readonly canAnnounce: boolean
  readonly #type: DiscoveryType
  readonly #init: LaneInit
  #chain: Promise<void> = Promise.resolve()
  #isStarted = false
  #session: AbortController | undefined
  /** Of all its sessions: who is paused and resumed gains nothing by it. */
  readonly #newsRate: TokenBucket
  readonly #book: YieldBook
  /** Ends the wait for the next round. */
  #hurry: (() => void) | undefined
  #isPaused = false
  #fresh = 0
  #blocked = 0
  #failuresInRow = 0
  #retryAfter = 0
  #lastError: Error | undefined

  constructor (mechanism: DiscoveryMechanism, init: LaneInit) {
    const { name, type, capabilities } = mechanism
    if (typeof name !== 'string' || typeof type !== 'string') throw new TypeError(`a mechanism has a name and a type, got ${show(name)} and ${show(type)}`)
    this.mechanism = mechanism
    this.name = name
    this.canAnnounce = Boolean((capabilities as Partial<Capabilities> | undefined)?.announce)
    this.#type = type
    this.#init = init
    this.#book = new YieldBook(type)
    this.#newsRate = tokenBucket(limits.sightingsPerSecond, limits.sightingQueue, init.clock.now())
  }

  /** Peers that a round is expected to bring, by what it costs. */
  get worth (): number {
    return this.#isBroken ? 0 : this.#book.worth
  }

  /** ms after which it takes longer than it usually does. */
  get hedge (): number {
    return this.#book.hedge
  }

  get isPaused (): boolean {
    return this.#isPaused
  }

  status (): LaneStatus {
    let own: MechanismStatus = { state: 'degraded', sightings: 0, rounds: 0, failures: 0, dropped: {} }
    let lastError = this.#lastError
    try {
      const said: unknown = this.#watched('status', () => this.mechanism.status())
      if (typeof said !== 'object' || said === null) throw new TypeError(`status() gave ${show(said)}`)
      own = { ...own, ...said }
    } catch (error) {
      lastError = toError(error)
    }
    return {
      ...own,
      lastError: lastError ?? own.lastError,
      failuresInRow: this.#failuresInRow,
      isBroken: this.#isBroken,
      isPaused: this.#isPaused,
      fresh: this.#fresh,
      blocked: this.#blocked
    }
  }

  get isStarted (): boolean {
    return this.#isStarted
  }

  /** Calls a life cycle hook after the one before it has settled. Never rejects; a failure shows in the status. */
  async hook (hook: LifecycleHook): Promise<void> {
    const step = this.#chain.then(async () => {
      if (hook === 'stop') this.#isStarted = false
      await this.#watched(hook, () => this.mechanism[hook]?.())
      if (hook === 'start') this.#isStarted = true
    })
    this.#chain = step.catch(error => this.#note(error, hook))
    await this.#chain
  }

  /** Listens to the mechanism's news and asks it at its interval, from when it has started until `close`. */
  open (): void {
    if (this.#session != null || this.#isPaused) return
    const session = new AbortController()
    this.#session = session
    const { signal } = session
    const news = this.#newsOf(signal)
    try {
      this.mechanism.addEventListener('sighting', event => news.add(event.detail), { signal })
      this.mechanism.addEventListener('status', () => this.#init.onStatus(this), { signal })
    } catch (error) {
      this.#note(error, 'addEventListener')
    }
    // Rounds begin when the mechanism has started, however long that takes; the others do not wait for it.
    void this.#chain.then(() => this.#askAtInterval(signal)).catch(() => {}) // ends by its signal
  }

  close (): void {
    this.#session?.abort(new NotStartedError(`${this.name} was stopped`))
    this.#session = undefined
  }

  /** The next round comes at once: we were away for longer than an interval. */
  askNow (): void {
    this.#hurry?.()
  }

  /** Neither asks nor listens any more, until it is resumed. The mechanism goes on by itself. */
  pause (): void {
    this.#isPaused = true
    this.close()
  }

  /** Whether it is to be opened again is for the caller to know. */
  resume (): void {
    this.#isPaused = false
  }

  /**
   * One round: yields what was taken into the view. Ends at its deadline with what it has.
   *
   * @throws what the mechanism threw, also when it started; TimeoutError when the deadline came before anything else did
   */
  async * round ({ limit = this.#init.maxPeersPerRound, peer, namespace, signal }: RoundOptions = {}): AsyncGenerator<Sighting> {
    const session = this.#session?.signal
    if (session == null || limit <= 0) return
    const { clock, onRound, maxPeersPerRound } = this.#init
    using deadline = clock.deadline(limits.roundDeadline, session, signal)
    const begun = clock.now()
    const gained = { fresh: 0, ms: 0, ttl: Infinity }
    const note = ({ sighting, isFresh }: TakenNow): Sighting => {
      if (isFresh) gained.fresh++
      gained.ms = clock.now() - begun
      return sighting
    }
    const later: Array<Promise<TakenNow | undefined>> = []
    let seen = 0
    try {
      await settledOrAborted(this.#chain, deadline.signal)
      if (!this.#isStarted && !deadline.signal.aborted) throw this.#lastError ?? new NotStartedError(`${this.name} did not start`)
      const most = Math.min(limit, maxPeersPerRound)
      if (this.#isStarted) {
        const source = untilAborted(this.#source({ limit: most, namespace, peer, signal: deadline.signal }), deadline.signal)
        const work = (sighting: Sighting): Promise<TakenSighting | undefined> => {
          seen++
          if (sighting?.kind === 'claim' && sighting.ttl < gained.ttl) gained.ttl = sighting.ttl
          return this.#take(sighting)
        }
        for await (const taken of overlap({ source, work, isSlow: isSigned, width: limits.sightingsAtOnce, most })) {
          if (taken != null && 'later' in taken) later.push(this.#taken(taken))
          else if (taken != null) yield note(taken)
        }
      }
      // In the order in which they show.
      for await (const taken of untilAborted(asSettled(later), deadline.signal)) if (taken != null) yield note(taken)
      if (seen === 0 && deadline.signal.reason instanceof TimeoutError) throw deadline.signal.reason
      this.#failuresInRow = 0
      this.#retryAfter = 0
      this.#lastError = undefined
      onRound(this, { ms: clock.now() - begun, outcome: 'success' })
      // A look-up says nothing of what a round would have brought.
      if (peer == null) this.#book.add(seen === 0 ? { ...gained, ms: clock.now() - begun } : gained)
    } catch (error) {
      if (session.aborted || signal?.aborted === true) return
      this.#failuresInRow++
      this.#retryAfter = error instanceof PeerweaveError ? error.retryAfter ?? 0 : 0
      onRound(this, { ms: clock.now() - begun, outcome: 'failure' })
      this.#note(error, 'a round')
      throw error
    }
  }

  #source ({ peer, ...options }: RoundOptions & { signal: AbortSignal }): AsyncIterable<Sighting> {
    const { mechanism } = this
    const source = this.#watched('discoverPeers', () => peer != null && mechanism.findPeer != null
      ? mechanism.findPeer(peer, { signal: options.signal })
      : mechanism.discoverPeers(options))
    const iterator = source[Symbol.asyncIterator]()
    return {
      [Symbol.asyncIterator]: () => ({
        next: () => this.#watched('discoverPeers', () => iterator.next()),
        return: async () => await iterator.return?.() ?? { done: true, value: undefined }
      })
    }
  }

  /** A call that holds the event loop holds all of us: whose it was is in the status. */
  #watched <T> (what: string, call: () => T): T {
    const { clock, log } = this.#init
    const begun = clock.now()
    try {
      return call()
    } finally {
      const ms = clock.now() - begun
      if (ms > BLOCKED && ms > this.#blocked) {
        this.#blocked = ms
        log('%s held the event loop for %d ms in %s', this.name, Math.round(ms), what)
      }
    }
  }

  get #isBroken (): boolean {
    return this.#failuresInRow >= limits.breakerFailures
  }

  async #askAtInterval (signal: AbortSignal): Promise<void> {
    const { clock, rng, interval } = this.#init
    for (let attempt = 1; !this.#isStarted && !signal.aborted; attempt++) {
      await clock.sleep(backoff(rng, attempt, ROUND_BACKOFF), { signal })
      for (const hook of ['beforeStart', 'start', 'afterStart'] as const) {
        if (!signal.aborted) await this.hook(hook)
      }
    }
    while (!signal.aborted && interval !== Infinity) {
      try {
        for await (const sighting of this.round()) this.#init.onNews(sighting)
      } catch { /* counted by round */ }
      const wait = this.#isBroken
        ? limits.breakerPause
        : this.#failuresInRow > 0 ? backoff(rng, this.#failuresInRow, ROUND_BACKOFF) : jitter(rng, this.#book.wait(interval), INTERVAL_JITTER)
      const { promise: hurried, resolve: hurry } = Promise.withResolvers<void>()
      this.#hurry = hurry
      using due = clock.deadline(Math.max(wait, Math.min(this.#retryAfter, interval)), signal)
      await settledOrAborted(hurried, due.signal)
    }
  }

  /** A queue of its own for each session: what waited in one is nothing to the next. */
  #newsOf (signal: AbortSignal): NewsQueue {
    const { clock, onNews, onDropped } = this.#init
    return new NewsQueue({
      clock,
      signal,
      rate: this.#newsRate,
      take: async sighting => {
        const taken = await this.#take(sighting)
        // What shows later holds nothing up.
        if (taken != null) void this.#taken(taken).then(shown => { if (shown != null) onNews(shown.sighting) })
      },
      onDropped: count => onDropped(this, count)
    })
  }

  async #take (sighting: Sighting): Promise<TakenSighting | undefined> {
    if (this.#session == null) return undefined
    const origin = originOf(sighting)
    const taken = await this.#init.take(sighting, origin == null
      ? { path: this.name, type: this.#type }
      : { path: `${this.name}/${origin.path}`, type: origin.type })
    if (taken != null && !('later' in taken) && taken.isFresh) this.#fresh++
    return taken
  }

  /** When it shows what became of it. */
  async #taken (taken: TakenSighting | undefined): Promise<TakenNow | undefined> {
    if (taken == null || !('later' in taken)) return taken
    const shown = await this.#taken(await taken.later)
    if (shown?.isFresh === true) this.#fresh++
    return shown
  }

  /** Keeps what went wrong for the status, and logs it once per cause. */
  #note (thrown: unknown, where: string): void {
    const error = toError(thrown)
    if (error.message !== this.#lastError?.message) this.#init.log.error('%s failed in %s - %e', this.name, where, error)
    this.#lastError = error
    this.#init.onStatus(this)
  }
}

/** Its signature is checked on another thread. */
function isSigned (sighting: Sighting | undefined): boolean {
  return sighting?.kind === 'claim' && sighting.signedPeerRecord != null
}

/** What promises resolve with, in the order in which they do. They never reject. */
async function * asSettled<T> (promises: ReadonlyArray<Promise<T>>): AsyncGenerator<T> {
  const waiting = new Map(promises.map((promise, i) => [i, promise.then(value => ({ i, value }))]))
  while (waiting.size > 0) {
    const { i, value } = await Promise.race(waiting.values())
    waiting.delete(i)
    yield value
  }
}
