/** The peer store in memory. */
import { knownOptions, limits, numberOption, systemClock } from '@peerweave/interface'
import { Admission } from './admission.ts'
import { ChangeFeed } from './change-feed.ts'
import { compareDistance, hashKey } from './closest.ts'
import { SNAPSHOT_AGE } from './constants.ts'
import { keyedHash, type KeyedHash } from './keyed-hash.ts'
import { PeerLedger } from './ledger.ts'
import { compareBy, matches } from './query.ts'
import { buildView, fingerprint, newContact, nextExpiry, type Contact } from './view.ts'
import type {
  Change, ChangeCause, Clock, ConnectionStatus, Evidence, MergeResult, MergeSummary, PeerInfo, PeerQuery, PeerStore, Reputation, Source
} from '@peerweave/interface'
import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'

export interface MemoryPeerStoreOptions {
  /**
   * Peers kept. At the bound newcomers and old ones compete by quota group (see `admission.ts`).
   *
   * @default limits.newPeers + limits.triedPeers
   */
  capacity?: number | undefined
  /** @default systemClock() */
  clock?: Clock | undefined
  /** Key of the hash that picks victims, 8 bytes. Only for runs that must repeat. @default from the secure generator */
  hashKey?: Uint8Array | undefined
}

/**
 * @throws TypeError naming a wrong option
 */
export function memoryPeerStore (options: MemoryPeerStoreOptions = {}): PeerStore {
  knownOptions('memoryPeerStore', options, ['capacity', 'clock', 'hashKey'])
  return new MemoryPeerStore(options)
}

interface Entry {
  readonly id: string
  readonly peerId: PeerId
  readonly ledger: PeerLedger
  readonly contact: Contact
  /** The quota group that pays for its place: that of the first source. */
  readonly group: string
  /** SHA-256 of the id, once somebody asked for distances. */
  hash?: Uint8Array
  /** The last computed view. */
  snapshot?: Snapshot | undefined
  /** What readers of the feed were last told, with its fingerprint. */
  shown?: { peer: PeerInfo, fingerprint: string } | undefined
}

interface Snapshot {
  /** Absent when nothing is to be shown: no live address and no connection. */
  peer: PeerInfo | undefined
  /** Monotonic ms; times and confidence are as of then. */
  madeAt: number
  /** Monotonic ms: until then the content cannot change by itself. */
  until: number
}

class MemoryPeerStore implements PeerStore {
  readonly #entries = new Map<string, Entry>()
  readonly #capacity: number
  readonly #clock: Clock
  readonly #hash: KeyedHash
  readonly #admission: Admission
  readonly #changes = new ChangeFeed()

  constructor (options: MemoryPeerStoreOptions) {
    this.#capacity = numberOption('capacity', options.capacity, limits.newPeers + limits.triedPeers, { min: 1, integer: true })
    this.#clock = options.clock ?? systemClock()
    this.#hash = keyedHash(options.hashKey)
    this.#admission = new Admission(this.#hash)
  }

  get size (): number {
    return this.#entries.size
  }

  get changes (): AsyncIterable<Change> {
    return this.#changes
  }

  start (): void {}

  stop (): void {
    this.#changes.end()
  }

  async addPeer (evidence: Evidence): Promise<MergeResult> {
    return this.#merge(evidence)
  }

  async addPeers (batch: Iterable<Evidence>): Promise<MergeSummary> {
    const summary: MergeSummary = { new: 0, updated: 0, unchanged: 0, refused: 0 }
    for (const evidence of batch) summary[this.#merge(evidence).outcome]++
    return summary
  }

  async withdraw (id: PeerId, source: Source, at: number, multiaddrs?: readonly Multiaddr[]): Promise<MergeResult> {
    // Remembered even for an unknown peer: the claim that it takes back may still be on its way.
    const entry = this.#entryFor(id, source)
    if (entry == null) return { outcome: 'refused', reason: 'full' }
    if (!entry.ledger.withdraw(source, at, multiaddrs, this.#clock.now())) {
      this.#refresh(entry, { kind: 'expiry' })
      return { outcome: 'refused', reason: 'stale-evidence' }
    }
    return this.#refresh(entry, { kind: 'withdrawal', source: source.path })
  }

  async removePeer (id: PeerId): Promise<boolean> {
    const entry = this.#entries.get(id.toString())
    if (entry == null) return false
    this.#drop(entry, { kind: 'removal' })
    return true
  }

  async getPeer (id: PeerId): Promise<PeerInfo | undefined> {
    return this.peek(id)
  }

  peek (id: PeerId): PeerInfo | undefined {
    const entry = this.#entries.get(id.toString())
    return entry == null ? undefined : this.#view(entry)
  }

  async * getPeers (query: PeerQuery = {}): AsyncGenerator<PeerInfo> {
    const found: PeerInfo[] = []
    for (const entry of this.#entries.values()) {
      const peer = this.#view(entry)
      if (peer != null && matches(peer, query)) found.push(peer)
    }
    yield * found.sort(compareBy(query.order)).slice(0, query.limit)
  }

  async getClosestPeers (key: Uint8Array, count: number): Promise<PeerInfo[]> {
    const target = await hashKey(key)
    const candidates: Array<{ hash: Uint8Array, entry: Entry }> = []
    for (const entry of [...this.#entries.values()]) {
      candidates.push({ hash: entry.hash ??= await hashKey(entry.peerId.toMultihash().bytes), entry })
    }
    candidates.sort((a, b) => compareDistance(target, a.hash, b.hash))
    const result: PeerInfo[] = []
    for (const { entry } of candidates) {
      if (result.length >= count) break
      const peer = this.#view(entry)
      if (peer != null) result.push(peer)
    }
    return result
  }

  async updatePeerSeen (id: PeerId, at: number = this.#clock.now()): Promise<void> {
    const entry = this.#entries.get(id.toString())
    if (entry == null) return
    entry.contact.lastSeen = Math.max(entry.contact.lastSeen ?? -Infinity, Math.min(at, this.#clock.now()))
    entry.snapshot = undefined
  }

  async recordOutcome (id: PeerId, address: Multiaddr, outcome: 'success' | 'failure'): Promise<void> {
    const entry = this.#entries.get(id.toString())
    if (entry == null) return
    const { contact } = entry
    const name = address.toString()
    const shown = new Set(this.#view(entry)?.addresses.map(({ multiaddr }) => multiaddr.toString()))
    for (const known of contact.addressOutcomes.keys()) {
      if (!shown.has(known)) contact.addressOutcomes.delete(known)
    }
    const ofAddress = shown.has(name) ? contact.addressOutcomes.get(name) ?? { failures: 0 } : undefined
    if (ofAddress != null) contact.addressOutcomes.set(name, ofAddress)
    for (const outcomes of [contact.outcomes, ...(ofAddress == null ? [] : [ofAddress])]) {
      if (outcome === 'success') Object.assign(outcomes, { lastSuccess: this.#clock.now(), failures: 0 })
      else outcomes.failures++
    }
    if (outcome === 'success') contact.lastSeen = this.#clock.now()
    this.#refresh(entry, { kind: 'outcome' })
  }

  setConnection (id: PeerId, status: ConnectionStatus): void {
    const entry = this.#entries.get(id.toString())
    if (entry == null || entry.contact.connection === status) return
    if (entry.contact.connection === 'connected') entry.contact.lastSeen = this.#clock.now()
    entry.contact.connection = status
    this.#refresh(entry, { kind: 'connection' })
  }

  setReputation (id: PeerId, reputation: Reputation): void {
    const entry = this.#entries.get(id.toString())
    if (entry == null) return
    entry.contact.reputation = Object.freeze({ ...reputation })
    entry.snapshot = undefined
  }

  setIdentity (id: PeerId, identity: { protocols: string[], agentVersion?: string | undefined, protocolVersion?: string | undefined }): void {
    const entry = this.#entries.get(id.toString())
    if (entry == null) return
    entry.contact.identity = {
      protocols: Object.freeze([...identity.protocols].sort().slice(0, limits.protocolsPerPeer)),
      agentVersion: identity.agentVersion?.slice(0, limits.agentBytes),
      protocolVersion: identity.protocolVersion?.slice(0, limits.agentBytes)
    }
    this.#refresh(entry, { kind: 'identify' })
  }

  evidence (id: PeerId): readonly Evidence[] {
    const entry = this.#entries.get(id.toString())
    if (entry == null) return []
    return entry.ledger.live(this.#clock.now()).flatMap(({ source, items }) => {
      // One piece of evidence per moment of observation, as it came in.
      const byTime = Map.groupBy(items, ({ observedAt, expiresAt }) => `${observedAt} ${expiresAt}`)
      return [...byTime.values()].map(together => ({
        peerId: entry.peerId,
        source,
        observedAt: together[0]?.observedAt ?? 0,
        expiresAt: together[0]?.expiresAt ?? 0,
        multiaddrs: together.flatMap(({ multiaddr }) => multiaddr ?? []),
        protocols: together.flatMap(({ kind, name }) => kind === 'protocol' ? name : []),
        metadata: new Map(together.flatMap(({ kind, name, value }) => kind === 'metadata' ? [[name, value] as const] : []))
      }))
    })
  }

  async expire (now: number, { limit = Infinity }: { limit?: number | undefined } = {}): Promise<{ expired: number, next: number }> {
    let expired = 0
    let next = Infinity
    for (const entry of [...this.#entries.values()]) {
      if (expired >= limit) return { expired, next: now }
      if ((entry.snapshot?.until ?? now) <= now) {
        const wasShown = entry.shown != null
        this.#refresh(entry, { kind: 'expiry' })
        if (wasShown && entry.shown == null) expired++
      }
      if (this.#entries.has(entry.id)) next = Math.min(next, entry.snapshot?.until ?? Infinity)
    }
    return { expired, next }
  }

  async flush (): Promise<void> {}

  #merge (evidence: Evidence): MergeResult {
    if (evidence.multiaddrs.length === 0 && !this.#entries.has(evidence.peerId.toString())) return { outcome: 'refused', reason: 'no-address' }
    const now = this.#clock.now()
    const entry = this.#entryFor(evidence.peerId, evidence.source)
    if (entry == null) return { outcome: 'refused', reason: 'full' }
    const isAccepted = entry.ledger.merge(evidence, now)
    if (isAccepted) entry.contact.firstSeen = Math.min(entry.contact.firstSeen, evidence.observedAt)
    const result = this.#refresh(entry, { kind: 'claim', source: evidence.source.path })
    return isAccepted ? result : { outcome: 'refused', reason: 'stale-evidence' }
  }

  /** The entry of a peer, made when there is room or when it wins a place. */
  #entryFor (peerId: PeerId, source: Source): Entry | undefined {
    const id = peerId.toString()
    const known = this.#entries.get(id)
    if (known != null) return known
    const entry: Entry = {
      id, peerId, ledger: new PeerLedger(this.#hash), contact: newContact(this.#clock.now()), group: source.group
    }
    this.#entries.set(id, entry)
    this.#admission.add(id, source.group)
    if (this.#entries.size > this.#capacity) {
      const victim = this.#admission.victim(id => this.#entries.get(id)?.contact.connection === 'connected') ?? id
      this.#drop(this.#entries.get(victim) as Entry, { kind: 'removal' })
      if (victim === id) return undefined
    }
    return entry
  }

  /** Brings the view of an entry up to date and tells readers what changed. */
  #refresh (entry: Entry, cause: ChangeCause): MergeResult {
    const previous = entry.shown
    const { peer } = this.#compute(entry)
    if (peer == null) {
      if (entry.ledger.isEmpty) this.#forget(entry)
      if (previous == null) return { outcome: 'unchanged' }
      entry.shown = undefined
      this.#changes.publish({ kind: 'lost', peer: previous.peer, cause })
      return { outcome: 'updated' }
    }
    const print = fingerprint(peer)
    entry.shown = { peer, fingerprint: print }
    if (previous == null) {
      this.#changes.publish({ kind: 'new', peer, cause })
      return { outcome: 'new', peer }
    }
    if (previous.fingerprint === print) return { outcome: 'unchanged', peer }
    this.#changes.publish({ kind: 'updated', peer, previous: previous.peer, cause })
    return { outcome: 'updated', peer }
  }

  #view (entry: Entry): PeerInfo | undefined {
    const now = this.#clock.now()
    const { snapshot } = entry
    const isFresh = snapshot != null && now < snapshot.until && now - snapshot.madeAt < SNAPSHOT_AGE
    return (isFresh ? snapshot : this.#compute(entry)).peer
  }

  #compute (entry: Entry): Snapshot {
    const now = this.#clock.now()
    entry.ledger.lapse(now)
    const live = entry.ledger.live(now)
    const isReachable = live.some(({ items }) => items.some(({ kind }) => kind === 'address'))
    const peer = isReachable || entry.contact.connection === 'connected' ? buildView(entry.peerId, live, entry.contact, this.#clock) : undefined
    // With nothing live, what is left are withdrawals and late claims; they are forgotten within R.
    const until = live.length > 0 ? nextExpiry(live) : peer == null ? now + limits.evidenceLag : Infinity
    return entry.snapshot = { peer, madeAt: now, until }
  }

  #drop (entry: Entry, cause: ChangeCause): void {
    this.#forget(entry)
    if (entry.shown != null) this.#changes.publish({ kind: 'lost', peer: entry.shown.peer, cause })
  }

  #forget (entry: Entry): void {
    this.#entries.delete(entry.id)
    this.#admission.remove(entry.id, entry.group)
  }
}
