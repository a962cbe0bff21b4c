/** What we provide and put: now, again before it lapses, and no longer. */
import { DhtError, toError, type Clock, type Rng } from '@peerweave/interface'
import { base32 } from 'multiformats/bases/base32'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import * as Digest from 'multiformats/hashes/digest'
import { ADDRESSES_SETTLE } from './constants.ts'
import { namespaceKey, peerKey } from './provider-key.ts'
import { Publishing } from './publishing.ts'
import type { Logger, PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Kad } from './kad.ts'
import type { Queries } from './queries.ts'

export interface AnnouncingInit {
  kad: Kad
  queries: Queries
  self: PeerId
  /** Ours, as far as they are meant for this DHT. */
  addresses: () => readonly Multiaddr[]
  clock: Clock
  rng: Rng
  /** Confirmations wanted. */
  wanted: number
  /** Between two announcements of a key, ms; `Infinity` where the DHT itself repeats it. */
  provideInterval: number
  /** Between two puts of a value, ms. */
  republishInterval: number
  contacts: () => number
  log: Logger
}

export class Announcing {
  readonly #init: AnnouncingInit
  readonly #publishing: Publishing
  /** The keys that say where we ourselves are, by namespace; the one of our own id under none. */
  readonly #self = new Map<string | undefined, CID>()
  /** How many confirmed the last provider record. */
  lastConfirmations: number | undefined

  constructor (init: AnnouncingInit) {
    this.#init = init
    const { clock, rng, wanted, log } = init
    this.#publishing = new Publishing({ clock, rng, wanted, log })
  }

  get size (): number {
    return this.#publishing.size
  }

  get wanting (): number {
    return this.#publishing.wanting
  }

  async run (signal: AbortSignal): Promise<void> {
    await this.#publishing.run(signal)
  }

  /**
   * Sends a provider record to whoever is nearest now, and again in its time.
   *
   * @throws DhtError when nobody is in the routing table
   * @throws LimitExceededError when there are too many keys
   */
  async provide (key: CID, signal: AbortSignal | undefined): Promise<number> {
    this.#keep(key, this.#init.provideInterval)
    return await this.#provideNow(key, signal)
  }

  async stopProviding (key: CID): Promise<void> {
    this.#publishing.remove(nameOf(key))
    // What is left in our own store would be provided again after the next start, and by kad-dht when it has lapsed.
    await this.#init.kad.cancelReprovide(key)
  }

  /**
   * Provides the namespace and our own id, once: the caller repeats it.
   *
   * @throws DhtError when nobody confirmed one of them
   */
  async announce (namespace: string, signal: AbortSignal | undefined): Promise<void> {
    const { wanted } = this.#init
    const keys = await this.#selfKeys(namespace)
    const counts = await Promise.all(keys.map(async key => await this.#provideNow(key, signal)))
    if (counts.includes(0)) throw new DhtError(`nobody confirmed the announcement, where ${wanted} are wanted`)
  }

  /** As above, and again and again, from when there are addresses and contacts. */
  async keepAnnouncing (namespace: string, due: number = ADDRESSES_SETTLE): Promise<void> {
    for (const key of await this.#selfKeys(namespace)) this.#keep(key, due)
  }

  /** Where we are has changed: who knows us should know. */
  changed (): void {
    for (const key of this.#self.values()) this.#publishing.hasten(nameOf(key), ADDRESSES_SETTLE)
  }

  /** Announces us no longer: in this namespace, or at all. What others hold stands until it lapses; nobody takes it back. */
  async withdraw (namespace?: string): Promise<void> {
    if (namespace === undefined) {
      const keys = [...this.#self.values()]
      this.#self.clear()
      for (const key of keys) await this.stopProviding(key)
      return
    }
    const key = this.#self.get(namespace)
    if (key == null) return
    this.#self.delete(namespace)
    await this.stopProviding(key)
    if (this.#self.size === 1) await this.withdraw()
  }

  /** Puts a value to whoever is nearest now, and again in its time, for as long as anybody takes it. */
  async put (key: Uint8Array, value: Uint8Array, signal: AbortSignal | undefined): Promise<number> {
    const { queries, republishInterval, contacts } = this.#init
    await queries.ready({ signal })
    const confirmations = await queries.put(key, value, { signal })
    if (confirmations === 0) return 0
    const name = `value ${base32.encode(key)}`
    this.#publishing.add(name, async signal => {
      const confirmations = await queries.put(key, value, { signal })
      if (confirmations === 0 && contacts() > 0) this.#publishing.remove(name)
      return confirmations
    }, { interval: republishInterval, due: republishInterval })
    return confirmations
  }

  /**
   * What was provided before a restart is provided again, each key in its time. Not where we ourselves are: who ended
   * without a goodbye left that behind, and whether it is to be said again is for whoever announces us to say.
   *
   * @param namespace - the one that we are announced in
   */
  async restore (own: AsyncIterable<{ multihash: string, at: number }>, namespace: string): Promise<void> {
    const { clock, rng, provideInterval, self, kad, log } = this.#init
    const selfNames = new Set([await namespaceKey(namespace), await peerKey(self)].map(nameOf))
    const left: CID[] = []
    for await (const { multihash, at } of own) {
      try {
        const key = CID.createV1(raw.code, Digest.decode(base32.decode(`b${multihash}`)))
        const remaining = Math.max(0, provideInterval - Math.max(0, clock.wall() - at))
        if (selfNames.has(nameOf(key))) left.push(key)
        else this.#keep(key, remaining * rng.float())
      } catch (error) {
        log.error('what was provided under %s before is not provided again - %e', multihash, toError(error))
      }
    }
    for (const key of left) await kad.cancelReprovide(key)
  }

  #keep (key: CID, due: number): void {
    this.#publishing.add(nameOf(key), async signal => await this.#send(key, signal), { interval: this.#init.provideInterval, due })
  }

  async #provideNow (key: CID, signal: AbortSignal | undefined): Promise<number> {
    const confirmations = await this.#send(key, signal)
    this.#publishing.announced(nameOf(key), confirmations)
    return confirmations
  }

  async #send (key: CID, signal: AbortSignal | undefined): Promise<number> {
    const { addresses, queries, wanted, log } = this.#init
    if (addresses().length === 0) throw new DhtError("there is no address to announce: servers ignore a provider without one, and with addresses: 'public' private ones do not count")
    await queries.ready({ signal })
    // Nobody takes a record back: what was withdrawn while we waited is not sent.
    if (!this.#isWanted(key)) throw new DhtError(`${key} was taken back meanwhile`)
    const confirmations = await queries.provide(key, { signal })
    this.lastConfirmations = confirmations
    if (confirmations < wanted) log('%s: %d peers confirmed, where %d are wanted', key, confirmations, wanted)
    return confirmations
  }

  #isWanted (key: CID): boolean {
    return this.#publishing.has(nameOf(key)) || [...this.#self.values()].some(own => own.equals(key))
  }

  async #selfKeys (namespace: string): Promise<CID[]> {
    const { self } = this.#init
    const keys = new Map<string | undefined, CID>([[namespace, await namespaceKey(namespace)], [undefined, await peerKey(self)]])
    for (const [name, key] of keys) this.#self.set(name, key)
    return [...keys.values()]
  }
}

function nameOf (key: CID): string {
  return `key ${base32.encode(key.multihash.bytes)}`
}
