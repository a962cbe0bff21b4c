/** The peer store in memory. */
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { knownOptions, limits, numberOption, show, systemClock } from '@peerweave/interface'
import { isVerifiedRecord } from '@peerweave/records'
import { Admission } from './admission.ts'
import { ChangeFeed } from './change-feed.ts'
import { SNAPSHOT_AGE } from './constants.ts'
import { EMPTY_LEDGER, EvidenceTable, type Ledger } from './evidence-table.ts'
import { ExpiryQueue, type Expiring } from './expiry-queue.ts'
import { keyedHash } from './keyed-hash.ts'
import { compareBy, matches } from './query.ts'
import { sha256 } from './sha256.ts'
import { fingerprint, newContact, PeerView, type Contact } from './view.ts'
import { XorIndex } from './xor-index.ts'
import type {
  Change, ChangeCause, Clock, ConnectionStatus, Evidence, MergeResult, MergeSummary, PeerInfo, PeerQuery, PeerStore, Reputation, Source
} from '@peerweave/interface'
import type { PeerId } from '@libp2p/interface'

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
  const { hashKey } = options
  if (hashKey != null && hashKey.length !== 8) throw new TypeError(`hashKey must be 8 bytes, got ${show(hashKey.length)}`)
  return new MemoryPeerStore(options)
}

interface Entry extends Ledger, Expiring {
  readonly id: string
  readonly peerId: PeerId
  /** Monotonic ms. */
  firstSeen: number
  /** Our own dealings with it, once there were any. */
  contact: Contact | undefined
  /** One source for each quota group that claims it now: its vouchers. */
  vouchers: readonly Source[]
  /** Whether it is in the view. What is not, and not forgotten yet, is a ghost. */
  isShown: boolean
  /** Monotonic ms: until then its content cannot change by itself. */
  until: number
  /** The last snapshot. */
  view: PeerView | undefined
  /** Where its hash stands in the index, once somebody asked for distances. */
  slot: number | undefined
  /** What readers of the feed were told last. Kept only while there are readers. */
  told: Told | undefined
}

interface Told {
  readonly peer: PeerInfo
  readonly fingerprint: string
}

class MemoryPeerStore implements PeerStore {
  /** Peers in the view. BOUNDED by `capacity`. */
  readonly #entries = new Map<string, Entry>()
  /**
   * Peers of whom nothing counts, remembered for R because goodbyes and late claims may still meet. They take nobody's
   * place. BOUNDED by `limits.ghosts`; the oldest goes.
   */
  readonly #ghosts = new Map<string, Entry>()
  readonly #capacity: number
  readonly #clock: Clock
  readonly #table: EvidenceTable
  readonly #admission: Admission
  readonly #expiry = new ExpiryQueue<Entry>()
  readonly #changes = new ChangeFeed()
  readonly #index = new XorIndex()
  readonly #bySlot: Array<Entry | undefined> = []
  /** In the view, and not in the index yet. */
  readonly #unindexed = new Set<Entry>()

  constructor (options: MemoryPeerStoreOptions) {
    this.#capacity = numberOption('capacity', options.capacity, limits.newPeers + limits.triedPeers, { min: 1, integer: true })
    this.#clock = options.clock ?? systemClock()
    const hash = keyedHash(options.hashKey)
    this.#table = new EvidenceTable(hash)
    this.#admission = new Admission(hash)
  }

  get size (): number {
    return this.#entries.size
  }

  get changes (): AsyncIterable<Change> {
    return this.#changes
  }

  start (): void {
    this.#changes.begin()
  }

  stop (): void {
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
    const isAccepted = this.#table.withdraw(entry, source, at, multiaddrs, this.#clock.now())
    const result = this.#refresh(entry, { kind: 'withdrawal', source: source.path })
    return isAccepted ? result : { outcome: 'refused', reason: 'stale-evidence' }
  }

  async removePeer (id: PeerId): Promise<boolean> {
    const entry = this.#known(id)
    if (entry == null) return false
    const { isShown } = entry
    this.#rememberTold(entry)
    this.#forget(entry, { kind: 'removal' })
    return isShown
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
      const byTime = Map.groupBy(items, ({ observedAt, expiresAt }) => `${observedAt} ${expiresAt}`)
      return [...byTime.values()].map(together => ({
        peerId: entry.peerId,
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
    entry.view = undefined
  }

  async recordOutcome (id: PeerId, address: Multiaddr, outcome: 'success' | 'failure'): Promise<void> {
    const entry = this.#entries.get(id.toString())
    if (entry == null) return
    this.#rememberTold(entry)
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
    this.#rememberTold(entry)
    const contact = contactOf(entry)
    if (contact.connection === 'connected') contact.lastSeen = this.#clock.now()
    contact.connection = status
    this.#refresh(entry, { kind: 'connection' })
  }

  setReputation (id: PeerId, reputation: Reputation): void {
    const entry = this.#entries.get(id.toString())
    if (entry == null) return
    contactOf(entry).reputation = Object.freeze({ ...reputation })
    entry.view = undefined
  }

  setIdentity (id: PeerId, identity: { protocols: string[], agentVersion?: string | undefined, protocolVersion?: string | undefined }): void {
    const entry = this.#entries.get(id.toString())
    if (entry == null) return
    this.#rememberTold(entry)
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
      this.#rememberTold(entry)
      this.#refresh(entry, { kind: 'expiry' })
      if (wasShown && !entry.isShown) expired++
    }
    return { expired, next: Math.max(now, this.#expiry.next) }
  }

  async flush (): Promise<void> {}

  #merge (evidence: Evidence): MergeResult {
    const { record } = evidence
    if (record != null && !(isVerifiedRecord(record) && record.peerId.equals(evidence.peerId))) {
      throw new TypeError('record must come from openPeerRecord, and be of the same peer')
    }
    const known = this.#known(evidence.peerId)
    if (evidence.multiaddrs.length === 0 && known?.isShown !== true) return { outcome: 'refused', reason: 'no-address' }
    const now = this.#clock.now()
    const entry = known ?? this.#newEntry(evidence.peerId)
    this.#rememberTold(entry)
    const effect = this.#table.merge(entry, evidence, now)
    if (effect !== 'stale') entry.firstSeen = Math.min(entry.firstSeen, evidence.observedAt)
    if (effect === 'refreshed' && now < entry.until && entry.isShown) {
      // Nine of ten sightings: times moved on and nothing else. Its queue looks at the ledger again when it is due.
      entry.view = undefined
      entry.until = this.#table.nextExpiry(entry, now)
      this.#expiry.set(entry, entry.until)
      return { outcome: 'unchanged' }
    }
    const result = this.#refresh(entry, { kind: 'claim', source: evidence.source.path })
    if (effect === 'stale') return { outcome: 'refused', reason: 'stale-evidence' }
    return result.outcome === 'new' && !entry.isShown ? { outcome: 'refused', reason: 'full' } : result
  }

  /** Hashing waits for somebody who asks: most nodes never do. */
  async #indexNewcomers (): Promise<void> {
    for (const entry of this.#unindexed) {
      const hash = await sha256(entry.peerId.toMultihash().bytes)
      if (!this.#unindexed.delete(entry)) continue // gone, or another question was faster
      entry.slot = this.#index.insert(hash)
      this.#bySlot[entry.slot] = entry
    }
  }

  #known (id: PeerId): Entry | undefined {
    const key = id.toString()
    return this.#entries.get(key) ?? this.#ghosts.get(key)
  }

  #newEntry (peerId: PeerId): Entry {
    return {
      ...EMPTY_LEDGER, id: peerId.toString(), peerId, firstSeen: this.#clock.now(), contact: undefined, vouchers: NO_VOUCHERS, isShown: false,
      until: -Infinity, view: undefined, slot: undefined, told: undefined, dueAt: Infinity
    }
  }

  #ghost (peerId: PeerId): Entry {
    const entry = this.#newEntry(peerId)
    this.#toGhosts(entry)
    return entry
  }

  #toGhosts (entry: Entry): void {
    this.#ghosts.set(entry.id, entry)
    if (this.#ghosts.size <= limits.ghosts) return
    for (const oldest of this.#ghosts.values()) {
      this.#ghosts.delete(oldest.id)
      this.#expiry.remove(oldest)
      this.#table.release(oldest)
      break
    }
  }

  /** Brings an entry up to date: its vouchers, its place, its view; and tells readers what changed. */
  #refresh (entry: Entry, cause: ChangeCause): MergeResult {
    const now = this.#clock.now()
    this.#table.lapse(entry, now)
    entry.view = undefined
    const isConnected = entry.contact?.connection === 'connected'
    if (!isConnected && !this.#table.hasAddress(entry, now)) return this.#vanish(entry, cause, now)

    entry.until = this.#table.nextExpiry(entry, now)
    this.#expiry.set(entry, entry.until)
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
  #vanish (entry: Entry, cause: ChangeCause, now: number): MergeResult {
    const wasShown = entry.isShown
    if (wasShown) this.#hide(entry, cause)
    entry.until = this.#table.forgottenAt(entry, now)
    if (entry.until <= now) {
      this.#ghosts.delete(entry.id)
      this.#expiry.remove(entry)
    } else {
      if (!this.#ghosts.has(entry.id)) this.#toGhosts(entry)
      this.#expiry.set(entry, entry.until)
    }
    return { outcome: wasShown ? 'updated' : 'unchanged' }
  }

  #view (entry: Entry): PeerInfo | undefined {
    const now = this.#clock.now()
    const { view } = entry
    if (view != null && now < entry.until && now - view.madeAt < SNAPSHOT_AGE) return view
    if (entry.contact?.connection !== 'connected' && !this.#table.hasAddress(entry, now)) return undefined
    return entry.view = new PeerView(entry.peerId, this.#table.live(entry, now), entry.firstSeen, entry.contact, this.#clock)
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
          this.#rememberTold(entry)
          this.#table.dropGroup(entry, victim.group)
          this.#refresh(entry, { kind: 'displaced' })
          continue
        }
      }
      if (entry !== newcomer) this.#rememberTold(entry)
      this.#forget(entry, { kind: 'displaced' })
    }
  }

  /** The change feed wants to know what was shown before; computed before it changes, and only for readers. */
  #rememberTold (entry: Entry): void {
    if (!this.#changes.hasReaders) {
      entry.told = undefined
    } else if (entry.isShown) {
      entry.told ??= this.#asTold(entry)
    }
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
    this.#expiry.remove(entry)
    this.#table.release(entry)
  }
}

const NO_VOUCHERS: readonly Source[] = Object.freeze([])

function contactOf (entry: Entry): Contact {
  return entry.contact ??= newContact()
}
