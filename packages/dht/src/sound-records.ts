/** What kad-dht keeps for others, made sound where kad-dht is not: lapsed and vanished providers, older values, sizes. */
import { LimitExceededError, limits, safeText, shuffle, type Clock, type DropCounter, type Rng } from '@peerweave/interface'
import { QuotaDatastore, type DatastoreLike } from '@peerweave/libp2p'
import { Record as DhtRecord, type SelectFn } from '@libp2p/kad-dht'
import { peerIdFromString } from '@libp2p/peer-id'
import { bytes as compare, varint } from 'multiformats'
import { base32 } from 'multiformats/bases/base32'
import { ASKED, type AskOptions } from './kad.ts'
import { namespaceOf } from './record-key.ts'
import type { PeerId } from '@libp2p/interface'
import type { Datastore, Key, Pair, Query } from 'interface-datastore'
import type { CID } from 'multiformats/cid'

export interface SoundRecordsInit {
  inner: Datastore
  /** Of kad-dht's keys. */
  prefix: string
  self: PeerId
  /** How long provider records are given out, ms. */
  ttl: number
  clock: Clock
  rng: Rng
  drop: DropCounter
  /** Whether the peer store knows the peer: kad-dht answers nobody about a key of which one provider is unknown to it. */
  isKnown: (peer: string) => Promise<boolean>
  /** The network that a peer is connected from. */
  groupOf: (peer: string) => string | undefined
  /** Which of several values is best, by namespace of the key. */
  selectors: () => Readonly<Record<string, SelectFn>>
}

/** `<prefix>/provider/<base32 of the multihash>/<peer id>`; the value is when it came, ms since 1970 as a varint. */
const PROVIDER = '/provider'
/** `<prefix>/record/<base32 of the key>`; the value is a record with key, value and when it came. */
const VALUE = '/record'
/** Bytes of a stored value besides it: its key, twice and once in base32, and when it came. Keys have 300 at the most. */
const VALUE_OVERHEAD = 1_024

/**
 * The node's datastore as kad-dht sees it. Keys that are not kad-dht's pass through.
 *
 * - Providers and values are kept within a quota, in which the peers of one network share a place; ours are not counted.
 * - Of a key, providers are given out while their record is younger than `ttl` and the peer store knows them, and of many
 *   a random choice of `limits.dhtProvidersPerAnswer`, another one each time.
 * - A value that a selector ranks below the one that is there does not replace it (js-libp2p #3377).
 */
export class SoundRecords extends QuotaDatastore<Key> implements DatastoreLike<Key> {
  readonly #init: SoundRecordsInit
  readonly #providers: string
  readonly #values: string

  constructor (init: SoundRecordsInit) {
    const own = init.self.toString()
    const providers = `${init.prefix}${PROVIDER}`
    const values = `${init.prefix}${VALUE}`
    super(init.inner, [
      {
        prefix: providers,
        entries: limits.dhtProviders,
        bytes: limits.dhtProviderBytes,
        entryBytes: limits.dhtProviderKeyBytes,
        entriesPerWriter: limits.dhtProvidersPerPeer,
        writer: key => {
          const peer = key.slice(key.lastIndexOf('/') + 1)
          return peer === own ? undefined : peer
        },
        group: init.groupOf
      },
      // Who put a value is not in it: the oldest goes, of the namespace that has most. In one namespace its validator is
      // what keeps strangers from filling this; `pk`, where anybody can make valid ones, takes no place from another.
      {
        prefix: values,
        entries: limits.dhtValues,
        bytes: limits.dhtValuesBytes,
        entryBytes: limits.dhtValueBytes + VALUE_OVERHEAD,
        writer: key => namespaceIn(key.slice(values.length + 1))
      }
    ])
    this.#init = init
    this.#providers = providers
    this.#values = values
  }

  get stored (): { providers: number, values: number } {
    const use = this.use()
    return { providers: use.get(this.#providers)?.entries ?? 0, values: use.get(this.#values)?.entries ?? 0 }
  }

  /** The keys that we provide, with when we last did, wall ms. */
  async * own (): AsyncGenerator<{ multihash: string, at: number }> {
    const ending = `/${this.#init.self}`
    for await (const { key, value } of this.#init.inner.query({ prefix: `${this.#providers}/` })) {
      const text = key.toString()
      if (text.endsWith(ending)) yield { multihash: text.slice(this.#providers.length + 1, -ending.length), at: timeOf(value) }
    }
  }

  override async put (key: Key, value: Uint8Array, options?: { signal?: AbortSignal }): Promise<Key> {
    const text = key.toString()
    try {
      if (text.startsWith(`${this.#values}/`)) await this.#checkValue(key, value)
      return await super.put(key, value, options)
    } catch (error) {
      if (error instanceof LimitExceededError) this.#init.drop('quota')
      throw error
    }
  }

  override query (query: Query, options?: { signal?: AbortSignal }): AsyncGenerator<Pair> {
    const { prefix = '' } = query
    if (!prefix.startsWith(`${this.#providers}/`)) return passOn(super.query(query, options))
    // With k of its own kad-dht asks nobody else. For a question of ours it has none: they are read apart.
    const asked: Partial<AskOptions> = options ?? {}
    return asked[ASKED] === true ? passOn([]) : this.#givenOut(super.query(query, options))
  }

  /** Who provides a key, of what is kept here. */
  async * providersOf (key: CID): AsyncGenerator<PeerId> {
    for await (const pair of this.query({ prefix: `${this.#providers}/${base32.baseEncode(key.multihash.bytes)}` })) {
      yield peerIdFromString(peerIn(pair.key))
    }
  }

  async * #givenOut (found: Iterable<Pair> | AsyncIterable<Pair>): AsyncGenerator<Pair> {
    const { clock, ttl, self, isKnown, rng } = this.#init
    const oldest = clock.wall() - ttl
    const own = self.toString()
    // A random choice of those read so far, all equally likely (Vitter's algorithm R): where thousands provide one key,
    // each asker gets others. More than are given out, since some may be unknown; the peer store is not asked of all.
    const chosen: Pair[] = []
    const most = 2 * limits.dhtProvidersPerAnswer
    let seen = 0
    for await (const pair of found) {
      if (peerIn(pair.key) !== own && timeOf(pair.value) < oldest) continue
      seen++
      const place = chosen.length < most ? chosen.length : rng.int(seen)
      if (place < most) chosen[place] = pair
    }
    let given = 0
    for (const pair of seen > limits.dhtProvidersPerAnswer ? shuffle(rng, chosen) : chosen) {
      const peer = peerIn(pair.key)
      if (peer !== own && !await isKnown(peer)) continue
      yield pair
      if (++given === limits.dhtProvidersPerAnswer) return
    }
  }

  async #checkValue (key: Key, bytes: Uint8Array): Promise<void> {
    const record = DhtRecord.deserialize(bytes)
    if (record.value.byteLength > limits.dhtValueBytes) {
      throw new LimitExceededError(`a value of ${record.value.byteLength} bytes, where ${limits.dhtValueBytes} are kept`)
    }
    const select = this.#init.selectors()[namespaceOf(record.key)]
    if (select == null) return
    const stored = await (async () => await this.get(key))().then(bytes => DhtRecord.deserialize(bytes), () => undefined)
    if (stored == null || await select(record.key, [stored.value, record.value]) === 1) return
    if (compare.equals(stored.value, record.value)) return
    this.#init.drop('older-value')
    throw new Error(`a better value of ${safeText(key)} is there already`)
  }
}

/** The provider, of a provider record's key. */
function peerIn (key: Key): string {
  const text = key.toString()
  return text.slice(text.lastIndexOf('/') + 1)
}

/** Of a value's key as it stands in the datastore, `''` of one that is not kad-dht's. Of a long one only the beginning is looked at. */
function namespaceIn (encoded: string): string {
  try {
    return namespaceOf(base32.baseDecode(encoded.slice(0, 128)))
  } catch {
    return ''
  }
}

function timeOf (value: Uint8Array): number {
  try {
    return varint.decode(value)[0]
  } catch {
    return 0 // not kad-dht's: it has lapsed
  }
}

async function * passOn<T> (items: Iterable<T> | AsyncIterable<T>): AsyncGenerator<T> {
  yield * items
}
