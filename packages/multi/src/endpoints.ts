/**
 * Whose addresses are they? An endpoint is an address that somebody reports without a peer: it is dialled, and whoever
 * authenticates there is the one. The dial is hearsay's, with its limits, unless the user wrote the address down.
 *
 * Each address is dialled once for all who report it, and not again before what it told runs out; where nobody was, not
 * before a wait that doubles. What waits is taken group by group, so that who reports most waits longest.
 */
import {
  addressScope, clampTtl, endpointOf, LimitExceededError, limits, mayReport, reporterScope, setLatest, toError, type Clock, type Endpoint, type Host, type HostConnection,
  type Logger
} from '@peerweave/interface'
import { ENDPOINT_WAIT } from './constants.ts'
import type { Dialler } from './dial-peer.ts'
import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'

export interface EndpointsInit {
  host: Host
  clock: Clock
  log: Logger
  dialler: Dialler
  /** Whether a connection that was opened to ask may stay. @default no: it is closed */
  wants?: ((connection: HostConnection) => boolean) | undefined
}

/** Who is there, for the source that reported the address to say. */
export interface Identity {
  peerId: PeerId
  multiaddr: Multiaddr
  /** ms, as the endpoint's. */
  ttl: number
}

/**
 * - `address-scope`: not to be believed of this reporter
 * - `own-address`: it is ours
 * - `queue-full`: too many wait, most of them of the same group
 * - `not-there`: nobody who authenticates
 * - `lately`: nobody was, or we were told to wait, a short time ago
 * - `denied`: somebody with whom we have nothing to do
 * - `stopped`
 */
export type Unidentified = 'address-scope' | 'own-address' | 'queue-full' | 'not-there' | 'lately' | 'denied' | 'stopped'

export type Identification = Identity | { readonly refused: Unidentified }

/** What a dial of an address told. */
type Found = { readonly peerId: PeerId } | { readonly refused: Unidentified }

interface Known {
  /** Nobody, where there is none. */
  readonly peerId: PeerId | undefined
  readonly failures: number
  /** Not to be dialled before, by the clock's `now`. */
  readonly until: number
}

interface Waiting {
  readonly key: string
  readonly endpoint: Endpoint
  readonly resolve: (found: Found) => void
}

export class Endpoints {
  readonly #init: EndpointsInit
  /** By whose word, and address. BOUNDED by `limits.endpoints`. */
  readonly #known = new Map<string, Known>()
  /** By the same: who asks meanwhile joins. BOUNDED by `limits.endpointQueue` and `limits.endpointDials`. */
  readonly #asked = new Map<string, Promise<Found>>()
  /** By group, the next in turn first. BOUNDED by `limits.endpointQueue` in all. */
  readonly #queue = new Map<string, Waiting[]>()
  #dialling = 0
  #session: AbortController | undefined

  constructor (init: EndpointsInit) {
    this.#init = init
  }

  start (): void {
    this.#session ??= new AbortController()
  }

  /** Ends the dials under way; who waits is told. */
  stop (): void {
    this.#session?.abort(new Error('identifying was stopped'))
    this.#session = undefined
    for (const { resolve } of [...this.#queue.values()].flat()) resolve({ refused: 'stopped' })
    this.#queue.clear()
    this.#asked.clear()
    this.#known.clear()
  }

  /**
   * Never rejects.
   *
   * @param group - the quota group of whoever reports it
   */
  async identify (endpoint: Endpoint, group: string): Promise<Identification> {
    const { multiaddr, ttl, reporter } = endpoint
    const { host, clock } = this.#init
    if (this.#session == null) return { refused: 'stopped' }
    if (!mayReport(reporterScope(reporter), addressScope(multiaddr))) return { refused: 'address-scope' }
    const address = endpointOf(multiaddr)
    // What a name may lead to depends on whose word it is, so each word has its own answer.
    const key = `${reporterScope(reporter)} ${address}`
    if (host.addresses().some(own => endpointOf(own) === address)) return { refused: 'own-address' }
    const known = this.#known.get(key)
    if (known != null && known.until > clock.now()) {
      // Said again: whoever was there then, and not longer ago than that stands, is said to be there still.
      return known.peerId == null ? { refused: 'lately' } : { peerId: known.peerId, multiaddr, ttl }
    }
    const found = await (this.#asked.get(key) ?? this.#ask(key, endpoint, group))
    return 'refused' in found ? found : { peerId: found.peerId, multiaddr, ttl }
  }

  #ask (key: string, endpoint: Endpoint, group: string): Promise<Found> {
    const { promise, resolve } = Promise.withResolvers<Found>()
    this.#asked.set(key, promise)
    const queue = this.#queue.get(group) ?? []
    queue.push({ key, endpoint, resolve })
    this.#queue.set(group, queue)
    this.#bound()
    this.#next()
    return promise
  }

  /** Of the group with most, the one that came last. */
  #bound (): void {
    let [all, most]: [number, Waiting[]] = [0, []]
    for (const queue of this.#queue.values()) {
      all += queue.length
      if (queue.length > most.length) most = queue
    }
    if (all > limits.endpointQueue) this.#end(most.pop(), { refused: 'queue-full' })
  }

  #end (waiting: Waiting | undefined, found: Found): void {
    if (waiting == null) return
    this.#asked.delete(waiting.key)
    waiting.resolve(found)
  }

  #next (): void {
    const session = this.#session
    while (session != null && this.#dialling < limits.endpointDials) {
      const [turn] = this.#queue
      if (turn == null) return
      const [group, queue] = turn
      const waiting = queue.shift()
      // To the end, behind the other groups.
      this.#queue.delete(group)
      if (queue.length > 0) this.#queue.set(group, queue)
      if (waiting != null) void this.#dial(waiting, session)
    }
  }

  async #dial (waiting: Waiting, session: AbortController): Promise<void> {
    this.#dialling++
    let found: Found = { refused: 'stopped' }
    try {
      found = await this.#whoIsAt(waiting, session.signal)
    } catch (error) {
      this.#init.log.error('identifying %a failed - %e', waiting.endpoint.multiaddr, toError(error))
    } finally {
      this.#dialling--
      if (this.#session === session) this.#end(waiting, found)
      else waiting.resolve({ refused: 'stopped' })
      this.#next()
    }
  }

  async #whoIsAt ({ key, endpoint }: Waiting, signal: AbortSignal): Promise<Found> {
    const { host, dialler, log } = this.#init
    const { multiaddr, ttl, reporter } = endpoint
    const before = host.connections()
    const open = before.find(({ direction, remoteAddr }) => direction === 'outbound' && endpointOf(remoteAddr) === endpointOf(multiaddr))
    let connection = open
    try {
      connection ??= await dialler.open([multiaddr], {
        signal, reporter: reporterScope(reporter), isHearsay: reporterScope(reporter) !== 'configured'
      })
    } catch (error) {
      if (signal.aborted) return { refused: 'stopped' }
      // Not dialled is no failure.
      const isPostponed = error instanceof LimitExceededError
      this.#remember(key, undefined, isPostponed ? error.retryAfter ?? ENDPOINT_WAIT.base : undefined)
      log('nobody is identified at %a - %e', multiaddr, toError(error))
      return { refused: isPostponed ? 'lately' : 'not-there' }
    }
    if (signal.aborted) return { refused: 'stopped' }
    const { peer } = connection
    this.#remember(key, peer, clampTtl(ttl))
    const isOurs = open == null && before.every(other => !other.peer.equals(peer))
    if (isOurs && this.#init.wants?.(connection) !== true) {
      await dialler.close(peer, 'it was only asked who it is')
    }
    return dialler.mayDial(peer) ? { peerId: peer } : { refused: 'denied' }
  }

  /** @param ms - for how long; left out, as long as the failures say */
  #remember (key: string, peerId: PeerId | undefined, ms: number | undefined): void {
    const { clock } = this.#init
    const failures = peerId != null ? 0 : (this.#known.get(key)?.failures ?? 0) + (ms == null ? 1 : 0)
    const wait = Math.min(ENDPOINT_WAIT.cap, ENDPOINT_WAIT.base * 2 ** Math.min(30, failures - 1))
    setLatest(this.#known, key, { peerId, failures, until: clock.now() + (ms ?? wait) }, limits.endpoints)
  }
}
