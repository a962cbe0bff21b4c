/** What we say of ourselves, in the sets that DNS asks for: all records of one name and type. RFC 2181 §5. */
import { limits, lowerName } from '@peerweave/interface'
import { encode, encodingLength, type Answer, type OptAnswer, type RecordType } from 'dns-packet'
import type { ResponseOutgoingPacket } from 'multicast-dns'

/** A record with a TTL: of any type but OPT, which is none. RFC 6891 §6.1. */
export type SaidRecord = Exclude<Answer, OptAnswer>

export interface RecordSet {
  /** Unlike any other of ours on the link. */
  readonly key: string
  readonly name: string
  readonly type: RecordType
  /** With their TTL, seconds. */
  readonly records: readonly SaidRecord[]
  /** Others may hold records of this name and type too (RFC 6762 §2): answers to it are spread over time. */
  readonly isShared: boolean
  /** What whoever asks for this will want next: said in the same packet where there is room. */
  readonly additionals?: readonly RecordSet[]
}

/** Everything of ours in one form, on one link. */
export interface Presence {
  /** What is answered. */
  readonly sets: readonly RecordSet[]
  /** What is said unasked, and to newcomers. */
  readonly announced: readonly RecordSet[]
  /** The packets that say these sets of it. */
  readonly pack: (sets: readonly RecordSet[]) => ResponseOutgoingPacket[]
  /** The packets that take back what `next`, the presence in place of this one, does not say; all, without one. */
  readonly farewell: (next?: Presence) => ResponseOutgoingPacket[]
}

/** The name of the set that lists every service type of a link. RFC 6763 §9. */
export const SERVICES = '_services._dns-sd._udp'

/** Bytes before the data of the only record of a packet that has the root's name: header, name, type, class, TTL, length. */
const RDATA_AT = 12 + 1 + 2 + 2 + 4 + 2

/** A record's data as it is on the wire, names in lower case and not compressed. What RFC 6762 §8.2 compares. */
export function rdata (record: Answer): Buffer {
  return encode({ type: 'response', answers: [{ ...lowerCased(record), name: '.', ttl: 0 } as Answer] }).subarray(RDATA_AT)
}

export function isSameRecord (a: Answer, b: Answer): boolean {
  return a.type === b.type && lowerName(a.name) === lowerName(b.name) && rdata(a).equals(rdata(b))
}

/** By text: equal when the same is said. */
export function contentOf ({ sets }: Presence): string {
  return sets.flatMap(({ key, records }) => records.map(record => `${key} ${rdata(record).toString('base64')}`)).join('\n')
}

function lowerCased (record: Answer): Answer {
  if (record.type === 'PTR') return { ...record, data: lowerName(record.data) }
  if (record.type === 'SRV') return { ...record, data: { ...record.data, target: lowerName(record.data.target) } }
  return record
}

/** All records, over as many packets as `limits.mdnsAnswerBytes` asks for; then what else is wanted, as far as it fits. */
export function packSets (sets: readonly RecordSet[]): ResponseOutgoingPacket[] {
  const answers = sets.flatMap(({ records }) => records)
  const packets = spread([], answers)
  const last = packets.at(-1)
  if (last == null) return []
  const additionals: Answer[] = []
  for (const record of new Set(sets.flatMap(({ additionals = [] }) => additionals.flatMap(({ records }) => records)))) {
    if (answers.includes(record) || !fits({ ...last, additionals: [...additionals, record] })) continue
    additionals.push(record)
  }
  return [...packets.slice(0, -1), { ...last, additionals }]
}

/** Spreads `records` over packets that each begin with `head`. None without records. */
export function spread (head: readonly Answer[], records: readonly Answer[]): ResponseOutgoingPacket[] {
  const packets: ResponseOutgoingPacket[] = []
  let answers = [...head]
  for (const record of records) {
    if (answers.length > head.length && !fits({ answers: [...answers, record] })) {
      packets.push({ answers })
      answers = [...head]
    }
    answers.push(record)
  }
  if (answers.length > head.length) packets.push({ answers })
  return packets
}

function fits (packet: ResponseOutgoingPacket): boolean {
  return encodingLength(packet) <= limits.mdnsAnswerBytes
}
