/**
 * What stands before the decoder. `multicast-dns` decodes whatever arrives and checks neither source address nor port;
 * 12 bytes that claim 4 × 65,535 records cost it more than a millisecond, and so does a chain of name pointers
 * (security research F7). So every packet is looked at here first, at a cost that its length bounds.
 */
import { BlockList } from 'node:net'
import { limits, tokenBucket, type Clock, type DropCounter, type TokenBucket } from '@peerweave/interface'
import { isLinkLocal6, zoneOf, type Link } from './links.ts'
import type { Interest } from './interest.ts'
import type { PacketSource } from './network.ts'

/** Bytes of a DNS header. RFC 1035 §4.1.1. */
const HEADER_BYTES = 12
/** No question or record is shorter: root name, type and class. RFC 1035 §4.1.2. */
const MIN_RECORD_BYTES = 5
/** Opcode and response code, which must be 0. RFC 6762 §18.3 and §18.11. */
const OPCODE_AND_RCODE = 0x780f
/** Bytes with these two bits begin a name pointer. RFC 1035 §4.1.4. */
const POINTER = 0xc0
/** Burst of a source, in seconds of its rate. */
const BURST_SECONDS = 2
/** Of each source that we hold peers of, packets a second that come before further ones of others. Chosen: what a host says of itself. */
const OWN_RATE = 1
/** … and at once: announcements in both forms, and a goodbye. */
const OWN_BURST = 4

export interface PacketGuardInit {
  link: Link
  port: number
  /** The names that we have to do with. */
  interest: Interest
  /** Whether we hold peers of this source. */
  isKnown: (address: string) => boolean
  /** Those that have sockets of their own. @default none */
  otherLinks?: () => Iterable<Link>
  clock: Clock
  drop: DropCounter
}

/**
 * Tells whether a packet may be decoded. Counts why not: `packet-too-long`, `bad-header`, `pointer-chain`, `wrong-port`,
 * `off-link`, `rate` of its source, `overload` of all sources together. What names nothing of ours is none of our
 * business: it is not decoded, not counted, and takes nothing of its source's rate, which may be an honest peer's too.
 *
 * Nor is what comes from another link of ours, whose own socket hears it.
 *
 * Sources that we hold peers of and sources that we do not have a rate in common each, and of the former half is for
 * the first packets of each: neither who makes up sources nor who has become known can keep the peers that we know from
 * being heard, unless he has become so by more addresses than that rate has packets.
 */
export function packetGuard (
  { link, port, interest, isKnown, otherLinks = () => [], clock, drop }: PacketGuardInit
): (packet: Uint8Array, from: PacketSource) => boolean {
  const isOnLink = onLink(link)
  const isWithinRate = rateLimit(clock, limits.mdnsPacketsPerSecond, BURST_SECONDS * limits.mdnsPacketsPerSecond)
  const isWithinOwn = rateLimit(clock, OWN_RATE, OWN_BURST)
  const half = limits.mdnsPacketsPerSecondTotal / 2
  const [first, further] = [half / 2, half / 2].map(rate => tokenBucket(rate, rate * BURST_SECONDS, clock.now())) as [TokenBucket, TokenBucket]
  const unknown = tokenBucket(half, half * BURST_SECONDS, clock.now())
  const isWithinTotal = (address: string): boolean => {
    const now = clock.now()
    if (!isKnown(address)) return unknown(now)
    return (isWithinOwn(address) && first(now)) || further(now)
  }
  return (packet, { address, port: sourcePort }) => {
    const isHere = isOnLink(address)
    if (!isHere && isOnAny(otherLinks(), address)) return false
    const reason = shapeFault(packet) ??
      (sourcePort !== port ? 'wrong-port' : undefined) ??
      (!isHere ? 'off-link' : undefined)
    if (reason == null && !interest.concerns(packet)) return false
    const excess = reason ??
      // Last: only a source that could be honest takes a place in the table, and only what it may send counts in the total.
      (!isWithinRate(address) ? 'rate' : undefined) ??
      (!isWithinTotal(address) ? 'overload' : undefined)
    if (excess != null) drop(excess)
    return excess == null
  }
}

function shapeFault (packet: Uint8Array): string | undefined {
  const { length } = packet
  if (length > limits.mdnsPacketBytes) return 'packet-too-long'
  if (length < HEADER_BYTES) return 'bad-header'
  const header = new DataView(packet.buffer, packet.byteOffset, HEADER_BYTES)
  if ((header.getUint16(2) & OPCODE_AND_RCODE) !== 0) return 'bad-header'
  const records = header.getUint16(4) + header.getUint16(6) + header.getUint16(8) + header.getUint16(10)
  if (records > limits.mdnsRecords || records > (length - HEADER_BYTES) / MIN_RECORD_BYTES) return 'bad-header'
  if (pointersToPointers(packet) > limits.mdnsRecords) return 'pointer-chain'
}

/**
 * How many byte pairs look like a pointer to a pointer. Labels in between make a chain run into the 255 bytes of a
 * name; without them only the packet's length ends it, 4,000 steps for each record. Text and addresses look like this
 * here and there, hence the allowance of one a record.
 */
function pointersToPointers (packet: Uint8Array): number {
  let count = 0
  for (let at = HEADER_BYTES; at + 1 < packet.length; at++) {
    const byte = packet[at] as number
    if (byte < POINTER) continue
    const target = packet[(byte - POINTER) << 8 | packet[at + 1] as number]
    if (target !== undefined && target >= POINTER) count++
  }
  return count
}

/**
 * RFC 6762 §11 would also take multicast from any address, but a socket cannot tell how a packet was addressed, nor by
 * which interface it came (on Linux it hears what came by any that one of the machine's sockets joined the group on):
 * the source's subnet stands for both, and for a link-local IPv6 address its zone.
 */
function onLink ({ name, index = 0, family, subnets }: Link): (address: string) => boolean {
  const type = family === 'IPv4' ? 'ipv4' : 'ipv6'
  const list = new BlockList()
  for (const { address, prefix } of subnets) if (!isLinkLocal6(address)) list.addSubnet(address, prefix, type)
  const end = `%${zoneOf({ name, index })}`
  return address => {
    if (!address.includes('%')) return list.check(address, type)
    return family === 'IPv6' && address.endsWith(end) && isLinkLocal6(address)
  }
}

const predicates = new WeakMap<Link, (address: string) => boolean>()

function isOnAny (links: Iterable<Link>, address: string): boolean {
  for (const link of links) {
    const isOn = predicates.get(link) ?? onLink(link)
    predicates.set(link, isOn)
    if (isOn(address)) return true
  }
  return false
}

/** A token bucket per source. BOUNDED by `limits.mdnsSources`: the one unheard for longest goes first. */
function rateLimit (clock: Clock, rate: number, burst: number): (address: string) => boolean {
  const buckets = new Map<string, TokenBucket>()
  return address => {
    const now = clock.now()
    const bucket = buckets.get(address) ?? tokenBucket(rate, burst, now)
    buckets.delete(address)
    buckets.set(address, bucket)
    if (buckets.size > limits.mdnsSources) buckets.delete(buckets.keys().next().value as string)
    return bucket(now)
  }
}
