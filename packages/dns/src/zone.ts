/** Records of peers as text for a zone file, for those who keep their zone by hand. */
import { DnsError, show, type SelfRecord } from '@peerweave/interface'
import { ANNOUNCE_TTL } from './constants.ts'
import { serviceOption } from './options.ts'
import { hostLabel, ownRecords } from './write/own-records.ts'
import { zoneFile } from './write/zone-file.ts'

export interface ZoneOptions {
  /** Where the records are: `example.org`. */
  domain: string
  /** `_name._tcp` or `_name._udp`. */
  service: string
  /** Of each record, ms, in whole seconds. @default {@link ANNOUNCE_TTL} */
  ttl?: number | undefined
  /** Private, link-local and loopback addresses are written as well. @default false */
  private?: boolean | undefined
  /** Wall-clock ms after which readers should take the records for left behind. @default never */
  expires?: number | undefined
}

/**
 * SRV, TXT and address records of `peers`, one line each, as this package's mechanism looks for them.
 *
 * @throws DnsError naming a peer that has no address for the zone
 * @throws TypeError naming an option that is wrong
 */
export function zone (peers: readonly SelfRecord[], { domain, service, ttl = ANNOUNCE_TTL, private: isPrivateMeant = false, expires }: ZoneOptions): string {
  return peers.map(self => {
    const records = ownRecords({
      service: serviceOption('service', service),
      domain,
      host: hostLabel(self.peerId),
      self,
      text: new Map(),
      isPrivateMeant,
      ttl: Math.round(ttl / 1_000),
      expires: expires === undefined ? undefined : Math.ceil(expires / 1_000)
    })
    if (records == null) throw new DnsError(`the peer ${show(self.peerId.toString())} has no address for the zone ${show(domain)}${isPrivateMeant ? '' : ': private ones are written with private: true'}`)
    return zoneFile([records.srv, records.txt, ...records.addresses])
  }).join('')
}
