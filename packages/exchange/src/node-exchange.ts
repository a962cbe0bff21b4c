/**
 * Asking a connected peer for signed records of those that it knows, and answering who asks. One per node and protocol:
 * the mechanisms that use it share its handler and its records.
 */
import {
  ConnectionClosedError, keyedHash, limits, numberOption, reporterScope, SerializationError, setLatest, shuffle, throwIfAborted, Turns, type Claim,
  type Clock, type DropCounter, type HostConnection, type Identified, type MechanismContext, type ReporterScope, type Rng, type Sighting
} from '@peerweave/interface'
import { nodeRecords, openPeerRecord, recordSigner, type NodeRecords, type OwnRecords, type RecordRefusal } from '@peerweave/records'
import { v7 } from 'uuid'
import { ANSWER_TIMEOUT, ASK_AGAIN, ENOUGH_RECORDS, FAREWELL_TIMEOUT, MAX_WAIT, RECORD_TTL, REQUEST_TIMEOUT } from './constants.ts'
import { digestOf, mayHold, recordHash } from './digest.ts'
import { decodeAnswer, decodeRequest, encodeAnswer, encodeRequest, ID_BYTES, type Answer, type Entry, type Request, type Want } from './message.ts'
import { isFitFor, RecordPool, scopesOf, type Heard, type Held, type PoolResult } from './record-pool.ts'
import { Visitors } from './visitors.ts'
import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'

/** Who is told what peers bring by themselves, and what was dropped of it. */
export interface Listener {
  sight: (sighting: Sighting) => void
  drop: DropCounter
}

export interface AskOptions {
  /** Records wanted, 1 to `limits.exchangeAnswer`. @default limits.exchangeAnswer */
  want?: number | undefined
  /** Only of peers that speak all of these. */
  protocols?: readonly string[] | undefined
  signal?: AbortSignal | undefined
}

export interface AnnounceOptions {
  /** They know already. */
  without?: readonly PeerId[] | undefined
  signal?: AbortSignal | undefined
}

export interface Answered {
  /** One for each sound record, in the order of the answer. */
  claims: Claim[]
  /** How many of them we had not heard of, or not in this form. */
  learnt: number
  /** The other one knows more that we lack. */
  hasMore: boolean
  /** We hold {@link ENOUGH_RECORDS} now: there is no hurry. */
  isEnough: boolean
  /** Nothing was answered because we ask too often: ms to wait. 0: answered. */
  wait: number
}

export interface NodeExchangeInit {
  context: MechanismContext
  protocol: string
  hops: number
  clock: Clock
  rng: Rng
  hashKey: Uint8Array | undefined
}

export class NodeExchange {
  readonly #context: MechanismContext
  readonly #protocol: string
  readonly #hops: number
  readonly #clock: Clock
  readonly #rng: Rng
  readonly #records: NodeRecords
  readonly #pool: RecordPool
  readonly #visitors: Visitors
  readonly #turns = new Turns()
  /** In the order in which they came: the first one is told, so that nothing is told twice. */
  readonly #listeners = new Set<Listener>()
  /** Those of them that have said goodbye. */
  readonly #silent = new Set<Listener>()
  /** What identify said that peers speak. BOUNDED by `limits.exchangeRecords`, the latest at the end. */
  readonly #spoken = new Map<string, readonly string[]>()
  /** What each peer was brought last, so that it is not brought again too soon. BOUNDED by `limits.exchangePeers`. */
  readonly #brought = new Map<string, { record: Uint8Array, at: number }>()
  /** Who asked each peer last. BOUNDED by `limits.exchangePeers`. */
  readonly #asked = new Map<string, { asker: Listener, at: number }>()
  #listening: AbortController | undefined

  constructor ({ context, protocol, hops, clock, rng, hashKey }: NodeExchangeInit) {
    this.#context = context
    this.#protocol = protocol
    this.#hops = hops
    this.#clock = clock
    this.#rng = rng
    this.#records = nodeRecords(context.ports, { clock })
    this.#pool = new RecordPool({ clock, hash: keyedHash(hashKey) })
    this.#visitors = new Visitors(clock)
  }

  get own (): OwnRecords {
    return this.#records.own
  }

  /** Peers whose records are held. */
  get size (): number {
    return this.#pool.size
  }

  async join (listener: Listener): Promise<void> {
    this.#listeners.add(listener)
    this.#silent.delete(listener)
    await this.#turns.take(async () => {
      if (this.#listening != null || this.#listeners.size === 0) return
      const { host, rpc } = this.#context.ports
      this.own.announce(undefined)
      this.#brought.clear()
      try {
        await rpc.handle(this.#protocol, async (bytes, from) => await this.#answer(bytes, from), {
          maxRequest: limits.exchangeRequestBytes, timeout: ANSWER_TIMEOUT
        })
      } catch (error) {
        this.#listeners.delete(listener)
        throw error
      }
      this.#listening = new AbortController()
      const { signal } = this.#listening
      host.events.addEventListener('identify', ({ detail }) => this.#noteSpoken(detail), { signal })
      host.events.addEventListener('disconnect', ({ detail }) => this.#brought.delete(detail.toString()), { signal })
    })
  }

  async leave (listener: Listener): Promise<void> {
    this.#listeners.delete(listener)
    this.#silent.delete(listener)
    await this.#turns.take(async () => {
      if (this.#listening == null || this.#listeners.size > 0) return
      this.#listening.abort()
      this.#listening = undefined
      this.#brought.clear()
      this.#asked.clear()
      await this.#context.ports.rpc.unhandle(this.#protocol)
    })
  }

  // — asking —

  async ask (peer: PeerId, { want, protocols = [], signal }: AskOptions, asker: Listener): Promise<Answered> {
    const { drop } = asker
    const count = numberOption('want', want, limits.exchangeAnswer, { min: 1, max: limits.exchangeAnswer, integer: true })
    const { remoteAddr } = this.#connectionTo(peer)
    const asked = this.#clock.now()
    setLatest(this.#asked, peer.toString(), { asker, at: asked }, limits.exchangePeers)
    const known = digestOf(this.#fresh(), this.#rng.int(2 ** 32))
    const scope = reporterScope({ remoteAddr })
    const answer = await this.#bringing(peer, await this.#toBring(peer, scope), { want: { count, known, protocols } }, signal, drop)
    const reporter = { peer, remoteAddr }
    const result: Answered = { claims: [], learnt: 0, hasMore: answer.hasMore, isEnough: false, wait: Math.min(answer.wait, MAX_WAIT) }
    // What the way took counts: a record that goes round would else live a little longer each time.
    const age = this.#clock.now() - asked
    for (const entry of answer.entries.slice(0, count)) {
      throwIfAborted(signal)
      const heard = await this.#open({ ...entry, ttl: entry.ttl - age }, peer)
      if (typeof heard === 'string') {
        drop(heard)
        continue
      }
      const learnt = this.learn(heard, scope)
      if (learnt === 'old') {
        drop('old-record')
        continue
      }
      result.claims.push(claimOf(heard, reporter))
      if (learnt === 'new') result.learnt++
    }
    result.isEnough = this.#pool.size >= ENOUGH_RECORDS
    return result
  }

  isAsked (peer: PeerId, asker: Listener): boolean {
    const last = this.#asked.get(peer.toString())
    return last != null && last.asker !== asker && this.#clock.now() - last.at < ASK_AGAIN
  }

  /** Brings the peer a record of ours, whether or not it has it. */
  async push (peer: PeerId, given: Uint8Array | undefined, signal: AbortSignal | undefined, drop: DropCounter): Promise<void> {
    const record = given ?? await this.#records.own.for(reporterScope({ remoteAddr: this.#connectionTo(peer).remoteAddr }))
    if (record == null) return
    await this.#request(peer, { record }, signal, drop)
    this.#noteBrought(peer, record)
  }

  /** Brings the peer our record, unless it got that lately, by an answer of ours too. */
  async bring (peer: PeerId, signal: AbortSignal | undefined, drop: DropCounter): Promise<void> {
    const record = await this.#toBring(peer, reporterScope({ remoteAddr: this.#connectionTo(peer).remoteAddr }))
    if (record != null) await this.#bringing(peer, record, {}, signal, drop)
  }

  async announce (
    multiaddrs: readonly Multiaddr[], peers: readonly PeerId[], { signal, without = [] }: AnnounceOptions, listener: Listener
  ): Promise<void> {
    this.#silent.delete(listener)
    this.own.announce(multiaddrs)
    const told = new Set([...peers.map(String), ...this.#brought.keys()])
    for (const peer of without) told.delete(peer.toString())
    await this.#pushToAll(told, undefined, signal, listener.drop)
    throwIfAborted(signal)
  }

  /** While others use us and say no goodbye, we are still there. */
  async farewell (parent: AbortSignal | undefined, listener: Listener): Promise<void> {
    if (this.#listeners.has(listener)) this.#silent.add(listener)
    if (this.#silent.size < this.#listeners.size) return
    this.own.announce([])
    const told = new Set(this.#brought.keys())
    this.#brought.clear()
    if (told.size === 0) return
    using deadline = this.#clock.deadline(FAREWELL_TIMEOUT, parent)
    await this.#pushToAll(told, await this.own.farewell(), deadline.signal, listener.drop)
    this.#brought.clear()
    throwIfAborted(parent) // its own time being over is no failure
  }

  /** To those of them that are connected, at once. Whom it does not reach is none the worse: records run out. */
  async #pushToAll (ids: ReadonlySet<string>, record: Uint8Array | undefined, signal: AbortSignal | undefined, drop: DropCounter): Promise<void> {
    const connected = new Map(this.#context.ports.host.connections().map(({ peer }) => [peer.toString(), peer]))
    const peers = [...ids].flatMap(id => connected.get(id) ?? [])
    await Promise.allSettled(peers.map(async peer => await this.push(peer, record, signal, drop)))
  }

  /** ms from question to answer. */
  async ping (peer: PeerId, signal: AbortSignal | undefined, drop: DropCounter): Promise<number> {
    const asked = this.#clock.now()
    await this.#request(peer, {}, signal, drop)
    return this.#clock.now() - asked
  }

  /** Keeps a record for those who ask, if whoever reported it may say all that is in it. */
  learn (heard: Heard, scope: ReporterScope): PoolResult | 'unfit' {
    const { record } = heard
    if (record.peerId.equals(this.#context.ports.host.self)) return 'unfit'
    // Passed on by us it would be believed of us, on this machine and in this network too.
    if (record.addresses.length > 0 && !isFitFor(scope, scopesOf(record))) return 'unfit'
    return this.#pool.add(heard)
  }

  connectionTo (peer: PeerId): HostConnection | undefined {
    // Requests go over no limited one: what it says of where the peer is (anywhere) would be wrong of them.
    return this.#context.ports.host.connections().find(connection => !connection.limited && connection.peer.equals(peer))
  }

  #connectionTo (peer: PeerId): HostConnection {
    const connection = this.connectionTo(peer)
    if (connection == null) throw new ConnectionClosedError(`not connected to ${peer}`)
    return connection
  }

  async #request (peer: PeerId, message: Omit<Request, 'id'>, parent: AbortSignal | undefined, drop: DropCounter): Promise<Answer> {
    using deadline = this.#clock.deadline(REQUEST_TIMEOUT, parent)
    const random = Uint8Array.from({ length: ID_BYTES }, () => this.#rng.int(256))
    const id = v7({ msecs: this.#clock.wall(), random }, new Uint8Array(ID_BYTES))
    const bytes = await this.#context.ports.rpc.request(peer, this.#protocol, encodeRequest({ ...message, id }), {
      maxAnswer: limits.exchangeAnswerBytes, signal: deadline.signal
    })
    const answer = decodeAnswer(bytes)
    if (answer == null) {
      drop('malformed')
      throw new SerializationError(`${peer} answered what is no answer of ${this.#protocol}`)
    }
    if (!answer.id.every((byte, i) => byte === id[i])) {
      drop('wrong-id')
      throw new SerializationError(`${peer} answered another request than the one it got`)
    }
    return answer
  }

  /** An entry, opened, or why it is dropped. */
  async #open ({ record: bytes, ttl, hops }: Entry, from: PeerId): Promise<Heard | string> {
    if (ttl < limits.ttlMin) return 'lapsed'
    if (hops > this.#hops) return 'too-many-hops'
    // No reporter: we decide how often we ask, and all that comes of it is bounded already.
    const { record, refused } = await openPeerRecord(bytes, { cache: this.#records.cache, rate: this.#records.rate })
    if (record == null) return dropReason(refused)
    // A goodbye is its owner's to say, and he says it himself.
    if (record.addresses.length === 0) return 'no-address'
    const isOwn = record.peerId.equals(from)
    return { record, ttl: Math.min(ttl, RECORD_TTL), hops: isOwn ? 0 : Math.max(1, hops), reporter: from, isAsked: true }
  }

  /** What need not be sent to us: it stands for long yet. */
  #fresh (): ReturnType<typeof recordHash>[] {
    const soon = this.#clock.now() + RECORD_TTL / 2
    const hashes = [...this.#pool].filter(({ expiresAt }) => expiresAt > soon).map(({ hash }) => hash)
    return hashes.slice(-limits.exchangeDigest)
  }

  /** Our record, unless the peer was brought the same one lately. */
  async #toBring (peer: PeerId, audience: ReporterScope): Promise<Uint8Array | undefined> {
    const record = await this.#records.own.for(audience)
    const last = this.#brought.get(peer.toString())
    const isStale = last == null || last.record !== record || this.#clock.now() - last.at > RECORD_TTL / 4
    if (record == null || !isStale) return undefined
    this.#noteBrought(peer, record)
    return record
  }

  /** A request that brings this record; one that fails may have brought it, or not: the peer is told goodbye, and brought it again. */
  async #bringing (peer: PeerId, record: Uint8Array | undefined, message: Omit<Request, 'id'>, signal: AbortSignal | undefined, drop: DropCounter): Promise<Answer> {
    try {
      return await this.#request(peer, { ...message, record }, signal, drop)
    } catch (error) {
      const brought = this.#brought.get(peer.toString())
      if (brought != null && brought.record === record) brought.at = -Infinity
      throw error
    }
  }

  #noteBrought (peer: PeerId, record: Uint8Array): void {
    setLatest(this.#brought, peer.toString(), { record, at: this.#clock.now() }, limits.exchangePeers)
  }

  // — answering —

  /** A throw closes the stream without an answer: for what is no request. */
  async #answer (bytes: Uint8Array, from: PeerId): Promise<Uint8Array> {
    const request = decodeRequest(bytes)
    if (request == null) {
      this.#drop('malformed')
      throw new SerializationError(`${from} sent what is no request of ${this.#protocol}`)
    }
    const { id, record, want } = request
    const connection = this.connectionTo(from)
    if (record != null) await this.#take(record, from, connection)
    if (!this.#visitors.mayAsk(from)) {
      this.#drop('too-often')
      return encodeAnswer({ id, entries: [], hasMore: false, wait: 1_000 / limits.exchangeAsksPerSecond })
    }
    if (want == null || connection == null) return encodeAnswer({ id, entries: [], hasMore: false, wait: 0 })
    return encodeAnswer({ id, wait: 0, ...await this.#choose(want, from, reporterScope({ remoteAddr: connection.remoteAddr })) })
  }

  /** A record that a peer brings by itself: its own, or it is dropped. */
  async #take (bytes: Uint8Array, from: PeerId, connection: HostConnection | undefined): Promise<void> {
    if (!this.#visitors.mayBring(from)) return this.#drop('unsolicited')
    if (recordSigner(bytes)?.equals(from) !== true) return this.#drop('not-its-own')
    const { record, refused } = await openPeerRecord(bytes, { cache: this.#records.cache, rate: this.#records.rate, reporter: from.toString() })
    if (record == null) return this.#drop(dropReason(refused))
    const reporter = { peer: from, remoteAddr: connection?.remoteAddr }
    const heard: Heard = { record, ttl: RECORD_TTL, hops: 0, reporter: from, isAsked: false }
    if (this.learn(heard, reporterScope(reporter)) === 'old') return this.#drop('old-record')
    this.#sight(record.addresses.length === 0 ? { kind: 'withdraw', peerId: from, reporter } : claimOf(heard, reporter))
  }

  /** Our own record first, then others at random. */
  async #choose ({ count, known, protocols }: Want, from: PeerId, audience: ReporterScope): Promise<Pick<Answer, 'entries' | 'hasMore'>> {
    const room = Math.min(count, limits.exchangeAnswer)
    const isWanted = ({ record, hash, scopes }: Pick<Held, 'record' | 'hash' | 'scopes'>): boolean =>
      !mayHold(known, hash) && isFitFor(audience, scopes) && !record.peerId.equals(from)
    const entries: Entry[] = []
    const own = protocols.length === 0 ? await this.#records.own.for(audience) : undefined
    if (own != null && room > 0) {
      entries.push({ record: own, ttl: RECORD_TTL, hops: 0 })
      this.#noteBrought(from, own)
    }

    const now = this.#clock.now()
    const found = new Map<string, Entry>()
    for (const held of this.#pool) {
      const ttl = held.expiresAt - now
      if (ttl < limits.ttlMin || held.hops >= this.#hops || !this.#speaks(held.record.peerId, protocols) || !isWanted(held)) continue
      found.set(held.record.peerId.toString(), { record: held.record.bytes, ttl, hops: held.hops + 1 })
    }
    // What came by exchange is in the pool, with its hops; the others came to us by themselves.
    const without = (id: PeerId): boolean => this.#pool.get(id) != null
    const rest = found.size < room ? this.#context.records.sample(2 * limits.exchangeAnswer, { protocols, without }) : []
    for (const standing of rest) {
      const { record, ttl } = standing
      if (ttl >= limits.ttlMin && isWanted({ record, hash: recordHash(record), scopes: scopesOf(record) })) {
        found.set(record.peerId.toString(), { record: record.bytes, ttl: Math.min(ttl, RECORD_TTL), hops: 1 })
      }
    }
    entries.push(...shuffle(this.#rng, found.values()))
    return { entries: entries.slice(0, room), hasMore: entries.length > room }
  }

  #speaks (peer: PeerId, protocols: readonly string[]): boolean {
    if (protocols.length === 0) return true
    const spoken = this.#spoken.get(peer.toString()) ?? []
    return protocols.every(name => spoken.includes(name))
  }

  #noteSpoken ({ peer, protocols }: Identified): void {
    setLatest(this.#spoken, peer.toString(), protocols, limits.exchangeRecords)
  }

  #sight (sighting: Sighting): void {
    const [first] = this.#listeners
    first?.sight(sighting)
  }

  #drop (reason: string): void {
    const [first] = this.#listeners
    first?.drop(reason)
  }
}

function claimOf ({ record, ttl }: Heard, reporter: Claim['reporter']): Claim {
  return { kind: 'claim', peerId: record.peerId, multiaddrs: [...record.addresses], ttl, reporter, signedPeerRecord: record.bytes }
}

/** Not to be verified now is no fault of the record's. */
function dropReason (refused: RecordRefusal): string {
  return refused === 'rate-limited' ? refused : 'bad-record'
}
