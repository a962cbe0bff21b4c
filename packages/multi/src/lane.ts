/**
 * One mechanism under supervision. Whatever it does (hang, throw, flood), it does to its own lane: its life cycle is a
 * chain of its own, its rounds end by a deadline, its news wait in a bounded queue, its failures open its own breaker.
 */
import {
  backoff, jitter, limits, nextTurn, NotStartedError, PeerweaveError, settledOrAborted, show, TimeoutError, toError, untilAborted
} from '@peerweave/interface'
import { INTERVAL_JITTER, ROUND_BACKOFF } from './constants.ts'
import { originOf, type Origin } from './origin.ts'
import type {
  Capabilities, Clock, DiscoverOptions, DiscoveryMechanism, DiscoveryType, LifecycleHook, Logger, MechanismStatus, Rng, Sighting
} from '@peerweave/interface'

export interface LaneInit {
  clock: Clock
  rng: Rng
  log: Logger
  /** ms between rounds; `Infinity`: only when asked */
  interval: number
  maxPeersPerRound: number
  /** Takes a sighting into the view and gives it back with its origin; `undefined` when it was refused. Never rejects. */
  take: (sighting: Sighting, origin: Origin) => Promise<Sighting | undefined>
  /** Something was taken that nobody had asked for. */
  onNews: (sighting: Sighting) => void
  onQueueFull: (lane: Lane) => void
  onStatus: (lane: Lane) => void
}

/** A mechanism's own status, and what its lane thinks of it. */
export interface LaneStatus extends MechanismStatus {
  /** Rounds that threw, or timed out with nothing, one after the other. */
  failuresInRow: number
  /** Whether it is left alone for now because it failed too often. */
  isBroken: boolean
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
  /** BOUNDED by `limits.sightingQueue`; at the bound the oldest goes. */
  readonly #queue: Sighting[] = []
  #isDraining = false
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
  }

  status (): LaneStatus {
    let own: MechanismStatus = { state: 'degraded', sightings: 0, rounds: 0, failures: 0, dropped: {} }
    let lastError = this.#lastError
    try {
      const said: unknown = this.mechanism.status()
      if (typeof said !== 'object' || said === null) throw new TypeError(`status() gave ${show(said)}`)
      own = { ...own, ...said }
    } catch (error) {
      lastError = toError(error)
    }
    return { ...own, lastError: lastError ?? own.lastError, failuresInRow: this.#failuresInRow, isBroken: this.#isBroken }
  }

  get isStarted (): boolean {
    return this.#isStarted
  }

  /** Calls a life cycle hook after the one before it has settled. Never rejects; a failure shows in the status. */
  async hook (hook: LifecycleHook): Promise<void> {
    const step = this.#chain.then(async () => {
      if (hook === 'stop') this.#isStarted = false
      await this.mechanism[hook]?.()
      if (hook === 'start') this.#isStarted = true
    })
    this.#chain = step.catch(error => this.#note(error, hook))
    await this.#chain
  }

  /** Listens to the mechanism's news and asks it at its interval, from when it has started until `close`. */
  open (): void {
    if (this.#session != null) return
    const session = new AbortController()
    this.#session = session
    const { signal } = session
    try {
      this.mechanism.addEventListener('sighting', event => this.#enqueue(event.detail), { signal })
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
    this.#queue.length = 0
  }

  /**
   * One round: yields what was taken into the view. Ends at its deadline with what it has.
   *
   * @throws what the mechanism threw, also when it started; TimeoutError when the deadline came before anything else did
   */
  async * round ({ limit = this.#init.maxPeersPerRound, namespace, signal }: DiscoverOptions = {}): AsyncGenerator<Sighting> {
    const session = this.#session?.signal
    if (session == null || limit <= 0) return
    using deadline = this.#init.clock.deadline(limits.roundDeadline, session, signal)
    let seen = 0
    try {
      await settledOrAborted(this.#chain, deadline.signal)
      if (!this.#isStarted && !deadline.signal.aborted) throw this.#lastError ?? new NotStartedError(`${this.name} did not start`)
      const most = Math.min(limit, this.#init.maxPeersPerRound)
      if (this.#isStarted) {
        const source = this.mechanism.discoverPeers({ limit: most, namespace, signal: deadline.signal })
        for await (const sighting of untilAborted(source, deadline.signal)) {
          const taken = await this.#take(sighting)
          if (taken != null) yield taken
          if (++seen >= most) break
        }
      }
      if (seen === 0 && deadline.signal.reason instanceof TimeoutError) throw deadline.signal.reason
      this.#failuresInRow = 0
      this.#retryAfter = 0
      this.#lastError = undefined
    } catch (error) {
      if (session.aborted || signal?.aborted === true) return
      this.#failuresInRow++
      this.#retryAfter = error instanceof PeerweaveError ? error.retryAfter ?? 0 : 0
      this.#note(error, 'a round')
      throw error
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
        : this.#failuresInRow > 0 ? backoff(rng, this.#failuresInRow, ROUND_BACKOFF) : jitter(rng, interval, INTERVAL_JITTER)
      await clock.sleep(Math.max(wait, Math.min(this.#retryAfter, interval)), { signal })
    }
  }

  #enqueue (sighting: Sighting): void {
    if (this.#queue.push(sighting) > limits.sightingQueue) {
      this.#queue.shift()
      this.#init.onQueueFull(this)
    }
    if (!this.#isDraining) void this.#drain()
  }

  /** Takes the queue in slices, giving way to everything else between them. */
  async #drain (): Promise<void> {
    this.#isDraining = true
    while (this.#queue.length > 0) {
      for (const sighting of this.#queue.splice(0, limits.sightingsPerTurn)) {
        const taken = await this.#take(sighting)
        if (taken != null) this.#init.onNews(taken)
      }
      await nextTurn()
    }
    this.#isDraining = false
  }

  async #take (sighting: Sighting): Promise<Sighting | undefined> {
    if (this.#session == null) return undefined
    const origin = originOf(sighting)
    return this.#init.take(sighting, origin == null
      ? { path: this.name, type: this.#type }
      : { path: `${this.name}/${origin.path}`, type: origin.type })
  }

  /** Keeps what went wrong for the status, and logs it once per cause. */
  #note (thrown: unknown, where: string): void {
    const error = toError(thrown)
    if (error.message !== this.#lastError?.message) this.#init.log.error('%s failed in %s - %e', this.name, where, error)
    this.#lastError = error
    this.#init.onStatus(this)
  }
}
