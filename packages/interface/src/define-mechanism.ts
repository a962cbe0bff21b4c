/**
 * The life cycle that every mechanism owes (DESIGN §4), written once: an author says how to open, how to ask and how to
 * close, and gets start and stop in any order, rounds that end by their deadline, status, counters and the own id
 * filtered out.
 *
 * @example
 * ```ts
 * export const fileList = (path: string) => (context: MechanismContext) => defineMechanism(context, {
 *   name: 'file-list',
 *   type: 'file-list',
 *   async * round ({ signal }) {
 *     for (const peer of await readPeers(path, { signal })) {
 *       yield { kind: 'claim', peerId: peer.id, multiaddrs: peer.addresses, ttl: 600_000, reporter: { configured: true } }
 *     }
 *   }
 * })
 * ```
 */
import { TypedEventEmitter } from 'main-event'
import { systemClock, type Clock } from './clock.ts'
import { abortError, NotStartedError, throwIfAborted, toError } from './errors.ts'
import { limits } from './limits.ts'
import type { PeerId } from '@libp2p/interface'
import type {
  AnnounceOptions, Capabilities, DiscoverOptions, DiscoveryMechanism, DiscoveryType, FindPeerOptions, MechanismEvents, MechanismStatus, SelfRecord,
  Sighting
} from './discovery.ts'
import type { MechanismContext } from './mechanism-context.ts'

/** One start-to-stop span of a mechanism. */
export interface Session {
  /** Fires when the mechanism stops. */
  readonly signal: AbortSignal
  /** News that nobody asked for. After stop, and about ourselves, it is silently not news. */
  sight: (sighting: Sighting) => void
  /** Runs beside the rounds until done or stopped; `stop` waits for it. A rejection becomes the status' last error. */
  background: (task: (signal: AbortSignal) => Promise<void>) => void
}

export interface Round {
  readonly namespace?: string | undefined
  /** How many sightings are wanted at the most. */
  readonly limit: number
  /** Fires when the caller gives up, at the deadline, and on stop. */
  readonly signal: AbortSignal
}

/** Counts what was dropped, by reason. A reason is a fixed word of the mechanism, never remote text. */
export interface DropCounter {
  (reason: string): void
}

export interface MechanismSpec {
  name: string
  type: DiscoveryType
  /** Hears of peers unasked. @default false */
  passive?: boolean
  /** @default systemClock() */
  clock?: Clock | undefined
  /** One round's time, ms. @default limits.roundDeadline */
  roundDeadline?: number | undefined
  /** Takes sockets and listeners. On a throw everything is closed again and `start` rejects. */
  open?: (session: Session) => Promise<void> | void
  /** The last chance to say goodbye: connections and pubsub are still there. Runs before `close`. */
  beforeClose?: () => Promise<void> | void
  /** Gives everything back. Runs once per `open`, also after one that failed. */
  close?: () => Promise<void> | void
  round: (round: Round) => AsyncIterable<Sighting>
  findPeer?: (id: PeerId, round: Round) => AsyncIterable<Sighting>
  announceSelf?: (self: SelfRecord, options: AnnounceOptions) => Promise<{ ttl: number }>
  withdrawSelf?: (options: AnnounceOptions) => Promise<void>
  /** Shared counter of dropped input, shown in status. */
  dropped?: Record<string, number>
}

export function defineMechanism (context: Pick<MechanismContext, 'ports'>, spec: MechanismSpec): DiscoveryMechanism {
  return new DefinedMechanism(context.ports.host.self, spec)
}

/** A table of dropped input and the function that counts into it. */
export function dropCounter (): { dropped: Record<string, number>, drop: DropCounter } {
  const dropped: Record<string, number> = Object.create(null)
  return { dropped, drop: reason => { dropped[reason] = (dropped[reason] ?? 0) + 1 } }
}

interface RunningSession {
  controller: AbortController
  /** Background tasks and rounds under way: `stop` waits for them. */
  work: Set<Promise<unknown>>
}

class DefinedMechanism extends TypedEventEmitter<MechanismEvents> implements DiscoveryMechanism {
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
  /** Start and stop take turns, in the order called. */
  #turn: Promise<void> = Promise.resolve()
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
        this.#sessionOrThrow('announceSelf')
        throwIfAborted(options.signal)
        return announceSelf(record, options)
      }
    }
    if (withdrawSelf != null) {
      this.withdrawSelf = async (options = {}) => {
        if (this.#session != null) await withdrawSelf(options)
      }
    }
    this.capabilities = Object.freeze({
      announce: announceSelf != null,
      peerRouting: findPeer != null,
      contentRouting: false,
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
    await this.#inTurn(async () => {
      if (this.#session != null) return
      const session: RunningSession = { controller: new AbortController(), work: new Set() }
      this.#session = session
      this.#enter('starting')
      try {
        await this.#spec.open?.({
          signal: session.controller.signal,
          sight: sighting => {
            if (this.#session === session && this.#isReportable(sighting)) this.safeDispatchEvent<Sighting>('sighting', { detail: sighting })
          },
          background: task => { this.#track(session, task(session.controller.signal)) }
        })
        this.#enter('running')
      } catch (error) {
        this.#lastError = toError(error)
        await this.#close(session)
        throw error
      }
    })
  }

  async beforeStop (): Promise<void> {
    if (this.#session != null) await this.#spec.beforeClose?.()
  }

  async stop (): Promise<void> {
    // At once, not in turn: a start that waits for something must be told to give up.
    const starting = this.#state === 'starting' ? this.#session : undefined
    starting?.controller.abort(new NotStartedError(`${this.name} was stopped`))
    await this.#inTurn(async () => {
      if (this.#session == null) return
      this.#enter('stopping')
      await this.#close(this.#session)
    })
  }

  async #close (session: RunningSession): Promise<void> {
    session.controller.abort(new NotStartedError(`${this.name} was stopped`))
    this.#session = undefined
    try {
      // A well-behaved author's work ends with the signal; one that hangs must not take the node's stop with it.
      using deadline = this.#clock.deadline(limits.lifecycleDeadline)
      const late = new Promise<void>(resolve => { deadline.signal.addEventListener('abort', () => resolve(), { once: true }) })
      await Promise.race([Promise.allSettled(session.work), late])
      await this.#spec.close?.()
    } finally {
      this.#enter('stopped')
    }
  }

  /** A round whose every step ends when the signal fires, whatever the author's generator does. */
  async * #ask (run: (round: Round) => AsyncIterable<Sighting>, options: DiscoverOptions | FindPeerOptions): AsyncGenerator<Sighting> {
    const session = this.#sessionOrThrow('a round')
    throwIfAborted(options.signal)
    const { limit = limits.sightingsPerRound, namespace } = options as DiscoverOptions
    using deadline = this.#clock.deadline(this.#spec.roundDeadline ?? limits.roundDeadline, session.controller.signal, options.signal)
    const { signal } = deadline
    const ended = new Promise<IteratorReturnResult<void>>(resolve => {
      signal.addEventListener('abort', () => resolve({ done: true, value: undefined }), { once: true })
    })
    this.#rounds++
    let given = 0
    let iterator: AsyncIterator<Sighting> | undefined
    try {
      iterator = run({ signal, limit, namespace })[Symbol.asyncIterator]()
      while (given < limit) {
        const step = iterator.next()
        // Once the round has ended nobody awaits this step; its failure is then no news.
        step.catch(() => {})
        const { done, value } = await Promise.race([step, ended])
        if (done === true) break
        if (!this.#isReportable(value)) continue
        given++
        yield value
      }
    } catch (error) {
      if (!signal.aborted) {
        this.#failures++
        this.#lastError = toError(error)
        throw error
      }
    } finally {
      // Not awaited: a generator that hangs must not hold the caller. `stop` waits for it.
      const left = iterator?.return?.()
      if (left != null) this.#track(session, left)
    }
    if (options.signal?.aborted === true) throw abortError(options.signal.reason)
  }

  /** Counts a sighting that may go out. */
  #isReportable (sighting: Sighting): boolean {
    if (sighting.kind !== 'endpoint' && sighting.peerId.equals(this.#self)) return false
    this.#sightings++
    return true
  }

  #track (session: RunningSession, work: Promise<unknown>): void {
    const tracked = work.catch(error => {
      if (session.controller.signal.aborted) return
      this.#lastError = toError(error)
      this.#enter('degraded')
    }).finally(() => session.work.delete(tracked))
    session.work.add(tracked)
  }

  #sessionOrThrow (what: string): RunningSession {
    if (this.#session == null || this.#state === 'starting') {
      throw new NotStartedError(`${this.name}: ${what} before start()`)
    }
    return this.#session
  }

  async #inTurn (step: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(step)
    this.#turn = turn.catch(() => {})
    await turn
  }

  #enter (state: MechanismStatus['state']): void {
    if (this.#state === state) return
    this.#state = state
    this.safeDispatchEvent<MechanismStatus>('status', { detail: this.status() })
  }
}
