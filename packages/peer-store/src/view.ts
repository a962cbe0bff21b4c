/** The woven view of one peer: a pure function of the live claims, our own contact with the peer, and the time. */
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { limits } from '@peerweave/interface'
import { compareText } from './compare-text.ts'
import { confidence, strength, type Outcomes, type Testimony } from './confidence.ts'
import { newContact, type Contact } from './contact.ts'
import { lazyPeerId } from './lazy-peer-id.ts'
import type { Claims, Item, SourceItems } from './claims.ts'
import type { ConnectionStatus, DiscoveryType, PeerAddress, PeerInfo, Reputation, SourceSummary } from '@peerweave/interface'
import type { PeerId } from '@libp2p/interface'

/** What a view is made of, beside what is claimed. */
export interface ViewOf {
  readonly id: string
  /** Monotonic ms. */
  readonly firstSeen: number
  readonly contact: Contact | undefined
  /** Of earlier snapshots: what was parsed for them is used again. */
  readonly shownBefore: readonly PeerAddress[] | undefined
  /** The last snapshot of the same claims. */
  readonly view: PeerView | undefined
}

/** Of a peer that we had nothing to do with yet: most of them. */
const NO_CONTACT: Contact = Object.freeze(newContact())

/**
 * A snapshot: what was live and what we knew at one moment. What is derived of it is derived when asked for, once: most
 * readers want a part, and most peers are never read.
 */
export class PeerView implements PeerInfo {
  readonly firstSeen: number
  readonly lastSeen: number | undefined
  readonly connectionStatus: ConnectionStatus
  readonly reputation: Reputation
  readonly agentVersion: string | undefined
  readonly protocolVersion: string | undefined
  /** Monotonic ms. */
  readonly madeAt: number
  readonly #id: string
  readonly #live: Claims
  /** What was parsed for the snapshot before this one. */
  readonly #before: readonly PeerAddress[] | undefined
  readonly #outcomes: Outcomes
  readonly #addressOutcomes: ReadonlyMap<string, Outcomes>
  readonly #toWall: number
  readonly #identified: readonly string[] | undefined
  /** What was added to the times of {@link #before}, when those are of the same claims: then only their confidence has faded. */
  readonly #beforeToWall: number | undefined
  #peerId: PeerId | undefined
  #addresses: readonly PeerAddress[] | undefined
  #protocols: readonly string[] | undefined
  #sources: readonly SourceSummary[] | undefined
  #metadata: ReadonlyMap<string, string> | undefined
  #confidence: number | undefined
  #expiresAt: number | undefined

  /** @param toWall - what to add to a monotonic time to have the wall clock's */
  constructor ({ id, firstSeen, contact = NO_CONTACT, shownBefore, view }: ViewOf, live: Claims, now: number, toWall: number) {
    const { connection, lastSeen, outcomes, addressOutcomes, reputation, identity } = contact
    const isConnected = connection === 'connected'
    this.#id = id
    this.#before = view == null ? shownBefore : view.#addresses ?? view.#before
    const isSame = view != null && view.#addresses != null && view.#addressOutcomes.size === 0 && addressOutcomes.size === 0
    this.#beforeToWall = isSame ? view.#toWall : undefined
    this.firstSeen = firstSeen + toWall
    this.lastSeen = isConnected ? now + toWall : lastSeen == null ? undefined : lastSeen + toWall
    this.connectionStatus = connection
    this.reputation = reputation
    this.agentVersion = identity?.agentVersion
    this.protocolVersion = identity?.protocolVersion
    this.madeAt = now
    this.#live = live
    // Copies: these change with the next dial, a snapshot does not.
    this.#outcomes = { ...outcomes }
    this.#addressOutcomes = addressOutcomes.size === 0 ? NO_ADDRESS_OUTCOMES : new Map([...addressOutcomes].map(([name, of]) => [name, { ...of }]))
    this.#toWall = toWall
    this.#identified = identity?.protocols
    Object.freeze(this)
  }

  get peerId (): PeerId {
    return this.#peerId ??= lazyPeerId(this.#id)
  }

  get addresses (): readonly PeerAddress[] {
    return this.#addresses ??= this.#derived()
  }

  #derived (): readonly PeerAddress[] {
    if (this.#beforeToWall != null && this.#before != null && this.#live.only != null) {
      return faded(this.#before, this.#live.only.type, this.madeAt, this.#beforeToWall, this.#toWall)
    }
    return addresses(this.#live.sources, this.#addressOutcomes, this.madeAt, this.#toWall, this.#before)
  }

  get expiresAt (): number {
    const now = this.connectionStatus === 'connected' ? this.madeAt : -Infinity
    return this.#expiresAt ??= Math.max(lastExpiry(this.#live.sources), now) + this.#toWall
  }

  /** Those that were asked for, of this snapshot or the one before: for {@link ViewOf.shownBefore}. */
  get shown (): readonly PeerAddress[] | undefined {
    return this.#addresses ?? this.#before
  }

  get protocols (): readonly string[] {
    return this.#protocols ??= this.#identified ?? protocols(this.#live.sources)
  }

  get services (): readonly string[] {
    return NO_SERVICES
  }

  get confidence (): number {
    if (this.connectionStatus === 'connected') return 1
    return this.#confidence ??= confidence(testimonies(this.#live, this.madeAt), this.#outcomes, this.madeAt)
  }

  get sources (): readonly SourceSummary[] {
    return this.#sources ??= summaries(this.#live.sources, this.#toWall)
  }

  /** A copy each time: a Map cannot be frozen. */
  get metadata (): ReadonlyMap<string, string> {
    return new Map(this.#metadata ??= metadata(this.#live.sources))
  }

  toJSON (): object {
    const { peerId, addresses, protocols, agentVersion, protocolVersion, services, firstSeen, lastSeen, expiresAt } = this
    const { connectionStatus, confidence, reputation, sources, metadata } = this
    return {
      peerId: peerId.toString(), addresses, protocols, agentVersion, protocolVersion, services, firstSeen, lastSeen, expiresAt, connectionStatus,
      confidence, reputation, sources, metadata: Object.fromEntries(metadata)
    }
  }
}

// For `console.log`, which would not show what is derived. Not a member: isolated declarations take no computed names.
Object.defineProperty(PeerView.prototype, Symbol.for('nodejs.util.inspect.custom'), {
  value (this: PeerView) {
    return this.toJSON()
  }
})

const NO_SERVICES: readonly string[] = Object.freeze([])

/** The content of a view as text: two views differ when these do. Times and confidence moving on are no difference. */
export function fingerprint (peer: PeerInfo): string {
  return JSON.stringify([
    peer.addresses.map(({ multiaddr, certified, sources }) => JSON.stringify([multiaddr, certified, sources])).sort(),
    peer.sources.map(({ path }) => path),
    peer.protocols, peer.agentVersion, peer.protocolVersion, peer.services, peer.connectionStatus, [...peer.metadata]
  ])
}

interface AddressClaim {
  readonly source: SourceItems
  readonly item: Item
}

/** An address with all claims of it. */
interface Candidate {
  readonly name: string
  readonly list: AddressClaim[]
  readonly isCertified: boolean
  readonly isChosen: boolean
  /** Said by the host that it names. */
  readonly isOwnWord: boolean
  readonly confidence: number
}

function addresses (
  live: readonly SourceItems[], outcomes: ReadonlyMap<string, Outcomes>, now: number, toWall: number,
  before: readonly PeerAddress[] = []
): readonly PeerAddress[] {
  const ranked = Array.from(claimsByAddress(live), ([name, list]): Candidate => ({
    name,
    list,
    isCertified: list.some(({ item }) => item.kind === 'certified'),
    isChosen: list.some(({ source }) => source.source.isChosen === true),
    isOwnWord: list.some(({ source }) => source.source.reporter != null && source.source.reporter === hostOf(name)),
    confidence: confidence(list.map(({ source, item }) => testimony(source, [item], now)), outcomes.get(name) ?? NO_OUTCOMES, now)
  })).sort(compareCandidates)
  return Object.freeze(inTurns(ranked).map(({ name, list, isCertified, confidence }, i) => Object.freeze({
    multiaddr: parsed(name, before, i),
    certified: isCertified,
    sources: Object.freeze(pathsOf(list)) as string[],
    lastSeen: latest(list, ({ item }) => item.observedAt) + toWall,
    expiresAt: latest(list, ({ item }) => item.expiresAt) + toWall,
    confidence
  })))
}

/** What one source says fades at one speed, so the order stays. The wall clock may stand otherwise than it did, if only by a rounding. */
function faded (before: readonly PeerAddress[], type: DiscoveryType, now: number, oldToWall: number, toWall: number): readonly PeerAddress[] {
  return Object.freeze(before.map(({ multiaddr, certified, sources, lastSeen, expiresAt }) => Object.freeze({
    multiaddr,
    certified,
    sources,
    lastSeen: lastSeen - oldToWall + toWall,
    expiresAt: expiresAt - oldToWall + toWall,
    confidence: strength({ type, age: now - (lastSeen - oldToWall) })
  })))
}

const NO_ADDRESS_OUTCOMES: ReadonlyMap<string, Outcomes> = new Map()

const NO_OUTCOMES: Outcomes = Object.freeze({ failures: 0 })

function claimsByAddress (live: readonly SourceItems[]): Iterable<readonly [string, AddressClaim[]]> {
  const claims = new Map<string, AddressClaim[]>()
  for (const source of live) {
    for (const item of source.items) {
      if (!isAddress(item)) continue
      const list = claims.get(item.name)
      if (list == null) claims.set(item.name, [{ source, item }])
      else list.push({ source, item })
    }
  }
  return claims
}

function isAddress ({ kind }: Item): boolean {
  return kind === 'address' || kind === 'certified'
}

function pathsOf (list: readonly AddressClaim[]): string[] {
  const [first] = list
  if (list.length === 1 && first != null) return [first.source.source.path]
  return [...new Set(list.map(({ source }) => source.source.path))].sort()
}

function compareCandidates (a: Candidate, b: Candidate): number {
  return Number(b.isCertified) - Number(a.isCertified) || Number(b.isChosen) - Number(a.isChosen) ||
    Number(b.isOwnWord) - Number(a.isOwnWord) || b.confidence - a.confidence || compareText(a.name, b.name)
}

function latest<Of> (all: readonly Of[], timeOf: (one: Of) => number): number {
  let latest = -Infinity
  for (const one of all) latest = Math.max(latest, timeOf(one))
  return latest
}

/**
 * As many as are shown, in their order. What the peer signed comes first; of the rest each source gets one in before any
 * gets two, so that a flood hides only its own.
 */
function inTurns<Ranked extends { list: AddressClaim[], isCertified: boolean }> (ranked: Ranked[]): Ranked[] {
  if (ranked.length <= limits.addressesPerPeer) return ranked
  const kept = new Set(ranked.filter(({ isCertified }) => isCertified).slice(0, limits.addressesPerPeer))
  const left = new Set(ranked.filter(address => !kept.has(address)))
  while (kept.size < limits.addressesPerPeer) {
    const served = new Set<SourceItems>()
    for (const address of left) {
      if (kept.size === limits.addressesPerPeer || address.list.every(({ source }) => served.has(source))) continue
      for (const { source } of address.list) served.add(source)
      kept.add(address)
      left.delete(address)
    }
  }
  return ranked.filter(address => kept.has(address))
}

/** Parsing is most of what a snapshot costs. @param place - where it stands now, and likely stood before */
function parsed (name: string, before: readonly PeerAddress[], place: number): Multiaddr {
  const known = before[place]?.multiaddr
  if (known?.toString() === name) return known
  return before.find(({ multiaddr }) => multiaddr.toString() === name)?.multiaddr ?? multiaddr(name)
}

/** The host that an address names: what its reporter would be, if the peer said it of itself. */
function hostOf (address: string): string | undefined {
  const [, protocol, first, , second] = address.split('/')
  return protocol === 'ip6zone' ? second : first
}

function summaries (live: readonly SourceItems[], toWall: number): readonly SourceSummary[] {
  const byPath = new Map<string, SourceItems[]>()
  for (const source of live) byPath.set(source.source.path, [...byPath.get(source.source.path) ?? [], source])
  return Object.freeze([...byPath].sort(([a], [b]) => compareText(a, b)).map(([path, sources]) => {
    const items = sources.flatMap(({ items }) => items)
    return Object.freeze({
      path,
      type: (sources[0] as SourceItems).source.type,
      firstSeen: Math.min(...items.map(({ observedAt }) => observedAt)) + toWall,
      lastSeen: Math.max(...items.map(({ observedAt }) => observedAt)) + toWall,
      expiresAt: Math.max(...items.map(({ expiresAt }) => expiresAt)) + toWall
    })
  }))
}

/** Per key the newest value; ties by source path, then value, so that the choice does not depend on arrival. */
function metadata (live: readonly SourceItems[]): ReadonlyMap<string, string> {
  const best = new Map<string, { item: Item, path: string }>()
  for (const { source: { path }, items } of live) {
    for (const item of items) {
      if (item.kind !== 'metadata') continue
      const known = best.get(item.name)
      const isBetter = known == null || item.observedAt > known.item.observedAt || (item.observedAt === known.item.observedAt &&
        (compareText(path, known.path) || compareText(item.value, known.item.value)) < 0)
      if (isBetter) best.set(item.name, { item, path })
    }
  }
  return new Map([...best].sort(([a], [b]) => compareText(a, b)).map(([key, { item }]) => [key, item.value]))
}

function protocols (live: readonly SourceItems[]): readonly string[] {
  const found = new Set<string>()
  for (const { items } of live) {
    for (const { kind, name } of items) {
      if (kind === 'protocol') found.add(name)
    }
  }
  return Object.freeze([...found].sort().slice(0, limits.protocolsPerPeer))
}

function testimonies (live: Claims, now: number): Testimony[] {
  // Of most peers: then the ledger need not be read again.
  const { only } = live
  if (only != null) return [{ type: only.type, age: now - only.latest }]
  return live.sources.map(source => testimony(source, source.items, now))
}

function testimony ({ source }: SourceItems, items: readonly Item[], now: number): Testimony {
  return { type: source.type, age: now - latest(items, ({ observedAt }) => observedAt) }
}

function lastExpiry (live: readonly SourceItems[]): number {
  let last = -Infinity
  for (const { items } of live) {
    for (const { expiresAt } of items) last = Math.max(last, expiresAt)
  }
  return last
}
