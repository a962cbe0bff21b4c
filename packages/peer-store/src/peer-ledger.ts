/** The store's working set: every peer's ledger, what is shown of it, and who is told. On disk is `level.ts`'s. */
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { limits, type Clock } from '@peerweave/interface'
import { isVerifiedRecord } from '@peerweave/records'
import { Admission } from './admission.ts'
import { ChangeFeed } from './change-feed.ts'
import { compareText } from './compare-text.ts'
import { SNAPSHOT_AGE } from './constants.ts'
import { EMPTY_LEDGER, EvidenceTable, type Item, type Ledger, type SourceItems } from './evidence-table.ts'
import { ExpiryQueue, type Expiring } from './expiry-queue.ts'
import { LiveClaims } from './live-claims.ts'
import { compareBy, matches } from './query.ts'
import { sha256 } from './sha256.ts'
import { fingerprint, newContact, PeerView, type Contact } from './view.ts'
import { XorIndex } from './xor-index.ts'
import type { KeyedHash } from './keyed-hash.ts'
import type { SavedPeer } from './saved/saved-peer.ts'
import type {
  Change, ChangeCause, ConnectionStatus, Evidence, MergeResult, MergeSummary, PeerAddress, PeerInfo, PeerQuery, PeerStore, Reputation, Source
} from '@peerweave/interface'
import type { PeerId } from '@libp2p/interface'

/** Told of every peer whose record on disk is no longer what memory holds. */
export interface Journal {
  touch: (id: string) => void
}

export interface PeerLedgerInit {
  /** Peers kept. */
  capacity: number
  clock: Clock
  hash: KeyedHash
  journal?: Journal | undefined
}

interface Entry extends Ledger, Expiring {
  readonly id: string
  /** Monotonic ms. */
  firstSeen: number
  /** Our own dealings with it, once there were any. */
  contact: Contact | undefined
  /** One source for each quota group that claims it now: its vouchers. */
  vouchers: readonly Source[]
  /** Whether it is in the view. What is not, and not forgotten yet, is a ghost. */
  isShown: boolean
  /** What counts, as snapshots show it, until it changes. */
  live: LiveClaims | undefined
  /** The last snapshot of that. */
  view: PeerView | undefined
  /** Addresses as they were shown last: what is parsed is used again. */
  shownBefore: readonly PeerAddress[] | undefined
  /** Where its hash stands in the index, once somebody asked for distances. */
  slot: number | undefined
  /** What readers of the feed were told last. Kept only while there are readers. */
  told: Told | undefined
}

interface Told {
  readonly peer: PeerInfo
  readonly fingerprint: string
}

export class PeerLedger implements PeerStore {
  /** Peers in the view. BOUNDED by `capacity`. */
  readonly #entries = new Map<string, Entry>()
  /**
   * Peers of whom nothing counts, remembered for R because goodbyes and late claims may still meet. They take nobody's
   * place. BOUNDED by `limits.ghosts`; the oldest goes.
   */
  readonly #ghosts = new Map<string, Entry>()
  readonly #capacity: number
  readonly #clock: Clock
  readonly #journal: Journal | undefined
  readonly #table: EvidenceTable
  readonly #admission: Admission
  readonly #expiry = new ExpiryQueue<Entry>()
  readonly #changes = new ChangeFeed()
  readonly #index = new XorIndex()
  readonly #bySlot: Array<Entry | undefined> = []
  /** In the view, and not in the index yet. */
  readonly #unindexed = new Set<Entry>()

  constructor ({ capacity, clock, hash, journal }: PeerLedgerInit) {
    this.#capacity = capacity
    this.#clock = clock
    this.#table = new EvidenceTable(hash)
    this.#admission = new Admission(hash)
    this.#journal = journal
  }

  get size (): number {
    return this.#entries.size
  }

  get changes (): AsyncIterable<Change> {
    return this.#changes
  }

  start (): void | Promise<void> {
    this.#changes.begin()
  }

  stop (): void | Promise<void> {
    this.#changes.end()
  }

  // — what is claimed —

  async addPeer (evidence: Evidence): Promise<MergeResult> {
    return this.#merge(evidence)
  }

  async addPeers (batch: Iterable<Evidence>): Promise<MergeSummary> {
    const summary: MergeSummary = { new: 0, updated: 0, unchanged: 0, refused: 0 }
    for (const evidence of batch) summary[this.#merge(evidence).outcome]++
    return summary
  }

  async withdraw (id: PeerId, source: Source, at: number, multiaddrs?: readonly Multiaddr[]): Promise<MergeResult> {
    // Of an unknown peer too: the claim that it takes back may still be on its way.
    const entry = this.#known(id) ?? this.#ghost(id)
    // Also without readers: whether it took anything back shows only in the view.
    if (entry.isShown) entry.told ??= this.#asTold(entry)
    this.#settle(entry)
    const { dueAt } = entry
    const isAccepted = this.#table.withdraw(entry, source, at, multiaddrs, this.#clock.now())
    const result = this.#refresh(entry, { kind: 'withdrawal', source: source.path }, dueAt)
    return isAccepted ? result : { outcome: 'refused', reason: 'stale-evidence' }
  }

  async removePeer (id: PeerId): Promise<boolean> {
    const entry = this.#known(id)
    if (entry == null) return false
    const { isShown } = entry
    this.#beforeChange(entry)
    this.#forget(entry, { kind: 'removal' })
    return isShown
  }

  // — what is asked —

  async getPeer (id: PeerId): Promise<PeerInfo | undefined> {
    return this.peek(id)
  }

  peek (id: PeerId): PeerInfo | undefined {
    const entry = this.#entries.get(id.toString())
    return entry == null ? undefined : this.#view(entry, id)
  }

  async * getPeers (query: PeerQuery = {}): AsyncGenerator<PeerInfo> {
    const compare = compareBy(query.order)
    const found: PeerInfo[] = []
    for (const entry of this.#entries.values()) {
      const peer = this.#view(entry)
      if (peer != null && matches(peer, query)) found.push(peer)
    }
    yield * found.sort(compare).slice(0, query.limit)
  }

  async getClosestPeers (key: Uint8Array, count: number): Promise<PeerInfo[]> {
    const target = await sha256(key)
    await this.#indexNewcomers()
    // What has run out and was not swept yet is passed over.
    const slots = this.#index.closest(target, count, slot => this.#view(this.#bySlot[slot] as Entry) != null)
    return slots.map(slot => this.#view(this.#bySlot[slot] as Entry) as PeerInfo)
  }

  evidence (id: PeerId): readonly Evidence[] {
    const entry = this.#known(id)
    if (entry == null) return []
    return this.#table.live(entry, this.#clock.now()).flatMap(({ source, items }) => {
      // One piece of evidence per moment of observation, as it came in.
      const byTime = Map.groupBy([...items].sort(byKindAndName), ({ observedAt, expiresAt }) => `${observedAt} ${expiresAt}`)
      return [...byTime.values()].map(together => ({
        peerId: id,
        source,
        observedAt: together[0]?.observedAt ?? 0,
        expiresAt: together[0]?.expiresAt ?? 0,
        record: together.some(({ kind }) => kind === 'certified') ? entry.signed?.record : undefined,
        multiaddrs: together.flatMap(({ kind, name }) => kind === 'address' || kind === 'certified' ? multiaddr(name) : []),
        protocols: together.flatMap(({ kind, name }) => kind === 'protocol' ? name : []),
        metadata: new Map(together.flatMap(({ kind, name, value }) => kind === 'metadata' ? [[name, value] as const] : []))
      }))
    })
  }

  // — what we saw ourselves —

  async updatePeerSeen (id: PeerId, at: number = this.#clock.now()): Promise<void> {
    const entry = this.#entries.get(id.toString())
    if (entry == null || !Number.isFinite(at)) return
    const contact = contactOf(entry)
    contact.lastSeen = Math.max(contact.lastSeen ?? -Infinity, Math.min(at, this.#clock.now()))
    this.#touch(entry)
  }

  async recordOutcome (id: PeerId, address: Multiaddr, outcome: 'success' | 'failure'): Promise<void> {
    const entry = this.#entries.get(id.toString())
    if (entry == null) return
    this.#beforeChange(entry)
    const contact = contactOf(entry)
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
    if (entry == null || (entry.contact?.connection ?? 'unknown') === status) return
    this.#beforeChange(entry)
    const contact = contactOf(entry)
    if (contact.connection === 'connected') contact.lastSeen = this.#clock.now()
    contact.connection = status
    this.#refresh(entry, { kind: 'connection' })
  }

  setReputation (id: PeerId, reputation: Reputation): void {
    const entry = this.#entries.get(id.toString())
    if (entry == null) return
    contactOf(entry).reputation = Object.freeze({ ...reputation })
    this.#touch(entry)
  }

  setIdentity (id: PeerId, identity: { protocols: string[], agentVersion?: string | undefined, protocolVersion?: string | undefined }): void {
    const entry = this.#entries.get(id.toString())
    if (entry == null) return
    this.#beforeChange(entry)
    contactOf(entry).identity = {
      protocols: Object.freeze([...identity.protocols].sort().slice(0, limits.protocolsPerPeer)),
      agentVersion: identity.agentVersion?.slice(0, limits.agentBytes),
      protocolVersion: identity.protocolVersion?.slice(0, limits.agentBytes)
    }
    this.#refresh(entry, { kind: 'identify' })
  }

  // — time —

  async expire (now: number, { limit = Infinity }: { limit?: number | undefined } = {}): Promise<{ expired: number, next: number }> {
    let expired = 0
    for (let looked = 0; looked < limit; looked++) {
      const entry = this.#expiry.takeDue(now)
      if (entry == null) break
      const wasShown = entry.isShown
      this.#beforeChange(entry)
      this.#refresh(entry, { kind: 'expiry' }, undefined)
      if (wasShown && !entry.isShown) expired++
    }
    return { expired, next: Math.max(now, this.#expiry.next) }
  }

  async flush (): Promise<void> {}

  // — for the disk —

  /** In the view or remembered beside it. */
  ids (): string[] {
    return [...this.#entries.keys(), ...this.#ghosts.keys()]
  }

  knows (id: string): boolean {
    return this.#entries.has(id) || this.#ghosts.has(id)
  }

  saved (id: string): SavedPeer | undefined {
    const entry = this.#entries.get(id) ?? this.#ghosts.get(id)
    return entry == null ? undefined : { id, firstSeen: entry.firstSeen, contact: entry.contact, ...this.#table.saved(entry) }
  }

  /** Merges what was saved with what is known meanwhile. Our own dealings with it are those of this run, where there are any. */
  restore (peer: SavedPeer): void {
    const now = this.#clock.now()
    const entry = this.#entries.get(peer.id) ?? this.#ghosts.get(peer.id) ?? newEntry(peer.id, now)
    this.#beforeChange(entry)
    const { dueAt } = entry
    this.#table.restore(entry, peer, now)
    entry.firstSeen = Math.min(entry.firstSeen, peer.firstSeen)
    if (peer.contact != null) entry.contact ??= { ...newContact(), ...peer.contact, addressOutcomes: new Map(peer.contact.addressOutcomes) }
    this.#refresh(entry, { kind: 'restore' }, dueAt)
  }

  #merge (evidence: Evidence): MergeResult {
    const { record } = evidence
    if (record != null && !(isVerifiedRecord(record) && record.peerId.equals(evidence.peerId))) {
      throw new TypeError('record must come from openPeerRecord, and be of the same peer')
    }
    const known = this.#known(evidence.peerId)
    if (evidence.multiaddrs.length === 0 && known?.isShown !== true) return { outcome: 'refused', reason: 'no-address' }
    const now = this.#clock.now()
    const entry = known ?? newEntry(evidence.peerId.toString(), now)
    this.#beforeChange(entry)
    const { dueAt } = entry
    const effect = this.#table.merge(entry, evidence, now)
    if (effect !== 'stale') entry.firstSeen = Math.min(entry.firstSeen, evidence.observedAt)
    if (effect === 'refreshed' && entry.isShown) {
      // Nine of ten sightings: times moved on and nothing else. Its queue looks at the ledger again when it is due.
      this.#touch(entry)
      if (entry.dueAt !== dueAt) this.#expiry.file(entry)
      return UNCHANGED
    }
    const result = this.#refresh(entry, { kind: 'claim', source: evidence.source.path }, dueAt)
    if (effect === 'stale') return { outcome: 'refused', reason: 'stale-evidence' }
    return result.outcome === 'new' && !entry.isShown ? { outcome: 'refused', reason: 'full' } : result
  }

  /** Hashing waits for somebody who asks: most nodes never do. */
  async #indexNewcomers (): Promise<void> {
    for (const entry of this.#unindexed) {
      const hash = await sha256(peerIdFromString(entry.id).toMultihash().bytes)
      if (!this.#unindexed.delete(entry)) continue // gone, or another question was faster
      entry.slot = this.#index.insert(hash)
      this.#bySlot[entry.slot] = entry
    }
  }

  #known (id: PeerId): Entry | undefined {
    const key = id.toString()
    return this.#entries.get(key) ?? this.#ghosts.get(key)
  }

  #ghost (peerId: PeerId): Entry {
    const entry = newEntry(peerId.toString(), this.#clock.now())
    this.#toGhosts(entry)
    return entry
  }

  #toGhosts (entry: Entry): void {
    this.#ghosts.set(entry.id, entry)
    if (this.#ghosts.size <= limits.ghosts) return
    for (const oldest of this.#ghosts.values()) {
      this.#ghosts.delete(oldest.id)
      this.#release(oldest)
      break
    }
  }

  /**
   * Brings an entry up to date: its vouchers, its place, its view; and tells readers what changed.
   *
   * @param filedAt - when the expiry queue looks at it, `undefined` when it does not
   */
  #refresh (entry: Entry, cause: ChangeCause, filedAt: number | undefined = entry.dueAt): MergeResult {
    const now = this.#clock.now()
    this.#touch(entry)
    this.#table.lapse(entry, now)
    if (entry.dueAt !== filedAt) this.#expiry.file(entry)
    const isConnected = entry.contact?.connection === 'connected'
    if (!isConnected && !this.#table.hasAddress(entry, now)) return this.#vanish(entry, cause)

    this.#setVouchers(entry, this.#table.groups(entry, now))
    if (!entry.isShown) {
      this.#ghosts.delete(entry.id)
      this.#entries.set(entry.id, entry)
      this.#unindexed.add(entry)
      entry.isShown = true
      // Before it is told: a newcomer that must go at once was never there.
      this.#makeRoom(entry)
      if (entry.isShown && this.#changes.hasReaders) this.#tell(entry, peer => ({ kind: 'new', peer, cause }))
      return { outcome: 'new' }
    }
    const { told } = entry
    if (told == null) return { outcome: 'updated' } // nobody reads
    if (fingerprint(this.#view(entry) as PeerInfo) === told.fingerprint) return { outcome: 'unchanged' }
    this.#tell(entry, peer => ({ kind: 'updated', peer, previous: told.peer, cause }))
    return { outcome: 'updated' }
  }

  /** Nothing counts of it: out of the view, and a ghost for as long as something late may come. */
  #vanish (entry: Entry, cause: ChangeCause): MergeResult {
    const wasShown = entry.isShown
    if (wasShown) this.#hide(entry, cause)
    if (entry.dueAt === Infinity) this.#ghosts.delete(entry.id)
    else if (!this.#ghosts.has(entry.id)) this.#toGhosts(entry)
    return { outcome: wasShown ? 'updated' : 'unchanged' }
  }

  /** @param peerId - the caller's, if he has one: making one costs more than the rest */
  #view (entry: Entry, peerId?: PeerId): PeerView | undefined {
    const now = this.#clock.now()
    const { view } = entry
    const isDue = now >= entry.dueAt
    if (view != null && !isDue && now - view.madeAt < SNAPSHOT_AGE) return view
    if (entry.contact?.connection !== 'connected' && !this.#table.hasAddress(entry, now)) return undefined
    if (isDue) this.#settle(entry)
    else entry.shownBefore = view?.shown ?? entry.shownBefore
    entry.live ??= new LiveClaims(this.#table, entry, now)
    return entry.view = new PeerView(entry, entry.live, this.#clock, peerId)
  }

  /** To be called before anything of it changes: snapshots that are out keep what they show. */
  #settle (entry: Entry): void {
    if (entry.live == null) return
    entry.live.settle()
    entry.live = undefined
    entry.shownBefore = entry.view?.shown ?? entry.shownBefore
    entry.view = undefined
  }

  /** Something of it changes, if only a time. */
  #touch (entry: Entry): void {
    this.#settle(entry)
    this.#journal?.touch(entry.id)
  }

  #setVouchers (entry: Entry, vouchers: readonly Source[]): void {
    const before = entry.vouchers
    for (const { group, isChosen } of before) {
      if (!vouchers.some(voucher => voucher.group === group && voucher.isChosen === isChosen)) this.#admission.remove(entry.id, group)
    }
    for (const { group, isChosen } of vouchers) {
      if (!before.some(voucher => voucher.group === group && voucher.isChosen === isChosen)) {
        this.#admission.add(entry.id, group, isChosen === true)
      }
    }
    entry.vouchers = vouchers
  }

  /** Vouchers go until there is room. A peer goes with its last one, unless we are connected to it. */
  #makeRoom (newcomer: Entry): void {
    while (this.#entries.size > this.#capacity) {
      const victim = this.#admission.victim()
      const entry = victim == null ? newcomer : this.#entries.get(victim.id)
      if (entry == null) return
      if (victim != null) {
        this.#admission.remove(victim.id, victim.group)
        entry.vouchers = entry.vouchers.filter(({ group }) => group !== victim.group)
        if (entry.vouchers.length > 0 || entry.contact?.connection === 'connected') {
          this.#beforeChange(entry)
          this.#table.dropGroup(entry, victim.group)
          this.#refresh(entry, { kind: 'displaced' })
          continue
        }
      }
      if (entry !== newcomer) this.#beforeChange(entry)
      this.#forget(entry, { kind: 'displaced' })
    }
  }

  /**
   * To be called before anything of it changes. The change feed wants to know what was shown before; computed only for
   * readers.
   */
  #beforeChange (entry: Entry): void {
    if (!this.#changes.hasReaders) {
      entry.told = undefined
    } else if (entry.isShown) {
      entry.told ??= this.#asTold(entry)
    }
    this.#settle(entry)
  }

  #asTold (entry: Entry): Told | undefined {
    const peer = this.#view(entry)
    return peer == null ? undefined : { peer, fingerprint: fingerprint(peer) }
  }

  #tell (entry: Entry, change: (peer: PeerInfo) => Change): void {
    const peer = this.#view(entry) as PeerInfo
    entry.told = { peer, fingerprint: fingerprint(peer) }
    this.#changes.publish(change(peer))
  }

  /** Out of the view. */
  #hide (entry: Entry, cause: ChangeCause): void {
    entry.isShown = false
    this.#settle(entry)
    entry.shownBefore = undefined
    this.#entries.delete(entry.id)
    this.#unindexed.delete(entry)
    this.#setVouchers(entry, NO_VOUCHERS)
    if (entry.slot != null) {
      this.#index.remove(entry.slot)
      this.#bySlot[entry.slot] = undefined
      entry.slot = undefined
    }
    if (entry.told != null) this.#changes.publish({ kind: 'lost', peer: entry.told.peer, cause })
    entry.told = undefined
  }

  /** Out of the view, and of memory. */
  #forget (entry: Entry, cause: ChangeCause): void {
    this.#hide(entry, cause)
    this.#ghosts.delete(entry.id)
    this.#release(entry)
  }

  #release (entry: Entry): void {
    this.#settle(entry)
    this.#table.release(entry)
    this.#journal?.touch(entry.id)
  }
}

const UNCHANGED: MergeResult = Object.freeze({ outcome: 'unchanged' })

/** @throws TypeError for an id that is none: it would show only when somebody reads it */
function newEntry (id: string, now: number): Entry {
  if (!ED25519_ID.test(id)) peerIdFromString(id)
  return {
    ...EMPTY_LEDGER, id, firstSeen: now, contact: undefined, vouchers: NO_VOUCHERS, isShown: false, live: undefined, view: undefined, shownBefore: undefined,
    slot: undefined, told: undefined
  }
}

/** Nearly all ids: what has this form is one. Parsing costs more than the rest of a merge. */
const ED25519_ID = /^12D3KooW[A-S][1-9A-HJ-NP-Za-km-z]{43}$/

function hasAddress ({ items }: SourceItems): boolean {
  return items.some(({ kind }) => kind === 'address' || kind === 'certified')
}

function byKindAndName (a: Item, b: Item): number {
  return compareText(a.kind, b.kind) || compareText(a.name, b.name)
}

const NO_VOUCHERS: readonly Source[] = Object.freeze([])

function contactOf (entry: Entry): Contact {
  return entry.contact ??= newContact()
}
