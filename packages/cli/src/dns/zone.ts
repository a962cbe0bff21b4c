/** `peerweave dns zone`: prints the records of peers. */
import { peersOf } from './peers.ts'
import { recordsOf, type RecordsOptions } from './records.ts'

export interface ZoneCommandOptions extends RecordsOptions {
  json?: boolean | undefined
}

/** @throws UsageError */
export function printZone (addresses: readonly string[], options: ZoneCommandOptions): void {
  const { text, records } = recordsOf(peersOf(addresses), options)
  process.stdout.write(options.json === true ? records.map(record => `${JSON.stringify(record)}\n`).join('') : text)
}
