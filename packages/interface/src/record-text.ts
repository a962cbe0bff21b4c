/**
 * A signed peer record (libp2p specs, RFC 0002 and 0003) in the strings of a TXT record: `record=` and base64url. A string
 * holds 255 bytes, so it goes on in further `record=` strings, in order.
 */
import { lowerName } from './dns-name.ts'
import { limits } from './limits.ts'
import type { DropCounter } from './mechanism-spec.ts'

const KEY = 'record='
/** Characters in one string. Chosen: with its key and the length byte below 256. */
const CHUNK = 240
const BASE64URL = /^[A-Za-z0-9_-]+$/
const MAX_CHARACTERS = Math.ceil(limits.peerRecordBytes * 4 / 3)

const encoder = new TextEncoder()
const latin1 = new TextDecoder('latin1')

export function recordStrings (record: Uint8Array): Uint8Array[] {
  const text = btoa(String.fromCharCode(...record)).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
  return Array.from({ length: Math.ceil(text.length / CHUNK) }, (_, i) => encoder.encode(KEY + text.slice(i * CHUNK, (i + 1) * CHUNK)))
}

export interface TakenRecord {
  /** Not verified. At most `limits.peerRecordBytes`. */
  record: Uint8Array | undefined
  /** The strings that are no part of it. */
  others: readonly Uint8Array[]
}

/** Takes the record out of the strings of one TXT record. Counts `bad-peer-record`: no base64url, or too large; then there is none. */
export function takeRecord (strings: readonly Uint8Array[], drop: DropCounter): TakenRecord {
  const isPart = (string: Uint8Array): boolean => lowerName(latin1.decode(string.subarray(0, KEY.length))) === KEY
  const others = strings.filter(string => !isPart(string))
  if (others.length === strings.length) return { record: undefined, others }
  let text = ''
  for (const string of strings) {
    // BOUNDED: one character too many is enough to see that it is too large.
    if (isPart(string) && text.length <= MAX_CHARACTERS) text += latin1.decode(string.subarray(KEY.length))
  }
  if (text.length <= MAX_CHARACTERS && text.length % 4 !== 1 && BASE64URL.test(text)) {
    return { record: Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), character => character.charCodeAt(0)), others }
  }
  drop('bad-peer-record')
  return { record: undefined, others }
}
