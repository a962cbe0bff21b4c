/**
 * What we say in the libp2p form: PTR from the service to a random peer name, and TXT records of that name with strings
 * `dnsaddr=<multiaddr ending in /p2p/id>`. Whoever asks gets SRV and addresses of that name too, so that a DNS-SD
 * browser resolves us as it does a go-libp2p node.
 *
 * @see https://github.com/libp2p/specs/blob/master/discovery/mdns.md#response
 */
import { portOf, recordStrings } from '@peerweave/interface'
import { hostSets } from './host-sets.ts'
import { SERVICES, isSameRecord, packSets, spread, type Presence, type RecordSet, type SaidRecord } from './record-set.ts'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { StringAnswer, TxtAnswer } from 'dns-packet'
import type { Link } from './links.ts'

export const DNSADDR = 'dnsaddr='
/** One string of a TXT record. RFC 6763 §6.1. */
const MAX_TXT_BYTES = 255
/** A larger signed record is left out. Chosen: a packet has room for it and for addresses too. */
const MAX_RECORD_BYTES = 512

/** Whether an address of ours fits a TXT string. */
export function fitsTxt (address: Multiaddr): boolean {
  return Buffer.byteLength(DNSADDR + address.toString()) <= MAX_TXT_BYTES
}

export interface Libp2pPresence {
  serviceTag: string
  peerName: string
  ttlSeconds: number
  link: Pick<Link, 'addresses'>
  /** Each ending in our id. Too long ones are left out. */
  addresses: readonly Multiaddr[]
  /** A signed peer record of ours: in strings of its own, which no other implementation looks at. */
  record?: Uint8Array | undefined
}

/** Nothing without an address: there would be nothing to reach. */
export function libp2pPresence ({ serviceTag, peerName, ttlSeconds: ttl, link, addresses, record }: Libp2pPresence): Presence | undefined {
  const instance = `${peerName}.${serviceTag}`
  const pointer: StringAnswer = { name: serviceTag, type: 'PTR', class: 'IN', ttl, data: instance }
  const text = (data: TxtAnswer['data']): TxtAnswer => ({ name: instance, type: 'TXT', class: 'IN', ttl, data })
  const places = addresses.filter(fitsTxt).map(address => text(DNSADDR + address.toString()))
  if (places.length === 0) return
  const signed = record == null || record.length > MAX_RECORD_BYTES ? [] : [text(recordStrings(record).map(string => Buffer.from(string)))]
  const texts = [...signed, ...places]
  const ptr: RecordSet = { key: `${serviceTag} PTR`, name: serviceTag, type: 'PTR', records: [pointer], isShared: true }
  const txt: RecordSet = { key: `${instance} TXT`, name: instance, type: 'TXT', records: texts, isShared: false }
  const meta = metaSet(serviceTag, ttl)
  const sets = [ptr, txt, meta]
  const port = portOf('tcp', addresses) ?? portOf('udp', addresses)
  const ports: SaidRecord[] = []
  if (port != null) {
    const host = hostSets(`${peerName}.${domainOf(serviceTag)}`, link.addresses, ttl)
    ports.push({ name: instance, type: 'SRV', class: 'IN', ttl, data: { port, target: host[0]?.name ?? '.' } })
    sets.push({ key: `${instance} SRV`, name: instance, type: 'SRV', records: ports, isShared: false, additionals: host }, ...host)
  }
  return {
    sets,
    announced: [ptr],
    // The TXT records go with the PTR, as answers: `@libp2p/mdns` reads every packet by itself, and of the PTR records of
    // a packet the last. So each packet has ours and no other.
    pack: asked => [
      ...asked.includes(ptr) ? spread([pointer], texts) : [],
      ...packSets(asked.filter(set => set !== ptr && set !== meta && !(set === txt && asked.includes(ptr)))),
      ...asked.includes(meta) ? packSets([meta]) : []
    ],
    farewell: next => next == null
      // RFC 6762 §10.1. `@libp2p/mdns` does not look at TTLs and would take a PTR together with a TXT for a peer that it
      // has just found: a full goodbye is the PTR alone …
      ? [{ answers: [{ ...pointer, ttl: 0 }] }]
      // … and one to some addresses their TXT records, without a PTR. An SRV that was asked for is not announced anew:
      // without its goodbye, whoever has it does not ask again while it lasts.
      : spread([], [...texts, ...ports].filter(record => !says(next, record)).map((record): SaidRecord => ({ ...record, ttl: 0 })))
  }
}

/** The service among those of the link. RFC 6763 §9, libp2p mDNS spec "Meta Query". */
export function metaSet (service: string, ttl: number): RecordSet {
  const name = `${SERVICES}.${domainOf(service)}`
  return { key: `${name} ${service}`, name, type: 'PTR', records: [{ name, type: 'PTR', class: 'IN', ttl, data: service }], isShared: true }
}

/** What follows `_service._proto.`. */
function domainOf (service: string): string {
  return service.split('.').slice(2).join('.') || 'local'
}

function says (presence: Presence, record: SaidRecord): boolean {
  return presence.sets.some(({ records }) => records.some(own => isSameRecord(own, record)))
}
