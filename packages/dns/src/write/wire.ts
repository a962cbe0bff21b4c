/**
 * Bytes of DNS messages that we write (RFC 1035 §4.1), names never compressed: RFC 2136 wants the data of updates so, RFC
 * 8945 what is signed. dns2's own encoder compresses SRV targets, which RFC 2782 forbids, and cannot delete an RRset.
 */
import { isIPv4, isIPv6, SocketAddress } from 'node:net'
import { lowerName, show } from '@peerweave/interface'

export type OutType = 'A' | 'AAAA' | 'SRV' | 'TXT'

/** A record of ours. Names without a dot at their end. */
export type OutRecord = { readonly name: string, /** seconds */ readonly ttl: number } & (
  | { readonly type: 'A' | 'AAAA', readonly address: string }
  | { readonly type: 'SRV', readonly priority: number, readonly weight: number, readonly port: number, readonly target: string }
  | { readonly type: 'TXT', readonly strings: readonly Uint8Array[] }
)

export const TYPE_NUMBERS: Readonly<Record<OutType | 'SOA' | 'TSIG' | 'ANY', number>> = { A: 1, SOA: 6, TXT: 16, AAAA: 28, SRV: 33, TSIG: 250, ANY: 255 }
export const CLASS_NUMBERS: Readonly<Record<'IN' | 'NONE' | 'ANY', number>> = { IN: 1, NONE: 254, ANY: 255 }

/** RFC 1035 §2.3.4. */
const MAX_LABEL_BYTES = 63
const MAX_NAME_BYTES = 255
const MAX_STRING_BYTES = 255

export function uint16 (value: number): Uint8Array {
  return Uint8Array.of(value >> 8 & 0xff, value & 0xff)
}

export function uint32 (value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16 & 0xff, value >>> 8 & 0xff, value & 0xff)
}

/** 48 bits, as TSIG has its times. */
export function uint48 (value: number): Uint8Array {
  return Buffer.concat([uint16(Math.floor(value / 2 ** 32)), uint32(value % 2 ** 32)])
}

/**
 * In lower case, as RFC 8945 §4.3.3 wants what is signed.
 *
 * @throws TypeError for a label or a name that is too long
 */
export function encodeName (name: string): Uint8Array {
  const parts: Uint8Array[] = []
  for (const label of lowerName(name).replace(/\.$/, '').split('.')) {
    const bytes = Buffer.from(label)
    if (label === '' && name !== '' && name !== '.') throw new TypeError(`a DNS name has no empty labels, got ${show(name)}`)
    if (bytes.length > MAX_LABEL_BYTES) throw new TypeError(`a DNS label has at most ${MAX_LABEL_BYTES} bytes, got ${show(label)}`)
    if (bytes.length > 0) parts.push(Uint8Array.of(bytes.length), bytes)
  }
  const encoded = Buffer.concat([...parts, Uint8Array.of(0)])
  if (encoded.length > MAX_NAME_BYTES) throw new TypeError(`a DNS name has at most ${MAX_NAME_BYTES} bytes, got ${show(name)}`)
  return encoded
}

export function encodeData (record: OutRecord): Uint8Array {
  switch (record.type) {
    case 'A':
      if (!isIPv4(record.address)) throw new TypeError(`an A record holds an IPv4 address, got ${show(record.address)}`)
      return Uint8Array.from(record.address.split('.').map(Number))
    case 'AAAA':
      return encodeIPv6(record.address)
    case 'SRV':
      return Buffer.concat([uint16(record.priority), uint16(record.weight), uint16(record.port), encodeName(record.target)])
    case 'TXT':
      return Buffer.concat((record.strings.length === 0 ? [new Uint8Array()] : record.strings).flatMap(string => {
        if (string.length > MAX_STRING_BYTES) throw new TypeError(`a TXT string has at most ${MAX_STRING_BYTES} bytes, got ${string.length}`)
        return [Uint8Array.of(string.length), string]
      }))
  }
}

/** A whole resource record. RFC 1035 §4.1.3. */
export function encodeRecord (name: string, type: number, klass: number, ttl: number, data: Uint8Array): Uint8Array {
  return Buffer.concat([encodeName(name), uint16(type), uint16(klass), uint32(ttl), uint16(data.length), data])
}

function encodeIPv6 (address: string): Uint8Array {
  if (!isIPv6(address) || address.includes('%')) throw new TypeError(`an AAAA record holds an IPv6 address without a zone, got ${show(address)}`)
  // In its one form (RFC 5952), in which a part is left out at most once, and an IPv4 tail only behind a known prefix.
  const [head = '', tail] = new SocketAddress({ address, family: 'ipv6' }).address.split('::')
  const groups = (text: string): number[] => text === '' ? [] : text.split(':').flatMap(part => {
    if (!part.includes('.')) return [Number.parseInt(part, 16)]
    const [a = 0, b = 0, c = 0, d = 0] = part.split('.').map(Number)
    return [a << 8 | b, c << 8 | d]
  })
  const [first, last] = [groups(head), groups(tail ?? '')]
  const all = tail == null ? first : [...first, ...Array<number>(8 - first.length - last.length).fill(0), ...last]
  return Buffer.concat(all.map(uint16))
}
