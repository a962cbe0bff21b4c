/** Questions and answers as bytes, beside two other codecs. */
import { dropCounter, InvalidDnsRecordError, limits } from '@peerweave/interface'
import { decode, encode, type Answer } from 'dns-packet'
import { Packet } from 'dns2'
import { describe, expect, it } from 'vitest'
import { encodeQuestion, readAnswer, type Reading } from '../../src/client/message.ts'
import { answerTo, srv, times, type AnswerInit } from './fakes.ts'

const NAME = '_peer._tcp.example.test'
const sent = encodeQuestion({ id: 0x1234, name: NAME, type: 'SRV', hasEdns: true })
const { dropped, drop } = dropCounter()

function read (answers: Answer[], init?: AnswerInit): Reading {
  return readAnswer(answerTo(sent, answers, init), sent, drop)
}

function records (answers: Answer[]): unknown {
  return (read(answers) as { answers: unknown }).answers
}

/** An answer with these bytes behind the question, and so many records claimed in the answer section. */
function raw (count: number, ...bytes: Array<number[] | Uint8Array>): Buffer {
  const message = Buffer.concat([answerTo(sent, []), ...bytes.map(part => Buffer.from(part))])
  message.writeUInt16BE(count, 6)
  return message
}

/** Type, class IN, TTL 60 and data of a record, all but its name. */
function body (type: number, data: number[]): number[] {
  return [type >> 8, type & 0xff, 0, 1, 0, 0, 0, 60, data.length >> 8, data.length & 0xff, ...data]
}

describe('a question', () => {
  it('has one question, RD and an OPT record of 1,232 bytes', () => {
    expect(Buffer.from(sent).toString('hex')).toBe(
      '123401000001000000000001055f70656572045f746370076578616d706c650474657374000021000100002904d0000000000000'
    )
  })

  it('has no OPT record for servers that are older than it', () => {
    const bytes = Buffer.from(encodeQuestion({ id: 1, name: NAME, type: 'TXT', hasEdns: false }))
    const { additionals, questions } = decode(bytes)
    expect(additionals).toEqual([])
    expect(questions).toEqual([{ name: NAME, type: 'TXT', class: 'IN' }])
    expect(bytes).toHaveLength(sent.length - 11)
  })
})

describe('an answer', () => {
  it('has records of the six types, with names in lower case', () => {
    expect(read([
      srv('_Peer._TCP.Example.Test', 1, 'N1.Example.Test'),
      { name: NAME, type: 'SRV', ttl: 1, data: { priority: 0, weight: 65_535, port: 0, target: '.' } },
      { name: 'a.test', type: 'A', ttl: 5, data: '192.0.2.1' },
      { name: 'a.test', type: 'AAAA', ttl: 5, data: '2001:db8:0:0:0:0:0:1' },
      { name: 'b.test', type: 'CNAME', ttl: 5, data: 'A.test' },
      { name: 'c.test', type: 'TXT', ttl: 5, data: ['one', ''] }
    ], {
      flags: 3,
      authorities: [{ name: 'test', type: 'SOA', ttl: 9, data: { mname: 'ns.test', rname: 'a.b.test', serial: 1, refresh: 2, retry: 3, expire: 4, minimum: 5 } }],
      additionals: [{ name: 'n1.example.test', type: 'A', ttl: 5, data: '192.0.2.2' }]
    })).toEqual({
      code: 'NXDOMAIN',
      answers: [
        { name: NAME, ttl: 60, type: 'SRV', priority: 10, weight: 5, port: 4_001, target: 'n1.example.test' },
        { name: NAME, ttl: 1, type: 'SRV', priority: 0, weight: 65_535, port: 0, target: '.' },
        { name: 'a.test', ttl: 5, type: 'A', address: '192.0.2.1' },
        { name: 'a.test', ttl: 5, type: 'AAAA', address: '2001:db8::1' },
        { name: 'b.test', ttl: 5, type: 'CNAME', target: 'a.test' },
        { name: 'c.test', ttl: 5, type: 'TXT', strings: [new Uint8Array(Buffer.from('one')), new Uint8Array()] }
      ],
      authorities: [{ name: 'test', ttl: 9, type: 'SOA', minimum: 5 }],
      additionals: [{ name: 'n1.example.test', ttl: 5, type: 'A', address: '192.0.2.2' }]
    })
  })

  it('keeps every byte of a text', () => {
    const text = Buffer.from(Array.from({ length: 255 }, (_, i) => i))
    expect(records([{ name: 'c.test', type: 'TXT', ttl: 5, data: [text, Buffer.from([0, 255, 0x80])] }]))
      .toEqual([{ name: 'c.test', ttl: 5, type: 'TXT', strings: [new Uint8Array(text), new Uint8Array([0, 255, 0x80])] }])
  })

  it('may have compressed names everywhere, as dns2 and others send them', () => {
    const packet = new Packet()
    packet.header = new Packet.Header({ id: 0x1234, qr: 1 })
    packet.questions.push(new Packet.Question(NAME, Packet.TYPE.SRV, Packet.CLASS.IN))
    for (const target of ['n1.example.test', 'n2.example.test', NAME]) {
      packet.answers.push(new Packet.Resource({ name: NAME, type: Packet.TYPE.SRV, class: Packet.CLASS.IN, ttl: 60, priority: 1, weight: 2, port: 3, target }))
    }
    packet.answers.push(new Packet.Resource({ name: 'n1.example.test', type: Packet.TYPE.CNAME, class: Packet.CLASS.IN, ttl: 60, domain: 'n2.example.test' }))
    const bytes = packet.toBuffer()
    expect(bytes.length).toBeLessThan(130) // it did compress
    expect(readAnswer(bytes, sent, drop)).toMatchObject({
      answers: [{ target: 'n1.example.test' }, { target: 'n2.example.test' }, { target: NAME }, { name: 'n1.example.test', target: 'n2.example.test' }]
    })
  })

  it('leaves out other types and classes', () => {
    expect(records([
      { name: NAME, type: 'NS', ttl: 1, data: 'ns.test' },
      { name: NAME, type: 'A', class: 'CH', ttl: 1, data: '192.0.2.1' },
      { name: NAME, type: 'PTR', ttl: 1, data: 'a.test' },
      srv(NAME, 1)
    ])).toMatchObject([{ type: 'SRV' }])
  })

  it('leaves out, and counts, a record with a dot inside a label; not the mailbox of an SOA', () => {
    const before = dropped['dotted-label'] ?? 0
    const soa = [0, 3, 0x61, DOT, 0x62, 0, ...times(19, 0), 7]
    const message = raw(4,
      [3, 0x61, DOT, 0x62, 0], body(1, [192, 0, 2, 1]),
      [1, 0x63, 0], body(5, [3, 0x61, DOT, 0x62, 0]),
      [1, 0x64, 0xc0, sent.length - 11], body(1, [192, 0, 2, 1]), // behind a pointer to the first
      [1, 0x63, 0], body(6, soa)
    )
    expect(readAnswer(message, sent, drop)).toMatchObject({ answers: [{ type: 'SOA', minimum: 7 }] })
    expect(dropped['dotted-label']).toBe(before + 3)
  })

  it('has a TTL of 0 where the highest bit is set', () => {
    expect(records([{ name: NAME, type: 'A', ttl: 0x8000_0001, data: '192.0.2.1' }])).toMatchObject([{ ttl: 0 }])
    expect(records([{ name: NAME, type: 'A', ttl: 0x7fff_ffff, data: '192.0.2.1' }])).toMatchObject([{ ttl: 0x7fff_ffff }])
    const soa = (minimum: number): Answer => ({ name: NAME, type: 'SOA', ttl: 1, data: { mname: 'ns.test', rname: 'root.test', minimum } })
    expect(records([soa(0x8000_0000), soa(0x7fff_ffff)])).toMatchObject([{ minimum: 0 }, { minimum: 0x7fff_ffff }])
  })

  it.each([[0, 'NOERROR'], [1, 'FORMERR'], [2, 'SERVFAIL'], [3, 'NXDOMAIN'], [4, 'NOTIMP'], [5, 'REFUSED'], [6, 'OTHER'], [15, 'OTHER']])(
    'has code %i: %s', (flags, code) => {
      expect(read([], { flags })).toMatchObject({ code })
    })

  it('has the code that its OPT record goes on with', () => {
    // BADVERS, 16: its low bits alone say NOERROR.
    expect(read([], { additionals: [{ type: 'OPT', name: '.', udpPayloadSize: 512, extendedRcode: 1, ednsVersion: 0, flags: 0, flag_do: false, options: [] }] }))
      .toMatchObject({ code: 'OTHER' })
  })

  it('may be truncated; nothing of it is read then', () => {
    expect(read([srv(NAME, 1)], { flags: 0x0200 })).toBe('truncated')
  })

  it('has no more strings than are kept of one; the record beyond them is left out and counted', () => {
    const before = dropped['too-many-strings'] ?? 0
    const text = (count: number): Answer => ({ name: NAME, type: 'TXT', ttl: 1, data: Array.from({ length: count }, () => 'x') })
    const kept = records([text(limits.dnsTextStrings - 1), text(2), text(1)]) as Array<{ strings: unknown[] }>
    expect(kept.map(({ strings }) => strings.length)).toEqual([limits.dnsTextStrings - 1, 1])
    expect(dropped['too-many-strings']).toBe(before + 1)
  })
})

const DOT = 0x2e

describe('no answer to it', () => {
  const ours = answerTo(sent, [srv(NAME, 1)])
  const changed = (at: number, byte: number): Buffer => Buffer.from(ours.with(at, byte))
  const asked = (question: object): Buffer => answerTo(sent, [srv(NAME, 1)], { questions: [{ name: NAME, type: 'SRV', class: 'IN', ...question }] })

  it.each<[string, Buffer]>([
    ['nothing', Buffer.alloc(0)],
    ['11 bytes', ours.subarray(0, 11)],
    ['more than 65,535 bytes', Buffer.concat([ours, Buffer.alloc(65_536)])],
    ['another id', answerTo(sent, [srv(NAME, 1)], { id: 0x1235 })],
    ['our question itself', Buffer.from(sent)],
    ['another opcode', changed(2, 0xa8)],
    ['another name', asked({ name: '_peer._udp.example.test' })],
    ['a longer name', asked({ name: `a.${NAME}` })],
    ['a shorter name', asked({ name: 'example.test' })],
    ['another type', asked({ type: 'TXT' })],
    ['the same letters, cut into other labels', changed(12, 10)],
    ['another class', asked({ class: 'CH' })],
    // The two bytes that a letter's case would make equal.
    ['a type that is a letter in the other case', changed(sent.length - 13, 0x01)],
    ['no question', answerTo(sent, [], { questions: [] })],
    ['two questions', answerTo(sent, [], { questions: [{ name: NAME, type: 'SRV' }, { name: NAME, type: 'SRV' }] })],
    ['a question that is cut', answerTo(sent, []).subarray(0, 30)]
  ])('%s', (_, message) => {
    expect(readAnswer(message, sent, drop)).toBeUndefined()
  })

  it('is one where the question is in another case', () => {
    expect(readAnswer(asked({ name: NAME.toUpperCase() }), sent, drop)).toMatchObject({ code: 'NOERROR' })
  })

  it.each([[1, 'FORMERR'], [2, 'SERVFAIL'], [4, 'NOTIMP'], [5, 'REFUSED']])('is one without question where it is an error: %i', (flags, code) => {
    expect(read([], { questions: [], flags })).toMatchObject({ code })
  })

  it.each([0, 3, 6])('is none without question with code %i', flags => {
    expect(read([], { questions: [], flags })).toBeUndefined()
  })
})

describe('a malformed answer is refused as a whole', () => {
  const here = sent.length - 11 // where the records begin
  const a = body(1, [192, 0, 2, 1])

  it.each<[string, Buffer, string]>([
    ['records that are claimed only', raw(1), 'more records'],
    ['65,535 records claimed', raw(65_535, [0], a), 'more records'],
    ['a record that ends early', raw(1, [0], a.slice(0, -1)), 'ends'],
    ['data longer than the message', raw(1, [0], [...a.slice(0, 8), 0xff, 0xff], [1, 2, 3, 4]), 'ends'],
    ['an address of three bytes', raw(1, [0], body(1, [1, 2, 3]), [0, 0, 0]), 'length'],
    ['an address of five bytes', raw(1, [0], body(1, [1, 2, 3, 4, 5])), 'length'],
    ['an IPv6 address of four', raw(1, [0], body(28, [1, 2, 3, 4]), times(16, 0)), 'length'],
    ['no text at all', raw(2, [0], body(16, []), [0], a), 'length'],
    ['a text that runs over', raw(2, [0], body(16, [5, 1, 2]), [0], a), 'length'],
    ['a target that runs over', raw(2, [0], body(33, [0, 0, 0, 0, 0, 0, 1, 0x61]), [0], a), 'length'],
    ['bytes after a target', raw(1, [0], body(33, [0, 0, 0, 0, 0, 0, 0, 0])), 'length'],
    ['an SOA that is cut', raw(2, [0], body(6, [0, 0, 1, 2, 3]), [0], a, [0, 0, 0, 0]), 'length'],
    ['a name that points to itself', raw(1, [0xc0, here], a), 'points'],
    ['a name that points forward', raw(1, [0xc0, here + 4], a, [0]), 'points'],
    ['a name that points into the header', raw(1, [0xc0, 2], a), 'points'],
    ['a name that points behind its first label, to itself', raw(1, [1, 0x61, 0xc0, here], a), 'points'],
    ['a label of a reserved kind', raw(1, [0x41, 0x61, 0], a), 'label'],
    ['a label of a reserved kind in a target', raw(1, [0], body(5, [0x81, 0x61, 0])), 'label'],
    ['a name of 256 octets', raw(1, [...times(127, 1, 0x61), 1, 0x61, 0], a), 'too long'],
    ['a name that pointers make too long', raw(1, [...times(120, 1, 0x61), 0xc0, 12], a), 'too long']
  ])('%s', (_, message, fault) => {
    expect(() => readAnswer(message, sent, drop)).toThrow(InvalidDnsRecordError)
    expect(() => readAnswer(message, sent, drop)).toThrow(fault)
  })

  it('a name of 255 octets is none', () => {
    expect(readAnswer(raw(1, [...times(127, 1, 0x61), 0], a), sent, drop)).toMatchObject({ answers: [{ address: '192.0.2.1' }] })
  })

  it('nor is one that another codec takes for text in UTF-8', () => {
    const message = encode({ type: 'response', id: 0x1234, questions: [{ name: NAME, type: 'SRV' }], answers: [{ name: 'é.test', type: 'A', ttl: 1, data: '192.0.2.1' }] })
    expect(readAnswer(message, sent, drop)).toMatchObject({ answers: [{ name: 'Ã©.test' }] })
  })
})
