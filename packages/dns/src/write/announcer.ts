/** Keeps us announced in a zone: adds, refreshes, replaces and takes away our records. */
import { DnsError, lowerName, readPeerText, show, type Clock, type SelfRecord } from '@peerweave/interface'
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
  #announced: OwnRecords | undefined
  /** Whether our host's name was found to be ours, or free. */
  #isOurs: boolean

  constructor (init: AnnouncerInit) {
    this.#init = init
    this.#isOurs = init.host === undefined
  }

  get isAnnounced (): boolean {
    return this.#announced != null
  }

  /**
   * Says this of us in place of what was said before. Readers take us for gone after twice the TTL.
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
    const changes = [...await this.#left(records, signal), ...cleared(records), ...added(records)]
    if (!this.#isOurs) await this.#take(records, changes, self, signal)
    else await this.#update(changes, [], signal)
    this.#announced = records
    return true
  }

  async withdraw (signal?: AbortSignal): Promise<void> {
    const records = this.#announced
    if (records == null) return
    await this.#update([{ kind: 'delete-record', record: records.srv }, ...cleared(records)], [], signal)
    this.#announced = undefined
  }

  /** SRV records of our target that say something else: of our last announcement, or of an earlier run that was killed. */
  async #left ({ srv }: OwnRecords, signal: AbortSignal | undefined): Promise<Change[]> {
    const before = this.#announced?.srv
    const known = before == null ? await this.#init.look(srv.name, 'SRV', signal) : [before]
    return known.flatMap(record => {
      const isStale = record.type === 'SRV' && srv.type === 'SRV' && lowerName(record.target) === lowerName(srv.target) && record.port !== srv.port
      return isStale ? [{ kind: 'delete-record', record } as const] : []
    })
  }

  /** The first time under a name that the user gave: only when it is free, or says that it is ours. */
  async #take ({ txt, srv }: OwnRecords, changes: readonly Change[], self: SelfRecord, signal: AbortSignal | undefined): Promise<void> {
    if (!await this.#update(changes, [{ kind: 'name-not-in-use', name: txt.name }], signal)) {
      const texts = (await this.#init.look(txt.name, 'TXT', signal)).flatMap(record => record.type === 'TXT' ? [record.strings] : [])
      const peers = texts.map(strings => readPeerText(strings, () => {})?.peerId?.toString())
      const other = peers.find(peer => peer !== self.peerId.toString())
      if (peers.length === 0 || other !== undefined || peers.includes(undefined)) {
        const target = srv.type === 'SRV' ? srv.target : ''
        throw new DnsError(`the name ${show(target)} is ${other === undefined ? 'in use' : `that of the peer ${show(other)}`}: choose another host`)
      }
      await this.#update(changes, [], signal)
    }
    this.#isOurs = true
  }

  async #update (changes: readonly Change[], prerequisites: readonly Prerequisite[], signal: AbortSignal | undefined): Promise<boolean> {
    return await this.#init.updater.update(changes, { prerequisites, signal }) === 'made'
  }
}

/** What takes the place of anything that was said under our names. */
function cleared ({ txt, srv }: OwnRecords): Change[] {
  const target = srv.type === 'SRV' ? srv.target : ''
  return [
    { kind: 'delete-set', name: txt.name, type: 'TXT' },
    { kind: 'delete-set', name: target, type: 'A' },
    { kind: 'delete-set', name: target, type: 'AAAA' }
  ]
}

function added ({ srv, txt, addresses }: OwnRecords): Change[] {
  return [srv, txt, ...addresses].map(record => ({ kind: 'add', record }))
}
