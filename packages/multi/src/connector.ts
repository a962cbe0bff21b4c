/**
 * The connection policy: so many connections of our own choice, kept up, and no more of anybody's than are wanted. libp2p
 * dials nobody by itself.
 *
 * - Whom: half of those that a dial of ours proved, half of those that we heard of, drawn by group and never by entry, not
 *   more than `maxPerGroup` of one network. What others dialled does not count: who comes to us chooses himself.
 * - Of two that find each other the one with the smaller id dials, and the other waits a moment: else each dial would find
 *   the other's under way, and both would hold two connections, or close one that the other counts on.
 * - Whoever does not answer, or ends the connection soon, is left alone for longer each time, and dials have a pace: a
 *   network that is gone makes no storm, and neither does one that comes back.
 * - *Feelers* learn whether peers that are only hearsay are there, so that the store has somebody to begin with.
 *
 * A dial that succeeds is counted by whoever follows the connections (`connections.ts`); one that fails here, unless there
 * is no connection at all: then the fault is ours.
 */
import {
  addressScope, backoff, jitter, limits, setLatest, toError, tokenBucket, type Clock, type Host, type HostConnection, type Logger, type PeerAddress, type PeerInfo,
  type PeerStore, type Rng, type Timer, type TokenBucket
} from '@peerweave/interface'
import { placeOf } from '@peerweave/peer-store'
import {
  DIALS_PER_SECOND, FEELER_JITTER, PEER_WAIT, REFILL_AFTER, REFILL_BACKOFF, REFILL_JITTER, STEADY, YIELD_TO_SMALLER
} from './constants.ts'
import type { ResolvedConnect } from './connect-options.ts'
import type { Dialler } from './dial-peer.ts'
import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'

export interface ConnectorInit {
  host: Host
  store: PeerStore
  clock: Clock
  rng: Rng
  log: Logger
  options: ResolvedConnect
  /** Made with `options.maxOutbound`; shared with everything else that dials. */
  dialler: Dialler
  /** Whom no limit closes. @default nobody */
  isProtected?: ((id: PeerId) => boolean) | undefined
}

interface Candidate {
  readonly peerId: PeerId
  readonly addresses: readonly PeerAddress[]
  readonly isHearsay: boolean
}

/** Somebody who is left alone for a while. */
interface Wait {
  readonly peerId: PeerId
  readonly failures: number
  /** By the clock's `now`. */
  readonly until: number
}

/** Drawn beside those wanted: some will turn out to be of a network that has enough, or without an address to dial. Chosen. */
const SPARE = 8
/** As above, where only addresses of some scopes are dialled. */
const SPARE_OF_SCOPE = 256

export class Connector {
  readonly #init: ConnectorInit
  /** BOUNDED by `limits.dialWaits`. */
  readonly #waits = new Map<string, Wait>()
  /** Whom we are about to be connected to, with the networks of the addresses. BOUNDED by `limits.parallelDials`. */
  readonly #trying = new Map<string, readonly string[]>()
  /** When a dial of ours was answered. BOUNDED by the connections. */
  readonly #openedAt = new Map<string, number>()
  /** Connected by dials of theirs, the newest last. BOUNDED by the connections. */
  readonly #inbound = new Map<string, PeerId>()
  #pace: TokenBucket = () => false
  #session: AbortController | undefined
  #refill: Timer | undefined
  #feeler: Timer | undefined
  /** Looks at the tables in a row that found nobody. */
  #idle = 0

  constructor (init: ConnectorInit) {
    this.#init = init
  }

  start (): void {
    if (this.#session != null) return
    const session = new AbortController()
    const { signal } = session
    const { host } = this.#init
    this.#session = session
    this.#pace = this.#freshPace()
    this.#idle = 0
    for (const { peer } of host.connections()) this.#noteInbound(peer)
    host.events.addEventListener('connect', ({ detail }) => this.#onConnect(detail), { signal })
    host.events.addEventListener('disconnect', ({ detail }) => this.#onDisconnect(detail), { signal })
    this.#look()
    this.#feelLater()
  }

  /** Ends the dials under way. What is connected stays so. */
  stop (): void {
    this.#session?.abort(new Error('the connection policy was stopped'))
    this.#session = undefined
    this.#refill?.cancel()
    this.#feeler?.cancel()
    for (const known of [this.#waits, this.#trying, this.#openedAt, this.#inbound]) known.clear()
  }

  /** Somebody came into the store: whoever waits for newcomers looks again. */
  found (): void {
    if (this.#session == null || this.#idle === 0) return
    this.#idle = 0
    // Others come with it, and are dialled together.
    this.#lookIn(this.#init.rng.float() * REFILL_AFTER / 10)
  }

  /** The network is back: nobody waits for what he had no part in. */
  retry (): void {
    if (this.#session == null) return
    this.#waits.clear()
    this.#pace = this.#freshPace()
    this.#idle = 0
    this.#look()
  }

  #freshPace (): TokenBucket {
    const { clock, options: { target } } = this.#init
    return tokenBucket(DIALS_PER_SECOND, Math.max(target, 1), clock.now())
  }

  /** Whether a connection that somebody else opened would be sought, were it not there. */
  wants ({ peer, remoteAddr, direction }: HostConnection): boolean {
    const { options: { target }, dialler } = this.#init
    if (this.#session == null || direction !== 'outbound' || !dialler.mayDial(peer)) return false
    return this.#sought(peer) < target && this.#isInScope(remoteAddr) && this.#hasRoom(groupOf(remoteAddr), this.#groups(peer))
  }

  // — as many as are wanted —

  #lookIn (ms: number): void {
    this.#refill?.cancel()
    this.#refill = this.#init.clock.setTimeout(() => this.#look(), ms)
  }

  #look (): void {
    const { clock, rng, options: { target }, dialler } = this.#init
    this.#refill?.cancel()
    if (this.#session == null) return
    const wanted = Math.min(target - this.#sought(), limits.parallelDials - this.#trying.size)
    // Whatever ends, looks again.
    if (wanted <= 0) return
    const candidates = dialler.isFull ? [] : this.#candidates(wanted)
    for (const candidate of candidates) {
      if (!this.#pace(clock.now())) {
        this.#lookIn(jitter(rng, 1_000 / DIALS_PER_SECOND, REFILL_JITTER))
        return
      }
      void this.#connect(candidate, this.#session.signal)
    }
    if (candidates.length === 0 && this.#trying.size === 0) this.#lookIn(backoff(rng, this.#idle++, REFILL_BACKOFF))
  }

  async #connect (candidate: Candidate, signal: AbortSignal): Promise<void> {
    const { host, clock, rng, log, dialler, options: { target } } = this.#init
    const { peerId, addresses, isHearsay } = candidate
    const id = peerId.toString()
    this.#trying.set(id, groupsOf(addresses))
    try {
      if (id < host.self.toString()) {
        await clock.sleep(YIELD_TO_SMALLER.min + rng.float() * (YIELD_TO_SMALLER.max - YIELD_TO_SMALLER.min), { signal })
      }
      // Much may have changed meanwhile.
      if (this.#isConnected(peerId) || !dialler.mayDial(peerId) || this.#sought() > target) return
      const dialled = await dialler.dial({ peerId, addresses }, { signal, isHearsay })
      if (signal.aborted) return
      if (dialled.outcome === 'connected') {
        this.#idle = 0
        const { remoteAddr, direction } = dialled.connection
        // Where a name led shows only now.
        const isOneTooMany = direction === 'outbound' && !this.#hasRoom(groupOf(remoteAddr), this.#groups(peerId))
        if (isOneTooMany && !this.#isProtected(peerId)) await dialler.close(peerId, 'enough connections to its network')
      } else if (dialled.outcome === 'postponed') {
        this.#leaveAlone(peerId, this.#failures(id), dialled.retryAfter ?? PEER_WAIT.base)
      } else if (dialled.outcome === 'failed') {
        await this.#failed(peerId, dialled.count)
      }
    } catch (error) {
      if (!signal.aborted) log.error('connecting to %p failed - %e', peerId, toError(error))
    } finally {
      if (!signal.aborted) {
        this.#trying.delete(id)
        this.#look()
      }
    }
  }

  /** Half of each table, as the coin falls. */
  #candidates (wanted: number): Candidate[] {
    const { rng, options: { scopes } } = this.#init
    const groups = this.#groups()
    const count = wanted + (scopes == null ? SPARE : SPARE_OF_SCOPE)
    const without = [...this.#notNow()]
    const tables = (['tried', 'new'] as const).map(table => ({
      isHearsay: table === 'new', peers: this.#init.store.pick({ table, count, without })
    }))
    const chosen = new Map<string, Candidate>()
    while (chosen.size < wanted) {
      const left = tables.filter(({ peers }) => peers.length > 0)
      const table = left[rng.int(Math.max(1, left.length))]
      const peer = table?.peers.shift()
      if (table == null || peer == null) break
      const addresses = this.#usable(peer).filter(({ multiaddr }) => this.#hasRoom(groupOf(multiaddr), groups))
      const id = peer.peerId.toString()
      if (addresses.length === 0 || chosen.has(id) || !this.#isFree(peer.peerId)) continue
      for (const group of groupsOf(addresses)) groups.set(group, (groups.get(group) ?? 0) + 1)
      chosen.set(id, { peerId: peer.peerId, addresses, isHearsay: table.isHearsay })
    }
    return [...chosen.values()]
  }

  #usable ({ addresses }: PeerInfo): PeerAddress[] {
    return addresses.filter(({ multiaddr }) => this.#isInScope(multiaddr)).slice(0, limits.addressesPerDial)
  }

  #isInScope (address: Multiaddr): boolean {
    return this.#init.options.scopes?.has(addressScope(address)) !== false
  }

  /** Neither connected, nor being dialled, nor left alone, nor denied. */
  #isFree (peerId: PeerId): boolean {
    const id = peerId.toString()
    const { clock, dialler } = this.#init
    return dialler.mayDial(peerId) && !dialler.isUnderWay(peerId) && !this.#trying.has(id) && !this.#isConnected(peerId) &&
      (this.#waits.get(id)?.until ?? -Infinity) <= clock.now()
  }

  * #notNow (): Generator<PeerId> {
    const now = this.#init.clock.now()
    for (const { peer } of this.#init.host.connections()) yield peer
    for (const { peerId, until } of this.#waits.values()) if (until > now) yield peerId
  }

  #isConnected (peerId: PeerId): boolean {
    return this.#init.host.connections().some(({ peer }) => peer.equals(peerId))
  }

  /** Connections of ours, those that we are about to have included; without one peer's. */
  #sought (without?: PeerId): number {
    const ids = new Set([...this.#outbound().map(({ peer }) => peer.toString()), ...this.#trying.keys()])
    if (without != null) ids.delete(without.toString())
    return ids.size
  }

  #outbound (): HostConnection[] {
    return this.#init.host.connections().filter(({ direction }) => direction === 'outbound')
  }

  /** Connections of ours by network, those that we are about to have included; without one peer's. */
  #groups (without?: PeerId): Map<string, number> {
    const ofPeers = new Map<string, readonly string[]>(this.#trying)
    for (const { peer, remoteAddr } of this.#outbound()) ofPeers.set(peer.toString(), present(groupOf(remoteAddr)))
    if (without != null) ofPeers.delete(without.toString())
    const counts = new Map<string, number>()
    for (const group of [...ofPeers.values()].flat()) counts.set(group, (counts.get(group) ?? 0) + 1)
    return counts
  }

  #hasRoom (group: string | undefined, counts: ReadonlyMap<string, number>): boolean {
    return group == null || (counts.get(group) ?? 0) < this.#init.options.maxPerGroup
  }

  // — who is left alone —

  async #failed (peerId: PeerId, count: () => Promise<void>): Promise<void> {
    const isAlone = this.#init.host.connections().length === 0
    // Before anything is awaited: whoever looks next must not draw it again.
    this.#refused(peerId, isAlone ? 0 : 1)
    if (!isAlone) await count()
  }

  #refused (peerId: PeerId, more: number): void {
    const failures = Math.min(this.#failures(peerId.toString()) + more, 30)
    const wait = Math.min(PEER_WAIT.cap, PEER_WAIT.base * 2 ** Math.max(0, failures - 1))
    this.#leaveAlone(peerId, failures, jitter(this.#init.rng, wait, REFILL_JITTER))
  }

  #failures (id: string): number {
    return this.#waits.get(id)?.failures ?? 0
  }

  #leaveAlone (peerId: PeerId, failures: number, ms: number): void {
    setLatest(this.#waits, peerId.toString(), { peerId, failures, until: this.#init.clock.now() + ms }, limits.dialWaits)
  }

  // — what opens and ends —

  #onConnect ({ peer, direction }: HostConnection): void {
    const { clock, dialler, options: { maxInbound } } = this.#init
    if (direction === 'outbound') {
      this.#openedAt.set(peer.toString(), clock.now())
      this.#inbound.delete(peer.toString())
      return
    }
    this.#noteInbound(peer)
    if (this.#inbound.size <= maxInbound) return
    const newest = [...this.#inbound.values()].findLast(id => !this.#isProtected(id))
    if (newest != null) void dialler.close(newest, `${maxInbound} peers have connected to us already`)
  }

  /** Whom we dialled as well is not there by a dial of theirs alone. */
  #noteInbound (peer: PeerId): void {
    const ofPeer = this.#init.host.connections().filter(connection => connection.peer.equals(peer))
    if (ofPeer.length > 0 && ofPeer.every(({ direction }) => direction === 'inbound')) this.#inbound.set(peer.toString(), peer)
  }

  #onDisconnect (peer: PeerId): void {
    const { clock, rng, dialler } = this.#init
    const id = peer.toString()
    const openedAt = this.#openedAt.get(id)
    this.#inbound.delete(id)
    this.#openedAt.delete(id)
    if (openedAt == null) return
    if (clock.now() - openedAt >= STEADY) this.#waits.delete(id)
    this.#refused(peer, dialler.isClosing(peer) ? 0 : 1)
    if (this.#trying.size === 0) this.#lookIn(jitter(rng, REFILL_AFTER, REFILL_JITTER))
  }

  #isProtected (id: PeerId): boolean {
    return this.#init.isProtected?.(id) === true
  }

  // — feelers —

  #feelLater (): void {
    const { clock, rng, options: { feelers } } = this.#init
    if (feelers === Infinity) return
    this.#feeler = clock.setTimeout(() => {
      const session = this.#session
      if (session == null) return
      this.#feelLater()
      void this.#feel(session.signal)
    }, jitter(rng, feelers, FEELER_JITTER))
  }

  async #feel (signal: AbortSignal): Promise<void> {
    const { log, dialler } = this.#init
    try {
      await this.#answerTests()
      const candidate = dialler.isFull || signal.aborted ? undefined : this.#toFeel()
      if (candidate == null) return
      const { peerId, isHearsay } = candidate
      const dialled = await dialler.dial(candidate, { signal, isHearsay })
      if (signal.aborted) return
      if (dialled.outcome === 'failed') await this.#failed(peerId, dialled.count)
      if (dialled.outcome === 'postponed') this.#leaveAlone(peerId, this.#failures(peerId.toString()), dialled.retryAfter ?? PEER_WAIT.base)
      if (dialled.outcome !== 'connected' || this.wants(dialled.connection) || this.#isProtected(peerId)) return
      // Whoever came to us meanwhile stays.
      if (dialled.connection.direction === 'outbound') await dialler.close(peerId, 'a feeler: it was only to see whether somebody is there')
    } catch (error) {
      if (!signal.aborted) log.error('a feeler failed - %e', toError(error))
    }
  }

  /** Who stands against a newcomer, and else somebody of whom we only heard. */
  #toFeel (): Candidate | undefined {
    const { store } = this.#init
    const heard = (): PeerInfo[] => store.pick({ table: 'new', count: SPARE, without: [...this.#notNow()] })
    for (const [isHearsay, peers] of [[false, () => store.tests()], [true, heard]] as const) {
      for (const peer of peers()) {
        const addresses = this.#usable(peer)
        if (addresses.length > 0 && this.#isFree(peer.peerId)) return { peerId: peer.peerId, addresses, isHearsay }
      }
    }
    return undefined
  }

  /** Whoever is connected by a dial of ours need not be dialled to show that it is there. */
  async #answerTests (): Promise<void> {
    const { store } = this.#init
    for (const { peerId } of store.tests()) {
      const connection = this.#outbound().find(({ peer, limited }) => peer.equals(peerId) && !limited)
      if (connection != null) await store.recordOutcome(peerId, connection.remoteAddr, 'success')
    }
  }
}

/** The network that an address of the internet is in. */
function groupOf (address: Multiaddr): string | undefined {
  return addressScope(address) === 'public' ? placeOf(address)?.group : undefined
}

function groupsOf (addresses: readonly PeerAddress[]): string[] {
  return [...new Set(addresses.flatMap(({ multiaddr }) => present(groupOf(multiaddr))))]
}

function present (group: string | undefined): string[] {
  return group == null ? [] : [group]
}
