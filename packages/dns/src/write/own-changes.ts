/** Changes of a zone that put a host's records in place of what was there. */
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
