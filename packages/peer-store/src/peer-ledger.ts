/** The store's working set: every peer's ledger, what is shown of it, and who is told. On disk is `level.ts`'s. */
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { limits, nextTurn, numberOption, show, type Rng } from '@peerweave/interface'
import { isVerifiedRecord } from '@peerweave/records'
import { ChangeFeed } from './change-feed.ts'
import { compareText } from './compare-text.ts'
import { EXPIRIES_PER_TURN, SNAPSHOT_AGE, STALE_PER_TURN } from './constants.ts'
import { boundedIdentity, connect, pressContact, recordDial, type Identity } from './contact.ts'
import { DialList } from './dial-list.ts'
import { Entry, type Told } from './entry.ts'
import { addressName, EvidenceTable } from './evidence-table.ts'
import { ExpiryQueue } from './expiry-queue.ts'
import { HeldClock } from './held-clock.ts'
import { HiddenPeers } from './hidden-peers.ts'
import { LiveClaims } from './live-claims.ts'
import { Nearest } from './nearest.ts'
import { Places } from './places.ts'
import { compareBy, matches } from './query.ts'
import { isSayable } from './sayable.ts'
import { ShardedMap } from './sharded-map.ts'
import { fingerprint, PeerView } from './view.ts'
import type { Item } from './claims.ts'
import type { Dormant } from './dormant.ts'
import type { SavedPeer } from './saved/saved-peer.ts'
import type {
  Change, ChangeCause, ConnectionStatus, Evidence, KeyedHash, MergeResult, MergeSummary, PeerInfo, PeerQuery, PeerStore, PickOptions, Reputation, Source
} from '@peerweave/interface'
import type { PeerId } from '@libp2p/interface'

/** Told of every peer whose record on disk is no longer what memory holds. */
export interface Journal {
  /** @param options.sync - it must survive a power cut */
  touch: (id: string, options?: { sync?: boolean | undefined }) => void
  /** Those that `anchorIds` gives may be others now. */
  anchorsChanged: () => void
}

export interface PeerLedgerInit {
  /** Vouchers of peers that we never reached ourselves (see `admission/new-table.ts`). */
  capacity: number
  clock: HeldClock
  rng: Rng
  hash: KeyedHash
  journal?: Journal | undefined
}

export class PeerLedger implements PeerStore {
  /** Peers in the view. BOUNDED by `capacity`, `limits.triedPeers` and the connections. */
  readonly #entries = new ShardedMap<Entry>()
  readonly #hidden = new HiddenPeers()
  readonly #dialList: DialList
  /** Every time in here is by this one; those that come in and go out are the user's. */
  readonly #clock: HeldClock
  readonly #journal: Journal | undefined
  readonly #table: EvidenceTable
  readonly #places: Places
  readonly #expiry = new ExpiryQueue<Entry>()
  readonly #changes = new ChangeFeed()
  readonly #nearest = new Nearest()
  /** Anchors of the run before, until there are others. */
  #lastAnchors: readonly string[] = []

  constructor ({ capacity, clock, rng, hash, journal }: PeerLedgerInit) {
    this.#clock = clock
    this.#table = new EvidenceTable(hash)
    this.#places = new Places(hash, capacity)
    this.#journal = journal
    this.#dialList = new DialList({
      places: this.#places, hidden: this.#hidden, table: this.#table, clock, rng, entryOf: id => this.#byId(id), viewOf: entry => this.#view(entry)
    })
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
    const entry = this.#known(id) ?? new Entry(id.toString(), this.#clock.now())
    // Also without readers: whether it took anything back shows only in the view.
    if (entry.isShown) entry.told ??= this.#asTold(entry)
    this.#settle(entry)
    const { dueAt } = entry
    const isAccepted = this.#table.withdraw(entry, source, this.#clock.stamp(at), multiaddrs, this.#clock.now())
    const result = this.#refresh(entry, { kind: 'withdrawal', source: source.path }, dueAt)
    return isAccepted ? result : { outcome: 'refused', reason: 'stale-evidence' }
  }

  async dismiss (id: PeerId, at: number): Promise<boolean> {
    const entry = this.#entries.get(id.toString())
    if (entry == null) return false
    this.#beforeChange(entry)
    const { dueAt } = entry
    const now = this.#clock.now()
    if (entry.isConnected && this.#places.tried.has(entry.id)) this.#lastAnchors = this.anchorIds()
    connect(entry.ownContact, 'failed', now)
    for (const { source } of this.#table.live(entry, now)) this.#table.withdraw(entry, source, this.#clock.stamp(at), undefined, now)
    this.#refresh(entry, { kind: 'silence' }, dueAt)
    if (this.#places.tried.has(entry.id)) this.#journal?.anchorsChanged()
    return true
  }

  async removePeer (id: PeerId): Promise<boolean> {
    const entry = this.#known(id)
    if (entry == null) return false
    const { isShown } = entry
    this.#remove(entry)
    return isShown
  }

  async clear (): Promise<void> {
    for (const [i, entry] of [...this.#entries.values(), ...this.#hidden.values()].entries()) {
      // Who came or went in the turns between is as if he had before or afterwards.
      if (this.#byId(entry.id) === entry) this.#remove(entry)
      if (i % EXPIRIES_PER_TURN === EXPIRIES_PER_TURN - 1) await nextTurn()
    }
  }

  #remove (entry: Entry): void {
    this.#beforeChange(entry)
    if (entry.isConnected && this.#places.tried.has(entry.id)) this.#lastAnchors = this.anchorIds()
    this.#forget(entry, { kind: 'removal' })
    for (const moved of this.#places.remove(entry.id)) this.#moved(moved)
    this.#noAnchor(entry.id)
  }

  // — what is asked —

  async getPeer (id: PeerId): Promise<PeerInfo | undefined> {
    return this.peek(id)
  }

  peek (id: PeerId): PeerInfo | undefined {
    const entry = this.#entries.get(id.toString())
    return entry == null ? undefined : this.#view(entry)
  }

  async * getPeers (query: PeerQuery = {}): AsyncGenerator<PeerInfo> {
    const compare = compareBy(query.order)
    const limit = numberOption('limit', query.limit, Infinity, { min: 0, max: Infinity })
    const found: PeerInfo[] = []
    for (const entry of this.#entries.values()) {
      const peer = this.#view(entry)
      if (peer != null && matches(peer, query)) found.push(peer)
    }
    yield * found.sort(compare).slice(0, limit)
  }

  async getClosestPeers (key: Uint8Array, count: number): Promise<PeerInfo[]> {
    // What has run out and was not swept yet is passed over.
    let now: number | undefined // when the hashing that may come first is done
    const nearest = await this.#nearest.closest(key, count, this.#entries.values(), entry => this.#isLive(entry, now ??= this.#clock.now()))
    now ??= this.#clock.now()
    const toWall = this.#clock.wall() - now
    return nearest.flatMap(entry => this.#view(entry, now, toWall) ?? []) // who went meanwhile is left out
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
        observedAt: this.#clock.unheld(together[0]?.observedAt ?? 0),
        expiresAt: this.#clock.unheld(together[0]?.expiresAt ?? 0),
        record: together.some(({ kind }) => kind === 'certified') ? entry.signed?.record : undefined,
        multiaddrs: together.flatMap(({ kind, name }) => kind === 'address' || kind === 'certified' ? multiaddr(name) : []),
        protocols: together.flatMap(({ kind, name }) => kind === 'protocol' ? name : []),
        metadata: new Map(together.flatMap(({ kind, name, value }) => kind === 'metadata' ? [[name, value] as const] : []))
      }))
    })
  }

  // — what we saw ourselves —

  async updatePeerSeen (id: PeerId, at: number = Infinity): Promise<void> {
    const entry = this.#known(id)
    if (entry == null || Number.isNaN(at) || at === -Infinity) return
    const contact = entry.ownContact
    contact.lastSeen = Math.max(contact.lastSeen ?? -Infinity, Math.min(this.#clock.stamp(at), this.#clock.now()))
    this.#touch(entry)
  }

  async recordOutcome (id: PeerId, address: Multiaddr, outcome: 'success' | 'failure'): Promise<void> {
    const entry = this.#known(id)
    if (entry == null) return
    this.#beforeChange(entry)
    const now = this.#clock.now()
    const shown = new Set(this.#view(entry)?.addresses.map(({ multiaddr }) => multiaddr.toString()))
    const name = addressName(address)
    recordDial(entry.ownContact, name, outcome, shown, now)
    // Kept as text, to be dialled after a start.
    if (outcome === 'success' && isSayable(address, name)) entry.ownContact.provenAddress = name
    const moved = outcome === 'success' ? this.#places.proven(entry.id, address, now) : this.#places.failed(entry.id, now)
    this.#refresh(entry, { kind: 'outcome' })
    for (const other of moved) this.#moved(other)
  }

  setConnection (id: PeerId, status: ConnectionStatus): void {
    const entry = this.#known(id)
    if (entry == null || (entry.contact?.connection ?? 'unknown') === status) return
    this.#beforeChange(entry)
    const isTried = this.#places.tried.has(entry.id)
    if (entry.isConnected && isTried) this.#lastAnchors = this.anchorIds()
    connect(entry.ownContact, status, this.#clock.now())
    this.#refresh(entry, { kind: 'connection' })
    if (isTried) this.#journal?.anchorsChanged()
  }

  setReputation (id: PeerId, reputation: Reputation): void {
    const entry = this.#known(id)
    if (entry == null) return
    const { mean, lower, n } = reputation
    if (![mean, lower, n].every(Number.isFinite)) throw new TypeError(`a reputation must be finite numbers, got ${show({ mean, lower, n })}`)
    entry.ownContact.reputation = Object.freeze({ mean, lower, n })
    this.#touch(entry)
  }

  setIdentity (id: PeerId, identity: Identity): void {
    const entry = this.#known(id)
    if (entry == null) return
    this.#beforeChange(entry)
    entry.ownContact.identity = boundedIdentity(identity)
    this.#refresh(entry, { kind: 'identify' })
  }

  // — whom to dial —

  pick (options: PickOptions): PeerInfo[] {
    return this.#dialList.pick(options)
  }

  anchors (): PeerInfo[] {
    return this.#dialList.described(this.anchorIds())
  }

  elders (): PeerInfo[] {
    return this.#dialList.described(this.#places.tried.elders())
  }

  tests (): PeerInfo[] {
    return this.#dialList.described(this.#places.tried.tests(this.#clock.now()))
  }

  // — time —

  async expire (now: number, { limit = Infinity }: { limit?: number | undefined } = {}): Promise<{ expired: number, next: number }> {
    let expired = 0
    if (Number.isNaN(now)) throw new TypeError('now must be a time of the store\'s clock, got NaN')
    for (let looked = 0; looked < limit; looked++) {
      // A crowd that goes at once does not hold up everything else, nor does what it leaves in the queue.
      if (looked % EXPIRIES_PER_TURN === EXPIRIES_PER_TURN - 1) await nextTurn()
      while (this.#expiry.dropStale(STALE_PER_TURN)) await nextTurn()
      // What has not run out by our own clock would be met for ever.
      const entry = this.#expiry.takeDue(Math.min(this.#clock.counted(now), this.#clock.now()))
      if (entry == null) break
      const wasShown = entry.isShown
      this.#beforeChange(entry)
      this.#refresh(entry, { kind: 'expiry' }, UNFILED)
      if (wasShown && !entry.isShown) expired++
    }
    return { expired, next: Math.max(now, this.#clock.unheld(this.#expiry.next)) }
  }

  hold (ms: number): void {
    if (!Number.isFinite(ms) || ms < 0) throw new TypeError(`ms must be a finite time of 0 or more, got ${show(ms)}`)
    if (ms === 0) return
    const until = this.#clock.now() - ms
    const entries = [...this.#entries.values(), ...this.#hidden.values()]
    // What has run out, was looked at since, and counts again.
    const returning = new Map<Entry, number>()
    for (const entry of entries) {
      const next = this.#table.nextChange(entry, until)
      if (next < entry.dueAt) {
        returning.set(entry, next)
        this.#beforeChange(entry)
      } else {
        this.#settle(entry)
      }
    }
    const press = this.#clock.hold(ms)
    const now = this.#clock.now()
    this.#places.tried.press(press)
    for (const entry of entries) {
      const { dueAt } = entry
      entry.firstSeen = press(entry.firstSeen)
      if (entry.contact != null) pressContact(entry.contact, press)
      const isMoved = this.#table.press(entry, press, now)
      const next = returning.get(entry)
      if (next != null) {
        this.#table.lookAt(entry, next)
        this.#refresh(entry, { kind: 'restore' }, dueAt)
      } else if (isMoved) {
        if (entry.dueAt !== dueAt) this.#expiry.file(entry)
        this.#journal?.touch(entry.id)
      }
    }
  }

  async flush (): Promise<void> {}

  // — for the disk —

  /** In the view or remembered beside it. */
  ids (): string[] {
    return [...this.#entries.keys(), ...this.#hidden.ids()]
  }

  knows (id: string): boolean {
    return this.#byId(id) != null
  }

  /** Tried peers that are connected, the longest first; filled up with those of the run before. */
  anchorIds (): string[] {
    const connected = [...this.#places.tried.entries()].flatMap(({ id }) => this.#entries.get(id) ?? []).filter(entry => entry.isConnected)
      .sort((a, b) => (a.contact?.connectedAt ?? 0) - (b.contact?.connectedAt ?? 0) || compareText(a.id, b.id)).map(({ id }) => id)
    return [...new Set([...connected, ...this.#lastAnchors])].slice(0, limits.anchors)
  }

  restoreAnchors (ids: readonly string[]): void {
    this.#lastAnchors = ids
  }

  saved (id: string): SavedPeer | undefined {
    const entry = this.#byId(id)
    if (entry == null) return undefined
    const { firstSeen, contact, dormant } = entry
    return { id, firstSeen, contact, dormant, tried: this.#places.tried.entryOf(id), ...this.#table.saved(entry) }
  }

  /**
   * Merges what was saved with what is known meanwhile. Our own dealings with it are those of this run, where there are any.
   *
   * @returns false when nothing of it is to be remembered
   */
  restore (peer: SavedPeer): boolean {
    const { id, firstSeen, contact, tried, dormant } = peer
    const now = this.#clock.now()
    const entry = this.#byId(id) ?? new Entry(id, now)
    this.#beforeChange(entry)
    const { dueAt } = entry
    this.#table.restore(entry, peer, now)
    entry.firstSeen = Math.min(entry.firstSeen, firstSeen)
    if (contact != null) entry.contact ??= { ...contact, connection: 'unknown', addressOutcomes: new Map(contact.addressOutcomes) }
    if (tried != null) this.#places.tried.restore([tried], now)
    // What it claimed may have run out while nobody looked.
    const addresses = this.#table.addresses(entry)
    entry.dormant ??= dormant ?? (addresses.length === 0 ? undefined : { since: Math.min(now, entry.dueAt), addresses: addresses.slice(0, limits.addressesPerDial) })
    this.#refresh(entry, { kind: 'restore' }, dueAt)
    return entry.isShown || this.knows(id)
  }

  #merge (evidence: Evidence): MergeResult {
    const { record } = evidence
    if (record != null && !(isVerifiedRecord(record) && record.peerId.toString() === evidence.peerId.toString())) {
      throw new TypeError('record must come from openPeerRecord, and be of the same peer')
    }
    const known = this.#known(evidence.peerId)
    if (evidence.multiaddrs.length === 0 && known?.isShown !== true) return { outcome: 'refused', reason: 'no-address' }
    const now = this.#clock.now()
    const entry = known ?? new Entry(evidence.peerId.toString(), now)
    this.#beforeChange(entry)
    const { dueAt } = entry
    const observedAt = this.#clock.stamp(evidence.observedAt)
    const effect = this.#table.merge(entry, evidence, observedAt, now)
    if (effect !== 'stale' && observedAt < entry.firstSeen) entry.firstSeen = observedAt
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

  #known (id: PeerId): Entry | undefined {
    return this.#byId(id.toString())
  }

  #byId (id: string): Entry | undefined {
    return this.#entries.get(id) ?? this.#hidden.get(id)
  }

  #conceal (entry: Entry): void {
    const gone = this.#hidden.add(entry, this.#places.tried.has(entry.id))
    if (gone != null) this.#release(gone)
  }

  /**
   * Brings an entry up to date: its vouchers, its place, its view; and tells readers what changed.
   *
   * @param filedAt - when the expiry queue looks at it
   */
  #refresh (entry: Entry, cause: ChangeCause, filedAt = entry.dueAt): MergeResult {
    const now = this.#clock.now()
    this.#touch(entry)
    // As it was when it ran out, for afterwards that is forgotten.
    const since = Math.min(now, entry.dueAt)
    const addresses = entry.isShown && now >= entry.dueAt ? this.#table.addresses(entry) : undefined
    this.#table.lapse(entry, now)
    const isSomewhere = this.#table.hasAddress(entry, now)
    if (!entry.isConnected && !isSomewhere) return this.#vanish(entry, cause, filedAt, { since, addresses: addresses ?? this.#table.addresses(entry) })

    if (entry.dueAt !== filedAt) this.#expiry.file(entry)
    if (isSomewhere) entry.dormant = undefined
    this.#places.hold(entry.id, this.#table.vouchers(entry, entry.id, now))
    if (!entry.isShown) {
      this.#hidden.delete(entry)
      this.#entries.set(entry.id, entry)
      this.#nearest.add(entry)
      entry.isShown = true
      // Before it is told: a newcomer that must go at once was never there.
      this.#makeRoom(entry)
      if (entry.isShown && this.#changes.hasReaders) this.#tell(entry, { kind: 'new', peer: this.#view(entry) as PeerInfo, cause })
      return { outcome: 'new' }
    }
    this.#makeRoom(entry)
    const { told } = entry
    if (told == null || !entry.isShown) return { outcome: 'updated' } // nobody reads
    const peer = this.#view(entry) as PeerInfo
    const content = fingerprint(peer)
    told.fingerprint ??= fingerprint(told.peer)
    if (content === told.fingerprint) return { outcome: 'unchanged' }
    this.#tell(entry, { kind: 'updated', peer, previous: told.peer, cause }, content)
    return { outcome: 'updated' }
  }

  /** Nothing counts of it: out of the view, a ghost for as long as something late may come, and dormant if it was good for anything. */
  #vanish (entry: Entry, cause: ChangeCause, filedAt: number, { since, addresses }: Dormant): MergeResult {
    const now = this.#clock.now()
    const wasShown = entry.isShown
    const isTried = this.#places.tried.has(entry.id)
    if (wasShown) {
      this.#hide(entry, cause)
      // Whoever said goodbye is not where it was; a tried peer is likely to come back there.
      const known = addresses.length === 0 ? entry.dormant?.addresses ?? [] : addresses
      if (isTried || cause.kind !== 'withdrawal') entry.dormant = { since, addresses: known.slice(0, limits.addressesPerDial) }
    }
    if (!isTried && entry.dormant != null) {
      const until = entry.dormant.since + limits.dormantTime
      if (now >= until) entry.dormant = undefined
      else entry.dueAt = Math.min(entry.dueAt, until)
    }
    if (entry.dueAt === Infinity && !isTried) this.#hidden.delete(entry)
    else this.#conceal(entry)
    if (entry.dueAt !== filedAt) this.#expiry.file(entry)
    return { outcome: wasShown ? 'updated' : 'unchanged' }
  }

  #noAnchor (id: string): void {
    if (!this.#lastAnchors.includes(id)) return
    this.#lastAnchors = this.#lastAnchors.filter(anchor => anchor !== id)
    this.#journal?.anchorsChanged()
  }

  /** It entered or left the table of tried peers. */
  #moved (id: string): void {
    if (!this.#places.tried.has(id)) this.#noAnchor(id)
    const entry = this.#byId(id)
    if (entry == null) return
    this.#beforeChange(entry)
    this.#journal?.touch(id, { sync: true })
    if (entry.isConnected) this.#journal?.anchorsChanged()
    this.#refresh(entry, { kind: 'outcome' })
  }

  #view (entry: Entry, now = this.#clock.now(), toWall?: number): PeerView | undefined {
    const { view } = entry
    const isDue = now >= entry.dueAt
    if (view != null && !isDue && now - view.madeAt < SNAPSHOT_AGE) return view
    if (!this.#isLive(entry, now)) return undefined
    if (isDue) this.#settle(entry)
    entry.live ??= new LiveClaims(this.#table, entry, now)
    return entry.view = new PeerView(entry, entry.live, now, toWall ?? this.#clock.wall() - now)
  }

  /** Whether it is there, swept or not. */
  #isLive (entry: Entry, now: number): boolean {
    return (entry.isShown && now < entry.dueAt) || entry.isConnected || this.#table.hasAddress(entry, now)
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

  /** Vouchers go until there is room. A peer goes with its last one, unless we reached it ourselves. */
  #makeRoom (newcomer: Entry): void {
    for (let voucher = this.#places.displace(); voucher != null; voucher = this.#places.displace()) {
      const entry = this.#entries.get(voucher.id)
      if (entry == null) continue
      // Of the newcomer nobody was told yet.
      if (entry !== newcomer) this.#beforeChange(entry)
      if (!this.#places.new.has(entry.id) && !entry.isConnected) {
        this.#displace(entry)
        continue
      }
      this.#settle(entry)
      this.#table.dropVoucher(entry, voucher)
      if (entry !== newcomer) this.#refresh(entry, { kind: 'displaced' })
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

  /** As readers know it: when some of it has run out since, from before that. */
  #asTold (entry: Entry): Told | undefined {
    const now = this.#clock.now()
    if (now < entry.dueAt) {
      const peer = this.#view(entry)
      return peer == null ? undefined : { peer, fingerprint: undefined }
    }
    const before = new LiveClaims(this.#table, entry, entry.dueAt - 1)
    before.settle()
    const peer = new PeerView({ id: entry.id, firstSeen: entry.firstSeen, contact: entry.contact, shownBefore: entry.shownBefore, view: undefined }, before, now, this.#clock.wall() - now)
    return { peer, fingerprint: undefined }
  }

  /** @param content - its fingerprint, where that is known already */
  #tell (entry: Entry, change: Extract<Change, { kind: 'new' | 'updated' }>, content?: string): void {
    entry.told = { peer: change.peer, fingerprint: content }
    this.#changes.publish(change)
  }

  /** Out of the view. */
  #hide (entry: Entry, cause: ChangeCause): void {
    entry.isShown = false
    this.#settle(entry)
    entry.shownBefore = undefined
    this.#entries.delete(entry.id)
    this.#nearest.remove(entry)
    this.#places.new.removePeer(entry.id)
    if (entry.told != null) this.#changes.publish({ kind: 'lost', peer: entry.told.peer, cause })
    entry.told = undefined
  }

  /** Out of the view; what it signed is remembered, or whoever displaces it could replay an older record. */
  #displace (entry: Entry): void {
    const { dueAt } = entry
    this.#hide(entry, { kind: 'displaced' })
    this.#table.dropClaims(entry)
    this.#journal?.touch(entry.id)
    if (entry.signed == null) return
    this.#conceal(entry)
    if (entry.dueAt !== dueAt) this.#expiry.file(entry)
  }

  /** Out of the view, and of memory. */
  #forget (entry: Entry, cause: ChangeCause): void {
    this.#hide(entry, cause)
    this.#hidden.delete(entry)
    this.#release(entry)
  }

  #release (entry: Entry): void {
    this.#settle(entry)
    this.#table.release(entry)
    this.#journal?.touch(entry.id)
  }
}

/** Of what the expiry queue just gave out: it looks at it no more. */
const UNFILED = NaN

const UNCHANGED: MergeResult = Object.freeze({ outcome: 'unchanged' })

function byKindAndName (a: Item, b: Item): number {
  return compareText(a.kind, b.kind) || compareText(a.name, b.name)
}
