/**
 * What stands before the decoder: whether a message can be the answer to what was sent. Nothing of it is believed before;
 * what fails here may come from anybody (RFC 5452 §4.2, §9.1).
 */
import { HEADER_BYTES, MAX_MESSAGE_BYTES } from './constants.ts'

/** A record is never shorter: root name, type, class, TTL and length of its data. RFC 1035 §4.1.3. */
const MIN_RECORD_BYTES = 11
/** Type and class, after a question's name. */
const TYPE_AND_CLASS_BYTES = 4

const QR = 0x8000
const OPCODE = 0x7800

/** FORMERR, SERVFAIL, NOTIMP, REFUSED. */
const MAY_LACK_QUESTION: readonly number[] = [1, 2, 4, 5]

/** Its id, `undefined` when it is too short or too long to be a message. */
export function messageId (message: Uint8Array): number | undefined {
  if (message.length < HEADER_BYTES || message.length > MAX_MESSAGE_BYTES) return undefined
  return uint16(message, 0)
}

/** Whether it is a response, and has the id of what was sent. */
export function isResponseTo (sent: Uint8Array, message: Uint8Array): boolean {
  const id = messageId(message)
  return id !== undefined && id === uint16(sent, 0) && (uint16(message, 2) & QR) !== 0
}

/**
 * Where the records of an answer begin; `undefined` when it is none to the one question of `sent`: a response, a standard
 * query's, with the same id and that question alone, its name in any case.
 *
 * A server that does not understand a message may answer without the question (RFC 6891 §7 with RFC 1035 §4.1.1). That
 * only makes us ask differently or elsewhere.
 */
export function recordsOffset (sent: Uint8Array, message: Uint8Array): number | undefined {
  if (!isResponseTo(sent, message)) return undefined
  const flags = uint16(message, 2)
  if ((flags & OPCODE) !== 0) return undefined
  const questions = uint16(message, 4)
  if (questions === 0 && MAY_LACK_QUESTION.includes(flags & 0xf)) return HEADER_BYTES
  if (questions !== 1) return undefined
  return sameQuestion(sent, message)
}

/** Whether all records that it claims can be in it: two bytes claim 65,535. */
export function countsFit (message: Uint8Array, offset: number): boolean {
  const records = uint16(message, 6) + uint16(message, 8) + uint16(message, 10)
  return offset + records * MIN_RECORD_BYTES <= message.length
}

/** The end of the question of both. It is compared as bytes: there is nothing before it that it could point to. */
function sameQuestion (sent: Uint8Array, message: Uint8Array): number | undefined {
  let at = HEADER_BYTES
  for (let length = sent[at] as number; length > 0; length = sent[at] as number) {
    if (message[at] !== length) return undefined
    for (const end = at + length; at < end;) {
      at++
      if (lowerByte(sent[at] as number) !== lowerByte(message[at] ?? -1)) return undefined
    }
    at++
  }
  for (const end = at + 1 + TYPE_AND_CLASS_BYTES; at < end; at++) if (sent[at] !== message[at]) return undefined
  return at
}

function lowerByte (byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte
}

function uint16 (bytes: Uint8Array, at: number): number {
  return (bytes[at] as number) << 8 | bytes[at + 1] as number
}
