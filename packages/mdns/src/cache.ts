/**
 * What was heard and may still be believed. Pure of time: every method takes `now`, and {@link PeerCache.tick} says
 * when it wants to be called next.
 *
 * Anyone on the link can write here, and forge any source address on it. What one source address can do: fill the
 * places that nobody else wants, and take back its own words. It cannot take back another's, nor push out a source that
 * holds less.
 */
import { isDeepStrictEqual } from 'node:util'
import { limits, type DropCounter, type Rng } from '@peerweave/interface'
import { GOODBYE_DELAY, NEWS_INTERVAL, REFRESH_AT, REFRESH_JITTER } from './constants.ts'
import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Departure, PresentPeer } from './answer.ts'
import type { Link } from './links.ts'

/** What one packet said of one peer, as far as no later one has said it anew. */
export interface Statement {
  /** Rises with every statement of all caches: a reader that remembers it knows where it stopped. */
  readonly number: number
  readonly link: Link
  /** IP address that it came from, an IPv6 link-local one with its zone. */
  readonly source: string
  readonly instance: string
  /** Absent: a service that does not say whose it is. */
  readonly peerId: PeerId | undefined
  readonly protocols: readonly string[]
  /** Signed by the peer, not verified. */
  readonly record: Uint8Array | undefined
  readonly metadata: ReadonlyMap<string, string>
  /** Nothing was known under that name from that source. */
  readonly isNew: boolean
  /** By text. Shrinks as its addresses are said anew or taken back. */
  readonly multiaddrs: Map<string, Multiaddr>
  readonly heardAt: number
  /** Milliseconds. */
  readonly ttl: number
  /** Said goodbye to: it lapses with a withdrawal, and is nothing to report until then. */
  readonly isLeaving: boolean
  /** Moments to act at, earliest first: refresh queries, then the end. */
  readonly agenda: number[]
  /** Reported, as a yield or as an event. */
  isTold: boolean
}

export interface Tick {
  /** About to lapse: should be asked for. */
  refreshes: Statement[]
  /** Departed addresses that nothing else from that source says still; `isGone` when nothing else is known of the peer from there. */
  withdrawn: Array<{ statement: Statement, multiaddrs: Multiaddr[], isGone: boolean }>
}

/** Numbers the statements of all links in the order in which they came. */
export interface Numbering {
  last: number
}

export interface PeerCacheInit {
  link: Link
  rng: Rng
  drop: DropCounter
  numbering: Numbering
}

export class PeerCache {
  readonly #init: PeerCacheInit
  /** In order of number. BOUNDED: `limits.addressesPerClaim` addresses for each peer, and none is without. */
  readonly #statements = new Map<number, Statement>()
  /** By source and peer, longest known first. BOUNDED by `limits.mdnsPeers`, see {@link PeerCache.#makeRoom}. */
  readonly #peers = new Map<string, Set<Statement>>()
  /** By source and instance, so that a goodbye costs no more than what it is about. As bounded as the statements. */
  readonly #named = new Map<string, Set<Statement>>()
  readonly #sources = new Map<string, Set<Statement>>()
  /** Number of the latest statement here. */
  #last = 0

  constructor (init: PeerCacheInit) {
    this.#init = init
  }

  get last (): number {
    return this.#last
  }

  /** Peers, each counted for every source that tells of it. */
  get size (): number {
    return this.#peers.size
  }

  /** What `source` has said before is not read again. @param peer - its id, as text; @param address - as text */
  find (source: string, peer: string, address: string): { peerId: PeerId, multiaddr: Multiaddr } | undefined {
    for (const { peerId, multiaddrs } of this.#peers.get(`${source} ${peer}`) ?? []) {
      const known = multiaddrs.get(address)
      if (known != null && peerId != null) return { peerId, multiaddr: known }
    }
  }

  /** Whether anything that `source` said still stands. */
  has (source: string): boolean {
    return this.#sources.has(source)
  }

  /** When {@link tick} has something to do; `Infinity` when never. */
  get next (): number {
    let next = Infinity
    for (const { agenda } of this.#statements.values()) next = Math.min(next, agenda[0] as number)
    return next
  }

  /** What may be reported, oldest first, after the statement of that number. May be read on while statements come. */
  * after (number: number): IterableIterator<Statement> {
    for (const statement of this.#statements.values()) {
      if (statement.number > number && !statement.isLeaving) yield statement
    }
  }

  /** Whether it is still the latest word on any of its addresses. */
  stands ({ number }: Statement): boolean {
    return this.#statements.has(number)
  }

  /** Instances of `service` that need not be told again yet: at least half of their TTL is left. RFC 6762 §7.1. */
  known (service: string, now: number): Map<string, { ttl: number }> {
    const known = new Map<string, { ttl: number }>()
    for (const { instance, heardAt, ttl, isLeaving } of this.#statements.values()) {
      const left = heardAt + ttl - now
      if (!isLeaving && left >= ttl / 2 && instance.endsWith(`.${service}`)) known.set(instance, { ttl: left })
    }
    return known
  }

  /** Takes in what `source` said. Returns it when it is news, without what it said already within the last second. */
  hear (source: string, { instance, peerId, multiaddrs, ttl, protocols = [], record, metadata = NO_METADATA }: PresentPeer, now: number): Statement | undefined {
    const subject = subjectOf(source, { peerId, instance })
    const known = [...this.#peers.get(subject) ?? []].filter(statement => statement.instance === instance)
    const isRepeated = (text: string): boolean => {
      const statement = known.find(({ multiaddrs }) => multiaddrs.has(text))
      return statement != null && !statement.isLeaving && statement.ttl === ttl && now - statement.heardAt < NEWS_INTERVAL &&
        isDeepStrictEqual([statement.protocols, statement.record, statement.metadata], [protocols, record, metadata])
    }
    const news = new Map(multiaddrs.map(address => [address.toString(), address] as const).filter(([text]) => !isRepeated(text)))
    if (news.size === 0 || (!this.#peers.has(subject) && !this.#makeRoom(source))) return
    const refreshes = REFRESH_AT.map(share => now + ttl * (share + this.#init.rng.float() * REFRESH_JITTER))
    const statement = this.#add({
      link: this.#init.link,
      source,
      instance,
      peerId,
      protocols,
      record,
      metadata,
      isNew: known.length === 0,
      multiaddrs: news,
      heardAt: now,
      ttl,
      isLeaving: false,
      agenda: [...refreshes, now + ttl],
      isTold: false
    })
    for (const earlier of known) this.#takeBack(earlier, text => news.has(text))
    this.#trim(subject)
    return statement
  }

  /** Takes in a goodbye. One to what `source` did not say itself is counted `foreign-goodbye` and changes nothing. */
  hearGoodbye (source: string, { instance, multiaddrs }: Departure, now: number): void {
    const texts = multiaddrs == null ? undefined : new Set(multiaddrs.map(String))
    const said = [...this.#named.get(`${source} ${instance}`) ?? []]
    if (said.length === 0) this.#init.drop('foreign-goodbye')
    for (const statement of said) {
      if (statement.isLeaving) continue
      const leaving = new Map([...statement.multiaddrs].filter(([text]) => texts?.has(text) ?? true))
      if (leaving.size === 0) continue
      this.#add({ ...statement, multiaddrs: leaving, heardAt: now, ttl: GOODBYE_DELAY, isLeaving: true, agenda: [now + GOODBYE_DELAY] })
      this.#takeBack(statement, text => leaving.has(text))
    }
  }

  /** Does what is due by `now`. */
  tick (now: number): Tick {
    const tick: Tick = { refreshes: [], withdrawn: [] }
    for (const statement of this.#statements.values()) {
      const { agenda, isLeaving } = statement
      const due = agenda.filter(at => at <= now).length
      if (due === 0) continue
      agenda.splice(0, due)
      if (agenda.length > 0) {
        tick.refreshes.push(statement)
        continue
      }
      this.#remove(statement)
      if (isLeaving) tick.withdrawn.push({ statement, ...this.#leftOf(statement) })
    }
    return tick
  }

  /** A peer may be announced under several names: what another one still says has not gone. */
  #leftOf (gone: Statement): { multiaddrs: Multiaddr[], isGone: boolean } {
    const others = [...this.#peers.get(subjectOf(gone.source, gone)) ?? []]
    const multiaddrs = [...gone.multiaddrs].filter(([text]) => !others.some(({ multiaddrs }) => multiaddrs.has(text))).map(([, address]) => address)
    return { multiaddrs, isGone: others.length === 0 }
  }

  #add (content: Omit<Statement, 'number'>): Statement {
    const statement = { ...content, number: this.#last = ++this.#init.numbering.last }
    this.#statements.set(statement.number, statement)
    for (const [index, key] of this.#entriesOf(statement)) index.set(key, (index.get(key) ?? new Set()).add(statement))
    return statement
  }

  #remove (statement: Statement): void {
    this.#statements.delete(statement.number)
    for (const [index, key] of this.#entriesOf(statement)) {
      const statements = index.get(key)
      statements?.delete(statement)
      if (statements?.size === 0) index.delete(key)
    }
  }

  #entriesOf (statement: Statement): Array<[Map<string, Set<Statement>>, string]> {
    const { source, instance } = statement
    return [[this.#peers, subjectOf(source, statement)], [this.#named, `${source} ${instance}`], [this.#sources, source]]
  }

  #takeBack (statement: Statement, isMeant: (text: string) => boolean): void {
    for (const text of statement.multiaddrs.keys()) {
      if (isMeant(text)) statement.multiaddrs.delete(text)
    }
    if (statement.multiaddrs.size === 0) this.#remove(statement)
  }

  /** The newest addresses of a peer stay: what it no longer repeats is likelier to be gone. */
  #trim (subject: string): void {
    const statements = [...this.#peers.get(subject) ?? []]
    let surplus = statements.reduce((sum, { multiaddrs }) => sum + multiaddrs.size, 0) - limits.addressesPerClaim
    if (surplus > 0) this.#init.drop('too-many-addresses')
    for (const statement of statements) this.#takeBack(statement, () => surplus-- > 0)
  }

  /**
   * At the bound a newcomer takes the place of the longest known peer of the source that holds most, so that a source
   * that makes up peers crowds out its own; it is dropped, and counted `cache-full`, when its own source is that one. Of
   * sources that hold as many, the latest come makes room: whoever makes up sources crowds out those.
   */
  #makeRoom (source: string): boolean {
    if (this.#peers.size < limits.mdnsPeers) return true
    const loads = new Map<string, Array<Set<Statement>>>()
    for (const statements of this.#peers.values()) {
      const [{ source: holder }] = [...statements] as [Statement]
      const held = loads.get(holder)
      if (held == null) loads.set(holder, [statements])
      else held.push(statements)
    }
    const fullest = [...loads.values()].reduce((most, held) => held.length >= most.length ? held : most)
    if ((loads.get(source)?.length ?? 0) >= fullest.length) {
      this.#init.drop('cache-full')
      return false
    }
    for (const statement of [...fullest[0] as Set<Statement>]) this.#remove(statement)
    return true
  }
}

const NO_METADATA: ReadonlyMap<string, string> = new Map()

/** One peer, as one source address tells of it; a service that does not say whose it is stands for itself. */
function subjectOf (source: string, { peerId, instance }: { peerId?: PeerId | undefined, instance: string }): string {
  return `${source} ${peerId?.toString() ?? instance}`
}
