/**
 * What stands before the decoder. `multicast-dns` decodes whatever arrives and checks neither source address nor port;
 * 12 bytes that claim 4 × 65,535 records cost it more than a millisecond, and so does a chain of name pointers
 * (security research F7). So every packet is looked at here first, at a cost that its length bounds.
 */
import { BlockList } from 'node:net'
import { limits, type Clock, type DropCounter } from '@peerweave/interface'
import type { Link, PacketSource } from './network.ts'

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

export interface PacketGuardInit {
  link: Link
  port: number
  serviceTag: string
  clock: Clock
  drop: DropCounter
}

/**
 * Tells whether a packet may be decoded. Counts why not: `packet-too-long`, `bad-header`, `pointer-chain`, `wrong-port`,
 * `off-link`, `rate` of its source, `overload` of all sources together. What does not name our service is none of our
 * business: it is not decoded, not counted, and takes nothing of its source's rate, which may be an honest peer's too.
 */
export function packetGuard ({ link, port, serviceTag, clock, drop }: PacketGuardInit): (packet: Uint8Array, from: PacketSource) => boolean {
  const isOnLink = onLink(link)
  const isOurs = concerns(serviceTag)
  const isWithinRate = rateLimit(clock)
  const isWithinTotal = tokenBucket(limits.mdnsPacketsPerSecondTotal, clock.now())
  return (packet, from) => {
    const reason = shapeFault(packet) ??
      (from.port !== port ? 'wrong-port' : undefined) ??
      (!isOnLink(from.address) ? 'off-link' : undefined)
    if (reason == null && !isOurs(packet)) return false
    const excess = reason ??
      // Last: only a source that could be honest takes a place in the table, and only what it may send counts in the total.
      (!isWithinRate(from.address) ? 'rate' : undefined) ??
      (!isWithinTotal(clock.now()) ? 'overload' : undefined)
    if (excess != null) drop(excess)
    return excess == null
  }
}

/**
 * Whether the first label of the service is in the packet. Name compression (RFC 1035 §4.1.4) can replace the end of a
 * name, but some name has to spell the label out.
 */
function concerns (serviceTag: string): (packet: Uint8Array) => boolean {
  const [label = ''] = serviceTag.split('.')
  const wanted = Buffer.from(label.toLowerCase())
  return packet => {
    for (let at = HEADER_BYTES; at + wanted.length < packet.length; at++) {
      if (packet[at] !== wanted.length) continue
      let same = 0
      while (same < wanted.length && lowerCase(packet[at + 1 + same] as number) === wanted[same]) same++
      if (same === wanted.length) return true
    }
    return false
  }
}

/** RFC 1035 §2.3.3: names are compared without regard to the case of ASCII letters. */
function lowerCase (byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte
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
 * which interface it came: the source's subnet stands for both.
 */
function onLink (link: Link): (address: string) => boolean {
  const subnet = new BlockList()
  subnet.addSubnet(link.address, link.prefix)
  return address => subnet.check(address)
}

/** A token bucket per source. BOUNDED by `limits.mdnsSources`: the one unheard for longest goes first. */
function rateLimit (clock: Clock): (address: string) => boolean {
  const buckets = new Map<string, TokenBucket>()
  return address => {
    const now = clock.now()
    const bucket = buckets.get(address) ?? tokenBucket(limits.mdnsPacketsPerSecond, now)
    buckets.delete(address)
    buckets.set(address, bucket)
    if (buckets.size > limits.mdnsSources) buckets.delete(buckets.keys().next().value as string)
    return bucket(now)
  }
}

/** Takes a token; `false` when there is none. */
type TokenBucket = (now: number) => boolean

function tokenBucket (rate: number, now: number): TokenBucket {
  let tokens = rate * BURST_SECONDS
  let at = now
  return now => {
    tokens = Math.min(rate * BURST_SECONDS, tokens + rate * (now - at) / 1_000)
    at = now
    if (tokens < 1) return false
    tokens--
    return true
  }
}
