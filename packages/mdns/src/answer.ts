/**
 * The answer of the libp2p form: PTR from the service to a random peer name, and TXT records of that name with strings
 * `dnsaddr=<multiaddr ending in /p2p/id>`.
 *
 * @see https://github.com/libp2p/specs/blob/master/discovery/mdns.md#response
 */
import { peerIdFromString } from '@libp2p/peer-id'
import { clampTtl, limits, type DropCounter } from '@peerweave/interface'
import { CODE_P2P, multiaddr } from '@multiformats/multiaddr'
import { encodingLength } from 'dns-packet'
import { MAX_TTL } from './constants.ts'
import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Answer } from 'dns-packet'
import type { ResponseOutgoingPacket } from 'multicast-dns'
import type { OwnNames } from './query.ts'
import type { DecodedPacket } from './transport.ts'

const DNSADDR = 'dnsaddr='
/** One string of a TXT record. RFC 6763 §6.1. */
const MAX_TXT_BYTES = 255

/** Whether an address of ours fits a TXT string. */
export function fitsTxt (address: Multiaddr): boolean {
  return Buffer.byteLength(DNSADDR + address.toString()) <= MAX_TXT_BYTES
}

/**
 * Our addresses, each ending in `/p2p/id`, in as many packets as `limits.mdnsAnswerBytes` asks for. Each has the PTR:
 * `@libp2p/mdns` reads every packet by itself.
 */
export function presentPackets (own: OwnNames, addresses: readonly Multiaddr[]): ResponseOutgoingPacket[] {
  return packets([ptr(own, own.ttlSeconds)], addresses.map(address => txt(own, address, own.ttlSeconds)))
}

/**
 * Goodbye (RFC 6762 §10.1) to all of it: the PTR alone, with TTL 0. `@libp2p/mdns` does not look at TTLs and would
 * take a PTR together with a TXT for a peer that it has just found.
 */
export function goodbyePacket (own: OwnNames): ResponseOutgoingPacket {
  return { answers: [ptr(own, 0)] }
}

/** Goodbye to some addresses: their TXT records with TTL 0 and, for the same reason, no PTR. */
export function addressGoodbyePackets (own: OwnNames, addresses: readonly Multiaddr[]): ResponseOutgoingPacket[] {
  return packets([], addresses.map(address => txt(own, address, 0)))
}

function ptr ({ serviceTag, instance }: OwnNames, ttl: number): Answer {
  return { name: serviceTag, type: 'PTR', class: 'IN', ttl, data: instance }
}

function txt ({ instance }: OwnNames, address: Multiaddr, ttl: number): Answer {
  return { name: instance, type: 'TXT', class: 'IN', ttl, data: DNSADDR + address.toString() }
}

/** Spreads `records` over packets that each begin with `head`. */
function packets (head: Answer[], records: Answer[]): ResponseOutgoingPacket[] {
  const result: ResponseOutgoingPacket[] = []
  let answers = head
  for (const record of records) {
    if (answers.length > head.length && encodingLength({ answers: [...answers, record] }) > limits.mdnsAnswerBytes) {
      result.push({ answers })
      answers = head
    }
    answers = [...answers, record]
  }
  if (answers.length > head.length) result.push({ answers })
  return result
}

/** A peer that a packet says is there. */
export interface PresentPeer {
  /** The peer name with the service, in lower case. */
  instance: string
  peerId: PeerId
  /** Without `/p2p/id`; 1 to `limits.addressesPerClaim`. */
  multiaddrs: Multiaddr[]
  /** The least of its records, ms, within `limits.ttlMin … MAX_TTL`. */
  ttl: number
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
}

/**
 * Reads a decoded response. Records of other services are none of our business; what is ours and wrong is counted:
 * `bad-address`, `address-too-long`, `no-peer-id`, `mixed-ids` (one name, two ids: nobody knows whose the rest is),
 * `too-many-addresses`, `too-many-goodbyes`.
 */
export function parseAnswer ({ answers, additionals }: Records, { serviceTag, drop }: ParseOptions): ParsedAnswer {
  const records = [...answers, ...additionals]
  const targets = new Map<string, { isLeaving: boolean }>()
  for (const record of records) {
    if (record.type === 'PTR' && record.name.toLowerCase() === serviceTag) {
      targets.set(record.data.toLowerCase(), { isLeaving: record.ttl === 0 })
    }
  }
  const strings = records.flatMap(record => {
    if (record.type !== 'TXT') return []
    const instance = record.name.toLowerCase()
    // A name that is not pointed to here may be known from another packet. Goodbye to a name covers its records.
    if (targets.get(instance)?.isLeaving ?? !instance.endsWith(`.${serviceTag}`)) return []
    return [record.data].flat().map(String).filter(text => text.startsWith(DNSADDR))
      .map(text => ({ instance, text: text.slice(DNSADDR.length), ttl: (record.ttl ?? 0) * 1_000 }))
  })
  // BOUNDED over the whole packet, so that one packet cannot buy the parsing of a thousand short strings.
  if (strings.length > limits.mdnsRecords) drop('too-many-addresses')
  const named = new Map<string, TxtRecords>()
  for (const { instance, text, ttl } of strings.slice(0, limits.mdnsRecords)) {
    const address = parseAddress(text, drop)
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
    result.present.push({ instance, peerId: first.peerId, multiaddrs, ttl: Math.min(clampTtl(ttl), MAX_TTL) })
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

interface PeerAddress {
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
