/**
 * Answers that are meant to cost their reader, to whatever was asked. All of it built by hand: no encoder writes such things.
 */

/** RFC 1035 §4.2.2. */
const LONGEST = 65_535
const HEADER_BYTES = 12
/** Type and class of a question, after its name. */
const TYPE_AND_CLASS_BYTES = 4
/** Of a record, besides its name and its data. RFC 1035 §4.1.3. */
const RECORD_BYTES = 10
// Types. RFC 1035 §3.2.2 and RFC 2782. What one of 255 holds is anybody's guess.
const A = 1
const CNAME = 5
const TXT = 16
const SRV = 33
const UNKNOWN = 255

/** Pointers go no further than 16 KiB. */
const POINTERS = 8_000
/** Of one byte, that fit a name of 255 beside the question's. RFC 1035 §2.3.4. */
const LABELS = 115
const CNAMES = 2_000
/** A peer id without its last two characters, which any may be. */
const PEER = '12D3KooWA4Xop1JaT3MHxwYMkCepYsv4iPVopMXwCz5iHYdBfe'
const BASE58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'

export interface Hostile {
  what: string
  /** What must be asked for it to be looked at. */
  type: 'SRV' | 'TXT'
  /** @param question - a whole message */
  answer: (question: Uint8Array) => Buffer
}

const OWN_NAME = Buffer.of(0xc0, HEADER_BYTES)

export const HOSTILE: readonly Hostile[] = [
  { what: 'a text of 64 KiB', type: 'TXT', answer: q => answer(q, [record(OWN_NAME, TXT, times(250, text('a'.repeat(255))))]) },
  { what: '65,000 empty strings', type: 'TXT', answer: q => answer(q, [record(OWN_NAME, TXT, Buffer.alloc(65_000))]) },
  { what: '5,000 texts', type: 'TXT', answer: q => answer(q, full(q, () => record(OWN_NAME, TXT, text('')))) },
  { what: 'texts of a peer each, with 13 addresses', type: 'TXT', answer: q => answer(q, full(q, i => record(OWN_NAME, TXT, peerText(i, 13)))) },
  { what: '3,400 SRV', type: 'SRV', answer: q => answer(q, full(q, i => record(OWN_NAME, SRV, srv(i, Buffer.of(0))))) },
  {
    what: '2,600 SRV with targets of their own',
    type: 'SRV',
    answer: q => answer(q, full(q, i => record(OWN_NAME, SRV, srv(i, Buffer.concat([text(digits(i)), OWN_NAME])))))
  },
  { what: 'CNAMEs that lead to each other', type: 'SRV', answer: q => answer(q, full(q, i => record(alias(i), CNAME, alias(i + 1)))) },
  {
    what: 'a CNAME to the other of two names',
    type: 'SRV',
    answer: q => answer(q, [record(OWN_NAME, CNAME, otherName(q, letter => letter === 0x61 ? 0x62 : 0x61))])
  },
  {
    what: 'a CNAME to the next name, without end',
    type: 'SRV',
    answer: q => answer(q, [record(OWN_NAME, CNAME, otherName(q, letter => letter + 1))])
  },
  { what: 'addresses at the end of 8,000 pointers', type: 'SRV', answer: q => bomb(q, pointers, () => 2 * (POINTERS - 1)) },
  { what: 'addresses that climb 8,000 pointers', type: 'SRV', answer: q => bomb(q, pointers, i => 2 * (100 * i % POINTERS >> 6)) },
  { what: 'SRV with names of 115 labels, each behind a pointer', type: 'SRV', answer: q => bomb(q, labels, () => 4 * (LABELS - 1), true) },
  { what: '65,535 records that are not there', type: 'SRV', answer: q => lying(q, [], 65_535) },
  { what: '262,140 records that are not there', type: 'SRV', answer: q => lying(q, [], 65_535, 65_535, 65_535) },
  {
    what: 'one record more than is there',
    type: 'SRV',
    answer (q) {
      const records = full(q, i => record(OWN_NAME, SRV, srv(i, Buffer.of(0))))
      return lying(q, records, records.length + 1)
    }
  }
]

/** An answer without records to what asks for another type. */
export function answerTo ({ type, answer: hostile }: Hostile, question: Uint8Array): Buffer {
  const asked = head(question).readUInt16BE(head(question).length - TYPE_AND_CLASS_BYTES)
  return asked === (type === 'SRV' ? SRV : TXT) ? hostile(question) : answer(question, [])
}

/** A response to `question` with these records. */
function answer (question: Uint8Array, records: readonly Buffer[]): Buffer {
  const message = Buffer.concat([head(question), ...records])
  message.writeUInt16BE(0x8400, 2)
  message.writeUInt16BE(1, 4)
  message.writeUInt16BE(records.length, 6)
  message.writeUInt32BE(0, 8)
  return message
}

function head (question: Uint8Array): Buffer {
  return Buffer.from(question.subarray(0, question.indexOf(0, HEADER_BYTES) + 1 + TYPE_AND_CLASS_BYTES))
}

/** As many as there is room for, after `before` bytes of others. */
function full (question: Uint8Array, make: (i: number) => Buffer, before = 0): Buffer[] {
  const records: Buffer[] = []
  let left = LONGEST - head(question).length - before
  for (let i = 0; ; i++) {
    const record = make(i)
    if ((left -= record.length) < 0) return records
    records.push(record)
  }
}

/** Records that point into the data of the first, which nobody knows how to read. */
function bomb (question: Uint8Array, fill: (at: number) => Buffer[], into: (i: number) => number, isSrv = false): Buffer {
  const at = head(question).length + 1 + RECORD_BYTES
  const filler = record(Buffer.of(0), UNKNOWN, Buffer.concat(fill(at)))
  return answer(question, [filler, ...full(question, i => {
    const name = pointer(at + into(i))
    return isSrv ? record(name, SRV, srv(i, name)) : record(name, A, Buffer.of(192, 0, 2, 1))
  }, filler.length)])
}

/** Each points to the one before, the first to the question's name. */
function pointers (at: number): Buffer[] {
  return Array.from({ length: POINTERS }, (_, i) => i === 0 ? OWN_NAME : pointer(at + 2 * (i - 1)))
}

/** The same with a label before each. */
function labels (at: number): Buffer[] {
  return Array.from({ length: LABELS }, (_, i) => Buffer.concat([text('a'), i === 0 ? OWN_NAME : pointer(at + 4 * (i - 1))]))
}

/** It claims so many answers, authorities and additionals. */
function lying (question: Uint8Array, records: readonly Buffer[], ...counts: number[]): Buffer {
  const message = answer(question, records)
  for (const [i, count] of counts.entries()) message.writeUInt16BE(count, 6 + 2 * i)
  return message
}

/** In a ring, which begins at the question's name. */
function alias (i: number): Buffer {
  return i % CNAMES === 0 ? OWN_NAME : Buffer.concat([text(digits(i % CNAMES)), OWN_NAME])
}

/** The question's name with another letter after its underscore. */
function otherName (question: Uint8Array, change: (byte: number) => number): Buffer {
  const name = Buffer.from(question.subarray(HEADER_BYTES, question.indexOf(0, HEADER_BYTES) + 1))
  name[2] = change(name[2] as number)
  return name
}

function srv (i: number, target: Buffer): Buffer {
  return Buffer.concat([Buffer.of(0, i & 1, 0, i & 7, 0x0f, 0xa1), target])
}

function record (name: Buffer, type: number, data: Buffer): Buffer {
  const fixed = Buffer.alloc(RECORD_BYTES)
  fixed.writeUInt16BE(type)
  fixed.writeUInt16BE(1, 2)
  fixed.writeUInt32BE(60, 4)
  fixed.writeUInt16BE(data.length, 8)
  return Buffer.concat([name, fixed, data])
}

/** A peer of its own, at places of its own. */
function peerText (i: number, places: number): Buffer {
  const id = `${PEER}${BASE58.charAt(i % 58)}${BASE58.charAt(Math.floor(i / 58))}`
  const addresses = Array.from({ length: places }, (_, j) => text(`addr=/ip4/11.1.${i % 256}.${j}/tcp/${4_001 + i}/ws/p2p/${id}`))
  return Buffer.concat([text(`peer_id=${id}`), ...addresses])
}

/** Labels are written like the strings of a TXT record. */
function text (content: string): Buffer {
  return Buffer.concat([Buffer.of(content.length), Buffer.from(content)])
}

function digits (i: number): string {
  return `${i}`.padStart(4, '0')
}

function times (count: number, bytes: Buffer): Buffer {
  return Buffer.concat(Array.from({ length: count }, () => bytes))
}

/** RFC 1035 §4.1.4. */
function pointer (to: number): Buffer {
  return Buffer.of(0xc0 | to >> 8, to & 0xff)
}
