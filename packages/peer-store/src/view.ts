/** The woven view of one peer: a pure function of the live claims, our own contact with the peer, and the time. */
import { limits } from '@peerweave/interface'
import { confidence, type Outcomes, type Testimony } from './confidence.ts'
import { compareText, type Item, type LiveSource } from './ledger.ts'
import type { Clock, ConnectionStatus, PeerAddress, PeerInfo, Reputation, SourceSummary } from '@peerweave/interface'
import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'

/** What we know from our own dealings with a peer, apart from what is claimed. Times are monotonic ms. */
export interface Contact {
  firstSeen: number
  lastSeen?: number | undefined
  connection: ConnectionStatus
  outcomes: Outcomes
  /** Dial outcomes per address. BOUNDED: only addresses that are shown. */
  addressOutcomes: Map<string, Outcomes>
  reputation: Reputation
  identity?: { protocols: readonly string[], agentVersion?: string | undefined, protocolVersion?: string | undefined } | undefined
}

/** A stranger's reputation: unknown, and worth nothing in a ranking. */
export const STRANGER: Reputation = Object.freeze({ mean: 0.5, lower: 0, n: 0 })

export function newContact (firstSeen: number): Contact {
  return { firstSeen, connection: 'unknown', outcomes: { failures: 0 }, addressOutcomes: new Map(), reputation: STRANGER }
}

export function buildView (peerId: PeerId, live: readonly LiveSource[], contact: Contact, clock: Clock): PeerInfo {
  const now = clock.now()
  const toWall = (at: number): number => clock.wall() - now + at
  const isConnected = contact.connection === 'connected'
  const expiresAt = nextOf(live, Math.max, -Infinity)
  return Object.freeze({
    peerId,
    addresses: addresses(live, contact, now, toWall),
    protocols: contact.identity?.protocols ?? names(live, 'protocol').slice(0, limits.protocolsPerPeer),
    agentVersion: contact.identity?.agentVersion,
    protocolVersion: contact.identity?.protocolVersion,
    services: [],
    firstSeen: toWall(contact.firstSeen),
    lastSeen: isConnected ? toWall(now) : contact.lastSeen == null ? undefined : toWall(contact.lastSeen),
    expiresAt: toWall(Math.max(expiresAt, isConnected ? now : -Infinity)),
    connectionStatus: contact.connection,
    confidence: isConnected ? 1 : confidence(live.map(source => testimony(source, source.items, now)), contact.outcomes, now),
    reputation: contact.reputation,
    sources: summaries(live, toWall),
    metadata: metadata(live)
  })
}

/** The earliest expiry of anything live: until then the content of the view cannot change by itself. */
export function nextExpiry (live: readonly LiveSource[]): number {
  return nextOf(live, Math.min, Infinity)
}

/** The content of a view as text: two views differ when these do. Times and confidence moving on are no difference. */
export function fingerprint (peer: PeerInfo): string {
  return JSON.stringify([
    peer.addresses.map(({ multiaddr, certified, sources }) => JSON.stringify([multiaddr, certified, sources])).sort(),
    peer.sources.map(({ path }) => path),
    peer.protocols, peer.agentVersion, peer.protocolVersion, peer.services, peer.connectionStatus, [...peer.metadata]
  ])
}

function addresses (live: readonly LiveSource[], contact: Contact, now: number, toWall: (at: number) => number): readonly PeerAddress[] {
  const claims = new Map<string, Array<{ source: LiveSource, item: Item }>>()
  for (const source of live) {
    for (const item of source.items) {
      if (item.kind !== 'address') continue
      const list = claims.get(item.name)
      if (list == null) claims.set(item.name, [{ source, item }])
      else list.push({ source, item })
    }
  }
  const result: PeerAddress[] = []
  for (const [name, list] of claims) {
    result.push(Object.freeze({
      multiaddr: list[0]?.item.multiaddr as Multiaddr,
      certified: false,
      sources: [...new Set(list.map(({ source }) => source.source.path))].sort(),
      lastSeen: toWall(Math.max(...list.map(({ item }) => item.observedAt))),
      expiresAt: toWall(Math.max(...list.map(({ item }) => item.expiresAt))),
      confidence: confidence(
        list.map(({ source, item }) => testimony(source, [item], now)), contact.addressOutcomes.get(name) ?? { failures: 0 }, now
      )
    }))
  }
  result.sort((a, b) => {
    return Number(b.certified) - Number(a.certified) || b.confidence - a.confidence ||
      compareText(a.multiaddr.toString(), b.multiaddr.toString())
  })
  return Object.freeze(result.slice(0, limits.addressesPerPeer))
}

function summaries (live: readonly LiveSource[], toWall: (at: number) => number): readonly SourceSummary[] {
  const byPath = new Map<string, LiveSource[]>()
  for (const source of live) byPath.set(source.source.path, [...byPath.get(source.source.path) ?? [], source])
  return Object.freeze([...byPath].sort(([a], [b]) => compareText(a, b)).map(([path, sources]) => {
    const items = sources.flatMap(({ items }) => items)
    return Object.freeze({
      path,
      type: (sources[0] as LiveSource).source.type,
      firstSeen: toWall(Math.min(...items.map(({ observedAt }) => observedAt))),
      lastSeen: toWall(Math.max(...items.map(({ observedAt }) => observedAt))),
      expiresAt: toWall(Math.max(...items.map(({ expiresAt }) => expiresAt)))
    })
  }))
}

/** Per key the newest value; ties by source path, then value, so that the choice does not depend on arrival. */
function metadata (live: readonly LiveSource[]): ReadonlyMap<string, string> {
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

function names (live: readonly LiveSource[], kind: Item['kind']): readonly string[] {
  const found = new Set<string>()
  for (const { items } of live) {
    for (const item of items) {
      if (item.kind === kind) found.add(item.name)
    }
  }
  return Object.freeze([...found].sort())
}

function testimony ({ source }: LiveSource, items: readonly Item[], now: number): Testimony {
  return { group: source.group, type: source.type, age: now - Math.max(...items.map(({ observedAt }) => observedAt)) }
}

function nextOf (live: readonly LiveSource[], pick: (a: number, b: number) => number, start: number): number {
  let result = start
  for (const { items } of live) {
    for (const { expiresAt } of items) result = pick(result, expiresAt)
  }
  return result
}
