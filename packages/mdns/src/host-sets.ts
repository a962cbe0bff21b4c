/** A and AAAA records of our host name on a link. RFC 1035 §3.4.1, RFC 3596. */
import { isIPv4 } from 'node:net'
import type { RecordType } from 'dns-packet'
import type { SaidRecord, RecordSet } from './record-set.ts'

/** One set for each family that the interface has. Nobody else has the name, so whoever hears it may forget older ones (RFC 6762 §10.2). */
export function hostSets (host: string, addresses: readonly string[], ttl: number): RecordSet[] {
  const set = (type: 'A' | 'AAAA', of: readonly string[]): RecordSet => ({
    key: `${host} ${type}`,
    name: host,
    type,
    records: of.map((data): SaidRecord => ({ name: host, type, class: 'IN', ttl, flush: true, data })),
    isShared: false
  })
  return [set('A', addresses.filter(isIPv4)), set('AAAA', addresses.filter(address => !isIPv4(address)))].filter(({ records }) => records.length > 0)
}

/**
 * Says that there is nothing else of this name, so that nobody waits for an answer that will not come. RFC 6762 §6.1.
 *
 * @param types - what there is
 */
export function nothingElse (name: string, types: readonly RecordType[], ttl: number): RecordSet {
  return {
    key: `${name} NSEC`,
    name,
    type: 'NSEC',
    records: [{ name, type: 'NSEC', class: 'IN', ttl, flush: true, data: { nextDomain: name, rrtypes: [...types] } }],
    isShared: false
  }
}
