/** Whom to dial, with the addresses to dial: drawn from the tables, also where nothing counts of a peer at present. */
import { multiaddr } from '@multiformats/multiaddr'
import { numberOption, show, type Clock, type PeerInfo, type PickOptions, type Rng } from '@peerweave/interface'
import { pick } from './admission/pick.ts'
import { placeOf } from './admission/place.ts'
import { dormantClaims, withProven } from './dormant.ts'
import { PeerView } from './view.ts'
import type { Claims, SourceItems } from './claims.ts'
import type { Entry } from './entry.ts'
import type { EvidenceTable } from './evidence-table.ts'
import type { HiddenPeers } from './hidden-peers.ts'
import type { Places } from './places.ts'

export interface DialListInit {
  places: Places
  hidden: HiddenPeers
  table: EvidenceTable
  clock: Clock
  rng: Rng
  /** In the view or not. */
  entryOf: (id: string) => Entry | undefined
  /** As the view shows it, if it does. */
  viewOf: (entry: Entry) => PeerInfo | undefined
}

export class DialList {
  readonly #init: DialListInit

  constructor (init: DialListInit) {
    this.#init = init
  }

  /** @throws TypeError naming a wrong option */
  pick ({ table, count, without = [] }: PickOptions): PeerInfo[] {
    const { places: { tried }, rng } = this.#init
    return this.described(pick(this.#groupsOf(table), numberOption('count', count, 0, { min: 0, integer: true }), rng, {
      networkOf: id => tried.placeOf(id)?.group ?? this.#networkOf(id),
      without: new Set([...without].map(String))
    }))
  }

  /** With where a dial of ours reached them, and, where nothing counts, with where they were. */
  described (ids: Iterable<string>): PeerInfo[] {
    return [...ids].flatMap(id => {
      const entry = this.#init.entryOf(id)
      return entry == null ? [] : this.#describe(entry) ?? []
    })
  }

  #describe (entry: Entry): PeerInfo | undefined {
    const { viewOf, table, clock } = this.#init
    const { id, firstSeen, contact, dormant, shownBefore } = entry
    const view = viewOf(entry)
    if (contact?.provenAddress == null && view != null) return view
    const claims: Claims = view != null ? { sources: table.live(entry, clock.now()) } : dormant == null ? { sources: [] } : dormantClaims(dormant)
    const all = withProven(claims, contact?.provenAddress, contact?.outcomes.lastSuccess ?? firstSeen)
    return all.sources.some(hasAddress) ? new PeerView({ id, firstSeen, contact, shownBefore, view: undefined }, all, clock.now(), clock.wall() - clock.now()) : undefined
  }

  #groupsOf (table: PickOptions['table']): Iterable<readonly string[]> {
    const { places, hidden } = this.#init
    switch (table) {
      case 'tried':
        return places.tried.groups()
      case 'new':
        return places.new.groups()
      case 'dormant':
        // Who claimed them is forgotten, so by their own network.
        return Map.groupBy(hidden.dormantIds(), id => this.#networkOf(id)).values()
      default:
        throw new TypeError(`table must be tried, new or dormant, got ${show(table)}`)
    }
  }

  /** Of the first address that says it. */
  #networkOf (id: string): string | undefined {
    const entry = this.#init.entryOf(id)
    if (entry == null) return undefined
    for (const name of entry.dormant?.addresses ?? this.#init.table.addresses(entry)) {
      const place = placeOf(multiaddr(name))
      if (place != null) return place.group
    }
    return undefined
  }
}

function hasAddress ({ items }: SourceItems): boolean {
  return items.some(({ kind }) => kind === 'address' || kind === 'certified')
}
