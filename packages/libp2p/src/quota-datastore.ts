/**
 * A datastore that strangers cannot fill: libp2p's peer store and kad-dht's records have no bound of their own
 * (security research F5, F6).
 */
import { LimitExceededError, numberOption, safeText, Turns } from '@peerweave/interface'

interface AbortOptions {
  signal?: AbortSignal
}

/** `interface-datastore`'s `Key`, as far as it is used here. */
interface KeyLike {
  toString: () => string
}

interface StoredPair<Key> {
  key: Key
  value: Uint8Array
}

/** The part of `interface-datastore`'s `Batch`. */
interface StoreBatch<Key> {
  put: (key: Key, value: Uint8Array) => void
  delete: (key: Key) => void
  commit: (options?: AbortOptions) => void | Promise<void>
}

interface StoreQuery<Item> {
  prefix?: string
  filters?: Array<(item: Item) => boolean>
  orders?: Array<(a: Item, b: Item) => -1 | 0 | 1>
  limit?: number
  offset?: number
}

/** The form of `interface-datastore`'s `Datastore`, which libp2p takes and gives: this package need not depend on it. */
export interface DatastoreLike<Key extends KeyLike> {
  has: (key: Key, options?: AbortOptions) => boolean | Promise<boolean>
  get: (key: Key, options?: AbortOptions) => Uint8Array | Promise<Uint8Array>
  put: (key: Key, value: Uint8Array, options?: AbortOptions) => Key | Promise<Key>
  delete: (key: Key, options?: AbortOptions) => void | Promise<void>
  getMany: (keys: Iterable<Key> | AsyncIterable<Key>, options?: AbortOptions) => Generator<StoredPair<Key>> | AsyncGenerator<StoredPair<Key>>
  putMany: (pairs: Iterable<StoredPair<Key>> | AsyncIterable<StoredPair<Key>>, options?: AbortOptions) => Generator<Key> | AsyncGenerator<Key>
  deleteMany: (keys: Iterable<Key> | AsyncIterable<Key>, options?: AbortOptions) => Generator<Key> | AsyncGenerator<Key>
  batch: () => StoreBatch<Key>
  query: (query: StoreQuery<StoredPair<Key>>, options?: AbortOptions) => Generator<StoredPair<Key>> | AsyncGenerator<StoredPair<Key>>
  queryKeys: (query: StoreQuery<Key>, options?: AbortOptions) => Generator<Key> | AsyncGenerator<Key>
}

/** What may be kept under one prefix. */
export interface Quota {
  /** Keys that begin with this and a `/`. Of several quotas the first that fits counts. */
  prefix: string
  /** Entries in all. */
  entries: number
  /** Bytes of keys and values in all. */
  bytes: number
  /** Bytes of one key and value; a larger entry is refused. @default `bytes` */
  entryBytes?: number | undefined
  /** Entries of one writer; beyond it its own oldest goes. @default `entries` */
  entriesPerWriter?: number | undefined
  /** Who wrote it; `undefined` for what is not counted and never evicted, such as our own. @default one writer for all */
  writer?: ((key: string) => string | undefined) | undefined
  /**
   * What a writer shares its place with, asked with each of its writes: identities are free, networks are not. Those of
   * whom it was never known, as of all that were there before a restart, share one place: else who hangs up in time would
   * have one of his own. @default the writer alone
   */
  group?: ((writer: string) => string | undefined) | undefined
}

export interface QuotaUse {
  entries: number
  bytes: number
}

/**
 * Passes everything on to `inner`, and keeps what is under the prefix of a {@link Quota} within it. When there is too
 * much, the oldest entry of the writer with most in the group with most goes, the newcomer's included: as long as somebody
 * holds more than its share, nobody who holds less loses anything. Of equal ones the later comer loses, and a newcomer that
 * finds no place is refused with `LimitExceededError`.
 *
 * What is in `inner` already is counted with the first write. Writes under a quota take turns. One that evicts looks at
 * every group, and at every writer of one.
 *
 * @throws TypeError naming a bound that is wrong
 */
export class QuotaDatastore<Key extends KeyLike> implements DatastoreLike<Key> {
  readonly #inner: DatastoreLike<Key>
  readonly #shares: ReadonlyArray<Share<Key>>
  readonly #turns = new Turns()
  #counted: Promise<void> | undefined

  constructor (inner: DatastoreLike<Key>, quotas: readonly Quota[]) {
    this.#inner = inner
    this.#shares = quotas.map(quota => new Share<Key>(quota))
  }

  /** What is held under each prefix; what is not counted is not in it. Zero before {@link count} or a write. */
  use (): ReadonlyMap<string, QuotaUse> {
    return new Map(this.#shares.map(({ prefix, use }) => [prefix, use]))
  }

  /** Counts what is in `inner` already, unless that was done. */
  async count (): Promise<void> {
    this.#counted ??= this.#turns.take(async () => {
      for (const share of this.#shares) {
        const excess: Key[] = []
        for await (const { key, value } of this.#inner.query({ prefix: `${share.prefix}/` })) {
          if (this.#shareOf(key) === share) excess.push(...share.admit(key, value.byteLength).evicted)
        }
        for (const key of excess) await this.#inner.delete(key)
      }
    }).catch(error => {
      this.#counted = undefined
      throw error
    })
    await this.#counted
  }

  has (key: Key, options?: AbortOptions): boolean | Promise<boolean> {
    return this.#inner.has(key, options)
  }

  get (key: Key, options?: AbortOptions): Uint8Array | Promise<Uint8Array> {
    return this.#inner.get(key, options)
  }

  getMany (keys: Iterable<Key> | AsyncIterable<Key>, options?: AbortOptions): Generator<StoredPair<Key>> | AsyncGenerator<StoredPair<Key>> {
    return this.#inner.getMany(keys, options)
  }

  query (query: StoreQuery<StoredPair<Key>>, options?: AbortOptions): Generator<StoredPair<Key>> | AsyncGenerator<StoredPair<Key>> {
    return this.#inner.query(query, options)
  }

  queryKeys (query: StoreQuery<Key>, options?: AbortOptions): Generator<Key> | AsyncGenerator<Key> {
    return this.#inner.queryKeys(query, options)
  }

  /** @throws LimitExceededError when there is no place for it */
  async put (key: Key, value: Uint8Array, options?: AbortOptions): Promise<Key> {
    const share = this.#shareOf(key)
    if (share == null) return await this.#inner.put(key, value, options)
    await this.count()
    return await this.#turns.take(async () => {
      const { evicted, isRefused } = share.admit(key, value.byteLength)
      for (const victim of evicted) await this.#inner.delete(victim)
      if (isRefused) throw new LimitExceededError(`no place under ${share.prefix} for ${safeText(key)}`)
      try {
        return await this.#inner.put(key, value, options)
      } catch (error) {
        // What was there before may be there still: counted again with what it was is impossible, so it goes.
        share.forget(key)
        await Promise.resolve(this.#inner.delete(key)).catch(() => {})
        throw error
      }
    })
  }

  async delete (key: Key, options?: AbortOptions): Promise<void> {
    const share = this.#shareOf(key)
    if (share == null) return await this.#inner.delete(key, options)
    await this.count()
    await this.#turns.take(async () => {
      await this.#inner.delete(key, options)
      share.forget(key)
    })
  }

  async * putMany (pairs: Iterable<StoredPair<Key>> | AsyncIterable<StoredPair<Key>>, options?: AbortOptions): AsyncGenerator<Key> {
    for await (const { key, value } of pairs) yield await this.put(key, value, options)
  }

  async * deleteMany (keys: Iterable<Key> | AsyncIterable<Key>, options?: AbortOptions): AsyncGenerator<Key> {
    for await (const key of keys) {
      await this.delete(key, options)
      yield key
    }
  }

  /** What is under no quota is committed as one. The rest follows one by one, so that each finds its place or is refused. */
  batch (): StoreBatch<Key> {
    const free = this.#inner.batch()
    const counted: Array<(options?: AbortOptions) => Promise<unknown>> = []
    return {
      put: (key, value) => {
        if (this.#shareOf(key) == null) free.put(key, value)
        else counted.push(options => this.put(key, value, options))
      },
      delete: key => {
        if (this.#shareOf(key) == null) free.delete(key)
        else counted.push(options => this.delete(key, options))
      },
      commit: async options => {
        await free.commit(options)
        for (const write of counted.splice(0)) await write(options)
      }
    }
  }

  #shareOf (key: Key): Share<Key> | undefined {
    const text = key.toString()
    return this.#shares.find(({ prefix }) => text.startsWith(`${prefix}/`))
  }
}

interface Group<Key> {
  readonly name: string
  bytes: number
  /** In order of arrival. */
  readonly writers: Set<Writer<Key>>
}

interface Writer<Key> {
  readonly name: string
  group: Group<Key>
  bytes: number
  /** In the order last written. */
  readonly entries: Map<string, { key: Key, bytes: number }>
}

/** Who holds how much under one prefix. BOUNDED by the quota's entries. */
class Share<Key extends KeyLike> {
  readonly prefix: string
  readonly #quota: Quota & { entryBytes: number, entriesPerWriter: number }
  readonly #writers = new Map<string, Writer<Key>>()
  readonly #groups = new Map<string, Group<Key>>()
  #entries = 0
  #bytes = 0

  constructor (quota: Quota) {
    const whole = { min: 1, integer: true }
    const entries = numberOption('entries', quota.entries, 0, whole)
    const bytes = numberOption('bytes', quota.bytes, 0, whole)
    this.prefix = quota.prefix.replace(/\/$/, '')
    this.#quota = {
      ...quota,
      entries,
      bytes,
      entryBytes: Math.min(bytes, numberOption('entryBytes', quota.entryBytes, bytes, whole)),
      entriesPerWriter: numberOption('entriesPerWriter', quota.entriesPerWriter, entries, whole)
    }
  }

  get use (): QuotaUse {
    return { entries: this.#entries, bytes: this.#bytes }
  }

  /** Takes a place for the entry, as its writer's newest. What is evicted may be the entry itself, as it was before. */
  admit (key: Key, valueBytes: number): { evicted: Key[], isRefused: boolean } {
    const text = key.toString()
    const name = this.#quota.writer == null ? '' : this.#quota.writer(text)
    if (name === undefined) return { evicted: [], isRefused: false }
    const bytes = text.length + valueBytes
    const wasThere = this.forget(key)
    if (bytes > this.#quota.entryBytes) return { evicted: wasThere ? [key] : [], isRefused: true }

    const writer = this.#writerOf(name)
    this.#count(writer, bytes, 1)
    writer.entries.set(text, { key, bytes })
    const evicted: Key[] = []
    let isRefused = false
    for (let heavy = this.#tooHeavy(writer); heavy != null; heavy = this.#tooHeavy(writer)) {
      const [oldest] = heavy.entries.values()
      if (oldest == null) break
      this.forget(oldest.key)
      if (oldest.key !== key) {
        evicted.push(oldest.key)
        continue
      }
      isRefused = true
      if (wasThere) evicted.push(key)
    }
    return { evicted, isRefused }
  }

  /** @returns whether it was there */
  forget (key: Key): boolean {
    const text = key.toString()
    const name = this.#quota.writer == null ? '' : this.#quota.writer(text)
    const writer = name === undefined ? undefined : this.#writers.get(name)
    const entry = writer?.entries.get(text)
    if (writer == null || entry == null) return false
    writer.entries.delete(text)
    this.#count(writer, -entry.bytes, -1)
    if (writer.entries.size > 0) return true
    this.#writers.delete(writer.name)
    this.#leave(writer)
    return true
  }

  /** The writer that must give something up, if anybody must. */
  #tooHeavy (newest: Writer<Key>): Writer<Key> | undefined {
    if (newest.entries.size > this.#quota.entriesPerWriter) return newest
    if (this.#entries <= this.#quota.entries && this.#bytes <= this.#quota.bytes) return undefined
    const group = heaviest(this.#groups.values())
    return group && heaviest(group.writers)
  }

  #writerOf (name: string): Writer<Key> {
    const shared = this.#quota.group?.(name)
    let writer = this.#writers.get(name)
    if (writer == null) {
      writer = { name, group: this.#groupOf(this.#quota.group == null ? `writer ${name}` : `group ${shared ?? ''}`), bytes: 0, entries: new Map() }
      writer.group.writers.add(writer)
      this.#writers.set(name, writer)
    } else if (shared !== undefined && writer.group.name !== `group ${shared}`) {
      this.#leave(writer)
      writer.group = this.#groupOf(`group ${shared}`)
      writer.group.bytes += writer.bytes
      writer.group.writers.add(writer)
    }
    return writer
  }

  #leave (writer: Writer<Key>): void {
    const { group } = writer
    group.bytes -= writer.bytes
    group.writers.delete(writer)
    if (group.writers.size === 0) this.#groups.delete(group.name)
  }

  #groupOf (name: string): Group<Key> {
    let group = this.#groups.get(name)
    if (group == null) {
      group = { name, bytes: 0, writers: new Set() }
      this.#groups.set(name, group)
    }
    return group
  }

  #count (writer: Writer<Key>, bytes: number, entries: number): void {
    writer.bytes += bytes
    writer.group.bytes += bytes
    this.#bytes += bytes
    this.#entries += entries
  }
}

/** Of equal ones the last: who was there first stays. */
function heaviest<T extends { bytes: number }> (candidates: Iterable<T>): T | undefined {
  let found: T | undefined
  for (const candidate of candidates) {
    if (found == null || candidate.bytes >= found.bytes) found = candidate
  }
  return found
}
