/**
 * What one answer says about its question. It counts for that question only: what else a server puts into an answer
 * is never taken for an answer to another (RFC 5452 §6).
 */
import { clampMs, DnsError, limits } from '@peerweave/interface'
import { NEGATIVE_TTL_MAX, NEGATIVE_TTL_UNTOLD, TTL_MAX, TTL_MIN } from './constants.ts'
import { domainOf, isWithin, plainName } from '../names.ts'
import type { DnsAnswer, DnsRecord, RecordType } from '../records.ts'

export type RecordOf<Type extends RecordType> = Type extends 'A' | 'AAAA'
  ? Extract<DnsRecord, { address: string }>
  : Extract<DnsRecord, { type: Type }>

export type AddressRecord = RecordOf<'A'>

/** An address that came beside an SRV record. */
export interface Hint {
  readonly record: AddressRecord
  /** Monotonic ms. */
  readonly expiresAt: number
}

export interface Step {
  /** What the asked name is another name of, one after the other; the last may repeat an earlier one. */
  readonly aliases: readonly string[]
  /** The records at the end of them; none when it is decidedly not there. */
  readonly records: readonly DnsRecord[]
  /** Addresses of SRV targets within the domain that was asked. */
  readonly hints: readonly Hint[]
  /** The answer ends with an alias: its name is to be asked next. */
  readonly isOpen: boolean
  /** The asked name does not exist, with any type (RFC 2308 §5). */
  readonly isNameMissing: boolean
  /** Monotonic ms. Not after `now` when it is not to be remembered. */
  readonly expiresAt: number
}

/**
 * @param name - as {@link plainName} gives it
 * @param now - monotonic ms
 * @throws DnsError when the answer is none: its code is another than NOERROR and NXDOMAIN
 */
export function readStep (answer: DnsAnswer, name: string, type: RecordType, now: number): Step {
  const { code, answers, authorities, additionals, server } = answer
  if (code !== 'NOERROR' && code !== 'NXDOMAIN') throw new DnsError(`${server} answers ${code} when asked for ${name} ${type}`)
  const aliasOf = new Map<string, Extract<DnsRecord, { type: 'CNAME' }>>()
  const byName = new Map<string, DnsRecord[]>()
  for (const record of answers) {
    if (record.type === type) listAt(byName, record.name).push(record)
    else if (record.type === 'CNAME' && !aliasOf.has(record.name)) aliasOf.set(record.name, record) // RFC 2181 §10.1: only one
  }
  const aliases: string[] = []
  let end = name
  let ttl = Infinity
  for (let alias = aliasOf.get(end); !byName.has(end) && alias != null; alias = aliasOf.get(end)) {
    ttl = Math.min(ttl, alias.ttl)
    end = plainName(alias.target)
    aliases.push(end)
    // One more than may be followed, so that it is seen to be too many. A loop ends here at the latest.
    if (aliases.length > limits.dnsAliases) break
  }
  const records = byName.get(end) ?? []
  const step = { aliases, records, hints: [], isOpen: false, isNameMissing: false }
  if (records.length > 0) {
    // RFC 2181 §5.2: the TTLs of one set are the same; where they are not, the least.
    for (const record of records) ttl = Math.min(ttl, record.ttl)
    return { ...step, hints: hintsOf(records, additionals, domainOf(name), now), expiresAt: now + positiveTtl(ttl) }
  }
  // RFC 2308 §3 and §5. An SOA of elsewhere says nothing of this name.
  const soa = authorities.find(record => record.type === 'SOA' && (record.name === '.' || record.name === '' || isWithin(end, record.name)))
  const untilAlias = aliases.length > 0 ? positiveTtl(ttl) : Infinity
  if (aliases.length > 0 && code === 'NOERROR' && soa == null) return { ...step, isOpen: true, expiresAt: now + untilAlias }
  const negative = soa?.type === 'SOA' ? Math.min(Math.min(soa.ttl, soa.minimum) * 1_000, NEGATIVE_TTL_MAX) : NEGATIVE_TTL_UNTOLD
  return {
    ...step,
    // RFC 2308 §2.1: of a chain it is the end that does not exist.
    isNameMissing: code === 'NXDOMAIN' && aliases.length === 0,
    expiresAt: now + Math.min(untilAlias, negative)
  }
}

/** Only what is of the same domain: a server knows that as well as it knows the SRV records. */
function hintsOf (records: readonly DnsRecord[], additionals: readonly DnsRecord[], domain: string, now: number): Hint[] {
  const targets = new Set(records.map(record => record.type === 'SRV' ? plainName(record.target) : ''))
  return additionals.flatMap(record => {
    const isHint = 'address' in record && targets.has(record.name) && isWithin(record.name, domain)
    return isHint ? { record, expiresAt: now + positiveTtl(record.ttl) } : []
  })
}

/** @param ttl - seconds */
function positiveTtl (ttl: number): number {
  return clampMs(ttl * 1_000, TTL_MIN, TTL_MAX)
}

function listAt (byName: Map<string, DnsRecord[]>, name: string): DnsRecord[] {
  let list = byName.get(name)
  if (list == null) byName.set(name, list = [])
  return list
}
