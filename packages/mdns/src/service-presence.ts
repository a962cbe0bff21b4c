/**
 * What we say in the DNS-SD form, so that browsers of other systems list and resolve us: PTR of the service and its
 * subtypes, SRV, TXT and the addresses of the host.
 *
 * @see https://www.rfc-editor.org/rfc/rfc6763
 */
import { portOf, writePeerText } from '@peerweave/interface'
import { hostSets, nothingElse } from './host-sets.ts'
import { metaSet } from './libp2p-presence.ts'
import { packSets, type SaidRecord, type Presence, type RecordSet } from './record-set.ts'
import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Link } from './links.ts'
import type { ResolvedService } from './options.ts'

export interface ServicePresence {
  service: ResolvedService
  /** Labels of the instance and of the host. */
  names: { instance: string, host: string }
  self: PeerId
  ttlSeconds: number
  link: Pick<Link, 'addresses'>
  /** Each ending in our id. */
  addresses: readonly Multiaddr[]
  /** A signed peer record of ours. */
  record?: Uint8Array | undefined
}

/** With what needs probing: names that should be ours alone. RFC 6762 §8.1. */
export interface UniquePresence extends Presence {
  readonly unique: readonly RecordSet[]
}

/** Nothing without a port to reach us at. */
export function servicePresence ({ service, names, self, ttlSeconds: ttl, link, addresses, record }: ServicePresence): UniquePresence | undefined {
  const { name: { fqdn, domain, transport }, subtypes, protocols, text } = service
  const port = service.port ?? portOf(transport, addresses)
  if (addresses.length === 0 || port == null) return
  const instance = `${names.instance}.${fqdn}`
  const host = hostSets(`${names.host}.${domain}`, link.addresses, ttl)
  const [{ name: target }] = host as [RecordSet]
  const pointer = (name: string, additionals: readonly RecordSet[]): RecordSet => ({
    key: `${name} PTR`, name, type: 'PTR', records: [{ name, type: 'PTR', class: 'IN', ttl, data: instance }], isShared: true, additionals
  })
  const own = { class: 'IN', ttl, flush: true, name: instance } as const
  const srv: RecordSet = {
    key: `${instance} SRV`, name: instance, type: 'SRV', records: [{ ...own, type: 'SRV', data: { port, target } }], isShared: false, additionals: host
  }
  const strings = writePeerText({ peerId: self, protocols, entries: text, addresses, record }).map(string => Buffer.from(string))
  const txt: RecordSet = { key: `${instance} TXT`, name: instance, type: 'TXT', records: [{ ...own, type: 'TXT', data: strings }], isShared: false }
  const denials = [nothingElse(instance, ['TXT', 'SRV'], ttl), nothingElse(target, host.map(({ type }) => type), ttl)]
  const pointers = [fqdn, ...subtypes.map(subtype => `${subtype}._sub.${fqdn}`)].map(name => pointer(name, [srv, txt, ...host, ...denials]))
  const unique = [srv, txt, ...host]
  const announced = [...pointers, ...unique]
  // Another service of this machine may be on the same host, whose addresses are not ours to take back.
  const departing = [...pointers, srv, txt]
  return {
    sets: [...announced, ...denials, metaSet(fqdn, ttl)],
    announced,
    unique,
    pack: packSets,
    farewell: next => next == null
      ? packSets(departing.map(set => ({ ...set, additionals: [], records: set.records.map((record): SaidRecord => ({ ...record, ttl: 0 })) })))
      // What changed is flushed by what takes its place; a name that turned out to be another's is not ours to take back.
      : []
  }
}
