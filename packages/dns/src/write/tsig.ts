/** Messages signed with a shared key, and answers checked with it. RFC 8945. */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { DnsError, show } from '@peerweave/interface'
import { CLASS_NUMBERS, TYPE_NUMBERS, encodeName, encodeRecord, uint16, uint32, uint48 } from './wire.ts'

/** RFC 8945 §6; the truncated and the MD5 ones are left out. */
const ALGORITHMS: Readonly<Record<TsigAlgorithm, string>> =
  { 'hmac-sha1': 'sha1', 'hmac-sha256': 'sha256', 'hmac-sha384': 'sha384', 'hmac-sha512': 'sha512' }

export type TsigAlgorithm = 'hmac-sha1' | 'hmac-sha256' | 'hmac-sha384' | 'hmac-sha512'

export interface TsigKey {
  /** The key's name on both sides, a DNS name. */
  readonly name: string
  readonly algorithm: TsigAlgorithm
  readonly secret: Uint8Array
}

/** Seconds that two clocks may differ by. RFC 8945 §10 recommends it. */
const FUDGE = 300
const HEADER_BYTES = 12
const BADSIG = 16
const BADKEY = 17
const BADTIME = 18

export interface Signed {
  readonly message: Uint8Array
  /** Of the request: the answer's covers it. */
  readonly mac: Uint8Array
}

export function isTsigAlgorithm (name: string): name is TsigAlgorithm {
  return Object.hasOwn(ALGORITHMS, name)
}

/** @param time - seconds since 1970 */
export function signMessage (message: Uint8Array, key: TsigKey, time: number): Signed {
  const variables: Variables = { time, fudge: FUDGE, error: 0, other: new Uint8Array() }
  const mac = macOf(key, [message], variables)
  const id = Buffer.from(message).readUInt16BE(0)
  const data = Buffer.concat([
    encodeName(key.algorithm), uint48(time), uint16(FUDGE), uint16(mac.length), mac, uint16(id), uint16(0), uint16(0)
  ])
  const signed = Buffer.concat([message, encodeRecord(key.name, TYPE_NUMBERS.TSIG, CLASS_NUMBERS.ANY, 0, data)])
  signed.writeUInt16BE(signed.readUInt16BE(10) + 1, 10)
  return { message: signed, mac }
}

export type Verified =
  | { readonly isOk: true }
  /** The server's clock says otherwise: signed, so it can be believed. Seconds since 1970. */
  | { readonly isOk: false, readonly serverTime: number }

/**
 * Checks that `answer` was signed with the key, as the answer to the request of that MAC.
 *
 * @param time - seconds since 1970
 * @throws DnsError when it was not: then nothing that it says can be believed, also not that it worked
 */
export function verifyAnswer (answer: Uint8Array, key: TsigKey, requestMac: Uint8Array, time: number): Verified {
  const found = readTsig(Buffer.from(answer))
  if (found == null) throw new DnsError('the answer to the update is not signed: whether it was made cannot be known')
  const { unsigned, name, algorithm, mac, time: signedAt, fudge, error, other } = found
  if (error === BADKEY) throw new DnsError(`the server does not know the key ${show(key.name)} with ${key.algorithm} (BADKEY)`)
  if (error === BADSIG) throw new DnsError(`the server has another secret for the key ${show(key.name)} (BADSIG)`)
  const wanted = macOf(key, [uint16(requestMac.length), requestMac, unsigned], { time: signedAt, fudge, error, other })
  const isSigned = name.equals(encodeName(key.name)) && algorithm.equals(encodeName(key.algorithm)) &&
    mac.length === wanted.length && timingSafeEqual(mac, wanted)
  if (!isSigned) throw new DnsError(`the answer to the update is not signed with the key ${show(key.name)}`)
  if (error === BADTIME && other.length === 6) return { isOk: false, serverTime: other.readUIntBE(0, 6) }
  if (error !== 0) throw new DnsError(`the server refused the signature, error ${error}`)
  if (Math.abs(time - signedAt) > fudge) throw new DnsError(`the answer to the update was signed ${Math.abs(time - signedAt)} s away from our time`)
  return { isOk: true }
}

interface Variables {
  time: number
  fudge: number
  error: number
  other: Uint8Array
}

function macOf (key: TsigKey, before: readonly Uint8Array[], { time, fudge, error, other }: Variables): Buffer {
  const hmac = createHmac(ALGORITHMS[key.algorithm], key.secret)
  for (const bytes of before) hmac.update(bytes)
  // RFC 8945 §4.3.3, in this order.
  for (const bytes of [
    encodeName(key.name), uint16(CLASS_NUMBERS.ANY), uint32(0), encodeName(key.algorithm), uint48(time), uint16(fudge), uint16(error), uint16(other.length), other
  ]) hmac.update(bytes)
  return hmac.digest()
}

interface Tsig extends Variables {
  /** The message as it was before it was signed. */
  unsigned: Buffer
  /** Names as on the wire, in lower case, not compressed. */
  name: Buffer
  algorithm: Buffer
  mac: Buffer
  other: Buffer
}

/** The TSIG record, which is the last one; nothing when there is none, or the message is not one. RFC 8945 §5.1. */
function readTsig (message: Buffer): Tsig | undefined {
  try {
    const counts = [4, 6, 8, 10].map(at => message.readUInt16BE(at)) as [number, number, number, number]
    const records = counts[1] + counts[2] + counts[3]
    if (counts[3] === 0) return
    let at = HEADER_BYTES
    for (let i = 0; i < counts[0]; i++) at = endOfName(message, at) + 4
    for (let i = 0; i < records - 1; i++) {
      at = endOfName(message, at) + 8
      at += 2 + message.readUInt16BE(at)
    }
    const start = at
    const name = readName(message, at)
    at = endOfName(message, at)
    // What the signature does not cover has one value only.
    if (message.readUInt16BE(at) !== TYPE_NUMBERS.TSIG || message.readUInt16BE(at + 2) !== CLASS_NUMBERS.ANY) return
    if (message.readUInt32BE(at + 4) !== 0 || message.readUInt16BE(at + 8) !== message.length - at - 10) return
    at += 10
    const algorithm = readName(message, at)
    at = endOfName(message, at)
    const time = message.readUIntBE(at, 6)
    const fudge = message.readUInt16BE(at + 6)
    const macEnd = at + 10 + message.readUInt16BE(at + 8)
    const mac = message.subarray(at + 10, macEnd)
    const originalId = message.readUInt16BE(macEnd)
    const error = message.readUInt16BE(macEnd + 2)
    const otherEnd = macEnd + 6 + message.readUInt16BE(macEnd + 4)
    if (otherEnd !== message.length) return
    const unsigned = Buffer.from(message.subarray(0, start))
    unsigned.writeUInt16BE(originalId, 0)
    unsigned.writeUInt16BE(counts[3] - 1, 10)
    return { unsigned, name, algorithm, mac, time, fudge, error, other: message.subarray(macEnd + 6, otherEnd) }
  } catch {
    // Out of range: not a message.
  }
}

function endOfName (message: Buffer, from: number): number {
  let at = from
  for (;;) {
    const length = message.readUInt8(at)
    if (length === 0) return at + 1
    if (length >= 0xc0) return at + 2
    at += 1 + length
  }
}

/** Follows pointers backwards only, so that it ends. RFC 1035 §4.1.4. */
function readName (message: Buffer, from: number): Buffer {
  const parts: Buffer[] = []
  let at = from
  let limit = from
  for (let length = message.readUInt8(at); length !== 0; length = message.readUInt8(at)) {
    if (length >= 0xc0) {
      const target = message.readUInt16BE(at) & 0x3fff
      if (target >= limit) throw new RangeError('a name points forwards')
      at = limit = target
    } else {
      parts.push(message.subarray(at, at + 1 + length))
      at += 1 + length
    }
  }
  return Buffer.from(Buffer.concat([...parts, Buffer.of(0)]).map(byte => byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte))
}
