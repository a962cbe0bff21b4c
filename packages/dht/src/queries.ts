/** kad-dht's events made into answers. Every query has an end of its own: kad-dht's would be 180 s. */
import {
  DhtError, limits, NotFoundError, throwIfAborted, toError, untilAborted, withoutPeer, type Claim, type Clock, type Reporter
} from '@peerweave/interface'
import { Record as DhtRecord, type QueryEvent } from '@libp2p/kad-dht'
import { setMaxListeners } from 'main-event'
import { bytes as compare } from 'multiformats'
import { CONTACTS_POLL, MOST_READ } from './constants.ts'
import { namespaceOf, recordKey } from './record-key.ts'
import { ASKED, type Ask, type Kad } from './kad.ts'
import type { PeerId, PeerInfo } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Datastore } from 'interface-datastore'
import type { CID } from 'multiformats/cid'

export interface QueriesInit {
  kad: Kad
  clock: Clock
  self: PeerId
  /** One query, ms. */
  timeout: number
  /** How long what was heard stands, ms. */
  peerTtl: number
  /** Fires when the DHT stops. */
  session: AbortSignal
  contacts: () => number
  /** The connection to whoever answered. */
  reporterOf: (from: PeerId) => Reporter
  /** The connection on which a provider told us itself, where that is remembered. */
  providerReporter: (provider: PeerId) => Reporter | undefined
  /** Of a DHT of ours: who told us themselves that they provide a key. */
  ownProviders: ((key: CID) => AsyncIterable<PeerInfo>) | undefined
  /** Where our own copies of values are. */
  datastore: Datastore
  datastorePrefix: string
}

/** What is asked for, until when. */
export interface Until {
  signal?: AbortSignal | undefined
  /** ms, at most the timeout of one query. */
  timeout?: number | undefined
}

export interface FoundValue {
  value: Uint8Array
  from: PeerId
}

export class Queries {
  readonly #init: QueriesInit
  #asking = 0

  constructor (init: QueriesInit) {
    this.#init = init
  }

  /** Whether a query of ours is under way. */
  get isAsking (): boolean {
    return this.#asking > 0
  }

  /**
   * Resolves when there is somebody to ask.
   *
   * @throws DhtError when there is nobody in time
   */
  async ready ({ signal, timeout = this.#init.timeout }: Until = {}): Promise<void> {
    const { clock, session, contacts } = this.#init
    if (contacts() > 0) return
    using deadline = clock.deadline(timeout, signal, session)
    while (contacts() === 0) {
      try {
        await clock.sleep(CONTACTS_POLL, { signal: deadline.signal })
      } catch {
        throwIfAborted(signal)
        throwIfAborted(session)
        throw new DhtError(
          `nobody is in the routing table, also after ${timeout} ms: connect to a peer that serves this DHT, or give bootstrapNodes; with addresses: 'public' private ones do not count`
        )
      }
    }
  }

  /** Providers as they are told of, each with who told; more than once where several did. */
  async * providers (key: CID, until: Until): AsyncGenerator<Claim> {
    const { ownProviders, self } = this.#init
    if (ownProviders != null) {
      throwIfAborted(until.signal)
      for await (const provider of ownProviders(key)) yield * this.#claims([provider], self, true)
    }
    for await (const event of this.#ask((kad, options) => kad.findProviders(key, options), until)) {
      // Not `PROVIDER`, of which kad-dht gives k at the most.
      if (event.name === 'PEER_RESPONSE') yield * this.#claims(event.providers, event.from, true)
    }
  }

  /** Peers near `key`, as they are told of; more than once where several told. */
  async * near (key: Uint8Array, until: Until): AsyncGenerator<Claim> {
    for await (const event of this.#ask((kad, options) => kad.getClosestPeers(key, options), until)) {
      if (event.name === 'PEER_RESPONSE') yield * this.#claims(event.closer, event.from)
    }
  }

  /** The k peers nearest to `key` that answered, when the look-up is done, nearest first. */
  async * closest (key: Uint8Array, until: Until): AsyncGenerator<{ peer: PeerId, claims: Claim[] }> {
    const heard = new Map<string, Claim[]>()
    for await (const event of this.#ask((kad, options) => kad.getClosestPeers(key, options), until)) {
      if (event.name === 'PEER_RESPONSE') {
        for (const claim of this.#claims(event.closer, event.from)) {
          const id = claim.peerId.toString()
          heard.set(id, [...heard.get(id) ?? [], claim].slice(-limits.reportersPerGroup))
        }
      }
      if (event.name === 'FINAL_PEER') yield { peer: event.peer.id, claims: heard.get(event.peer.id.toString()) ?? [] }
    }
  }

  /** Where a peer is, from everybody on the way to it who knows. */
  async * peer (id: PeerId, until: Until): AsyncGenerator<Claim> {
    // What is in our own store is nobody's answer, and may have no address (js-libp2p #3455).
    for await (const event of this.#ask((kad, options) => kad.findPeer(id, { ...options, useCache: false }), until)) {
      if (event.name === 'PEER_RESPONSE') yield * this.#claims(event.closer.filter(({ id: closer }) => closer.equals(id)), event.from)
    }
  }

  /** To how many of the k nearest the record was sent; the protocol has no answer to it. */
  async provide (key: CID, until: Until): Promise<number> {
    const confirmed = new Set<string>()
    for await (const event of this.#ask((kad, options) => kad.provide(key, options), until)) {
      if (event.name === 'PEER_RESPONSE' && event.messageName === 'ADD_PROVIDER') confirmed.add(event.from.toString())
    }
    throwIfAborted(until.signal)
    return confirmed.size
  }

  /** How many of the k nearest answered that they hold the value. */
  async put (key: Uint8Array, value: Uint8Array, until: Until): Promise<number> {
    const confirmed = new Set<string>()
    for await (const event of this.#ask((kad, options) => kad.put(key, value, options), until)) {
      if (event.name !== 'PEER_RESPONSE' || event.messageName !== 'PUT_VALUE' || event.record == null) continue
      if (compare.equals(event.record.value, value)) confirmed.add(event.from.toString())
    }
    throwIfAborted(until.signal)
    return confirmed.size
  }

  /**
   * Every distinct valid value, as it comes. kad-dht gives one, at the end, and none when a peer refuses to be corrected.
   *
   * @throws DhtError when there is none, and kad-dht failed
   */
  async * values (key: Uint8Array, until: Until): AsyncGenerator<FoundValue> {
    const found: Uint8Array[] = []
    const isNew = (value: Uint8Array): boolean => !found.some(known => compare.equals(known, value))
    const own = await this.#ownValue(key)
    if (own != null) {
      found.push(own)
      yield { value: own, from: this.#init.self }
    }
    try {
      for await (const event of this.#ask((kad, options) => kad.get(key, options), until)) {
        const value = event.name === 'PEER_RESPONSE' ? event.record?.value : event.name === 'VALUE' ? event.value : undefined
        if (value == null || !('from' in event) || !isNew(value)) continue
        // A copy: theirs is a view of the whole answer.
        const copy = new Uint8Array(value)
        found.push(copy)
        yield { value: copy, from: event.from }
      }
    } catch (error) {
      throwIfAborted(until.signal)
      if (found.length === 0) throw error
    }
  }

  /** The best of all values, by the DHT's selector for the key. @throws NotFoundError when there is none */
  async best (key: Uint8Array, until: Until): Promise<Uint8Array> {
    const select = this.#init.kad.selectors[namespaceOf(key)]
    const values: Uint8Array[] = []
    for await (const { value } of this.values(key, until)) values.push(value)
    const best = values[select == null || values.length === 0 ? 0 : await select(key, values)]
    if (best == null) throw new NotFoundError('nobody holds a value of that key')
    return best
  }

  async #ownValue (key: Uint8Array): Promise<Uint8Array | undefined> {
    const { datastore, datastorePrefix, kad } = this.#init
    try {
      const record = DhtRecord.deserialize(await datastore.get(recordKey(datastorePrefix, key)))
      await kad.validators[namespaceOf(key)]?.(key, record.value)
      return new Uint8Array(record.value)
    } catch {
      return undefined // not there, or not valid any more
    }
  }

  /** What of an answer is a claim: each peer once, with its addresses, bounded. */
  * #claims (peers: readonly PeerInfo[], from: PeerId, areProviders: boolean = false): Generator<Claim> {
    const { self, reporterOf, providerReporter, peerTtl } = this.#init
    const byPeer = new Map<string, PeerInfo>()
    for (const { id, multiaddrs } of peers.slice(0, limits.dhtPeersPerAnswer)) {
      const others = byPeer.get(id.toString())?.multiaddrs ?? []
      byPeer.set(id.toString(), { id, multiaddrs: [...others, ...multiaddrs.slice(0, MOST_READ)] })
    }
    for (const { id, multiaddrs } of byPeer.values()) {
      const usable = bounded(multiaddrs)
      if (usable.length === 0 || id.equals(self)) continue
      // Of what we keep ourselves the provider is the reporter.
      const reporter = !from.equals(self) ? reporterOf(from) : areProviders ? providerReporter(id) : undefined
      yield { kind: 'claim', peerId: id, multiaddrs: usable, ttl: peerTtl, ...(reporter != null && { reporter: { ...reporter } }) }
    }
  }

  /** Ends, without an error, when kad-dht does, at the timeout, with the signal, or when the DHT stops. */
  async * #ask (ask: Ask, { signal, timeout = this.#init.timeout }: Until): AsyncGenerator<QueryEvent> {
    const { clock, session, kad } = this.#init
    throwIfAborted(signal)
    using deadline = clock.deadline(Math.min(timeout, this.#init.timeout), signal, session)
    setMaxListeners(Infinity, deadline.signal) // one for each request of the query
    this.#asking++
    try {
      yield * untilAborted(ask(kad, { signal: deadline.signal, [ASKED]: true }), deadline.signal)
    } catch (error) {
      const { name, message } = toError(error)
      if (name === 'NotFoundError' || deadline.signal.aborted) return
      throw new DhtError(`the query failed: ${message}`, { cause: error })
    } finally {
      this.#asking--
    }
  }
}

/** Each address once, without the peer at its end; at most as many as a claim has. */
function bounded (addresses: readonly Multiaddr[]): Multiaddr[] {
  const distinct = new Map<string, Multiaddr>()
  for (const address of addresses) {
    if (address.bytes.byteLength > limits.multiaddrBytes) continue
    const bare = withoutPeer(address)
    distinct.set(bare.toString(), bare)
    if (distinct.size === limits.addressesPerClaim) break
  }
  return [...distinct.values()]
}
