/**
 * What others say in the libp2p form: PTR from the service to a random peer name, and TXT records of that name with
 * strings `dnsaddr=<multiaddr ending in /p2p/id>`.
 *
 * @see https://github.com/libp2p/specs/blob/master/discovery/mdns.md#response
 */
import { peerIdFromString } from '@libp2p/peer-id'
import { clampTtl, limits, lowerName, takeRecord, type DropCounter } from '@peerweave/interface'
import { CODE_P2P, multiaddr } from '@multiformats/multiaddr'
import { MAX_TTL } from './constants.ts'
import { DNSADDR } from './libp2p-presence.ts'
import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { DecodedPacket } from './transport.ts'

/** A peer that a packet says is there. */
export interface PresentPeer {
  /** The peer name with the service, in lower case. */
  instance: string
  /** Absent: it does not say whose it is. */
  peerId?: PeerId | undefined
  /** Without `/p2p/id`; 1 to `limits.addressesPerClaim`. */
  multiaddrs: Multiaddr[]
  /** The least of its records, ms, within `limits.ttlMin … MAX_TTL`. */
  ttl: number
  protocols?: readonly string[]
  /** A signed peer record, not verified. */
  record?: Uint8Array | undefined
  metadata?: ReadonlyMap<string, string>
}

/** A goodbye: to everything under a name, or to some addresses. */
export interface Departure {
  instance: string
  multiaddrs?: Multiaddr[]
}

export interface ParsedAnswer {
  present: PresentPeer[]
  departed: Departure[]
}

export type Records = Pick<DecodedPacket, 'answers' | 'additionals'>

export interface ParseOptions {
  serviceTag: string
  drop: DropCounter
  /** What was read before, by the texts of the peer id and of the address before it. @default nothing */
  known?: (peer: string, address: string) => PeerAddress | undefined
  /** Whether one more may be read that was not. @default always */
  mayRead?: () => boolean
}

/**
 * Reads a decoded response. Records of other services are none of our business; what is ours and wrong is counted:
 * `bad-address`, `address-too-long`, `no-peer-id`, `mixed-ids` (one name, two ids: nobody knows whose the rest is),
 * `too-many-addresses`, `too-many-goodbyes`, `bad-peer-record`, and
 * `overload`: more addresses than may be read. Of another class than IN nothing is heard.
 */
export function parseAnswer ({ answers, additionals }: Records, { serviceTag, drop, known = () => undefined, mayRead = () => true }: ParseOptions): ParsedAnswer {
  const records = [...answers, ...additionals]
  const targets = new Map<string, { isLeaving: boolean }>()
  for (const record of records) {
    if (record.type === 'PTR' && (record.class ?? 'IN') === 'IN' && lowerName(record.name) === serviceTag) {
      targets.set(lowerName(record.data), { isLeaving: record.ttl === 0 })
    }
  }
  const signedRecords = new Map<string, Uint8Array>()
  const strings = records.flatMap(record => {
    if (record.type !== 'TXT' || (record.class ?? 'IN') !== 'IN') return []
    const instance = lowerName(record.name)
    // A name that is not pointed to here may be known from another packet. Goodbye to a name covers its records.
    if (targets.get(instance)?.isLeaving ?? !instance.endsWith(`.${serviceTag}`)) return []
    const { record: signed, others } = takeRecord([record.data].flat().map(string => Buffer.from(string)), drop)
    if (signed != null && record.ttl !== 0) signedRecords.set(instance, signed)
    return others.map(String).filter(text => text.startsWith(DNSADDR))
      .map(text => ({ instance, text: text.slice(DNSADDR.length), ttl: (record.ttl ?? 0) * 1_000 }))
  })
  // BOUNDED over the whole packet, so that one packet cannot buy the parsing of a thousand short strings.
  if (strings.length > limits.mdnsRecords) drop('too-many-addresses')
  const named = new Map<string, TxtRecords>()
  for (const { instance, text, ttl } of strings.slice(0, limits.mdnsRecords)) {
    const [, place = '', peer = ''] = /^(.*)\/p2p\/([^/]+)$/.exec(text) ?? []
    let address = known(peer, place)
    if (address == null && !mayRead()) {
      drop('overload')
      break
    }
    address ??= parseAddress(text, drop)
    if (address == null) continue
    const found = named.get(instance) ?? { present: [], departed: [], ttl: Infinity }
    named.set(instance, found)
    if (ttl === 0) {
      found.departed.push(address.multiaddr)
    } else {
      found.present.push(address)
      found.ttl = Math.min(found.ttl, ttl)
    }
  }
  const result: ParsedAnswer = { present: [], departed: [] }
  for (const [instance, { isLeaving }] of targets) {
    if (isLeaving) result.departed.push({ instance })
  }
  for (const [instance, { present: [first, ...rest], departed, ttl }] of named) {
    if (departed.length > 0) result.departed.push({ instance, multiaddrs: departed })
    if (first == null) continue
    if (rest.some(({ peerId }) => !peerId.equals(first.peerId))) {
      drop('mixed-ids')
      continue
    }
    if (rest.length >= limits.addressesPerClaim) drop('too-many-addresses')
    const multiaddrs = [first, ...rest].slice(0, limits.addressesPerClaim).map(({ multiaddr }) => multiaddr)
    result.present.push({ instance, peerId: first.peerId, multiaddrs, ttl: Math.min(clampTtl(ttl), MAX_TTL), record: signedRecords.get(instance) })
  }
  if (result.departed.length > limits.mdnsGoodbyes) drop('too-many-goodbyes')
  result.departed.splice(limits.mdnsGoodbyes)
  return result
}

interface TxtRecords {
  present: PeerAddress[]
  departed: Multiaddr[]
  ttl: number
}

export interface PeerAddress {
  peerId: PeerId
  multiaddr: Multiaddr
}

function parseAddress (text: string, drop: DropCounter): PeerAddress | undefined {
  try {
    const address = multiaddr(text)
    const components = address.getComponents()
    if (address.bytes.byteLength > limits.multiaddrBytes || components.length > limits.multiaddrComponents) {
      drop('address-too-long')
      return
    }
    const last = components.at(-1)
    if (last?.code !== CODE_P2P || last.value == null || components.length === 1) {
      drop('no-peer-id')
      return
    }
    return { peerId: peerIdFromString(last.value), multiaddr: address.decapsulateCode(CODE_P2P) }
  } catch {
    // Many classes of error for one thing: not a multiaddr, or not a peer id.
    drop('bad-address')
  }
}
