/**
 * A question as bytes, and the answer's records.
 *
 * dns2 names the types. It does not write the question, which it puts together bit by bit: that took a seventh of a whole
 * look-up on loopback. Nor does it read the answer: it takes records that are not there for empty ones, text for UTF-8, a
 * label with a dot inside for two, and follows every pointer of 4,000 names anew; and dns-packet, which refuses the first,
 * has text for UTF-8 in names and follows them too. Six kinds of record are read here instead, with every byte checked, at
 * a cost that the length of the message bounds.
 */
import { InvalidDnsRecordError, limits, type DropCounter } from '@peerweave/interface'
import { Packet } from 'dns2'
import { HEADER_BYTES, MAX_LABEL, MAX_NAME, MAX_POINTERS, UDP_PAYLOAD } from './constants.ts'
import { countsFit, recordsOffset } from './message-guard.ts'
import type { DnsAnswer, DnsRecord, RecordType, ResponseCode } from '../records.ts'

export interface QuestionInit {
  id: number
  /** As `askableName` gives it. */
  name: string
  type: RecordType
  /** Whether to say that longer answers than 512 bytes may come over UDP. RFC 6891. */
  hasEdns: boolean
}

/** `undefined`: it does not answer what was sent. `truncated`: the rest is to be had over TCP. */
export type Reading = Omit<DnsAnswer, 'server'> | 'truncated' | undefined

const { TYPE, CLASS, RCODE } = Packet

const TC = 0x0200
/** Recursion desired. RFC 1035 §4.1.1. */
const RD = 0x0100
/** Type and class, after a question's name. */
const TYPE_AND_CLASS_BYTES = 4
/** An OPT record without options: the root, type, class, TTL and length. RFC 6891 §6.1.2. */
const OPT_BYTES = 11
/** A TTL with this bit is 0. RFC 2181 §8. */
const TTL_SIGN = 0x8000_0000
/** Bytes with these two bits begin a name pointer. RFC 1035 §4.1.4. */
const POINTER = 0xc0
const DOT = 0x2e

const CODES: ReadonlyMap<number, ResponseCode> = new Map(
  (['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED'] as const).map(code => [RCODE[code], code])
)

const TYPES: ReadonlyMap<number, RecordType> = new Map(
  (['A', 'AAAA', 'SRV', 'TXT', 'CNAME', 'SOA'] as const).map(type => [TYPE[type], type])
)

/** With an OPT record that has no options, where it has one. */
export function encodeQuestion ({ id, name, type, hasEdns }: QuestionInit): Uint8Array {
  const nameEnd = HEADER_BYTES + name.length + 2
  const bytes = Buffer.alloc(nameEnd + TYPE_AND_CLASS_BYTES + (hasEdns ? OPT_BYTES : 0))
  bytes.writeUInt16BE(id, 0)
  bytes.writeUInt16BE(RD, 2)
  bytes.writeUInt16BE(1, 4)
  bytes.write(name, HEADER_BYTES + 1, 'latin1')
  // Before the first label, and in place of each dot, is the length of what follows. From the end, where it is known.
  for (let at = nameEnd - 2, end = nameEnd - 1; at >= HEADER_BYTES; at--) {
    if (at > HEADER_BYTES && bytes[at] !== DOT) continue
    bytes[at] = end - at - 1
    end = at
  }
  bytes.writeUInt16BE(TYPE[type], nameEnd)
  bytes.writeUInt16BE(CLASS.IN, nameEnd + 2)
  if (hasEdns) {
    bytes.writeUInt16BE(1, 10)
    bytes.writeUInt16BE(TYPE.EDNS, nameEnd + TYPE_AND_CLASS_BYTES + 1)
    bytes.writeUInt16BE(UDP_PAYLOAD, nameEnd + TYPE_AND_CLASS_BYTES + 3)
  }
  return bytes
}

/**
 * Names hold the octets of the message as latin1 characters; a record whose name has a dot inside a label is left out and
 * counted `dotted-label`, and so are records of other types and classes, uncounted. The strings of TXT records are views
 * of `message`.
 *
 * @param sent - what {@link encodeQuestion} made
 * @throws InvalidDnsRecordError when it is an answer, but malformed: in one record, or in all
 */
export function readAnswer (message: Uint8Array, sent: Uint8Array, drop: DropCounter): Reading {
  const offset = recordsOffset(sent, message)
  if (offset === undefined) return undefined
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.length)
  if ((bytes.readUInt16BE(2) & TC) !== 0) return 'truncated'
  if (!countsFit(bytes, offset)) throw malformed('it claims more records than it can hold')
  const reader = new RecordReader(bytes, offset, drop)
  const [answers, authorities, additionals] = [6, 8, 10].map(at => reader.section(bytes.readUInt16BE(at)))
  const code = reader.extendedCode << 4 | (bytes[3] as number) & 0xf
  return { code: CODES.get(code) ?? 'OTHER', answers: answers!, authorities: authorities!, additionals: additionals! }
}

function malformed (what: string): Error {
  return new InvalidDnsRecordError(`malformed answer: ${what}`)
}

/** One name is put together here at a time, and read from here at once: a label at a time costs ten times as much. */
const scratch = Buffer.alloc(MAX_NAME + 2)

class RecordReader {
  readonly #bytes: Buffer
  readonly #drop: DropCounter
  /** What pointers point to, read once; `null` for what has a dot inside a label. Its size is bounded by the message's. */
  readonly #names = new Map<number, string | null>()
  #at: number
  #strings = 0
  /** The upper eight bits of the response code, from the OPT record. RFC 6891 §6.1.3. */
  extendedCode: number = 0

  constructor (bytes: Buffer, offset: number, drop: DropCounter) {
    this.#bytes = bytes
    this.#at = offset
    this.#drop = drop
  }

  section (count: number): DnsRecord[] {
    const records: DnsRecord[] = []
    for (let i = 0; i < count; i++) {
      const record = this.#record()
      if (record !== undefined) records.push(record)
    }
    return records
  }

  #record (): DnsRecord | undefined {
    const nameAt = this.#at
    this.#skipName()
    const fixed = this.#take(10)
    const code = this.#bytes.readUInt16BE(fixed)
    const rdata = this.#take(this.#bytes.readUInt16BE(fixed + 8))
    const end = this.#at
    if (code === TYPE.EDNS) this.extendedCode = this.#bytes[fixed + 4] as number
    const type = TYPES.get(code)
    if (type === undefined || this.#bytes.readUInt16BE(fixed + 2) !== CLASS.IN) return undefined
    this.#at = nameAt
    const name = this.#name()
    const ttl = this.#bytes.readUInt32BE(fixed + 4)
    this.#at = rdata
    const record = this.#data(type, name ?? '', ttl >= TTL_SIGN ? 0 : ttl, end)
    if (this.#at !== end) throw malformed(`data of ${type} of a wrong length`)
    if (name !== null && record !== null) return record
    this.#drop('dotted-label')
    return undefined
  }

  /** `null` when its target has a dot inside a label, `undefined` when it was left out and counted. */
  #data (type: RecordType, name: string, ttl: number, end: number): DnsRecord | null | undefined {
    switch (type) {
      case 'A': return { name, ttl, type, address: this.#bytes.subarray(this.#take(4), this.#at).join('.') }
      case 'AAAA': {
        const at = this.#take(16)
        return { name, ttl, type, address: Packet.toIPv6(Array.from({ length: 8 }, (_, i) => this.#bytes.readUInt16BE(at + 2 * i))) }
      }
      case 'SRV': {
        const at = this.#take(6)
        const target = this.#name()
        if (target === null) return null
        const bytes = this.#bytes
        return {
          name, ttl, type, priority: bytes.readUInt16BE(at), weight: bytes.readUInt16BE(at + 2), port: bytes.readUInt16BE(at + 4), target
        }
      }
      case 'TXT': return this.#text(name, ttl, end)
      case 'CNAME': {
        const target = this.#name()
        return target === null ? null : { name, ttl, type, target }
      }
      case 'SOA': {
        // The mailbox may well have a dot inside a label, and nobody asks for it. RFC 1035 §8.
        this.#skipName()
        this.#skipName()
        const minimum = this.#bytes.readUInt32BE(this.#take(20) + 16)
        return { name, ttl, type, minimum: minimum >= TTL_SIGN ? 0 : minimum }
      }
    }
  }

  /** One string at least. RFC 1035 §3.3.14. */
  #text (name: string, ttl: number, end: number): DnsRecord | undefined {
    const start = this.#at
    let count = 0
    do {
      this.#take(this.#bytes[this.#take(1)] as number)
      count++
    } while (this.#at < end)
    if (this.#at !== end) return undefined // told by the caller
    if (this.#strings + count > limits.dnsTextStrings) {
      this.#drop('too-many-strings')
      return undefined
    }
    this.#strings += count
    const { buffer, byteOffset } = this.#bytes
    let at = start
    const strings = Array.from({ length: count }, () => {
      const length = this.#bytes[at] as number
      const string = new Uint8Array(buffer, byteOffset + at + 1, length)
      at += 1 + length
      return string
    })
    return { name, ttl, type: 'TXT', strings }
  }

  /** The offset of the next so many bytes. */
  #take (length: number): number {
    const start = this.#at
    this.#at += length
    if (this.#at > this.#bytes.length) throw malformed('it ends within a record')
    return start
  }

  #skipName (): void {
    for (;;) {
      const length = this.#bytes[this.#take(1)] as number
      if (length === 0) return
      if (length >= POINTER) {
        this.#take(1)
        return
      }
      if (length > MAX_LABEL) throw malformed('a label of a kind that there is none of')
      this.#take(length)
    }
  }

  /** The name here, in lower case; `null` for one with a dot inside a label. */
  #name (depth = 0): string | null {
    const start = this.#at
    let isDotted = false
    let length = 0
    for (;;) {
      const label = this.#bytes[this.#take(1)] as number
      if (label === 0 || label >= POINTER) {
        const head = scratch.toString('latin1', 0, length) // before what is pointed to is put together in its place
        const tail = label === 0 ? '.' : this.#target((label - POINTER) << 8 | this.#bytes[this.#take(1)] as number, start, depth)
        if (tail === null || isDotted) return null
        if (head === '') return tail
        if (tail === '.') return head
        if (length + 1 + tail.length > MAX_NAME) throw malformed('a name that is too long')
        return `${head}.${tail}`
      }
      if (label > MAX_LABEL) throw malformed('a label of a kind that there is none of')
      const from = this.#take(label)
      if (length > 0) scratch[length++] = DOT
      if (length + label > MAX_NAME) throw malformed('a name that is too long')
      for (let i = from; i < this.#at; i++) {
        const byte = this.#bytes[i] as number
        if (byte === DOT) isDotted = true
        scratch[length++] = byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte
      }
    }
  }

  /** Pointers go back, RFC 1035 §4.1.4, so that they end; and not into the header. */
  #target (target: number, start: number, depth: number): string | null {
    if (target >= start || target < HEADER_BYTES) throw malformed('a name that points to no earlier one')
    const known = this.#names.get(target)
    if (known !== undefined) return known
    if (depth >= MAX_POINTERS) throw malformed('a name of too many pointers')
    const back = this.#at
    this.#at = target
    const name = this.#name(depth + 1)
    this.#at = back
    this.#names.set(target, name)
    return name
  }
}
