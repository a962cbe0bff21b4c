/**
 * The ledgers of all peers: what is claimed of each, by whom, since when and for how long.
 *
 * The state of one peer is a join: merging the same evidence in any order, with repeats, gives the same state (DESIGN §5;
 * the counter-examples that shaped the rules are tests).
 *
 * - Everything is an item under (source, kind, name). Of two values the greatest (observedAt, expiresAt, value) stands,
 *   so a later observation with a shorter TTL shortens.
 * - A withdrawal deletes nothing: it is a time, and a claim counts only if it was observed after it.
 * - Forgetting is a function of (state, now), done before every merge: items go at max(expiresAt, observedAt + R),
 *   withdrawals at R and what they took back with them, where R is the oldest that evidence may be on arrival.
 * - At a bound the greatest (observedAt, expiresAt, keyed hash) stay within a source; among sources those that we chose,
 *   then the smallest keyed hash. Both ranks only grow or never change, so cutting is a join too.
 * - Of signed records one stands (`signed-floor.ts`); addresses that it certifies are items of a kind of their own, and
 *   go when another one stands. An unsigned claim never takes the place of a certified one.
 *
 * BOUNDED per peer: `sourcesPerPeer` sources of `addressesPerSource` + `protocolsPerPeer` + `metadataKeys` items each, and
 * of the record that stands `addressesPerClaim` addresses, each of `reportersPerGroup` sources.
 */
import { clampTtl, limits, withoutPeer } from '@peerweave/interface'
import { isSameParty, type Voucher } from './admission/new-table.ts'
import { KINDS, type Item, type ItemKind, type SourceItems } from './claims.ts'
import { compareText } from './compare-text.ts'
import { isSayable } from './sayable.ts'
import { ItemColumns, RowColumns } from './ledger-columns.ts'
import { certifiedBy, SignedFloor } from './signed-floor.ts'
import { SharedText } from './shared-text.ts'
import { NONE } from './slab.ts'
import { SourceTable } from './source-table.ts'
import { timeIn, Withdrawals } from './withdrawals.ts'
import type { Press } from './held-clock.ts'
import type { SavedLedger } from './saved/saved-peer.ts'
import type { Evidence, KeyedHash, Source, VerifiedRecord } from '@peerweave/interface'
import type { Multiaddr } from '@multiformats/multiaddr'

const R = limits.evidenceLag

/** How far ahead of the clock a stamp may be: `multi` makes its stamps strictly increasing by tiny steps. */
const STAMP_SLACK = 1_000

const ADDRESS = 0
const PROTOCOL = 1
const METADATA = 2
const CERTIFIED = 3
const BOUNDS = [limits.addressesPerSource, limits.protocolsPerPeer, limits.metadataKeys, limits.addressesPerClaim] as const

/** The ledger of one peer. `release` it in the end. */
export interface Ledger {
  /** Where its chain of rows begins. */
  firstRow: number
  /** Monotonic ms: before then nothing in it changes by itself. Only {@link EvidenceTable} moves it. */
  dueAt: number
  withdrawals: Withdrawals | undefined
  /** What the peer signed last, if it signed anything. */
  signed: SignedFloor | undefined
}

/** A ledger in which nothing is written yet. */
export const EMPTY_LEDGER: Ledger = Object.freeze({ firstRow: NONE, dueAt: Infinity, withdrawals: undefined, signed: undefined })

/** What a merge did: refused as older than R; moved times only; or changed what counts. */
export type Effect = 'stale' | 'refreshed' | 'changed'

export class EvidenceTable {
  readonly #hash: KeyedHash
  readonly #sources = new SourceTable()
  readonly #rows = new RowColumns()
  readonly #items = new ItemColumns()
  /** Nearly all peers speak the same protocols. */
  readonly #shared = new SharedText()
  /** Where a claim that says the same as the last one in the same order has its next item. Only during a merge. */
  #cursor = NONE

  constructor (hash: KeyedHash) {
    this.#hash = hash
  }

  /** @param stamp - when it was observed, in the store's time; of the evidence's own times only how long it stands is read */
  merge (ledger: Ledger, evidence: Evidence, stamp: number, now: number): Effect {
    // A stamp from far in the future would outlive its withdrawal; there is none from a sound clock.
    const observedAt = Math.min(stamp, now + STAMP_SLACK)
    if (!(observedAt >= now - R)) return 'stale'
    const ttl = clampTtl(evidence.expiresAt - evidence.observedAt)
    let isChanged = this.lapse(ledger, now)
    const { record } = evidence
    const heard = record == null ? undefined : this.#hear(ledger, record, observedAt + ttl)
    isChanged ||= heard === 'replaces' || heard === 'rivals'
    const certified = record == null ? undefined : certifiedBy(record)
    const row = this.#rowOf(ledger, this.#sources.idOf(evidence.source))
    this.#cursor = this.#rows.first[row] as number
    for (const multiaddr of evidence.multiaddrs) {
      const name = addressName(multiaddr)
      const kind = certified?.has(name) === true ? CERTIFIED : ADDRESS
      // Of a record that does not stand, what it certified is no claim at all: it was taken back by the one that does.
      if (kind === CERTIFIED && (heard === 'ignored' || heard === 'rivals')) continue
      const item = this.#find(row, kind, name)
      if (item === NONE && !isSayable(multiaddr, name)) continue
      isChanged = this.#put(ledger, row, item, kind, name, '', observedAt, ttl, now) || isChanged
    }
    for (const name of evidence.protocols ?? NOTHING) {
      if (typeof name !== 'string' || name.length > limits.protocolBytes) continue
      isChanged = this.#put(ledger, row, this.#find(row, PROTOCOL, name), PROTOCOL, name, '', observedAt, ttl, now) || isChanged
    }
    if (evidence.metadata != null) {
      for (const [name, value] of evidence.metadata) {
        if (typeof name !== 'string' || typeof value !== 'string') continue
        if (name.length > limits.metadataKeyBytes || value.length > limits.metadataValueBytes) continue
        isChanged = this.#put(ledger, row, this.#find(row, METADATA, name), METADATA, name, value, observedAt, ttl, now) || isChanged
      }
    }
    this.lookAt(ledger, dueAt(observedAt, ttl, now))
    if (this.#rows.first[row] === NONE) this.#dropRows(ledger, other => other === row)
    if (isChanged) this.#boundSources(ledger)
    return isChanged ? 'changed' : 'refreshed'
  }

  /** What a record does: see `SignedFloor.hear`. `rivals`: it is ignored, and shows that the peer signed two. */
  #hear (ledger: Ledger, record: VerifiedRecord, expiresAt: number): 'stands' | 'replaces' | 'ignored' | 'rivals' {
    let heard: 'stands' | 'replaces' | 'ignored' | 'rivals' = 'stands'
    if (ledger.signed == null) {
      ledger.signed = new SignedFloor(record, expiresAt)
    } else {
      const wasEquivocal = ledger.signed.isEquivocal
      heard = ledger.signed.hear(record, expiresAt)
      if (heard === 'replaces') this.#dropItems(ledger, item => this.#items.kind[item] === CERTIFIED)
      if (heard === 'ignored' && ledger.signed.isEquivocal !== wasEquivocal) heard = 'rivals'
    }
    this.lookAt(ledger, ledger.signed.forgottenAt)
    return heard
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
    if (ledger.withdrawals.add(id, time, multiaddrs?.map(addressName))) this.#sources.use(id)
    this.#boundWithdrawals(ledger)
    this.lookAt(ledger, time + R)
    return true
  }

  /** Forgets what can no longer matter at `now`. False when nothing changed by itself since it was asked last. */
  lapse (ledger: Ledger, now: number): boolean {
    if (now < ledger.dueAt) return false
    this.#dropItems(ledger, (item, row) => now >= this.#forgottenAt(ledger, item, this.#rows.source[row] as number))
    if (ledger.signed != null && now >= ledger.signed.forgottenAt) ledger.signed = undefined
    const { withdrawals } = ledger
    if (withdrawals != null) {
      for (const source of withdrawals.lapse(now - R)) this.#sources.release(source)
      if (withdrawals.isEmpty) ledger.withdrawals = undefined
    }
    ledger.dueAt = this.nextChange(ledger, now)
    return true
  }

  /** Moves the stamps that were made while time was held. @returns whether there are any */
  press (ledger: Ledger, press: Press, now: number): boolean {
    const { observedAt } = this.#items
    let isMoved = ledger.withdrawals?.press(press) === true
    this.#visit(ledger, item => {
      const time = press(observedAt[item] as number)
      if (time === observedAt[item]) return
      observedAt[item] = time
      isMoved = true
    })
    if (isMoved) this.lookAt(ledger, this.nextChange(ledger, now))
    return isMoved
  }

  /** When something in it changes by itself after `now`: it runs out, or is forgotten. `Infinity`: it is empty. */
  nextChange (ledger: Ledger, now: number): number {
    let next = Math.min(ledger.signed?.forgottenAt ?? Infinity, (ledger.withdrawals?.next ?? Infinity) + R)
    this.#visit(ledger, (item, row) => {
      const source = this.#rows.source[row] as number
      next = Math.min(next, this.#counts(ledger, item, source, now) ? this.#items.expiresAt(item) : this.#forgottenAt(ledger, item, source))
    })
    return next
  }

  /** At the latest. */
  lookAt (ledger: Ledger, at: number): void {
    if (at < ledger.dueAt) ledger.dueAt = at
  }

  /** What was taken back is forgotten together with the goodbye: before that it could come back, after it nothing takes it back. */
  #forgottenAt (ledger: Ledger, item: number, source: number): number {
    const observedAt = this.#items.observedAt[item] as number
    const withdrawnAt = this.#withdrawnAt(ledger, item, source)
    return observedAt > withdrawnAt ? Math.max(this.#items.expiresAt(item), observedAt + R) : withdrawnAt + R
  }

  /** What counts at `now`, source by source in a fixed order. */
  live (ledger: Ledger, now: number): SourceItems[] {
    const isEquivocal = ledger.signed?.isEquivocal === true
    return this.#select(ledger, (item, source) => this.#counts(ledger, item, source, now), kind => {
      // Who signs two records under one number has certified nothing.
      return kind === CERTIFIED && isEquivocal ? ADDRESS : kind
    })
  }

  /** All that is remembered, for the disk. */
  saved (ledger: Ledger): SavedLedger {
    return {
      signed: ledger.signed?.state,
      withdrawals: [...ledger.withdrawals?.bySource ?? []].map(([source, said]) => ({ ...said, source: this.#sources.get(source) })),
      sources: this.#select(ledger, () => true, kind => kind)
    }
  }

  /** Merges what was saved. It came in when it was observed, so here it may be older than R. */
  restore (ledger: Ledger, { signed, withdrawals, sources }: SavedLedger, now: number): void {
    let stands = true
    if (signed != null) {
      const floor = SignedFloor.restore(signed)
      const record = ledger.signed == null ? undefined : floor.record
      ledger.signed ??= floor
      if (record != null) {
        stands = ['stands', 'replaces'].includes(this.#hear(ledger, record, signed.expiresAt))
        ledger.signed.joinRivals(floor)
      }
    }
    for (const { source, ...said } of withdrawals) {
      const id = this.#sources.idOf(source)
      ledger.withdrawals ??= new Withdrawals(this.#hash)
      if (ledger.withdrawals.merge(id, said)) this.#sources.use(id)
    }
    this.#boundWithdrawals(ledger)
    for (const { source, items } of sources) {
      const row = this.#rowOf(ledger, this.#sources.idOf(source))
      const isNew = this.#rows.first[row] === NONE // then nothing need be looked for
      this.#cursor = NONE
      for (const { kind, name, value, observedAt, expiresAt } of items) {
        if (kind === 'certified' && !stands) continue
        const number = KINDS.indexOf(kind)
        this.#put(ledger, row, isNew ? NONE : this.#find(row, number, name), number, name, value, observedAt, clampTtl(expiresAt - observedAt), now)
      }
    }
    this.#dropRows(ledger, row => this.#rows.first[row] === NONE)
    this.#boundSources(ledger)
    ledger.dueAt = this.nextChange(ledger, now)
  }

  #select (ledger: Ledger, isWanted: (item: number, source: number) => boolean, shownAs: (kind: number) => number): SourceItems[] {
    const { next, kind, name, value, observedAt, ttl } = this.#items
    const result: Array<{ key: string, source: Source, items: Item[] }> = []
    for (let row = ledger.firstRow; row !== NONE; row = this.#rows.next[row] as number) {
      const id = this.#rows.source[row] as number
      const items: Item[] = []
      for (let item = this.#rows.first[row] as number; item !== NONE; item = next[item] as number) {
        if (!isWanted(item, id)) continue
        const at = observedAt[item] as number
        items.push({
          kind: KINDS[shownAs(kind[item] as number)] as ItemKind,
          name: name[item] as string,
          value: kind[item] === METADATA ? value.get(item) ?? '' : '',
          observedAt: at,
          expiresAt: at + (ttl[item] as number)
        })
      }
      if (items.length > 0) result.push({ key: this.#sources.keyOf(id), source: this.#sources.get(id), items })
    }
    return result.length < 2 ? result : result.sort((a, b) => compareText(a.key, b.key))
  }

  /** Whether an address counts at `now`: only then is the peer somewhere. */
  hasAddress (ledger: Ledger, now: number): boolean {
    for (let row = ledger.firstRow; row !== NONE; row = this.#rows.next[row] as number) {
      if (this.#rowHasAddress(ledger, row, now)) return true
    }
    return false
  }

  /** One voucher for each party that claims an address that counts at `now`. */
  vouchers (ledger: Ledger, id: string, now: number): Voucher[] {
    const result: Voucher[] = []
    for (let row = ledger.firstRow; row !== NONE; row = this.#rows.next[row] as number) {
      if (!this.#rowHasAddress(ledger, row, now)) continue
      const { group, subgroup, isChosen } = this.#sources.get(this.#rows.source[row] as number)
      result.push({ id, group, subgroup, isChosen: isChosen === true })
    }
    return result
  }

  /** Where it is or was said to be, as text: what is remembered, whether it counts or not. */
  addresses (ledger: Ledger): string[] {
    const names = new Set<string>()
    this.#visit(ledger, item => { if (isAddress(this.#items.kind[item])) names.add(this.#items.name[item] as string) })
    return [...names]
  }

  #rowHasAddress (ledger: Ledger, row: number, now: number): boolean {
    const source = this.#rows.source[row] as number
    for (let item = this.#rows.first[row] as number; item !== NONE; item = this.#items.next[item] as number) {
      if (isAddress(this.#items.kind[item]) && this.#counts(ledger, item, source, now)) return true
    }
    return false
  }

  /** Forgets all claims and goodbyes; what the peer signed stands, so that nobody can replay an older record. */
  dropClaims (ledger: Ledger): void {
    const { signed } = ledger
    this.release(ledger)
    ledger.signed = signed
    ledger.dueAt = signed?.forgottenAt ?? Infinity
  }

  /** Gives everything of a ledger back. */
  release (ledger: Ledger): void {
    this.#dropItems(ledger, () => true)
    for (const source of ledger.withdrawals?.lapse(Infinity) ?? []) this.#sources.release(source)
    ledger.withdrawals = undefined
    ledger.signed = undefined
    ledger.dueAt = Infinity
  }

  /** Forgets what one party claims. */
  dropVoucher (ledger: Ledger, voucher: Voucher): void {
    this.#dropRows(ledger, row => isSameParty(this.#sources.get(this.#rows.source[row] as number), voucher))
  }

  // — rows —

  #rowOf (ledger: Ledger, source: number): number {
    for (let row = ledger.firstRow; row !== NONE; row = this.#rows.next[row] as number) {
      if (this.#rows.source[row] === source) return row
    }
    this.#sources.use(source)
    return ledger.firstRow = this.#rows.add(source, ledger.firstRow)
  }

  #dropRows (ledger: Ledger, isDropped: (row: number) => boolean): void {
    let before = NONE
    for (let row = ledger.firstRow; row !== NONE;) {
      const next = this.#rows.next[row] as number
      if (isDropped(row)) {
        this.#dropFrom(row, () => true)
        this.#sources.release(this.#rows.source[row] as number)
        if (before === NONE) ledger.firstRow = next
        else this.#rows.next[before] = next
        this.#rows.free(row)
      } else {
        before = row
      }
      row = next
    }
  }

  /**
   * Keeps the first of the sources, in an order that never changes: those that we chose, then by keyed hash; and of one
   * path and group no more than `reportersPerGroup`. What is certified is bounded by itself, so that no flood of claims
   * takes it out, and address by address, so that no flood of half a record takes out the other half.
   */
  #boundSources (ledger: Ledger): void {
    if (!this.#hasManyRows(ledger)) return
    const claimed = new Set<number>()
    const certified = new Map<string, Set<number>>()
    this.#visit(ledger, (item, row) => {
      const source = this.#rows.source[row] as number
      const name = this.#items.name[item] as string
      if (this.#items.kind[item] !== CERTIFIED) claimed.add(source)
      else if (certified.get(name)?.add(source) == null) certified.set(name, new Set([source]))
    })
    const kept = this.#firstOf(claimed)
    const keptOf = new Map([...certified].map(([name, sources]) => [name, this.#firstOf(sources, limits.reportersPerGroup)]))
    this.#dropItems(ledger, (item, row) => {
      const source = this.#rows.source[row] as number
      const first = this.#items.kind[item] === CERTIFIED ? keptOf.get(this.#items.name[item] as string) : kept
      return first?.has(source) !== true
    })
  }

  /** Whose goodbyes are remembered goes by the same order. What a forgotten one took back is forgotten with it. */
  #boundWithdrawals (ledger: Ledger): void {
    for (const [source, said] of ledger.withdrawals?.bound(sources => this.#firstOf(sources)) ?? []) {
      const { kind, name, observedAt } = this.#items
      this.#dropItems(ledger, (item, row) => this.#rows.source[row] === source &&
        (observedAt[item] as number) <= timeIn(said, isAddress(kind[item]) ? name[item] : undefined))
      this.#sources.release(source)
    }
  }

  #firstOf (sources: Iterable<number>, bound: number = limits.sourcesPerPeer): Set<number> {
    const ranked = Array.from(sources, id => ({ id, key: this.#sources.keyOf(id), source: this.#sources.get(id) })).sort((a, b) => {
      return Number(b.source.isChosen === true) - Number(a.source.isChosen === true) ||
        this.#hash(a.key) - this.#hash(b.key) || compareText(a.key, b.key)
    })
    const kept = new Set<number>()
    const reporters = new Map<string, number>()
    for (const { id, source: { path, group } } of ranked) {
      const key = `${path} ${group}`
      const count = (reporters.get(key) ?? 0) + 1
      reporters.set(key, count)
      if (count <= limits.reportersPerGroup && kept.size < bound) kept.add(id)
    }
    return kept
  }

  /** Only then a bound on sources can be reached. */
  #hasManyRows (ledger: Ledger): boolean {
    let count = 0
    for (let row = ledger.firstRow; row !== NONE; row = this.#rows.next[row] as number) {
      if (++count > limits.reportersPerGroup) return true
    }
    return false
  }

  // — items —

  /**
   * @param item - where it stands, `NONE` when it is new
   * @returns whether what counts may have changed
   */
  #put (
    ledger: Ledger, row: number, item: number, kind: number, name: string, value: string, observedAt: number, ttl: number, now: number
  ): boolean {
    if (item !== NONE) {
      this.#cursor = this.#items.next[item] as number
      return this.#renew(ledger, row, item, value, observedAt, ttl, now)
    }
    const added = this.#items.add(kind, isAddress(kind) ? name : this.#shared.of(name), observedAt, ttl)
    if (kind === METADATA) this.#items.value.set(added, value)
    this.#append(row, added)
    this.#cursor = NONE
    return true
  }

  #find (row: number, kind: number, name: string): number {
    const { next, kind: kinds, name: names } = this.#items
    const cursor = this.#cursor
    for (let item = cursor; item !== NONE; item = next[item] as number) {
      if (kinds[item] === kind && names[item] === name) return item
    }
    for (let item = this.#rows.first[row] as number; item !== cursor; item = next[item] as number) {
      if (kinds[item] === kind && names[item] === name) return item
    }
    return NONE
  }

  #renew (ledger: Ledger, row: number, item: number, value: string, observedAt: number, ttl: number, now: number): boolean {
    const items = this.#items
    const isMetadata = items.kind[item] === METADATA
    const order = (items.observedAt[item] as number) - observedAt || (items.ttl[item] as number) - ttl ||
      (isMetadata ? compareText(items.value.get(item) ?? '', value) : 0)
    if (order >= 0) return false
    const source = this.#rows.source[row] as number
    const counted = this.#counts(ledger, item, source, now)
    items.observedAt[item] = observedAt
    items.ttl[item] = ttl
    if (isMetadata && items.value.get(item) !== value) {
      items.value.set(item, value)
      return true
    }
    return counted !== this.#counts(ledger, item, source, now)
  }

  /** At the end, so that the chain has the order of the claim. At the bound of its kind the least goes. */
  #append (row: number, added: number): void {
    const { next, kind: kinds } = this.#items
    const kind = kinds[added] as number
    let count = 1
    let last = NONE
    for (let item = this.#rows.first[row] as number; item !== NONE; item = next[item] as number) {
      last = item
      if (kinds[item] === kind) count++
    }
    if (last === NONE) this.#rows.first[row] = added
    else next[last] = added
    if (count <= (BOUNDS[kind] as number)) return
    let least = added
    for (let item = this.#rows.first[row] as number; item !== NONE; item = next[item] as number) {
      if (kinds[item] === kind && this.#compareRank(item, least) < 0) least = item
    }
    this.#dropFrom(row, item => item === least)
  }

  #compareRank (a: number, b: number): number {
    const { name, observedAt } = this.#items
    const [nameA = '', nameB = ''] = [name[a], name[b]]
    return (observedAt[a] as number) - (observedAt[b] as number) || this.#items.expiresAt(a) - this.#items.expiresAt(b) ||
      this.#hash(nameA) - this.#hash(nameB) || compareText(nameA, nameB)
  }

  #counts (ledger: Ledger, item: number, source: number, now: number): boolean {
    return this.#items.expiresAt(item) > now && (this.#items.observedAt[item] as number) > this.#withdrawnAt(ledger, item, source)
  }

  #withdrawnAt ({ withdrawals }: Ledger, item: number, source: number): number {
    if (withdrawals == null) return -Infinity
    return withdrawals.timeFor(source, isAddress(this.#items.kind[item]) ? this.#items.name[item] : undefined)
  }

  #visit (ledger: Ledger, visit: (item: number, row: number) => void): void {
    for (let row = ledger.firstRow; row !== NONE; row = this.#rows.next[row] as number) {
      for (let item = this.#rows.first[row] as number; item !== NONE; item = this.#items.next[item] as number) visit(item, row)
    }
  }

  /** Rows that are empty then go too. */
  #dropItems (ledger: Ledger, isDropped: (item: number, row: number) => boolean): void {
    for (let row = ledger.firstRow; row !== NONE; row = this.#rows.next[row] as number) this.#dropFrom(row, item => isDropped(item, row))
    this.#dropRows(ledger, row => this.#rows.first[row] === NONE)
  }

  #dropFrom (row: number, isDropped: (item: number) => boolean): void {
    const { next } = this.#items
    let before = NONE
    for (let item = this.#rows.first[row] as number; item !== NONE;) {
      const following = next[item] as number
      if (isDropped(item)) {
        if (before === NONE) this.#rows.first[row] = following
        else next[before] = following
        this.#items.free(item)
      } else {
        before = item
      }
      item = following
    }
  }
}

const NOTHING: readonly string[] = []

/** As text, without the peer id at its end: whoever reads a peer's address knows the peer. */
export function addressName (multiaddr: Multiaddr): string {
  const text = multiaddr.toString()
  return text.includes('/p2p/') ? withoutPeer(multiaddr).toString() : text
}

/** When an item changes by itself after `now`: it runs out, or, when it has, it is forgotten. */
function dueAt (observedAt: number, ttl: number, now: number): number {
  const expiresAt = observedAt + ttl
  return expiresAt > now ? expiresAt : Math.max(expiresAt, observedAt + R)
}

function isAddress (kind: number | undefined): boolean {
  return kind === ADDRESS || kind === CERTIFIED
}
