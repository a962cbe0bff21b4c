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
  clock: Clock
  drop: DropCounter
}

/**
 * Tells whether a packet may be decoded. Counts why not: `packet-too-long`, `bad-header`, `pointer-chain`, `wrong-port`,
 * `off-link`, `rate`.
 */
export function packetGuard ({ link, port, clock, drop }: PacketGuardInit): (packet: Uint8Array, from: PacketSource) => boolean {
  const isOnLink = onLink(link)
  const isWithinRate = rateLimit(clock)
  return (packet, from) => {
    const reason = shapeFault(packet) ??
      (from.port !== port ? 'wrong-port' : undefined) ??
      (!isOnLink(from.address) ? 'off-link' : undefined) ??
      // Last: only a source that could be honest takes a place in the table.
      (!isWithinRate(from.address) ? 'rate' : undefined)
    if (reason != null) drop(reason)
    return reason == null
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
 * which interface it came: the source's subnet stands for both.
 */
function onLink (link: Link): (address: string) => boolean {
  const subnet = new BlockList()
  subnet.addSubnet(link.address, link.prefix)
  return address => subnet.check(address)
}

/** A token bucket per source. BOUNDED by `limits.mdnsSources`: the one unheard for longest goes first. */
function rateLimit (clock: Clock): (address: string) => boolean {
  const rate = limits.mdnsPacketsPerSecond
  const buckets = new Map<string, { tokens: number, at: number }>()
  return address => {
    const now = clock.now()
    const { tokens, at } = buckets.get(address) ?? { tokens: rate * BURST_SECONDS, at: now }
    const filled = Math.min(rate * BURST_SECONDS, tokens + rate * (now - at) / 1_000)
    const passes = filled >= 1
    buckets.delete(address)
    buckets.set(address, { tokens: passes ? filled - 1 : filled, at: now })
    if (buckets.size > limits.mdnsSources) buckets.delete(buckets.keys().next().value as string)
    return passes
  }
}
