/** Records of peers as text for a zone file, for those who keep their zone by hand. */
import { knownOptions, numberOption, show, type SelfRecord } from '@peerweave/interface'
import { ANNOUNCE_TTL } from './constants.ts'
import { domainOption, serviceOption } from './options.ts'
import { TTL_MAX, TTL_MIN } from './resolver/constants.ts'
import { hostLabel, noAddress, ownRecords } from './write/own-records.ts'
import { zoneFile } from './write/zone-file.ts'

export interface ZoneOptions {
  /** Where the records are: `example.org`. */
  domain: string
  /** `_name._tcp` or `_name._udp`. */
  service: string
  /** Of each record, ms, rounded to seconds. @default {@link ANNOUNCE_TTL} */
  ttl?: number | undefined
  /** Private, link-local and loopback addresses are written as well. @default false */
  private?: boolean | undefined
  /** Wall-clock ms after which readers should take the records for left behind. @default never */
  expires?: number | undefined
}

const KNOWN: ReadonlyArray<keyof ZoneOptions> = ['domain', 'service', 'ttl', 'private', 'expires']

/**
 * SRV, TXT and address records of `peers`, one line each, as this package's mechanism looks for them.
 *
 * @throws DnsError naming a peer that has no address for the zone
 * @throws TypeError naming an option that is wrong
 */
export function zone (peers: readonly SelfRecord[], options: ZoneOptions): string {
  knownOptions('zone', options, KNOWN)
  const { private: isPrivateMeant = false } = options
  const domain = domainOption('domain', options.domain)
  const service = serviceOption('service', options.service)
  const ttl = numberOption('ttl', options.ttl, ANNOUNCE_TTL, { min: TTL_MIN, max: TTL_MAX })
  const expires = options.expires === undefined ? undefined : numberOption('expires', options.expires, 0)
  if (typeof isPrivateMeant !== 'boolean') throw new TypeError(`private must be true or false, got ${show(isPrivateMeant)}`)
  return peers.map(self => {
    const records = ownRecords({
      service,
      domain,
      host: hostLabel(self.peerId),
      self,
      text: new Map(),
      isPrivateMeant,
      ttl: Math.round(ttl / 1_000),
      expires: expires === undefined ? undefined : Math.ceil(expires / 1_000)
    })
    if (records == null) throw noAddress(self, { domain, service, isPrivateMeant })
    return zoneFile([records.srv, records.txt, ...records.addresses])
  }).join('')
}
