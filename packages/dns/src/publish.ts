/** Puts records of peers into a zone, or takes them out, by one update: for those who keep their zone by commands. */
import { knownOptions, lowerName, systemClock, type Clock, type SelfRecord } from '@peerweave/interface'
import { dnsClient } from './client/client.ts'
import { resolveAnnounce, type DnsAnnounceOptions } from './options.ts'
import { added, cleared, removed } from './write/own-changes.ts'
import { hostLabel, noAddress, ownRecords, textName } from './write/own-records.ts'
import { Updater } from './write/updater.ts'
import type { Change } from './write/update.ts'

export interface PublishOptions extends Omit<DnsAnnounceOptions, 'service' | 'host' | 'port' | 'text'> {
  /** `_name._tcp` or `_name._udp`. */
  service: string
  /** The peers are taken out; their addresses are not looked at. @default false */
  remove?: boolean | undefined
  /** The look-up, and each message of the update, ms. @default 5_000 */
  timeout?: number | undefined
  signal?: AbortSignal | undefined
  /** @default systemClock() */
  clock?: Clock | undefined
}

const KNOWN: ReadonlyArray<keyof PublishOptions> =
  ['zone', 'domain', 'service', 'servers', 'key', 'ttl', 'private', 'remove', 'timeout', 'signal', 'clock']

/**
 * The zone says this of `peers`, as `zone()` prints it, in place of what it said: all of it or nothing. Other than what a
 * node announces of itself, it stands until it is replaced or removed.
 *
 * @throws DnsError naming a peer that has no address for the zone, or saying what the server did
 * @throws TypeError naming an option that is wrong
 */
export async function publish (peers: readonly SelfRecord[], options: PublishOptions): Promise<void> {
  knownOptions('publish', options, KNOWN)
  const { remove = false, timeout, signal, clock = systemClock(), ...rest } = options
  const { domain, service, servers, ttl, isPrivateMeant, ...to } = resolveAnnounce('publish', rest)
  if (peers.length === 0) return
  const changes = peers.flatMap((self): Change[] => {
    const host = hostLabel(self.peerId)
    const target = `${host}.${domain}`
    const old = cleared(textName(service, target), target)
    if (remove) return old
    const records = ownRecords({ service, domain, host, self, text: new Map(), isPrivateMeant, ttl: ttl / 1_000, expires: undefined })
    if (records == null) throw noAddress(self, { domain, service, isPrivateMeant })
    return [...old, ...added(records)]
  })
  const targets = new Set(peers.map(({ peerId }) => `${hostLabel(peerId)}.${lowerName(domain)}`))
  const client = dnsClient({ servers, timeout, clock })
  try {
    const name = `_${service.name}._${service.transport}.${domain}`
    const { answers } = await client.query(name, 'SRV', { signal })
    const left = removed(answers, name, target => targets.has(target))
    const updater = new Updater({ ...to, exchange: client.exchange, clock, servers })
    await updater.update([...left, ...changes], { signal })
  } finally {
    await client.close()
  }
}
