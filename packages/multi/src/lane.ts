/**
 * One mechanism under supervision. Whatever it does (hang, throw, flood), it does to its own lane: its life cycle is a
 * chain of its own, its rounds end by a deadline, its news wait in a bounded queue, its failures open its own breaker.
 */
import { backoff, jitter, limits, nextTurn, NotStartedError, settledOrAborted, TimeoutError, toError, untilAborted } from '@peerweave/interface'
import { INTERVAL_JITTER, ROUND_BACKOFF } from './constants.ts'
import { originOf, type Origin } from './origin.ts'
import type { Clock, DiscoverOptions, DiscoveryMechanism, LifecycleHook, MechanismStatus, Rng, Sighting } from '@peerweave/interface'

export interface LaneInit {
  clock: Clock
  rng: Rng
  /** ms between rounds; `Infinity`: only when asked */
  interval: number
  maxPeersPerRound: number
  /** Takes a sighting into the view and gives it back with its origin; `undefined` when it was refused as a whole. */
  take: (sighting: Sighting, origin: Origin) => Promise<Sighting | undefined>
  /** Something was taken that nobody had asked for. */
  onNews: (sighting: Sighting) => void
  onQueueFull: (lane: Lane) => void
  onStatus: (lane: Lane) => void
}

/** A mechanism's own status, and what its lane thinks of it. */
export interface LaneStatus extends MechanismStatus {
  /** Rounds that failed, timed out with nothing, or threw, one after the other. */
  failuresInRow: number
  /** Whether it is left alone for now because it failed too often. */
  isBroken: boolean
}

export class Lane {
  readonly name: string
  readonly mechanism: DiscoveryMechanism
  readonly #init: LaneInit
  #chain: Promise<void> = Promise.resolve()
  #session: AbortController | undefined
  /** BOUNDED by `limits.sightingQueue`; at the bound the oldest goes. */
  readonly #queue: Sighting[] = []
  #isDraining = false
  #failuresInRow = 0
  #lastError: Error | undefined

  constructor (mechanism: DiscoveryMechanism, init: LaneInit) {
    this.mechanism = mechanism
    this.name = mechanism.name
    this.#init = init
  }

  status (): LaneStatus {
    let own: MechanismStatus
    try {
      own = this.mechanism.status()
    } catch (error) {
      own = { state: 'degraded', sightings: 0, rounds: 0, failures: 0, lastError: toError(error), dropped: {} }
    }
    return { ...own, lastError: this.#lastError ?? own.lastError, failuresInRow: this.#failuresInRow, isBroken: this.#isBroken }
  }

  /** Calls a life cycle hook after the one before it has settled. Never rejects; a failure shows in the status. */
  async hook (hook: LifecycleHook): Promise<void> {
    const step = this.#chain.then(async () => this.mechanism[hook]?.())
    this.#chain = step.catch(error => this.#failed(error))
    await this.#chain
  }

  /** Listens to the mechanism's news and asks it at its interval, from when it has started until `close`. */
  open (): void {
    if (this.#session != null) return
    const session = new AbortController()
    this.#session = session
    const { signal } = session
    this.mechanism.addEventListener('sighting', event => this.#enqueue(event.detail), { signal })
    this.mechanism.addEventListener('status', () => this.#init.onStatus(this), { signal })
    // Rounds begin when the mechanism has started, however long that takes; the others do not wait for it.
    void this.#chain.then(() => this.#askAtInterval(signal)).catch(() => {})
  }

  close (): void {
    this.#session?.abort(new NotStartedError(`${this.name} was stopped`))
    this.#session = undefined
    this.#queue.length = 0
  }

  /**
   * One round: yields what was taken into the view. Ends at its deadline with what it has.
   *
   * @throws what the mechanism threw; TimeoutError when the deadline came before anything else did
   */
  async * round ({ limit = this.#init.maxPeersPerRound, namespace, signal }: DiscoverOptions = {}): AsyncGenerator<Sighting> {
    const session = this.#session?.signal
    if (session == null || limit <= 0) return
    const { clock } = this.#init
    using deadline = clock.deadline(limits.roundDeadline, session, signal)
    let seen = 0
    try {
      await settledOrAborted(this.#chain, deadline.signal)
      const most = Math.min(limit, this.#init.maxPeersPerRound)
      const source = this.mechanism.discoverPeers({ limit: most, namespace, signal: deadline.signal })
      for await (const sighting of untilAborted(source, deadline.signal)) {
        const taken = await this.#take(sighting)
        if (taken != null) yield taken
        if (++seen >= most) break
      }
      if (seen === 0 && deadline.signal.reason instanceof TimeoutError) throw deadline.signal.reason
      this.#failuresInRow = 0
    } catch (error) {
      if (session.aborted || signal?.aborted === true) return
      this.#failed(error)
      throw error
    }
  }

  get #isBroken (): boolean {
    return this.#failuresInRow >= limits.breakerFailures
  }

  async #askAtInterval (signal: AbortSignal): Promise<void> {
    const { clock, rng, interval } = this.#init
    while (!signal.aborted && interval !== Infinity) {
      try {
        for await (const sighting of this.round()) this.#init.onNews(sighting)
      } catch { /* counted by round */ }
      const wait = this.#isBroken
        ? limits.breakerPause
        : this.#failuresInRow > 0 ? backoff(rng, this.#failuresInRow, ROUND_BACKOFF) : jitter(rng, interval, INTERVAL_JITTER)
      await clock.sleep(wait, { signal })
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
    try {
      while (this.#queue.length > 0) {
        for (const sighting of this.#queue.splice(0, limits.sightingsPerTurn)) {
          const taken = await this.#take(sighting)
          if (taken != null) this.#init.onNews(taken)
        }
        await nextTurn()
      }
    } finally {
      this.#isDraining = false
    }
  }

  async #take (sighting: Sighting): Promise<Sighting | undefined> {
    if (this.#session == null) return undefined
    const origin = originOf(sighting)
    return this.#init.take(sighting, origin == null
      ? { path: this.name, type: this.mechanism.type }
      : { path: `${this.name}/${origin.path}`, type: origin.type })
  }

  #failed (error: unknown): void {
    this.#failuresInRow++
    this.#lastError = toError(error)
    this.#init.onStatus(this)
  }
}
