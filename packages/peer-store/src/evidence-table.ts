/**
 * The ledgers of all peers: what is claimed of each, by whom, since when and for how long.
 *
 * The state of one peer is a join: merging the same evidence in any order, with repeats, gives the same state (DESIGN §5;
 * the counter-examples that shaped the rules are tests).
 *
 * - Everything is an item under (source, kind, name). Of two values the greatest (observedAt, expiresAt, value) stands,
 *   so a later observation with a shorter TTL shortens.
 * - A withdrawal deletes nothing: it is a time, and a claim counts only if it was observed after it.
 * - Forgetting is a function of (state, now), done before every merge and read: items go at
 *   max(expiresAt, observedAt + R), withdrawals at R, where R is the oldest that evidence may be on arrival.
 * - At a bound the greatest (observedAt, expiresAt, keyed hash) stay within a source; among sources those that we chose,
 *   then the smallest keyed hash. Both ranks only grow or never change, so cutting is a join too.
 * - Of signed records one stands (`signed-floor.ts`); addresses that it certifies are items of a kind of their own, and
 *   go when another one stands. An unsigned claim never takes the place of a certified one.
 *
 * Items stand in flat columns, chained per peer: 33 bytes each beside their name, and a refresh, which is nine of ten
 * sightings, allocates nothing. An object per item costs three times that, and the collector must visit each.
 *
 * BOUNDED per peer: `sourcesPerPeer` sources of `addressesPerSource` + `protocolsPerPeer` + `metadataKeys` items each, and
 * as many again of `addressesPerClaim` certified ones.
 */
import { clampTtl, limits } from '@peerweave/interface'
import { compareText } from './compare-text.ts'
import { certifiedBy, SignedFloor } from './signed-floor.ts'
import { SourceTable } from './source-table.ts'
import { Withdrawals } from './withdrawals.ts'
import type { KeyedHash } from './keyed-hash.ts'
import type { Evidence, Source, VerifiedRecord } from '@peerweave/interface'
import type { Multiaddr } from '@multiformats/multiaddr'

const R = limits.evidenceLag

/** How far ahead of the clock a stamp may be: `multi` makes its stamps strictly increasing by tiny steps. */
const STAMP_SLACK = 1_000

/** The end of a chain. */
const NONE = -1

/** `certified`: an address that the peer signed, of the record that stands. */
export type ItemKind = 'address' | 'protocol' | 'metadata' | 'certified'

const KINDS: readonly ItemKind[] = ['address', 'protocol', 'metadata', 'certified']

const ADDRESS = 0
const PROTOCOL = 1
const METADATA = 2
const CERTIFIED = 3
const BOUNDS = [limits.addressesPerSource, limits.protocolsPerPeer, limits.metadataKeys, limits.addressesPerClaim] as const

/** One claim as it stands; a copy, so later merges do not change it. Times are monotonic ms. */
export interface Item {
  readonly kind: ItemKind
  /** The multiaddr as text, the protocol, or the metadata key. */
  readonly name: string
  /** The metadata value; empty for the others. */
  readonly value: string
  readonly observedAt: number
  readonly expiresAt: number
}

/** Live items of one source. */
export interface LiveSource {
  readonly source: Source
  readonly items: readonly Item[]
}

/** The ledger of one peer: where its chain of items begins. `release` it in the end. */
export interface Ledger {
  firstItem: number
  withdrawals: Withdrawals | undefined
  /** What the peer signed last, if it signed anything. */
  signed: SignedFloor | undefined
}

/** A ledger in which nothing is written yet. */
export const EMPTY_LEDGER: Ledger = Object.freeze({ firstItem: NONE, withdrawals: undefined, signed: undefined })

/** What a merge did: refused as older than R; moved times only; or changed what counts. */
export type Effect = 'stale' | 'refreshed' | 'changed'

export class EvidenceTable {
  readonly #hash: KeyedHash
  readonly #sources = new SourceTable()
  #observedAt = new Float64Array(1_024)
  #expiresAt = new Float64Array(1_024)
  #source = new Int32Array(1_024)
  #next = new Int32Array(1_024)
  #kind = new Uint8Array(1_024)
  readonly #name: string[] = []
  /** Values of metadata by item. */
  readonly #value = new Map<number, string>()
  #free = NONE
  #end = 0

  constructor (hash: KeyedHash) {
    this.#hash = hash
  }

  merge (ledger: Ledger, evidence: Evidence, now: number): Effect {
    // A stamp from far in the future would outlive its withdrawal; there is none from a sound clock.
    const observedAt = Math.min(evidence.observedAt, now + STAMP_SLACK)
    if (!(observedAt >= now - R)) return 'stale'
    const expiresAt = observedAt + clampTtl(evidence.expiresAt - evidence.observedAt)
    const source = this.#sources.idOf(evidence.source)
    this.#sources.use(source) // while we work: what is forgotten on the way may be its last item
    let isChanged = this.lapse(ledger, now)
    const { record } = evidence
    const heard = record == null ? undefined : this.#hear(ledger, record, expiresAt)
    isChanged ||= heard === 'replaces' || heard === 'rivals'
    const certified = record == null ? undefined : certifiedBy(record)
    for (const multiaddr of evidence.multiaddrs) {
      const name = multiaddr.toString()
      const kind = certified?.has(name) === true ? CERTIFIED : ADDRESS
      // Of a record that does not stand, what it certified is no claim at all: it was taken back by the one that does.
      if (kind === CERTIFIED && (heard === 'ignored' || heard === 'rivals')) continue
      isChanged = this.#put(ledger, source, kind, name, '', observedAt, expiresAt, now) || isChanged
    }
    for (const name of evidence.protocols ?? []) {
      isChanged = this.#put(ledger, source, PROTOCOL, name, '', observedAt, expiresAt, now) || isChanged
    }
    for (const [name, value] of evidence.metadata ?? []) {
      isChanged = this.#put(ledger, source, METADATA, name, value, observedAt, expiresAt, now) || isChanged
    }
    if (isChanged) {
      this.#boundSources(ledger, kind => kind !== CERTIFIED)
      this.#boundSources(ledger, kind => kind === CERTIFIED)
    }
    this.#sources.release(source)
    return isChanged ? 'changed' : 'refreshed'
  }

  /** What a record does: see `SignedFloor.hear`. `rivals`: it is ignored, and shows that the peer signed two. */
  #hear (ledger: Ledger, record: VerifiedRecord, expiresAt: number): 'stands' | 'replaces' | 'ignored' | 'rivals' {
    if (ledger.signed == null) {
      ledger.signed = new SignedFloor(record, expiresAt)
      return 'stands'
    }
    const wasEquivocal = ledger.signed.isEquivocal
    const heard = ledger.signed.hear(record, expiresAt)
    if (heard === 'replaces') this.#dropItems(ledger, item => this.#kind[item] === CERTIFIED)
    return heard === 'ignored' && ledger.signed.isEquivocal !== wasEquivocal ? 'rivals' : heard
  }

  /**
   * A goodbye said at `at` by `source`: all that it claimed until then, or only the named addresses.
   *
   * @returns false when it is older than R and therefore refused
   */
  withdraw (ledger: Ledger, source: Source, at: number, multiaddrs: readonly Multiaddr[] | undefined, now: number): boolean {
    this.lapse(ledger, now)
    const time = Math.min(at, now + STAMP_SLACK)
    if (!(time >= now - R)) return false
    const id = this.#sources.idOf(source)
    ledger.withdrawals ??= new Withdrawals(this.#hash)
    if (ledger.withdrawals.add(id, time, multiaddrs)) this.#sources.use(id)
    for (const dropped of ledger.withdrawals.bound(source => this.#sources.keyOf(source))) this.#sources.release(dropped)
    return true
  }

  /** Forgets what can no longer matter at `now`. True when something was forgotten. */
  lapse (ledger: Ledger, now: number): boolean {
    let isChanged = false
    let before = NONE
    for (let item = ledger.firstItem; item !== NONE;) {
      const next = this.#next[item] as number
      if (now >= Math.max(this.#expiresAt[item] as number, (this.#observedAt[item] as number) + R)) {
        this.#unlink(ledger, before, item)
        isChanged = true
      } else {
        before = item
      }
      item = next
    }
    if (ledger.signed != null && now >= ledger.signed.forgottenAt) ledger.signed = undefined
    const { withdrawals } = ledger
    if (withdrawals != null) {
      for (const source of withdrawals.lapse(now - R)) this.#sources.release(source)
      if (withdrawals.isEmpty) ledger.withdrawals = undefined
    }
    return isChanged
  }

  /** What counts at `now`, source by source in a fixed order. */
  live (ledger: Ledger, now: number): LiveSource[] {
    const bySource = new Map<number, Item[]>()
    for (let item = ledger.firstItem; item !== NONE; item = this.#next[item] as number) {
      if (!this.#counts(ledger, item, now)) continue
      const source = this.#source[item] as number
      const items = bySource.get(source)
      if (items == null) bySource.set(source, [this.#read(ledger, item)])
      else items.push(this.#read(ledger, item))
    }
    const result: Array<LiveSource & { key: string }> = []
    for (const [id, items] of bySource) {
      result.push({ key: this.#sources.keyOf(id), source: this.#sources.get(id), items: items.sort(byKindAndName) })
    }
    return result.length < 2 ? result : result.sort((a, b) => compareText(a.key, b.key))
  }

  /** Whether an address counts at `now`: only then is the peer somewhere. */
  hasAddress (ledger: Ledger, now: number): boolean {
    for (let item = ledger.firstItem; item !== NONE; item = this.#next[item] as number) {
      if (isAddress(this.#kind[item]) && this.#counts(ledger, item, now)) return true
    }
    return false
  }

  /** Who claims anything that counts at `now`, one source for each quota group; a chosen one where there is one. */
  groups (ledger: Ledger, now: number): Source[] {
    const result: Source[] = []
    let last = NONE
    for (let item = ledger.firstItem; item !== NONE; item = this.#next[item] as number) {
      const id = this.#source[item] as number
      if (id === last || !this.#counts(ledger, item, now)) continue
      last = id
      const source = this.#sources.get(id)
      const known = result.findIndex(({ group }) => group === source.group)
      if (known === -1) result.push(source)
      else if (source.isChosen === true) result[known] = source
    }
    return result
  }

  /** The earliest expiry of what counts at `now`; `Infinity` when nothing does. */
  nextExpiry (ledger: Ledger, now: number): number {
    let next = Infinity
    for (let item = ledger.firstItem; item !== NONE; item = this.#next[item] as number) {
      const expiresAt = this.#expiresAt[item] as number
      if (expiresAt < next && this.#counts(ledger, item, now)) next = expiresAt
    }
    return next
  }

  /** Monotonic ms: nothing is remembered then, not even a withdrawal. `-Infinity`: nothing is remembered now. */
  forgottenAt (ledger: Ledger, now: number): number {
    if (ledger.firstItem !== NONE || ledger.withdrawals != null) return now + R
    return ledger.signed?.forgottenAt ?? -Infinity
  }

  /** Gives all items of a ledger back. */
  release (ledger: Ledger): void {
    while (ledger.firstItem !== NONE) this.#unlink(ledger, NONE, ledger.firstItem)
    for (const source of ledger.withdrawals?.lapse(Infinity) ?? []) this.#sources.release(source)
    ledger.withdrawals = undefined
    ledger.signed = undefined
  }

  /** @returns whether what counts may have changed */
  #put (
    ledger: Ledger, source: number, kind: number, name: string, value: string, observedAt: number, expiresAt: number, now: number
  ): boolean {
    let count = 0
    for (let item = ledger.firstItem; item !== NONE; item = this.#next[item] as number) {
      if (this.#source[item] !== source || this.#kind[item] !== kind) continue
      count++
      if (this.#name[item] !== name) continue
      const known = this.#observedAt[item] as number
      const order = known - observedAt || (this.#expiresAt[item] as number) - expiresAt ||
        (kind === METADATA ? compareText(this.#value.get(item) ?? '', value) : 0)
      if (order >= 0) return false
      const counted = this.#counts(ledger, item, now)
      this.#observedAt[item] = observedAt
      this.#expiresAt[item] = expiresAt
      let isChanged = counted !== this.#counts(ledger, item, now)
      if (kind === METADATA && this.#value.get(item) !== value) {
        this.#value.set(item, value)
        isChanged = true
      }
      return isChanged
    }
    const item = this.#allocate()
    this.#source[item] = source
    this.#kind[item] = kind
    this.#name[item] = name
    if (kind === METADATA) this.#value.set(item, value)
    this.#observedAt[item] = observedAt
    this.#expiresAt[item] = expiresAt
    this.#next[item] = ledger.firstItem
    ledger.firstItem = item
    this.#sources.use(source)
    if (count >= (BOUNDS[kind] as number)) this.#dropLeast(ledger, source, kind)
    return true
  }

  #counts (ledger: Ledger, item: number, now: number): boolean {
    if ((this.#expiresAt[item] as number) <= now) return false
    const { withdrawals } = ledger
    return withdrawals == null || (this.#observedAt[item] as number) >
      withdrawals.timeFor(this.#source[item] as number, isAddress(this.#kind[item]) ? this.#name[item] : undefined)
  }

  #dropLeast (ledger: Ledger, source: number, kind: number): void {
    let least = NONE
    let beforeLeast = NONE
    let before = NONE
    for (let item = ledger.firstItem; item !== NONE; before = item, item = this.#next[item] as number) {
      if (this.#source[item] !== source || this.#kind[item] !== kind) continue
      if (least === NONE || this.#compareRank(item, least) < 0) {
        least = item
        beforeLeast = before
      }
    }
    this.#unlink(ledger, beforeLeast, least)
  }

  #compareRank (a: number, b: number): number {
    const [nameA = '', nameB = ''] = [this.#name[a], this.#name[b]]
    return (this.#observedAt[a] as number) - (this.#observedAt[b] as number) ||
      (this.#expiresAt[a] as number) - (this.#expiresAt[b] as number) || this.#hash(nameA) - this.#hash(nameB) || compareText(nameA, nameB)
  }

  /** Forgets what a quota group claims. */
  dropGroup (ledger: Ledger, group: string): void {
    this.#dropItems(ledger, item => this.#sources.get(this.#source[item] as number).group === group)
  }

  /**
   * Keeps the first of the sources, in an order that never changes: those that we chose, then by keyed hash; and of one
   * path and group no more than `reportersPerGroup`. What is certified is bounded by itself, so that no flood of claims
   * takes it out.
   */
  #boundSources (ledger: Ledger, isOfClass: (kind: number) => boolean): void {
    const known = new Set<number>()
    for (let item = ledger.firstItem; item !== NONE; item = this.#next[item] as number) {
      if (isOfClass(this.#kind[item] as number)) known.add(this.#source[item] as number)
    }
    if (known.size <= limits.reportersPerGroup) return
    const ranked = [...known].map(id => ({ id, key: this.#sources.keyOf(id), source: this.#sources.get(id) })).sort((a, b) => {
      return Number(b.source.isChosen === true) - Number(a.source.isChosen === true) ||
        this.#hash(a.key) - this.#hash(b.key) || compareText(a.key, b.key)
    })
    const kept = new Set<number>()
    const reporters = new Map<string, number>()
    for (const { id, source: { path, group } } of ranked) {
      const key = `${path} ${group}`
      const count = (reporters.get(key) ?? 0) + 1
      reporters.set(key, count)
      if (count <= limits.reportersPerGroup && kept.size < limits.sourcesPerPeer) kept.add(id)
    }
    if (kept.size < known.size) this.#dropItems(ledger, item => isOfClass(this.#kind[item] as number) && !kept.has(this.#source[item] as number))
  }

  #dropItems (ledger: Ledger, isDropped: (item: number) => boolean): void {
    let before = NONE
    for (let item = ledger.firstItem; item !== NONE;) {
      const next = this.#next[item] as number
      if (isDropped(item)) this.#unlink(ledger, before, item)
      else before = item
      item = next
    }
  }

  #read (ledger: Ledger, item: number): Item {
    const kind = this.#kind[item] as number
    return {
      // Who signs two records under one number has certified nothing.
      kind: kind === CERTIFIED && ledger.signed?.isEquivocal === true ? 'address' : KINDS[kind] as ItemKind,
      name: this.#name[item] as string,
      value: kind === METADATA ? this.#value.get(item) ?? '' : '',
      observedAt: this.#observedAt[item] as number,
      expiresAt: this.#expiresAt[item] as number
    }
  }

  #allocate (): number {
    if (this.#free !== NONE) {
      const item = this.#free
      this.#free = this.#next[item] as number
      return item
    }
    if (this.#end === this.#next.length) this.#grow()
    return this.#end++
  }

  #unlink (ledger: Ledger, before: number, item: number): void {
    const next = this.#next[item] as number
    if (before === NONE) ledger.firstItem = next
    else this.#next[before] = next
    this.#sources.release(this.#source[item] as number)
    if (this.#kind[item] === METADATA) this.#value.delete(item)
    this.#name[item] = '' // lets go of the text
    this.#next[item] = this.#free
    this.#free = item
  }

  #grow (): void {
    const size = this.#next.length * 2
    this.#observedAt = grown(this.#observedAt, new Float64Array(size))
    this.#expiresAt = grown(this.#expiresAt, new Float64Array(size))
    this.#source = grown(this.#source, new Int32Array(size))
    this.#next = grown(this.#next, new Int32Array(size))
    this.#kind = grown(this.#kind, new Uint8Array(size))
  }
}

function isAddress (kind: number | undefined): boolean {
  return kind === ADDRESS || kind === CERTIFIED
}

function grown<Column extends Float64Array | Int32Array | Uint8Array> (old: Column, larger: Column): Column {
  larger.set(old)
  return larger
}

function byKindAndName (a: Item, b: Item): number {
  return compareText(a.kind, b.kind) || compareText(a.name, b.name)
}
