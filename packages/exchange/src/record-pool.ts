/**
 * The records that we pass on to whoever asks.
 *
 * Who can write into it: each peer that we ask, each that is connected, each whose gossip we hear. None of them holds more
 * than a share of it, and what one holds too much of pushes out its own: which ones is by keyed hash, so that nobody can
 * aim. What it reveals: to a peer only records that are fit for where it is.
 */
import { addressScope, limits, mayReport, type AddressScope, type Clock, type KeyedHash, type ReporterScope, type VerifiedRecord } from '@peerweave/interface'
import { recordHash, type RecordHash } from './digest.ts'
import type { PeerId } from '@libp2p/interface'

/** A record as it was heard. */
export interface Heard {
  readonly record: VerifiedRecord
  /** For how long it is believed, ms. */
  readonly ttl: number
  /** How often it was passed on until it reached us. */
  readonly hops: number
  readonly reporter: PeerId
  /** We asked for it. */
  readonly isAsked: boolean
}

export interface Held {
  readonly record: VerifiedRecord
  readonly hash: RecordHash
  readonly hops: number
  /** By the clock's `now`. */
  readonly expiresAt: number
  /** Whose share it takes. */
  readonly holder: string
  /** The bound of that share. */
  readonly most: number
  readonly rank: number
  /** Of its addresses: looked up for each asker, so reckoned once. */
  readonly scopes: readonly AddressScope[]
}

export type PoolResult = 'new' | 'renewed' | 'old' | 'full'

export interface RecordPoolInit {
  clock: Clock
  hash: KeyedHash
}

export class RecordPool {
  readonly #clock: Clock
  readonly #hash: KeyedHash
  /** By peer. BOUNDED by `limits.exchangeRecords`; a record without addresses keeps older ones of its peer away. */
  readonly #held = new Map<string, Held>()
  /** How many each holder has. */
  readonly #shares = new Map<string, number>()

  constructor ({ clock, hash }: RecordPoolInit) {
    this.#clock = clock
    this.#hash = hash
  }

  get size (): number {
    return this.#held.size
  }

  get (id: PeerId): Held | undefined {
    const held = this.#held.get(id.toString())
    return held != null && held.expiresAt > this.#clock.now() ? held : undefined
  }

  /** All that stand, in the order in which they were heard last. */
  * [Symbol.iterator] (): Generator<Held> {
    const now = this.#clock.now()
    for (const [id, held] of this.#held) {
      if (held.expiresAt > now) yield held
      else this.#drop(id)
    }
  }

  /** The record of a peer with the highest seq stands; heard again it stands for longer, if by fewer hops with those. */
  add (heard: Heard): PoolResult {
    const id = heard.record.peerId.toString()
    const known = this.get(heard.record.peerId)
    if (known != null && heard.record.seq < known.record.seq) return 'old'
    const held = this.#read(heard, id, known)
    const isSame = known?.record.seq === held.record.seq
    this.#drop(id)
    this.#keep(id, isSame
      ? { ...held, record: known.record, hops: Math.min(known.hops, held.hops), expiresAt: Math.max(known.expiresAt, held.expiresAt) }
      : held)
    if ((this.#shares.get(held.holder) ?? 0) > held.most) this.#dropOneOf(held.holder)
    if (this.#held.size > limits.exchangeRecords) this.#makeRoom()
    if (!this.#held.has(id)) return 'full'
    return isSame ? 'renewed' : 'new'
  }

  #read ({ record, ttl, hops, reporter, isAsked }: Heard, id: string, known: Held | undefined): Held {
    // Whoever passes a record on takes it over from nobody but its owner from others: a flooder would else push out what
    // it did not bring.
    const isTaken = known == null || reporter.equals(record.peerId)
    const holder = isTaken ? `${isAsked ? 'asked' : 'unasked'} ${reporter}` : known.holder
    return {
      record,
      hash: recordHash(record),
      hops,
      expiresAt: this.#clock.now() + ttl,
      holder,
      most: isTaken ? isAsked ? limits.exchangeAsked : limits.exchangeUnasked : known.most,
      rank: this.#hash(`${holder} ${id}`),
      scopes: scopesOf(record)
    }
  }

  #keep (id: string, held: Held): void {
    this.#held.set(id, held)
    this.#shares.set(held.holder, (this.#shares.get(held.holder) ?? 0) + 1)
  }

  #drop (id: string): void {
    const held = this.#held.get(id)
    if (held == null) return
    this.#held.delete(id)
    const left = (this.#shares.get(held.holder) ?? 1) - 1
    if (left === 0) this.#shares.delete(held.holder)
    else this.#shares.set(held.holder, left)
  }

  #makeRoom (): void {
    for (const _ of this) { /* what has run out goes first */ }
    if (this.#held.size <= limits.exchangeRecords) return
    let holder = ''
    let most = 0
    for (const [candidate, share] of this.#shares) {
      if (share > most) [holder, most] = [candidate, share]
    }
    this.#dropOneOf(holder)
  }

  #dropOneOf (holder: string): void {
    const now = this.#clock.now()
    let victim: string | undefined
    let highest = -1
    for (const [id, held] of this.#held) {
      const rank = held.expiresAt > now ? held.rank : Infinity
      if (held.holder === holder && rank > highest) [victim, highest] = [id, rank]
    }
    if (victim != null) this.#drop(victim)
  }
}

/** How far the addresses of a record reach, each scope once. */
export function scopesOf ({ addresses }: VerifiedRecord): AddressScope[] {
  return [...new Set(addresses.map(addressScope))]
}

/** Whether somebody at an address of this scope may hear all that a record says, and may say it. */
export function isFitFor (party: ReporterScope, scopes: readonly AddressScope[]): boolean {
  return scopes.length > 0 && scopes.every(scope => mayReport(party, scope))
}
