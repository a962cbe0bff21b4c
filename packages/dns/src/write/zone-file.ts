/** Records as text for a zone file. RFC 1035 §5.1. */
import type { OutRecord } from './wire.ts'

/**
 * One line a record, in the given order, each complete in itself: whole names, TTL in seconds, class IN. TXT strings are
 * quoted, with `\DDD` for what is not printable ASCII.
 */
export function zoneFile (records: readonly OutRecord[]): string {
  return records.map(record => `${record.name}. ${record.ttl} IN ${record.type} ${dataOf(record)}\n`).join('')
}

function dataOf (record: OutRecord): string {
  switch (record.type) {
    case 'A':
    case 'AAAA':
      return record.address
    case 'SRV':
      return `${record.priority} ${record.weight} ${record.port} ${record.target}.`
    case 'TXT':
      return (record.strings.length === 0 ? [new Uint8Array()] : record.strings).map(quoted).join(' ')
  }
}

function quoted (string: Uint8Array): string {
  return `"${Array.from(string, byte => {
    if (byte === 0x22 || byte === 0x5c) return `\\${String.fromCharCode(byte)}`
    return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\${String(byte).padStart(3, '0')}`
  }).join('')}"`
}
