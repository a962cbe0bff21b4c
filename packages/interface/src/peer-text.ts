/**
 * What a TXT record says of a peer, both ways, in DNS-SD and in DNS alike: `peer_id=`, `protocol=` and `addr=` (the last
 * two may repeat), beside keys of the user. `dnsaddr=` of libp2p's forms is read like `addr=`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc6763#section-6
 */
import { peerIdFromString } from '@libp2p/peer-id'
import { CODE_P2P, multiaddr } from '@multiformats/multiaddr'
import { lowerName } from './dns-name.ts'
import { limits } from './limits.ts'
import { show } from './options.ts'
import { withoutPeer } from './peer-address.ts'
import { recordStrings, takeRecord } from './record-text.ts'
import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { DropCounter } from './mechanism-spec.ts'

export interface PeerText {
  /** Absent when the text names no peer. */
  peerId?: PeerId
  /** At most `limits.addressesPerClaim`, without `/p2p/id` at the end, each once. */
  addresses: Multiaddr[]
  protocols: string[]
  /** A signed peer record, not verified; its strings are those of record-text.ts. */
  record?: Uint8Array
  /** The other keys, in lower case. */
  entries: Map<string, string>
}

/** What several texts may still get wrong together. */
export interface Faults {
  left: number
}

const PEER_ID = 'peer_id'
const PROTOCOL = 'protocol'
const ADDR = 'addr'
const DNSADDR = 'dnsaddr'
const RESERVED: readonly string[] = [PEER_ID, PROTOCOL, ADDR, DNSADDR, 'record']

/** One string. RFC 6763 §6.1. */
const MAX_STRING_BYTES = 255
/** All strings with their length bytes: RFC 6763 §6.2 wants 1,300 at most, and less is better. Chosen: fits one packet with the rest. */
const MAX_TEXT_BYTES = 1_000
/** Printable ASCII without `=`. RFC 6763 §6.4. */
const KEY = /^[ -<>-~]+$/

/** Strings that are read of one text: as many as can say something. */
const MAX_STRINGS = 1 + limits.protocolsPerPeer + limits.addressesPerClaim + limits.metadataKeys

const encoder = new TextEncoder()
const latin1 = new TextDecoder('latin1')
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Reads the strings of one TXT record. The first of several equal keys counts (RFC 6763 §6.4), a key without `=` has an
 * empty value.
 *
 * `undefined` when the text as a whole is refused, so that the service's address becomes nobody's: its `peer_id` cannot
 * be read (`no-peer-id`), or it names two peers (`mixed-ids`). What else is wrong is left out and counted:
 * `bad-address`, `address-too-long`, `too-many-addresses`, `bad-text`, `bad-peer-record`.
 *
 * @param faults - how many wrong addresses are looked at in this and other texts; no address is read after that
 */
export function readPeerText (
  strings: readonly Uint8Array[], drop: DropCounter, faults: Faults = { left: limits.addressesPerClaim }
): PeerText | undefined {
  const text: PeerText = { addresses: [], protocols: [], entries: new Map() }
  const places: string[] = []
  let named: string | undefined
  const { record, others } = takeRecord(strings, drop)
  if (record != null) text.record = record
  if (others.length > MAX_STRINGS) drop('bad-text')
  for (const string of others.slice(0, MAX_STRINGS)) {
    const attribute = readAttribute(string, drop)
    if (attribute == null) continue
    const { key, value } = attribute
    if (key === PEER_ID) named ??= value
    else if (key === ADDR || key === DNSADDR) places.push(value)
    else if (key === PROTOCOL) addProtocol(text.protocols, value, drop)
    else addEntry(text.entries, key, value, drop)
  }
  let peerId: PeerId | undefined
  if (named != null) {
    try {
      peerId = peerIdFromString(named)
    } catch {
      drop('no-peer-id')
      return
    }
  }
  // BOUNDED before they are parsed: a packet has room for a thousand strings, and for each that is none an error is made.
  if (places.length > limits.addressesPerClaim) drop('too-many-addresses')
  const addresses = new Map<string, Multiaddr>()
  for (const place of places.slice(0, limits.addressesPerClaim)) {
    if (faults.left <= 0) break
    const found = readAddress(place, drop)
    if (found == null) {
      faults.left--
      continue
    }
    if (found.peerId != null) {
      peerId ??= found.peerId
      if (!found.peerId.equals(peerId)) {
        drop('mixed-ids')
        return
      }
    }
    addresses.set(found.address.toString(), found.address)
  }
  text.addresses = [...addresses.values()]
  if (peerId != null) text.peerId = peerId
  return text
}

export interface TextToWrite {
  peerId: PeerId
  protocols: readonly string[]
  /** Keys of the user. One that is empty after `=` is written with it. */
  entries: ReadonlyMap<string, string>
  /** With or without our id at their end; written without. */
  addresses: readonly Multiaddr[]
  /** A signed peer record of ours. */
  record?: Uint8Array | undefined
}

/**
 * The strings of our TXT record: the user's entries with `txtvers` first (RFC 6763 §6.7), the peer id, protocols, the
 * signed record, and as many addresses as fit, in their order. What does not fit is left out. Never empty, because of the
 * peer id.
 *
 * @throws TypeError naming an entry that no TXT record can hold, or that is ours
 */
export function writePeerText ({ peerId, protocols, entries, addresses, record }: TextToWrite): Uint8Array[] {
  const strings: Uint8Array[] = []
  let room = MAX_TEXT_BYTES
  const add = (key: string, value: string): boolean => {
    const string = encoder.encode(`${key}=${value}`)
    if (string.length > MAX_STRING_BYTES || string.length + 1 > room) return false
    room -= string.length + 1
    strings.push(string)
    return true
  }
  const first = [...entries].filter(([key]) => lowerName(key) === 'txtvers')
  const others = [...entries].filter(([key]) => lowerName(key) !== 'txtvers')
  const ours = `${PEER_ID}=${peerId}`
  room -= ours.length + 1
  const keys = new Set<string>(RESERVED)
  for (const [key, value] of [...first, ...others]) {
    const isFree = KEY.test(key) && !keys.has(lowerName(key)) && key.length <= limits.metadataKeyBytes
    if (!isFree || keys.size - RESERVED.length >= limits.metadataKeys || !value.isWellFormed() || !add(key, value)) {
      throw new TypeError(
        `a TXT entry must have a key of 1 to ${limits.metadataKeyBytes} printable ASCII characters without "=", none of ` +
        `${RESERVED.join(', ')} and each once, with its value at most ${MAX_STRING_BYTES} bytes of UTF-8, and all ` +
        `${limits.metadataKeys} at most ${MAX_TEXT_BYTES} with the peer id, got ${show(`${key}=${value}`)}`
      )
    }
    keys.add(lowerName(key))
  }
  room += ours.length + 1
  add(PEER_ID, peerId.toString())
  // One address says more than one more protocol: its room is kept.
  const [place] = addresses.map(address => `${ADDR}=${withoutPeer(address).toString()}`).filter(text => encoder.encode(text).length <= MAX_STRING_BYTES)
  const kept = place === undefined ? 0 : encoder.encode(place).length + 1
  room -= kept
  for (const protocol of new Set(protocols)) {
    if (isProtocol(protocol)) add(PROTOCOL, protocol)
  }
  room += kept
  const signed = record == null ? [] : recordStrings(record)
  const size = signed.reduce((sum, { length }) => sum + length + 1, 0)
  if (size <= room - kept) {
    strings.push(...signed)
    room -= size
  }
  let count = 0
  for (const address of addresses) {
    if (count < limits.addressesPerClaim && add(ADDR, withoutPeer(address).toString())) count++
  }
  return strings
}

interface Attribute {
  /** Lower case. */
  key: string
  value: string
}

function readAttribute (string: Uint8Array, drop: DropCounter): Attribute | undefined {
  const equals = string.indexOf(0x3d)
  // RFC 6763 §6.1: an empty string says that there is nothing to say. §6.4: one without a key is silently ignored.
  if (string.length === 0 || equals === 0) return
  try {
    const key = latin1.decode(equals === -1 ? string : string.subarray(0, equals))
    if (KEY.test(key)) return { key: lowerName(key), value: equals === -1 ? '' : utf8.decode(string.subarray(equals + 1)) }
  } catch {} // binary: allowed, and nothing that we could show
  drop('bad-text')
}

function isProtocol (value: string): boolean {
  return value !== '' && encoder.encode(value).length <= limits.protocolBytes
}

function addProtocol (protocols: string[], value: string, drop: DropCounter): void {
  if (protocols.includes(value)) return
  if (isProtocol(value) && protocols.length < limits.protocolsPerPeer) protocols.push(value)
  else drop('bad-text')
}

function addEntry (entries: Map<string, string>, key: string, value: string, drop: DropCounter): void {
  if (entries.has(key)) return
  const fits = key.length <= limits.metadataKeyBytes && encoder.encode(value).length <= limits.metadataValueBytes
  if (fits && entries.size < limits.metadataKeys) entries.set(key, value)
  else drop('bad-text')
}

function readAddress (text: string, drop: DropCounter): { peerId?: PeerId, address: Multiaddr } | undefined {
  try {
    const address = multiaddr(text)
    const components = address.getComponents()
    if (address.bytes.byteLength > limits.multiaddrBytes || components.length > limits.multiaddrComponents) {
      drop('address-too-long')
      return
    }
    const last = components.at(-1)
    const bare = withoutPeer(address)
    if (last?.code !== CODE_P2P && components.length > 0) return { address: bare }
    if (components.length > 1) return { peerId: peerIdFromString(last?.value ?? ''), address: bare }
  } catch {} // many classes of error for one thing: not a multiaddr, or not a peer id
  drop('bad-address')
}
