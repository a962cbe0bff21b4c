/**
 * Requests and answers on the wire (docs/protocols/exchange.md): protobuf, read as proto3 reads it, so that a later minor
 * version may add fields.
 */
import { limits } from '@peerweave/interface'
import { bytesField, concat, readFields, varintField, type FieldValue } from '@peerweave/records/protobuf'

export interface Request {
  /** A UUID of version 7 (RFC 9562 §5.7), 16 bytes. */
  readonly id: Uint8Array
  /** The asker's own signed record. */
  readonly record?: Uint8Array | undefined
  /** Without it nothing is asked: the request brings a record, or asks whether somebody is there. */
  readonly want?: Want | undefined
}

export interface Want {
  /** 1 to `limits.exchangeAnswer`. */
  readonly count: number
  /** What the asker knows already: see `digest.ts`. Empty: nothing. */
  readonly known: Uint8Array
  /** Only of peers that speak all of these. */
  readonly protocols: readonly string[]
}

export interface Answer {
  /** The request's. */
  readonly id: Uint8Array
  readonly entries: readonly Entry[]
  /** There is more that the asker lacks. */
  readonly hasMore: boolean
  /** Not answered: to be asked again after so many ms. 0: answered. */
  readonly wait: number
}

/** One record, with how far away its owner's word is. */
export interface Entry {
  readonly record: Uint8Array
  /** For how long it is still believed, ms. */
  readonly ttl: number
  /** How often it was passed on, this time included; 0 is the answerer's own. */
  readonly hops: number
}

const REQUEST = { id: 1, record: 2, want: 3 } as const
const WANT = { count: 1, known: 2, protocols: 3 } as const
const ANSWER = { id: 1, entries: 2, hasMore: 3, wait: 4 } as const
const ENTRY = { record: 1, ttl: 2, hops: 3 } as const

export const ID_BYTES = 16

export function encodeRequest ({ id, record, want }: Request): Uint8Array {
  return concat(
    bytesField(REQUEST.id, id),
    record && bytesField(REQUEST.record, record),
    want && bytesField(REQUEST.want, concat(
      varintField(WANT.count, BigInt(want.count)),
      want.known.length === 0 ? undefined : bytesField(WANT.known, want.known),
      ...want.protocols.map(name => bytesField(WANT.protocols, encoder.encode(name)))
    ))
  )
}

/** Views into `bytes`, or nothing when they are no request. */
export function decodeRequest (bytes: Uint8Array): Request | undefined {
  let id: Uint8Array | undefined
  let record: Uint8Array | undefined
  let want: Want | undefined
  const isRead = readFields(bytes, (field, value) => {
    switch (field) {
      case REQUEST.id:
        return isBytes(value) && (id = value) != null
      case REQUEST.record:
        return isBytes(value) && (record = value) != null
      case REQUEST.want:
        return isBytes(value) && (want = decodeWant(value)) != null
      default:
        return true
    }
  })
  return isRead && id?.length === ID_BYTES ? { id, record, want } : undefined
}

function decodeWant (bytes: Uint8Array): Want | undefined {
  let count = 0
  let known: Uint8Array = new Uint8Array()
  const protocols: string[] = []
  const isRead = readFields(bytes, (field, value) => {
    switch (field) {
      case WANT.count:
        count = isBytes(value) ? 0 : number(value, limits.exchangeAnswer)
        return !isBytes(value)
      case WANT.known:
        return isBytes(value) && (known = value) != null
      case WANT.protocols:
        return isBytes(value) && value.length <= limits.protocolBytes && protocols.push(decoder.decode(value)) <= limits.protocolsPerPeer
      default:
        return true
    }
  })
  return isRead ? { count, known, protocols } : undefined
}

export function encodeAnswer ({ id, entries, hasMore, wait }: Answer): Uint8Array {
  return concat(
    bytesField(ANSWER.id, id),
    ...entries.map(({ record, ttl, hops }) => bytesField(ANSWER.entries, concat(
      bytesField(ENTRY.record, record),
      varintField(ENTRY.ttl, BigInt(Math.floor(ttl))),
      varintField(ENTRY.hops, BigInt(hops))
    ))),
    varintField(ANSWER.hasMore, hasMore ? 1n : 0n),
    varintField(ANSWER.wait, BigInt(Math.ceil(wait)))
  )
}

/** Views into `bytes`; of more than `limits.exchangeAnswer` entries the first ones. Nothing when they are no answer. */
export function decodeAnswer (bytes: Uint8Array): Answer | undefined {
  let id: Uint8Array | undefined
  let hasMore = false
  let wait = 0
  const entries: Entry[] = []
  const isRead = readFields(bytes, (field, value) => {
    switch (field) {
      case ANSWER.id:
        return isBytes(value) && (id = value) != null
      case ANSWER.entries: {
        if (!isBytes(value)) return false
        if (entries.length >= limits.exchangeAnswer) return true
        const entry = decodeEntry(value)
        return entry != null && entries.push(entry) > 0
      }
      case ANSWER.hasMore:
        hasMore = value !== 0n
        return !isBytes(value)
      case ANSWER.wait:
        wait = isBytes(value) ? 0 : number(value, limits.ttlMax)
        return !isBytes(value)
      default:
        return true
    }
  })
  return isRead && id?.length === ID_BYTES ? { id, entries, hasMore, wait } : undefined
}

function decodeEntry (bytes: Uint8Array): Entry | undefined {
  let record: Uint8Array | undefined
  let ttl = 0
  let hops = 0
  const isRead = readFields(bytes, (field, value) => {
    switch (field) {
      case ENTRY.record:
        return isBytes(value) && (record = value) != null
      case ENTRY.ttl:
        ttl = isBytes(value) ? 0 : number(value, limits.ttlMax)
        return !isBytes(value)
      case ENTRY.hops:
        hops = isBytes(value) ? 0 : number(value, MAX_HOPS)
        return !isBytes(value)
      default:
        return true
    }
  })
  return isRead && record != null ? { record, ttl, hops } : undefined
}

function isBytes (value: FieldValue): value is Uint8Array {
  return typeof value !== 'bigint'
}

/** Saturated: 64 bits are more than a number holds exactly. */
function number (value: bigint, max: number): number {
  return value > BigInt(max) ? max : Number(value)
}

/** More than anybody's limit. */
const MAX_HOPS = 255
const encoder = new TextEncoder()
/** Of names as they are: by default a leading U+FEFF is left out, and it would be another one. */
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
