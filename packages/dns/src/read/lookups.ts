/**
 * What one reading of a domain may ask: `limits.dnsLookups` names at most, each with at most `limits.dnsAliases + 1`
 * questions, so that no zone can keep us asking.
 */
import {
  DnsError, limits, nextTurn, raceSignal, show, Slots, throwIfAborted, toError, Turns, type Clock, type DropCounter, type Reporter, type Rng
} from '@peerweave/interface'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import type { RecordType } from '../records.ts'
import type { AddressRecord, Hint } from '../resolver/answer-step.ts'
import type { Resolution, Resolver } from '../resolver/resolver.ts'

export interface ReadInit {
  resolver: Resolver
  clock: Clock
  rng: Rng
  /**
   * Counts `unanswered` (a look-up that failed), `too-many-lookups`, `bad-address`, `too-many-addresses`, and what the
   * parts say that they count.
   */
  drop: DropCounter
  /** Told why, when what has lapsed is served because nobody answers. */
  lapsed?: ((failure: Error) => void) | undefined
}

export interface ReadOptions {
  /** @default { domain } */
  reporter?: Reporter | undefined
  signal?: AbortSignal | undefined
}

/** Where a host is. */
export interface Place {
  /** Beginnings of multiaddrs: `/ip4/192.0.2.1`. At most `limits.addressesPerClaim`. */
  readonly hosts: readonly string[]
  /** Monotonic ms; `Infinity` when it is nowhere. */
  readonly expiresAt: number
}

/**
 * An answer with more records is read in a turn of the event loop of its own: several may come in one, or all that is
 * remembered. Chosen: 1 ms of texts with addresses; 64 take ten.
 */
const AT_ONCE = 8

export const FAMILIES = ['A', 'AAAA'] as const
type Family = typeof FAMILIES[number]

export class Lookups {
  /** What the first that failed says, also one that fell back on what was not there before; none for a bound of ours. */
  failure: Error | undefined
  readonly #resolver: Resolver
  readonly #drop: DropCounter
  readonly #lapsed: (failure: Error) => void
  readonly #signal: AbortSignal
  readonly #slots = new Slots(limits.dnsLookupsAtOnce, limits.dnsLookups)
  readonly #turns = new Turns()
  #left: number = limits.dnsLookups

  constructor ({ resolver, drop, lapsed = () => {} }: ReadInit, signal: AbortSignal) {
    this.#resolver = resolver
    this.#drop = drop
    this.#lapsed = lapsed
    this.#signal = signal
  }

  /** What is there, or `undefined` when that could not be learnt, which is counted. Rejects with AbortError only. */
  async resolve<Type extends RecordType> (name: string, type: Type): Promise<Resolution<Type> | undefined> {
    throwIfAborted(this.#signal)
    if (this.#left === 0) {
      this.#drop('too-many-lookups')
      return
    }
    this.#left--
    const release = await this.#slots.take(this.#signal)
    try {
      const found = await raceSignal(this.#resolver.resolve(name, type, { signal: this.#signal }), this.#signal)
      if (found.isStale) {
        const failure = new DnsError(`nobody answers to ${type} ${show(name)}: what was said before is told on`)
        this.#lapsed(this.#resolver.status().failure ?? failure)
      }
      if (found.records.length > AT_ONCE) await this.#turns.take(nextTurn)
      // "It was not there when somebody last answered" must not pass for "it is not there".
      if (found.isStale && found.records.length === 0) this.failure ??= this.#resolver.status().failure
      return found
    } catch (error) {
      throwIfAborted(this.#signal)
      this.failure ??= toError(error)
      this.#drop('unanswered')
    } finally {
      release()
    }
  }

  /** Where a host is, as far as that could be learnt. */
  async place (host: string, families: readonly Family[] = FAMILIES): Promise<Place> {
    const answers = await Promise.all(families.map(async family => await this.resolve(host, family)))
    const found = answers.filter(answer => answer != null).filter(({ records }) => records.length > 0)
    return {
      hosts: found.flatMap(({ records }) => this.#hosts(records)),
      expiresAt: Math.min(...found.map(({ expiresAt }) => expiresAt))
    }
  }

  /** As {@link place}, of what came with the SRV records. */
  hinted (host: string, hints: readonly Hint[], now: number): Place | undefined {
    const found = hints.filter(({ record, expiresAt }) => record.name === host && expiresAt > now)
    if (found.length === 0) return
    const hosts = FAMILIES.flatMap(family => {
      return this.#hosts(found.flatMap(({ record }) => record.type === family ? record : []))
    })
    return { hosts, expiresAt: Math.min(...found.map(({ expiresAt }) => expiresAt)) }
  }

  /** An address of text that a zone made. */
  address (text: string): Multiaddr[] {
    try {
      return [multiaddr(text)]
    } catch {
      this.#drop('bad-address')
      return []
    }
  }

  /** Of one family. Each may have half of a claim. An answer may hold thousands, and be used for each of a hundred peers. */
  #hosts (records: readonly AddressRecord[]): string[] {
    const hosts = new Set<string>()
    for (const { address } of records) {
      const host = `/${address.includes(':') ? 'ip6' : 'ip4'}/${address}`
      if (hosts.has(host)) continue
      if (hosts.size === limits.addressesPerClaim / 2) {
        this.#drop('too-many-addresses')
        break
      }
      hosts.add(host)
    }
    return [...hosts]
  }
}

/**
 * Runs one reading: its look-ups end with it, with the signal, or when the reader leaves.
 *
 * @throws what the first look-up failed with, when nothing was found and one failed
 */
export async function * reading<Found> (
  init: ReadInit, signal: AbortSignal | undefined, read: (lookups: Lookups) => AsyncGenerator<Found>
): AsyncGenerator<Found> {
  throwIfAborted(signal)
  const left = new AbortController()
  const end = init.clock.deadline(Infinity, signal, left.signal)
  const lookups = new Lookups(init, end.signal)
  let isEmpty = true
  try {
    for await (const found of read(lookups)) {
      isEmpty = false
      yield found
    }
    if (isEmpty && lookups.failure != null) throw lookups.failure
  } finally {
    left.abort() // that clears the deadline as well
  }
}
