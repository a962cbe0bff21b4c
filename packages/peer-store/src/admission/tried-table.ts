/**
 * Peers that a dial of *ours* authenticated: the ones to begin with after a start.
 *
 * An attacker has as many ids as it likes, but must have addresses to be dialled at, and we set the pace of the dials.
 * So places go by network, and what is held goes only for a reason:
 *
 * - At most two of a subgroup (/24, /48), and of a group (/16, /32) a share of the table. Beyond that a newcomer competes
 *   within its own.
 * - While there is room a newcomer is taken.
 * - When the table is full, a newcomer of a group with fewer than two displaces one at once: the least proven of the
 *   groups that hold more than two. So no flood, even one that came first, keeps a network out. (Not of the *largest*
 *   group: a flood from hundreds of groups with three each would then displace honest groups of five.)
 * - Every other newcomer waits while the least proven, of its own group if that has its fair share (capacity / groups)
 *   and else of those that have theirs, is tested: four failed dials an hour or more apart, each at a time when others of our dials succeed
 *   (or a night without a network would cost us everybody). One success, and the newcomer has to come again.
 *
 * *Least proven* is: more failed tests since the last success; then proven later; then the larger keyed hash. A flood is
 * later than what it attacks, so it pays for what it displaces. Unlike `new`, this table depends on the order of arrival,
 * on purpose: without that an old, live peer would have to go for a stranger.
 *
 * Who can write: whoever we dial and who authenticates. How much one party can take: two of a /24, one in 32 places of a
 * /16. BOUNDED by `capacity`. `proven` O(1) while there is room, else O(n); it is called as often as we dial.
 */
import { limits, numberOption, type KeyedHash } from '@peerweave/interface'
import type { Press } from '../held-clock.ts'
import type { Place } from './place.ts'

/** What is kept of a tried peer, and written to disk. Times are milliseconds of the clock of whoever calls. */
export interface TriedEntry extends Place {
  readonly id: string
  /** Proven since: the first success. */
  readonly since: number
  readonly lastSuccess: number
  /** Failed tests since the last success. */
  readonly failures: number
  /** When the last of them was counted. */
  readonly lastFailure: number | undefined
}

export type ProvenResult =
  | { readonly outcome: 'admitted', /** Who made room. */ readonly displaced?: string | undefined }
  | { readonly outcome: 'held' }
  /** It is not in; while this one fails its tests, it may come in. */
  | { readonly outcome: 'waits', readonly behind: string }
  | { readonly outcome: 'refused' }

export interface FailedResult {
  /** Whom the last test cost its place. */
  readonly displaced?: string | undefined
  /** Who waited for it. */
  readonly admitted?: string | undefined
}

export interface TriedTableOptions {
  readonly hash: KeyedHash
  /** @default limits.triedPeers */
  readonly capacity?: number | undefined
  /** @default capacity / limits.triedPerGroupDivisor, limits.triedGroupFloor at least */
  readonly perGroup?: number | undefined
}

interface Entry extends TriedEntry {
  group: string
  subgroup: string
  since: number
  lastSuccess: number
  failures: number
  lastFailure: number | undefined
  readonly rank: number
}

interface Candidate extends Place {
  readonly id: string
  since: number
  readonly behind: Entry
  /** Of the last test of whom it waits for. */
  testedAt: number
}

export class TriedTable {
  readonly capacity: number
  readonly #hash: KeyedHash
  readonly #perGroup: number
  readonly #entries = new Map<string, Entry>()
  readonly #groups = new Map<string, Set<Entry>>()
  /** By the id of whom they wait for. BOUNDED by `limits.triedCandidates`, and one a group; at the bound no more are taken. */
  readonly #candidates = new Map<string, Candidate>()
  /** The last success of any dial of ours. */
  #lineWorkedAt = -Infinity

  constructor ({ hash, capacity, perGroup }: TriedTableOptions) {
    this.#hash = hash
    this.capacity = numberOption('capacity', capacity, limits.triedPeers, { min: 1, integer: true })
    const share = Math.max(limits.triedGroupFloor, Math.floor(this.capacity / limits.triedPerGroupDivisor))
    this.#perGroup = numberOption('perGroup', perGroup, share, { min: 1, integer: true })
  }

  get size (): number {
    return this.#entries.size
  }

  has (id: string): boolean {
    return this.#entries.has(id)
  }

  /**
   * A dial of ours authenticated this peer at this place.
   *
   * A peer that is in and answers at another place moves there if there is room without anybody's going; it keeps its
   * time, for it is the same key.
   */
  proven (id: string, place: Place, now: number): ProvenResult {
    this.#lineWorkedAt = Math.max(this.#lineWorkedAt, now)
    const known = this.#entries.get(id)
    if (known != null) {
      known.lastSuccess = Math.max(known.lastSuccess, now)
      known.failures = 0
      known.lastFailure = undefined
      this.#candidates.delete(id)
      this.#move(known, place)
      return { outcome: 'held' }
    }
    const waiting = this.#candidateNamed(id)
    if (waiting != null) {
      // Unless its group has come to be owed a place meanwhile.
      if (!this.#fits(place) && !this.#rivals(place).mayDisplace) return { outcome: 'waits', behind: waiting.behind.id }
      this.#candidates.delete(waiting.behind.id)
    }
    if (this.#fits(place)) {
      this.#insert(this.#entry(id, place, now))
      return { outcome: 'admitted' }
    }
    return this.#compete(id, place, now)
  }

  /** A dial of ours did not reach this peer, or somebody else answered for it. */
  failed (id: string, now: number): FailedResult {
    const entry = this.#entries.get(id)
    if (entry == null) return {}
    const candidate = this.#candidates.get(id)
    if (candidate != null) candidate.testedAt = now
    const isSpaced = entry.lastFailure == null || now - entry.lastFailure >= limits.triedTestGap
    const doesLineWork = now - this.#lineWorkedAt <= limits.triedTestGap
    if (!isSpaced || !doesLineWork) return {}
    entry.failures = Math.min(entry.failures + 1, limits.triedTests)
    entry.lastFailure = now
    if (candidate == null || entry.failures < limits.triedTests) return {}
    this.#delete(entry)
    return { displaced: id, admitted: this.#seat(candidate) }
  }

  /** Who is to be dialled now, so that the newcomers who wait get their answer. At most `limits.triedCandidates`. */
  tests (now: number): string[] {
    return [...this.#candidates.values()]
      .filter(({ testedAt, behind }) => {
        return now - testedAt >= limits.triedTestGap && (behind.lastFailure == null || now - behind.lastFailure >= limits.triedTestGap)
      })
      .map(({ behind }) => behind.id)
  }

  /** Forgotten by the user's wish; whoever waited for it comes in. */
  remove (id: string): FailedResult {
    const entry = this.#entries.get(id)
    if (entry == null) {
      const waiting = this.#candidateNamed(id)
      if (waiting != null) this.#candidates.delete(waiting.behind.id)
      return {}
    }
    const candidate = this.#candidates.get(id)
    this.#delete(entry)
    return { displaced: id, admitted: candidate == null ? undefined : this.#seat(candidate) }
  }

  /**
   * The longest proven, at most one a group: most likely from before an attack began, and dear to be many of. Who has
   * failed all its tests is none.
   */
  elders (): string[] {
    const groups = new Set<string>()
    const elders: string[] = []
    for (const { id, group, failures } of [...this.#entries.values()].sort(byAge)) {
      if (failures >= limits.triedTests || groups.has(group)) continue
      groups.add(group)
      elders.push(id)
      if (elders.length === limits.elders) break
    }
    return elders
  }

  /** The ids of each group, as `pick` draws from them. O(n). */
  groups (): string[][] {
    return [...this.#groups.values()].map(members => [...members].map(({ id }) => id))
  }

  placeOf (id: string): Place | undefined {
    const entry = this.#entries.get(id)
    return entry == null ? undefined : { group: entry.group, subgroup: entry.subgroup }
  }

  entryOf (id: string): TriedEntry | undefined {
    return this.#entries.get(id)
  }

  /** For a disk. Newcomers that wait are not among them: they come again. */
  * entries (): Generator<TriedEntry> {
    for (const { id, group, subgroup, since, lastSuccess, failures, lastFailure } of this.#entries.values()) {
      yield { id, group, subgroup, since, lastSuccess, failures, lastFailure }
    }
  }

  /**
   * Takes in what was written, the longest proven first; what does not fit (bounds that have changed, or a disk that was
   * tampered with) is left out. Times in the future are now.
   *
   * @returns how many were left out
   */
  restore (entries: Iterable<TriedEntry>, now: number): number {
    const written = [...entries]
    const sound = written.filter(({ since, lastSuccess, failures, lastFailure = 0 }) => {
      return [since, lastSuccess, failures, lastFailure].every(Number.isFinite)
    })
    let leftOut = written.length - sound.length
    for (const entry of sound.sort((a, b) => a.since - b.since)) {
      const { id, since, lastSuccess, failures, lastFailure } = entry
      if (this.#entries.has(id) || !this.#fits(entry)) {
        leftOut++
        continue
      }
      this.#insert({
        ...this.#entry(id, entry, Math.min(since, now)),
        lastSuccess: Math.min(Math.max(since, lastSuccess), now),
        failures: Math.min(Math.max(0, Math.trunc(failures)), limits.triedTests),
        lastFailure: lastFailure == null ? undefined : Math.min(lastFailure, now)
      })
    }
    return leftOut
  }

  /** Moves the times that passed while time was held. */
  press (press: Press): void {
    this.#lineWorkedAt = press(this.#lineWorkedAt)
    for (const entry of this.#entries.values()) {
      entry.since = press(entry.since)
      entry.lastSuccess = press(entry.lastSuccess)
      entry.lastFailure = entry.lastFailure == null ? undefined : press(entry.lastFailure)
    }
    for (const candidate of this.#candidates.values()) {
      candidate.since = press(candidate.since)
      candidate.testedAt = press(candidate.testedAt)
    }
  }

  #compete (id: string, place: Place, now: number): ProvenResult {
    const { entries, mayDisplace } = this.#rivals(place)
    // A test is for one newcomer; whoever waited for a peer that makes room at once has to come again.
    const victim = leastProven(mayDisplace ? entries : entries.filter(({ id }) => !this.#candidates.has(id)))
    if (victim == null) return { outcome: 'refused' }
    if (mayDisplace || victim.failures === limits.triedTests) {
      this.#delete(victim)
      this.#insert(this.#entry(id, place, now))
      return { outcome: 'admitted', displaced: victim.id }
    }
    const isGroupWaiting = [...this.#candidates.values()].some(({ group }) => group === place.group)
    if (isGroupWaiting || this.#candidates.size >= limits.triedCandidates) return { outcome: 'refused' }
    this.#candidates.set(victim.id, { id, group: place.group, subgroup: place.subgroup, since: now, behind: victim, testedAt: -Infinity })
    return { outcome: 'waits', behind: victim.id }
  }

  /** With whom a newcomer competes, and whether one of them goes without a test. */
  #rivals ({ group, subgroup }: Place): { entries: Entry[], mayDisplace: boolean } {
    const own = [...this.#groups.get(group) ?? []]
    const house = own.filter(entry => entry.subgroup === subgroup)
    if (house.length >= limits.triedPerSubgroup) return { entries: house, mayDisplace: false }
    if (own.length >= this.#perGroup) return { entries: own, mayDisplace: false }
    if (own.length < limits.triedGroupFloor) {
      const others = this.#ofGroups(limits.triedGroupFloor + 1)
      // Every group at two or below: then nobody has more than it is owed, and only who is gone makes room.
      return others.length > 0 ? { entries: others, mayDisplace: true } : { entries: [...this.#entries.values()], mayDisplace: false }
    }
    const share = this.capacity / this.#groups.size
    const rich = own.length + 1 > share ? own : this.#ofGroups(Math.max(share, limits.triedGroupFloor + 1))
    return { entries: rich.length > 0 ? rich : own, mayDisplace: false }
  }

  /** Of the groups with so many or more. */
  #ofGroups (size: number): Entry[] {
    return [...this.#groups.values()].filter(members => members.size >= size).flatMap(members => [...members])
  }

  #fits ({ group, subgroup }: Place): boolean {
    if (this.#entries.size >= this.capacity) return false
    return this.#hasRoom(group, subgroup)
  }

  #hasRoom (group: string, subgroup: string): boolean {
    const members = this.#groups.get(group)
    if (members == null) return true
    if (members.size >= this.#perGroup) return false
    let neighbours = 0
    for (const entry of members) if (entry.subgroup === subgroup) neighbours++
    return neighbours < limits.triedPerSubgroup
  }

  /** A newcomer that waited comes in, unless its place was filled meanwhile. */
  #seat (candidate: Candidate): string | undefined {
    if (!this.#fits(candidate)) return undefined
    this.#insert(this.#entry(candidate.id, candidate, candidate.since))
    return candidate.id
  }

  #move (entry: Entry, { group, subgroup }: Place): void {
    if (entry.group === group && entry.subgroup === subgroup) return
    this.#ungroup(entry)
    if (this.#hasRoom(group, subgroup)) Object.assign(entry, { group, subgroup })
    this.#group(entry)
  }

  #entry (id: string, { group, subgroup }: Place, now: number): Entry {
    return { id, group, subgroup, since: now, lastSuccess: now, failures: 0, lastFailure: undefined, rank: this.#hash(`${group} ${id}`) }
  }

  #insert (entry: Entry): void {
    this.#entries.set(entry.id, entry)
    this.#group(entry)
  }

  #delete (entry: Entry): void {
    this.#entries.delete(entry.id)
    this.#candidates.delete(entry.id)
    this.#ungroup(entry)
  }

  #group (entry: Entry): void {
    const members = this.#groups.get(entry.group)
    if (members == null) this.#groups.set(entry.group, new Set([entry]))
    else members.add(entry)
  }

  #ungroup (entry: Entry): void {
    const members = this.#groups.get(entry.group)
    members?.delete(entry)
    if (members?.size === 0) this.#groups.delete(entry.group)
  }

  #candidateNamed (id: string): Candidate | undefined {
    for (const candidate of this.#candidates.values()) if (candidate.id === id) return candidate
    return undefined
  }
}

function byAge (a: Entry, b: Entry): number {
  return a.since - b.since || a.rank - b.rank || (a.id < b.id ? -1 : 1)
}

function leastProven (entries: readonly Entry[]): Entry | undefined {
  let least: Entry | undefined
  for (const entry of entries) {
    if (least == null || entry.failures > least.failures || (entry.failures === least.failures && byAge(entry, least) > 0)) least = entry
  }
  return least
}
