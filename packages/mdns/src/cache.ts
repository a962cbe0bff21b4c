/**
 * What was heard and may still be believed. Pure of time: every method takes `now`, and {@link PeerCache.tick} says
 * when it wants to be called next.
 *
 * Anyone on the link can write here, and forge any source address on it. What one source address can do: fill the
 * places that nobody else wants, and take back its own words. It cannot take back another's, nor push out a source that
 * holds less.
 */
import { limits, type DropCounter, type Rng } from '@peerweave/interface'
import { GOODBYE_DELAY, NEWS_INTERVAL, REFRESH_AT, REFRESH_JITTER } from './constants.ts'
import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Departure, PresentPeer } from './answer.ts'

/** What one packet said of one peer, as far as no later one has said it anew. */
export interface Statement {
  /** Rises with every statement: a reader that remembers it knows where it stopped. */
  readonly number: number
  /** IP address that it came from. */
  readonly source: string
  readonly instance: string
  readonly peerId: PeerId
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
  /** A record is about to lapse and should be asked for. */
  isRefreshDue: boolean
  /** Departed; `isGone` when nothing else is known of the peer from that source. */
  withdrawn: Array<{ statement: Statement, isGone: boolean }>
}

export class PeerCache {
  readonly #rng: Rng
  readonly #drop: DropCounter
  /** In order of number. BOUNDED: `limits.addressesPerClaim` addresses for each peer, and none is without. */
  readonly #statements = new Map<number, Statement>()
  /** By source and peer id, longest known first. BOUNDED by `limits.mdnsPeers`, see {@link PeerCache.#makeRoom}. */
  readonly #peers = new Map<string, Set<Statement>>()
  /** By source and instance, so that a goodbye costs no more than what it is about. As bounded as the statements. */
  readonly #named = new Map<string, Set<Statement>>()
  #last = 0

  constructor (rng: Rng, drop: DropCounter) {
    this.#rng = rng
    this.#drop = drop
  }

  /** Number of the latest statement. */
  get last (): number {
    return this.#last
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

  /** Takes in what `source` said. Returns it when it is news, without what it said already within the last second. */
  hear (source: string, { instance, peerId, multiaddrs, ttl }: PresentPeer, now: number): Statement | undefined {
    const key = keyOf(source, peerId)
    const known = [...this.#peers.get(key) ?? []]
    const isRepeated = (text: string): boolean => {
      const statement = known.find(({ multiaddrs }) => multiaddrs.has(text))
      return statement != null && !statement.isLeaving && statement.ttl === ttl && now - statement.heardAt < NEWS_INTERVAL
    }
    const news = new Map(multiaddrs.map(address => [address.toString(), address] as const).filter(([text]) => !isRepeated(text)))
    if (news.size === 0 || (known.length === 0 && !this.#makeRoom(source))) return
    const refreshes = REFRESH_AT.map(share => now + ttl * (share + this.#rng.float() * REFRESH_JITTER))
    const statement = this.#add({
      source, instance, peerId, multiaddrs: news, heardAt: now, ttl, isLeaving: false, agenda: [...refreshes, now + ttl], isTold: false
    })
    for (const earlier of known) this.#takeBack(earlier, text => news.has(text))
    this.#trim(key)
    return statement
  }

  /** Takes in a goodbye. One to what `source` did not say itself is counted `foreign-goodbye` and changes nothing. */
  hearGoodbye (source: string, { instance, multiaddrs }: Departure, now: number): void {
    const texts = multiaddrs == null ? undefined : new Set(multiaddrs.map(String))
    const said = [...this.#named.get(`${source} ${instance}`) ?? []]
    if (said.length === 0) this.#drop('foreign-goodbye')
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
    const tick: Tick = { isRefreshDue: false, withdrawn: [] }
    for (const statement of this.#statements.values()) {
      const { agenda, isLeaving } = statement
      const due = agenda.filter(at => at <= now).length
      if (due === 0) continue
      agenda.splice(0, due)
      if (agenda.length > 0) {
        tick.isRefreshDue = true
        continue
      }
      this.#remove(statement)
      if (isLeaving) tick.withdrawn.push({ statement, isGone: !this.#peers.has(keyOf(statement.source, statement.peerId)) })
    }
    return tick
  }

  #add (content: Omit<Statement, 'number'>): Statement {
    const statement = { ...content, number: ++this.#last }
    this.#statements.set(statement.number, statement)
    enter(this.#peers, keyOf(statement.source, statement.peerId), statement)
    enter(this.#named, `${statement.source} ${statement.instance}`, statement)
    return statement
  }

  #remove (statement: Statement): void {
    this.#statements.delete(statement.number)
    leave(this.#peers, keyOf(statement.source, statement.peerId), statement)
    leave(this.#named, `${statement.source} ${statement.instance}`, statement)
  }

  #takeBack (statement: Statement, isMeant: (text: string) => boolean): void {
    for (const text of statement.multiaddrs.keys()) {
      if (isMeant(text)) statement.multiaddrs.delete(text)
    }
    if (statement.multiaddrs.size === 0) this.#remove(statement)
  }

  /** The newest addresses of a peer stay: what it no longer repeats is likelier to be gone. */
  #trim (key: string): void {
    const statements = [...this.#peers.get(key) ?? []]
    let surplus = statements.reduce((sum, { multiaddrs }) => sum + multiaddrs.size, 0) - limits.addressesPerClaim
    if (surplus > 0) this.#drop('too-many-addresses')
    for (const statement of statements) this.#takeBack(statement, () => surplus-- > 0)
  }

  /**
   * At the bound a newcomer takes the place of the longest known peer of the source that holds most, so that a source
   * that makes up peers crowds out its own; it is dropped, and counted `cache-full`, when its own source is that one.
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
    const fullest = [...loads.values()].reduce((most, held) => held.length > most.length ? held : most)
    if ((loads.get(source)?.length ?? 0) >= fullest.length) {
      this.#drop('cache-full')
      return false
    }
    for (const statement of [...fullest[0] as Set<Statement>]) this.#remove(statement)
    return true
  }
}

/** One peer, as one source address tells of it. */
function keyOf (source: string, peerId: PeerId): string {
  return `${source} ${peerId.toString()}`
}

function enter (index: Map<string, Set<Statement>>, key: string, statement: Statement): void {
  index.set(key, (index.get(key) ?? new Set()).add(statement))
}

function leave (index: Map<string, Set<Statement>>, key: string, statement: Statement): void {
  const statements = index.get(key)
  statements?.delete(statement)
  if (statements?.size === 0) index.delete(key)
}
