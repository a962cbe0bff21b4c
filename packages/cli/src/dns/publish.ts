/** `peerweave dns publish`: puts the records of peers into a zone, or takes them out. */
import { publish } from '@peerweave/dns'
import { peersOf } from './peers.ts'
import { recordsOf, type RecordsOptions } from './records.ts'
import { keyInFile, keyOf } from './tsig-key.ts'
import { UsageError } from '../usage-error.ts'
import type { Interrupt } from '../interrupt.ts'

export interface PublishCommandOptions extends Omit<RecordsOptions, 'domain'> {
  zone: string
  domain?: string | undefined
  server: string
  key?: string | undefined
  keyFile?: string | undefined
  remove?: boolean | undefined
  json?: boolean | undefined
}

/**
 * @throws UsageError before anything is sent
 * @throws DnsError with what the server said
 */
export async function publishPeers (addresses: readonly string[], options: PublishCommandOptions, { signal }: Interrupt): Promise<void> {
  const { zone, domain = zone, service, server, ttl, remove = false, json = false } = options
  const key = options.key !== undefined ? keyOf(options.key) : options.keyFile !== undefined ? keyInFile(options.keyFile) : undefined
  const peers = peersOf(addresses)
  const { text, records } = remove ? { text: '', records: [] } : recordsOf(peers, { domain, service, ttl, private: options.private })
  try {
    await publish(peers, { zone, domain, service, servers: [server], key, ttl: ttl * 1_000, private: options.private, remove, signal })
  } catch (error) {
    throw error instanceof TypeError ? new UsageError(error.message, { cause: error }) : error
  }
  const ids = peers.map(({ peerId }) => peerId.toString())
  if (json) console.log(JSON.stringify({ type: remove ? 'removed' : 'published', zone, server, peers: ids, records }))
  else if (remove) console.log(`The zone ${zone} at ${server} has no ${service} records any more of\n${ids.join('\n')}`)
  else process.stdout.write(`The zone ${zone} at ${server} now has, in place of what it had of these peers:\n${text}`)
}
