/**
 * What is known of one peer, as a join: merging the same evidence in any order, with repeats, gives the same state
 * (DESIGN §5; the counter-examples that shaped the rules are tests).
 *
 * - Everything is an item under (source, kind, name). Of two values the greatest (observedAt, expiresAt, value) stands,
 *   so a later observation with a shorter TTL shortens.
 * - A withdrawal deletes nothing: it is a time, and a claim counts only if it was observed after it.
 * - Forgetting is a function of (state, now), done before every merge and read: items go at
 *   max(expiresAt, observedAt + R), withdrawals at R, where R is the oldest that evidence may be on arrival.
 * - At a bound the greatest (observedAt, expiresAt, keyed hash) stay within a source, and the smallest keyed hash among
 *   sources. Both ranks only grow or never change, so cutting is a join too.
 *
 * BOUNDED: `sourcesPerPeer` sources of `addressesPerSource` + `protocolsPerPeer` + `metadataKeys` items each.
 */
import { clampTtl, limits } from '@peerweave/interface'
import type { KeyedHash } from './keyed-hash.ts'
import type { Evidence, Source } from '@peerweave/interface'
import type { Multiaddr } from '@multiformats/multiaddr'

const R = limits.evidenceLag

/** How far ahead of the clock a stamp may be: `multi` makes its stamps strictly increasing by tiny steps. */
const STAMP_SLACK = 1_000

export type ItemKind = 'address' | 'protocol' | 'metadata'

const BOUNDS: Readonly<Record<ItemKind, number>> = {
  address: limits.addressesPerSource,
  protocol: limits.protocolsPerPeer,
  metadata: limits.metadataKeys
}

export interface Item {
  readonly kind: ItemKind
  /** The multiaddr as text, the protocol, or the metadata key. */
  readonly name: string
  /** The metadata value; empty for the others. */
  readonly value: string
  readonly multiaddr?: Multiaddr | undefined
  readonly observedAt: number
  readonly expiresAt: number
}

interface SourceState {
  readonly key: string
  readonly source: Source
  readonly items: Record<ItemKind, Map<string, Item>>
  /** Everything observed until then is taken back. */
  withdrawnAt: number
  /** Every address observed until then is taken back (partial withdrawals that found no room). */
  addressesWithdrawnAt: number
  /** Address → when it was taken back. BOUNDED by `withdrawalsPerSource`. */
  readonly withdrawn: Map<string, number>
}

/** Live items of one source. */
export interface LiveSource {
  readonly source: Source
  readonly items: readonly Item[]
}

export class PeerLedger {
  readonly #sources = new Map<string, SourceState>()
  readonly #hash: KeyedHash

  constructor (hash: KeyedHash) {
    this.#hash = hash
  }

  /** Nothing is remembered any more, not even a withdrawal. */
  get isEmpty (): boolean {
    return this.#sources.size === 0
  }

  /** @returns false when the evidence is older than R and therefore refused */
  merge (evidence: Evidence, now: number): boolean {
    this.lapse(now)
    // A stamp from the future would outlive its withdrawal; there is none from a sound clock.
    const observedAt = Math.min(evidence.observedAt, now + STAMP_SLACK)
    if (!(observedAt >= now - R)) return false
    const expiresAt = observedAt + clampTtl(evidence.expiresAt - observedAt)
    const state = this.#sourceState(evidence.source)
    if (state == null) return true
    for (const multiaddr of evidence.multiaddrs) {
      put(state, { kind: 'address', name: multiaddr.toString(), value: '', multiaddr, observedAt, expiresAt }, this.#hash)
    }
    for (const name of evidence.protocols ?? []) put(state, { kind: 'protocol', name, value: '', observedAt, expiresAt }, this.#hash)
    for (const [name, value] of evidence.metadata ?? []) put(state, { kind: 'metadata', name, value, observedAt, expiresAt }, this.#hash)
    return true
  }

  /** A goodbye said at `at` by `source`: all that it claimed until then, or only the named addresses. */
  withdraw (source: Source, at: number, multiaddrs: readonly Multiaddr[] | undefined, now: number): boolean {
    this.lapse(now)
    const time = Math.min(at, now + STAMP_SLACK)
    if (!(time >= now - R)) return false
    const state = this.#sourceState(source)
    if (state == null) return true
    if (multiaddrs == null) {
      state.withdrawnAt = Math.max(state.withdrawnAt, time)
      return true
    }
    for (const multiaddr of multiaddrs) {
      const name = multiaddr.toString()
      state.withdrawn.set(name, Math.max(state.withdrawn.get(name) ?? -Infinity, time))
    }
    while (state.withdrawn.size > limits.withdrawalsPerSource) {
      const [name, oldest] = leastOf(state.withdrawn, ([a, timeA], [b, timeB]) => timeA - timeB || this.#hash(a) - this.#hash(b) || compareText(a, b))
      state.withdrawn.delete(name)
      state.addressesWithdrawnAt = Math.max(state.addressesWithdrawnAt, oldest)
    }
    return true
  }

  /** Forgets what can no longer matter at `now`. */
  lapse (now: number): void {
    for (const state of this.#sources.values()) {
      let left = 0
      for (const items of Object.values(state.items)) {
        for (const [name, item] of items) {
          if (now >= Math.max(item.expiresAt, item.observedAt + R)) items.delete(name)
        }
        left += items.size
      }
      for (const [name, at] of state.withdrawn) {
        if (now >= at + R) state.withdrawn.delete(name)
      }
      const isRemembered = left > 0 || state.withdrawn.size > 0 || now < Math.max(state.withdrawnAt, state.addressesWithdrawnAt) + R
      if (!isRemembered) this.#sources.delete(state.key)
    }
  }

  /** What counts at `now`, source by source in a fixed order. */
  live (now: number): LiveSource[] {
    const result: LiveSource[] = []
    for (const key of [...this.#sources.keys()].sort()) {
      const state = this.#sources.get(key) as SourceState
      const items: Item[] = []
      for (const kind of ['address', 'protocol', 'metadata'] as const) {
        for (const item of state.items[kind].values()) {
          if (item.expiresAt > now && item.observedAt > withdrawnAt(state, item)) items.push(item)
        }
      }
      if (items.length > 0) result.push({ source: state.source, items: items.sort(byKindAndName) })
    }
    return result
  }

  #sourceState (source: Source): SourceState | undefined {
    const key = JSON.stringify([source.path, source.group, source.reporter ?? ''])
    let state = this.#sources.get(key)
    if (state == null) {
      state = {
        key,
        source: Object.freeze({ ...source }),
        items: { address: new Map(), protocol: new Map(), metadata: new Map() },
        withdrawnAt: -Infinity,
        addressesWithdrawnAt: -Infinity,
        withdrawn: new Map()
      }
      this.#sources.set(key, state)
      if (this.#sources.size > limits.sourcesPerPeer) {
        const [victim] = leastOf(this.#sources, ([a], [b]) => this.#hash(b) - this.#hash(a) || compareText(b, a))
        this.#sources.delete(victim)
        if (victim === key) return undefined
      }
    }
    return state
  }
}

function put (state: SourceState, item: Item, hash: KeyedHash): void {
  const items = state.items[item.kind]
  const known = items.get(item.name)
  if (known != null && compareItems(known, item) >= 0) return
  items.set(item.name, item)
  if (items.size <= BOUNDS[item.kind]) return
  const [victim] = leastOf(items, ([, a], [, b]) => {
    return a.observedAt - b.observedAt || a.expiresAt - b.expiresAt || hash(a.name) - hash(b.name) || compareText(a.name, b.name)
  })
  items.delete(victim)
}

/** The order in which one value displaces another under the same key. */
function compareItems (a: Item, b: Item): number {
  return a.observedAt - b.observedAt || a.expiresAt - b.expiresAt || compareText(a.value, b.value)
}

function withdrawnAt (state: SourceState, item: Item): number {
  if (item.kind !== 'address') return state.withdrawnAt
  return Math.max(state.withdrawnAt, state.addressesWithdrawnAt, state.withdrawn.get(item.name) ?? -Infinity)
}

function byKindAndName (a: Item, b: Item): number {
  return compareText(a.kind, b.kind) || compareText(a.name, b.name)
}

export function compareText (a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function leastOf<T> (items: Iterable<T>, compare: (a: T, b: T) => number): T {
  let least: T | undefined
  for (const item of items) {
    if (least === undefined || compare(item, least) < 0) least = item
  }
  return least as T
}
