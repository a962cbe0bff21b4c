/**
 * From questions to answers that can be used: follows CNAMEs, remembers what was answered and what was not there, asks
 * once for all who want to know the same, and gives out what has lapsed while nobody answers (RFC 8767).
 *
 * Time is the clock's monotonic one throughout: a wall clock that jumps changes nothing.
 */
import {
  abortError, backoff, DnsError, InvalidDnsRecordError, limits, LimitExceededError, raceSignal, show, throwIfAborted, toError,
  type Clock, type DropCounter, type Rng
} from '@peerweave/interface'
import { readStep, type Hint, type RecordOf, type Step } from './answer-step.ts'
import { Cache } from './cache.ts'
import { RETRY, STALE_FOR, STALE_TTL, STALE_WAIT } from './constants.ts'
import { askableName } from '../names.ts'
import type { Query, RecordType } from '../records.ts'

export interface ResolverInit {
  query: Query
  clock: Clock
  rng: Rng
  /** Counts `alias-loop`, `too-many-aliases` and `bad-name`. */
  drop: DropCounter
  /** @default new Cache() */
  cache?: Cache | undefined
}

export interface Resolution<Type extends RecordType = RecordType> {
  /** None: it is decidedly not there. */
  readonly records: ReadonlyArray<RecordOf<Type>>
  /** Addresses of the targets of SRV records that came with them, of the same domain only. */
  readonly hints: readonly Hint[]
  /** Until when all of this may be believed, monotonic ms. */
  readonly expiresAt: number
  /** Some of it has lapsed, and nobody could be asked; `status().failure` says why. */
  readonly isStale: boolean
  /** The name that was asked, and what it is another name of. */
  readonly chain: readonly string[]
}

export interface Resolver {
  /**
   * Asks at most `limits.dnsAliases + 1` questions.
   *
   * @throws DnsError when no server answers and nothing is remembered; with `retryAfter`, until which the same is not asked again
   * @throws InvalidDnsRecordError for a name that cannot be asked, or whose aliases loop or are too many
   */
  resolve: <Type extends RecordType>(name: string, type: Type, options?: { signal?: AbortSignal | undefined }) => Promise<Resolution<Type>>
  /** Ends every question under way; whoever waits for one gets an AbortError. What is remembered stays, and it can be used on. */
  close: () => void
  status: () => ResolverStatus
}

export interface ResolverStatus {
  /** Questions remembered. */
  readonly cached: number
  /** Questions under way. */
  readonly pending: number
  /** Of the last question that nobody answered, while none was answered since. */
  readonly failure?: Error | undefined
}

export function resolver (init: ResolverInit): Resolver {
  return new CachingResolver(init)
}

/** A question under way, for all who wait for it. */
interface Flight {
  readonly work: Promise<Step>
  readonly controller: AbortController
  waiting: number
  /** Somebody was given what has lapsed in the meantime: the answer is for the next one. */
  goesOn: boolean
}

interface Taken {
  readonly step: Step
  readonly isStale: boolean
}

class CachingResolver implements Resolver {
  readonly #query: Query
  readonly #clock: Clock
  readonly #rng: Rng
  readonly #drop: DropCounter
  readonly #cache: Cache
  /** By question. BOUNDED by who waits, and beyond them by the cache: only what is in it goes on unheard. */
  readonly #flights = new Map<string, Flight>()
  /** The last question failed; until its retry is due nobody waits for another where something is remembered. */
  #down: { readonly error: Error, readonly until: number } | undefined

  constructor ({ query, clock, rng, drop, cache = new Cache() }: ResolverInit) {
    this.#query = query
    this.#clock = clock
    this.#rng = rng
    this.#drop = drop
    this.#cache = cache
  }

  async resolve<Type extends RecordType> (
    asked: string, type: Type, { signal }: { signal?: AbortSignal | undefined } = {}
  ): Promise<Resolution<Type>> {
    throwIfAborted(signal)
    let name = this.#askable(asked)
    const chain = [name]
    let expiresAt = Infinity
    let isStale = false
    for (;;) {
      const { step, isStale: isStaleStep } = await this.#step(name, type, signal)
      isStale ||= isStaleStep
      expiresAt = Math.min(expiresAt, isStaleStep ? this.#clock.now() + STALE_TTL : step.expiresAt)
      for (const alias of step.aliases) {
        if (chain.includes(alias)) this.#refuse('alias-loop', `the aliases of ${show(asked)} lead back to ${show(alias)}`)
        chain.push(alias)
        if (chain.length > limits.dnsAliases + 1) this.#refuse('too-many-aliases', `${show(asked)} has more than ${limits.dnsAliases} aliases`)
      }
      if (!step.isOpen) {
        const records = step.records as ReadonlyArray<RecordOf<Type>> // an answer has only those of the type that was asked
        return { records, hints: step.hints, expiresAt, isStale, chain }
      }
      name = this.#askable(chain.at(-1) ?? name)
    }
  }

  close (): void {
    const flights = [...this.#flights.values()]
    this.#flights.clear()
    for (const { controller } of flights) controller.abort()
  }

  status (): ResolverStatus {
    return { cached: this.#cache.size, pending: this.#flights.size, failure: this.#down?.error }
  }

  #askable (name: string): string {
    try {
      return askableName(name)
    } catch (error) {
      this.#drop('bad-name')
      throw error
    }
  }

  #refuse (reason: string, message: string): never {
    this.#drop(reason)
    throw new InvalidDnsRecordError(message)
  }

  /** What is said about one name, with the aliases that the same answer follows. */
  async #step (name: string, type: RecordType, signal: AbortSignal | undefined): Promise<Taken> {
    const now = this.#clock.now()
    const key = keyOf(name, type)
    const missing = this.#cache.get(keyOf(name))?.step
    if (missing != null && missing.expiresAt > now) return { step: missing, isStale: false }
    const { step, failure } = this.#cache.get(key) ?? {}
    if (step != null && step.expiresAt > now) return { step, isStale: false }
    // That something was not there is given out as well: a service without texts would else be lost with the servers.
    const last = step ?? missing
    const stale = last != null && last.expiresAt + STALE_FOR > now ? { step: last, isStale: true } : undefined
    if (failure != null && failure.until > now) {
      if (stale != null) return stale
      throw new DnsError(failure.error.message, { cause: failure.error, retryAfter: failure.until - now })
    }
    return await this.#wait(key, name, type, stale, signal)
  }

  async #wait (key: string, name: string, type: RecordType, stale: Taken | undefined, signal: AbortSignal | undefined): Promise<Taken> {
    const flight = this.#flights.get(key) ?? this.#ask(key, name, type)
    if (stale != null && this.#down != null && this.#down.until > this.#clock.now()) {
      flight.goesOn = true
      return stale
    }
    flight.waiting++
    const patience = this.#clock.deadline(stale == null ? Infinity : STALE_WAIT, signal)
    try {
      return { step: await raceSignal(flight.work, patience.signal), isStale: false }
    } catch (error) {
      if (signal?.aborted === true) throw abortError(signal.reason)
      if (stale == null || flight.controller.signal.aborted) throw error
      flight.goesOn = true
      return stale
    } finally {
      patience.clear()
      flight.waiting--
      if (flight.waiting === 0 && !flight.goesOn) {
        if (this.#flights.get(key) === flight) this.#flights.delete(key)
        flight.controller.abort()
      }
    }
  }

  /** Asks, for whoever will wait. */
  #ask (key: string, name: string, type: RecordType): Flight {
    const controller = new AbortController()
    const { signal } = controller
    const work = (async () => {
      try {
        // RACED: a query that ignores its signal must not keep us in the air. In a function, so that one that throws
        // is no different from one that rejects.
        const answer = await raceSignal((async () => await this.#query(name, type, { signal }))(), signal)
        const step = readStep(answer, name, type, this.#clock.now())
        this.#keep(name, type, step)
        this.#down = undefined
        return step
      } catch (error) {
        if (signal.aborted) throw abortError(signal.reason)
        // Our own queue was full, or was closed under us: that says nothing of the servers.
        const isOurs = error instanceof LimitExceededError || toError(error).name === 'AbortError'
        throw isOurs ? error : this.#keepFailure(key, toError(error))
      } finally {
        if (this.#flights.get(key)?.controller === controller) this.#flights.delete(key)
      }
    })()
    work.catch(() => {}) // all who waited may be gone
    const flight = { work, controller, waiting: 0, goesOn: false }
    this.#flights.set(key, flight)
    return flight
  }

  #keep (name: string, type: RecordType, step: Step): void {
    if (step.isNameMissing) {
      // RFC 8767 §4: what is gone must not come back when the servers fail.
      for (const other of TYPES) this.#cache.delete(keyOf(name, other))
      this.#cache.set(keyOf(name), { step })
    } else {
      this.#cache.delete(keyOf(name))
      this.#cache.set(keyOf(name, type), { step })
    }
  }

  #keepFailure (key: string, error: Error): Error {
    const now = this.#clock.now()
    const { step, failure } = this.#cache.get(key) ?? {}
    const count = failure?.count ?? 0
    const until = now + backoff(this.#rng, count, RETRY)
    this.#cache.set(key, { step, failure: { error, until, count: count + 1 } })
    this.#down = { error, until }
    return new DnsError(error.message, { cause: error, retryAfter: until - now })
  }
}

const TYPES: readonly RecordType[] = ['A', 'AAAA', 'SRV', 'TXT', 'CNAME', 'SOA']

/** Without a type: of the name, whatever the type. */
function keyOf (name: string, type: RecordType | '' = ''): string {
  return `${type} ${name}`
}
