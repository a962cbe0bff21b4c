/** The records that announce us. */
import { createHash } from 'node:crypto'
import { isIPv4 } from 'node:net'
import { addressScope, DnsError, portOf, show, writePeerText, type SelfRecord } from '@peerweave/interface'
import type { OutRecord } from './wire.ts'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { PeerId } from '@libp2p/interface'

export interface OwnRecordsInit {
  /** `_olocus._tcp`: where others look for us. */
  service: ServiceLabels
  domain: string
  /** Label of our host below the domain. */
  host: string
  self: SelfRecord
  /** Further TXT strings. */
  text: ReadonlyMap<string, string>
  /** In place of the port of our first address over the service's transport. */
  port?: number | undefined
  /** As {@link isForZone} has it. */
  isPrivateMeant: boolean
  /** Seconds. */
  ttl: number
  /** When readers should take us for gone, seconds since 1970; never without it. */
  expires: number | undefined
}

export interface ServiceLabels {
  /** Without its underscore. */
  readonly name: string
  readonly transport: 'tcp' | 'udp'
}

export interface OwnRecords {
  readonly srv: Extract<OutRecord, { type: 'SRV' }>
  readonly txt: Extract<OutRecord, { type: 'TXT' }>
  readonly addresses: readonly OutRecord[]
}

/** Characters of a host label that is made from a peer id: 100 bits. */
const HOST_CHARACTERS = 20
const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567'

/** A label that is ours alone: of the whole id, since ids begin alike. */
export function hostLabel (self: PeerId): string {
  const digest = createHash('sha256').update(self.toMultihash().bytes).digest()
  return `n-${Array.from(digest.subarray(0, HOST_CHARACTERS), byte => BASE32.charAt(byte & 31)).join('')}`
}

/** Where the text of a service's target is, beside the SRV name itself. */
export function textName ({ name }: Pick<ServiceLabels, 'name'>, target: string): string {
  return `_${name}-peer.${target}`
}

/**
 * Nothing when we have no address that is meant for the zone, or no port over the transport. Relayed addresses are in the
 * text alone: a host that has no others has no address records.
 */
export function ownRecords (init: OwnRecordsInit): OwnRecords | undefined {
  const { service, domain, host, self, text, isPrivateMeant, ttl, expires } = init
  const multiaddrs = self.multiaddrs.filter(address => isForZone(address, isPrivateMeant))
  // A relay's host is not ours: who reads SRV and A alone would take the relay for us.
  const direct = multiaddrs.filter(address => !isRelayed(address))
  const port = init.port ?? portOf(service.transport, direct) ?? portOf(service.transport, multiaddrs)
  const literals = [...new Set(direct.flatMap(address => literalOf(address) ?? []))]
  if (port == null || (literals.length === 0 && direct.length === multiaddrs.length)) return
  const target = `${host}.${domain}`
  const entries = new Map(expires === undefined ? text : [...text, ['expires', String(expires)]])
  const strings = writePeerText({ peerId: self.peerId, protocols: self.protocols ?? [], entries, addresses: multiaddrs, record: self.signedPeerRecord })
  return {
    srv: { name: `_${service.name}._${service.transport}.${domain}`, type: 'SRV', ttl, priority: 0, weight: 0, port, target },
    txt: { name: textName(service, target), type: 'TXT', ttl, strings },
    addresses: literals.map((address): OutRecord => ({ name: target, type: isIPv4(address) ? 'A' : 'AAAA', ttl, address }))
  }
}

/**
 * Whether a zone is told of an address: of a public one always; of any other, unless nobody can be reached there, when
 * private ones are meant: the world does not see such a zone.
 */
export function isForZone (address: Multiaddr, isPrivateMeant: boolean): boolean {
  const scope = addressScope(address)
  return scope === 'public' || (isPrivateMeant && scope !== 'never')
}

/** For who must not leave the peer out in silence. */
export function noAddress (
  { peerId }: SelfRecord, { domain, service, isPrivateMeant }: Pick<OwnRecordsInit, 'domain' | 'service' | 'isPrivateMeant'>
): Error {
  const what = `no ${isPrivateMeant ? '' : 'public '}address over ${service.transport}`
  return new DnsError(`the peer ${show(peerId.toString())} has ${what} for the zone ${show(domain)}`)
}

function isRelayed (address: Multiaddr): boolean {
  return address.getComponents().some(({ name }) => name === 'p2p-circuit')
}

/** The IP address that a multiaddr begins with; a link-local one is nobody's but the link's. */
function literalOf (address: Multiaddr): string | undefined {
  const [first] = address.getComponents()
  return first?.name === 'ip4' || first?.name === 'ip6' ? first.value : undefined
}
