/** Keeps us announced in a zone: adds, refreshes, replaces and takes away our records. */
import { DnsError, lowerName, readPeerText, show, type Clock, type SelfRecord } from '@peerweave/interface'
import { added, cleared, removed } from './own-changes.ts'
import { hostLabel, ownRecords, type OwnRecords, type ServiceLabels } from './own-records.ts'
import type { DnsRecord } from '../records.ts'
import type { Change, Prerequisite } from './update.ts'
import type { Updater } from './updater.ts'

export interface AnnouncerInit {
  updater: Updater
  clock: Clock
  service: ServiceLabels
  domain: string
  /** Label of our host; without it one that is made from the peer id, and can be nobody else's. */
  host?: string | undefined
  text: ReadonlyMap<string, string>
  port?: number | undefined
  isPrivateMeant: boolean
  /** ms, in whole seconds. */
  ttl: number
  /** What the zone holds now, past all caches. */
  look: (name: string, type: 'SRV' | 'TXT', signal: AbortSignal | undefined) => Promise<readonly DnsRecord[]>
}

export class Announcer {
  readonly #init: AnnouncerInit
  /** What was sent last: it may be in the zone, also when no answer came. */
  #announced: OwnRecords | undefined
  /** Whether that is what the zone holds of us, and nothing else. */
  #isSure = false
  /** Whether our host's name was found to be ours, or free. */
  #isOurs: boolean
  /** Our peer id. */
  #self = ''

  constructor (init: AnnouncerInit) {
    this.#init = init
    this.#isOurs = init.host === undefined
  }

  /**
   * Says this of us in place of what was said before. Readers take us for gone after twice the TTL and `CLOCK_SKEW`.
   *
   * @returns whether there was anything to say: an address that is meant for the zone, and a port
   * @throws DnsError when the zone was not changed, or the host's name is another peer's
   */
  async announce (self: SelfRecord, signal?: AbortSignal): Promise<boolean> {
    const { clock, ttl, host = hostLabel(self.peerId), ...rest } = this.#init
    const records = ownRecords({ ...rest, host, self, ttl: ttl / 1_000, expires: Math.ceil((clock.wall() + 2 * ttl) / 1_000) })
    if (records == null) {
      await this.withdraw(signal)
      return false
    }
    const changes = [...await this.#left(records, signal), ...clearedOf(records), ...added(records)]
    this.#announced = records
    this.#isSure = false
    this.#self = self.peerId.toString()
    if (!this.#isOurs) await this.#take(records, changes, signal)
    else await this.#update(changes, [], signal)
    this.#isSure = true
    return true
  }

  /** Does nothing when nothing was announced. @throws DnsError when the zone was not changed */
  async withdraw (signal?: AbortSignal): Promise<void> {
    const records = this.#announced
    if (records == null) return
    // It may have been free, and the answer was lost: then it is ours.
    if (this.#isOurs || isAllOf(await this.#owners(records, signal), this.#self)) {
      const changes: Change[] = [...await this.#left(records, signal), { kind: 'delete-record', record: records.srv }, ...clearedOf(records)]
      await this.#update(changes, [], signal)
    }
    this.#announced = undefined
    this.#isOurs = this.#init.host === undefined // others may take it now
  }

  /** SRV records of our host that say something else: of our last announcement, of one whose answer was lost, or of a run that was killed. */
  async #left ({ srv }: OwnRecords, signal: AbortSignal | undefined): Promise<Change[]> {
    const before = this.#announced?.srv
    const known = this.#isSure && before != null ? [before] : await this.#init.look(srv.name, 'SRV', signal)
    return removed(known, srv.name, (target, port) => target === lowerName(srv.target) && port !== srv.port)
  }

  /** The first time under a name that the user gave: only when it is free, or says that it is ours. */
  async #take (records: OwnRecords, changes: readonly Change[], signal: AbortSignal | undefined): Promise<void> {
    const target = records.srv.target
    const free = [records.txt.name, target].map((name): Prerequisite => ({ kind: 'name-not-in-use', name }))
    if (!await this.#update(changes, free, signal)) {
      const owners = await this.#owners(records, signal)
      if (!isAllOf(owners, this.#self)) {
        this.#announced = undefined
        const other = owners.find(peer => peer !== this.#self)
        throw new DnsError(`the name ${show(target)} is ${other === undefined ? 'in use' : `that of the peer ${show(other)}`}: choose another host`)
      }
      await this.#update(changes, [], signal)
    }
    this.#isOurs = true
  }

  /** The peers that our host's texts name; `undefined` for one that names none. */
  async #owners ({ txt }: OwnRecords, signal: AbortSignal | undefined): Promise<Array<string | undefined>> {
    const texts = (await this.#init.look(txt.name, 'TXT', signal)).flatMap(record => record.type === 'TXT' ? [record.strings] : [])
    return texts.map(strings => readPeerText(strings, () => {})?.peerId?.toString())
  }

  async #update (changes: readonly Change[], prerequisites: readonly Prerequisite[], signal: AbortSignal | undefined): Promise<boolean> {
    return await this.#init.updater.update(changes, { prerequisites, signal }) === 'made'
  }
}

function isAllOf (owners: ReadonlyArray<string | undefined>, self: string): boolean {
  return owners.length > 0 && owners.every(owner => owner === self)
}

function clearedOf (records: OwnRecords): Change[] {
  return cleared(records.txt.name, records.srv.target)
}
