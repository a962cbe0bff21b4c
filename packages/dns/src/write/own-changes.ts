/** Changes of a zone that put a host's records in place of what was there. */
import { limits, lowerName } from '@peerweave/interface'
import type { DnsRecord } from '../records.ts'
import type { OwnRecords } from './own-records.ts'
import type { Change } from './update.ts'

/** What takes the place of anything that was said under a host's names; its SRV record stands among others. */
export function cleared (text: string, target: string): Change[] {
  return [
    { kind: 'delete-set', name: text, type: 'TXT' },
    { kind: 'delete-set', name: target, type: 'A' },
    { kind: 'delete-set', name: target, type: 'AAAA' }
  ]
}

export function added ({ srv, txt, addresses }: OwnRecords): Change[] {
  return [srv, txt, ...addresses].map(record => ({ kind: 'add', record }))
}

/**
 * Takes SRV records of our hosts out of their set. Only whole ones can be (RFC 2136 §2.5.4), so the zone has to be asked
 * which are there. BOUNDED: others may write into the set, and an update is one message.
 *
 * @param name - of the set
 * @param isOld - of a record's target, in lower case, and port
 */
export function removed (records: readonly DnsRecord[], name: string, isOld: (target: string, port: number) => boolean): Change[] {
  return records.flatMap((record): Change[] => {
    const isOurs = record.type === 'SRV' && lowerName(record.name) === lowerName(name)
    return isOurs && isOld(lowerName(record.target), record.port) ? [{ kind: 'delete-record', record }] : []
  }).slice(0, limits.dnsSrv)
}
