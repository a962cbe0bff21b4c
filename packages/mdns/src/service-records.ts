/** The records that DNS-SD is made of, as one packet says them: checked, and in the order in which they are taken in. */
import { isIPv4, isIPv6 } from 'node:net'
import { MAX_TTL } from './constants.ts'
import { lowerName, type DropCounter } from '@peerweave/interface'
import type { Records } from './answer.ts'

export interface ServiceRecord {
  /** Lower case. */
  readonly name: string
  /** Milliseconds, at most {@link MAX_TTL}; 0 is a goodbye (RFC 6762 §10.1). */
  readonly ttl: number
  /** What is older of the same name and type is gone. RFC 6762 §10.2. */
  readonly isFlushing: boolean
  readonly data: RecordData
}

export type RecordData =
  | { readonly type: 'PTR', readonly instance: string }
  | SrvRecord
  | TxtRecord
  | { readonly type: 'NSEC', readonly types: readonly unknown[] }
  | { readonly type: 'A' | 'AAAA', readonly address: string }

export interface SrvRecord {
  readonly type: 'SRV'
  readonly priority: number
  readonly port: number
  /** Lower case. */
  readonly target: string
}

export interface TxtRecord {
  readonly type: 'TXT'
  readonly strings: readonly Uint8Array[]
  /** What tells it from another: its bytes, as text. */
  readonly text: string
}

/** In this order: each names what the next ones are about. */
const ORDER: ReadonlyArray<RecordData['type']> = ['PTR', 'SRV', 'TXT', 'NSEC', 'A', 'AAAA']

/**
 * The records of the types that matter, goodbyes last, so that it makes no difference how the packet has them. Where only
 * one may stay, the better one comes later. What has not the shape of its type is counted `bad-record`.
 */
export function serviceRecords ({ answers, additionals }: Records, drop: DropCounter): ServiceRecord[] {
  const records: ServiceRecord[] = []
  for (const record of [...answers, ...additionals]) {
    const { type, name, class: klass = 'IN', ttl, flush, data } = fields(record)
    const known = ORDER.find(known => known === type)
    if (known == null || klass !== 'IN') continue
    const read = readData(known, data)
    if (read == null || typeof name !== 'string' || typeof ttl !== 'number' || !(ttl >= 0)) drop('bad-record')
    else records.push({ name: lowerName(name), ttl: Math.min(ttl * 1_000, MAX_TTL), isFlushing: flush === true, data: read })
  }
  return records.sort((one, other) => Number(one.ttl === 0) - Number(other.ttl === 0) ||
    ORDER.indexOf(one.data.type) - ORDER.indexOf(other.data.type) || compareData(one.data, other.data))
}

function readData (type: RecordData['type'], data: unknown): RecordData | undefined {
  switch (type) {
    case 'PTR':
      return typeof data === 'string' ? { type, instance: lowerName(data) } : undefined
    case 'A':
      return typeof data === 'string' && isIPv4(data) ? { type, address: data } : undefined
    case 'AAAA':
      return typeof data === 'string' && isIPv6(data) && !data.includes('%') ? { type, address: data.toLowerCase() } : undefined
    case 'SRV': {
      const { priority = 0, port, target } = fields(data)
      if (!isUint16(priority) || !isUint16(port) || typeof target !== 'string') return
      return { type, priority, port, target: lowerName(target) }
    }
    case 'NSEC': {
      const { rrtypes } = fields(data)
      return Array.isArray(rrtypes) ? { type, types: rrtypes } : undefined
    }
    case 'TXT': {
      const strings: Uint8Array[] = []
      for (const string of Array.isArray(data) ? data as unknown[] : [data]) {
        if (typeof string === 'string') strings.push(Buffer.from(string))
        else if (string instanceof Uint8Array) strings.push(string)
        else return
      }
      // With the lengths in between, as on the wire, so that two texts never look the same.
      const text = Buffer.concat(strings.flatMap(string => [Buffer.of(string.length), string])).toString('latin1')
      return { type, strings, text }
    }
  }
}

function fields (data: unknown): Record<string, unknown> {
  return typeof data === 'object' && data != null ? data as Record<string, unknown> : {}
}

function isUint16 (value: unknown): value is number {
  return Number.isInteger(value) && value as number >= 0 && value as number <= 0xffff
}

/** Later is better: a lower priority (RFC 2782). The rest only makes the choice the same in every order. */
function compareData (one: RecordData, other: RecordData): number {
  if (one.type === 'SRV' && other.type === 'SRV') {
    return other.priority - one.priority || one.port - other.port || compare(one.target, other.target)
  }
  if (one.type === 'TXT' && other.type === 'TXT') return compare(one.text, other.text)
  if ('address' in one && 'address' in other) return compare(one.address, other.address)
  if (one.type === 'PTR' && other.type === 'PTR') return compare(one.instance, other.instance)
  return 0
}

function compare (one: string, other: string): number {
  return one < other ? -1 : Number(one > other)
}
