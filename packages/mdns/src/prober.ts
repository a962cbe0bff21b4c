/** Makes sure that a name is nobody else's before we say that it is ours. RFC 6762 §8.1, §8.2, §9. */
import { CONFLICTS, CONFLICTS_WITHIN, CONFLICT_PAUSE, PROBES, PROBE_DEFER, PROBE_INTERVAL } from './constants.ts'
import { isSameRecord, rdata, type RecordSet } from './record-set.ts'
import { lowerName, type Clock, type Rng, type Timer } from '@peerweave/interface'
import type { Answer } from 'dns-packet'
import type { QueryOutgoingPacket } from 'multicast-dns'
import type { DecodedPacket } from './transport.ts'

export interface ProberInit {
  clock: Clock
  rng: Rng
  /**
   * Whether another interface of ours says this: both may be on one link, or on two with a reflector between them, and
   * are no conflict. RFC 6762 §14.
   */
  isOurs: (record: Answer) => boolean
  send: (packet: QueryOutgoingPacket) => void
  /** The names are ours. */
  onConfirmed: () => void
  /** Somebody else has this name, in lower case, which was not ours yet. */
  onConflict: (name: string) => void
  /** Somebody says that a name of ours is another's: whoever defends it in a new probing keeps it (RFC 6762 §9). */
  onContested: () => void
}

export class Prober {
  readonly #init: ProberInit
  /** What is, or is to be, ours alone. */
  #sets: readonly RecordSet[] = []
  #isConfirmed = false
  #sent = 0
  #timer: Timer | undefined
  /** When the latest conflicts were; as many as count. */
  readonly #conflicts: number[] = []
  /** There were too many conflicts, and no name has been ours since. */
  #isStorm = false

  constructor (init: ProberInit) {
    this.#init = init
  }

  /** Whether the names of these sets are ours already: then a change of what they hold needs no probing. */
  has (sets: readonly RecordSet[]): boolean {
    const names = this.#names()
    return this.#isConfirmed && sets.every(({ name }) => names.has(lowerName(name)))
  }

  /** What confirmed names hold now. */
  update (sets: readonly RecordSet[]): void {
    this.#sets = sets
  }

  /** Begins anew with these. */
  probe (sets: readonly RecordSet[]): void {
    const { clock, rng } = this.#init
    this.#isStorm ||= this.#conflicts.length === CONFLICTS && clock.now() - (this.#conflicts[0] ?? 0) < CONFLICTS_WITHIN
    this.#sets = sets
    this.#isConfirmed = false
    this.#restart((this.#isStorm ? CONFLICT_PAUSE : 0) + rng.float() * PROBE_INTERVAL)
  }

  /** Whether this is what we say, or propose to, of these names. */
  claims (record: Answer): boolean {
    return this.#sets.some(({ records }) => records.some(ours => isSameRecord(ours, record)))
  }

  onResponse (records: readonly Answer[]): void {
    const names = this.#names()
    const contested = records.find(record => record.type !== 'OPT' && record.ttl !== 0 && names.has(lowerName(record.name)) && this.#contests(record))
    if (contested == null) return
    this.#conflicts.push(this.#init.clock.now())
    if (this.#conflicts.length > CONFLICTS) this.#conflicts.shift()
    if (!this.#isConfirmed) {
      this.#init.onConflict(lowerName(contested.name))
      return
    }
    this.probe(this.#sets)
    this.#init.onContested()
  }

  /** Somebody probes for the same name at the same time: whose records are later in order has it. RFC 6762 §8.2. */
  onQuery ({ authorities }: DecodedPacket): void {
    if (this.#isConfirmed || this.#sets.length === 0) return
    for (const name of this.#names()) {
      const theirs = authorities.filter(record => lowerName(record.name) === name)
      if (theirs.length === 0 || !theirs.some(record => this.#contests(record))) continue
      const ours = this.#sets.filter(set => lowerName(set.name) === name).flatMap(({ records }) => records)
      if (order(ours, theirs) < 0) this.#restart(PROBE_DEFER)
    }
  }

  close (): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#sets = []
    this.#isConfirmed = false
  }

  #names (): Set<string> {
    return new Set(this.#sets.map(({ name }) => lowerName(name)))
  }

  /** While we probe, any other record of the name is another's; later, one that should be in our place (RFC 6762 §9). */
  #contests (record: Answer): boolean {
    if (record.type === 'NSEC') return false
    const hasType = this.#sets.some(({ name, type }) => type === record.type && lowerName(name) === lowerName(record.name))
    return (hasType || !this.#isConfirmed) && !this.claims(record) && !this.#init.isOurs(record)
  }

  #restart (delay: number): void {
    this.#sent = 0
    this.#timer?.cancel()
    this.#timer = this.#init.clock.setTimeout(() => this.#step(), delay)
  }

  #step (): void {
    const { clock, send, onConfirmed } = this.#init
    this.#timer = undefined
    if (this.#sent === PROBES) {
      this.#isConfirmed = true
      this.#isStorm = false
      onConfirmed()
      return
    }
    this.#sent++
    // Any type: whatever is there of the name is a conflict. `as 'A'`: dns-packet's types leave the question type out.
    const questions = [...new Set(this.#sets.map(({ name }) => name))].map(name => ({ name, type: 'ANY' as 'A' }))
    // A proposal is not shared knowledge: without the cache-flush bit. RFC 6762 §8.1, §10.2.
    const authorities = this.#sets.flatMap(({ records }) => records.map(record => ({ ...record, flush: false })))
    send({ questions, authorities })
    this.#timer = clock.setTimeout(() => this.#step(), PROBE_INTERVAL)
  }
}

/** Less than 0 when `ours` come before `theirs`: by type, then data. All are of class IN. RFC 6762 §8.2.1. */
function order (ours: readonly Answer[], theirs: readonly Answer[]): number {
  const [a, b] = [ours, theirs].map(records => records.map(sortable).sort((x, y) => x.compare(y))) as [Buffer[], Buffer[]]
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const [mine, other] = [a[i], b[i]]
    if (mine == null || other == null) return mine == null ? (other == null ? 0 : -1) : 1
    const compared = mine.compare(other)
    if (compared !== 0) return compared
  }
  return 0
}

/** Numbers of the types that we claim, RFC 1035 §3.2.2, RFC 3596, RFC 2782. Nobody else's are looked into. */
const TYPE_NUMBERS: Readonly<Record<string, number>> = { A: 1, TXT: 16, AAAA: 28, SRV: 33 }
/** After all of them, as nearly every other type is. */
const OTHER_TYPE = Buffer.from([255])

function sortable (record: Answer): Buffer {
  const type = TYPE_NUMBERS[record.type]
  return type === undefined ? OTHER_TYPE : Buffer.concat([Buffer.from([type]), rdata(record)])
}
