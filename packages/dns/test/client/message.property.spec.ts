/** Whatever arrives, and whatever honest servers may send, by another codec. */
import { isIP } from 'node:net'
import { limits } from '@peerweave/interface'
import { decode, encode, type Answer } from 'dns-packet'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MAX_NAME } from '../../src/client/constants.ts'
import { encodeQuestion, readAnswer, type Reading } from '../../src/client/message.ts'
import { askableName } from '../../src/names.ts'
import { answerTo, srv, times } from './fakes.ts'
import type { DnsRecord, RecordType } from '../../src/records.ts'

const numRuns = { ci: 2_500, long: 250_000 }[process.env.PEERWEAVE_TIER ?? ''] ?? 500

const NAME = '_peer._tcp.example.test'
const sent = encodeQuestion({ id: 7, name: NAME, type: 'SRV', hasEdns: true })
const drop = (): void => {}

const label = fc.string({ unit: fc.constantFrom(...'abcxyz019-_ABC'.split('')), minLength: 1, maxLength: 63 })
const name = fc.array(label, { minLength: 1, maxLength: 6 }).map(labels => labels.join('.')).filter(text => text.length <= MAX_NAME)
const type = fc.constantFrom<RecordType>('A', 'AAAA', 'SRV', 'TXT', 'CNAME', 'SOA')
const ttl = fc.nat(0x7fff_ffff)
const uint16 = fc.nat(0xffff)

/** A record as dns-packet writes it, and what is to be read of it. */
const record: fc.Arbitrary<[Answer, DnsRecord]> = fc.oneof(
  fc.tuple(name, ttl, fc.ipV4()).map(([name, ttl, data]): [Answer, DnsRecord] => [
    { name, type: 'A', ttl, data }, { name: name.toLowerCase(), ttl, type: 'A', address: data }
  ]),
  fc.tuple(name, ttl, uint16, uint16, uint16, fc.oneof(name, fc.constant('.'))).map(([name, ttl, priority, weight, port, target]): [Answer, DnsRecord] => [
    { name, type: 'SRV', ttl, data: { priority, weight, port, target } },
    { name: name.toLowerCase(), ttl, type: 'SRV', priority, weight, port, target: target.toLowerCase() }
  ]),
  fc.tuple(name, ttl, fc.array(fc.uint8Array({ maxLength: 255 }), { minLength: 1, maxLength: 8 })).map(([name, ttl, strings]): [Answer, DnsRecord] => [
    { name, type: 'TXT', ttl, data: strings.map(string => Buffer.from(string)) },
    { name: name.toLowerCase(), ttl, type: 'TXT', strings: strings.map(string => new Uint8Array(string)) }
  ]),
  fc.tuple(name, ttl, name).map(([name, ttl, data]): [Answer, DnsRecord] => [
    { name, type: 'CNAME', ttl, data }, { name: name.toLowerCase(), ttl, type: 'CNAME', target: data.toLowerCase() }
  ]),
  fc.tuple(name, ttl, ttl).map(([name, ttl, minimum]): [Answer, DnsRecord] => [
    { name, type: 'SOA', ttl, data: { mname: 'ns.test', rname: 'root.test', minimum } }, { name: name.toLowerCase(), ttl, type: 'SOA', minimum }
  ])
)

describe('what honest parties send', () => {
  it('a question is read by another codec as it was asked', () => {
    fc.assert(fc.property(name, type, uint16, fc.boolean(), (name, type, id, hasEdns) => {
      const packet = decode(Buffer.from(encodeQuestion({ id, name: askableName(name), type, hasEdns })))
      expect(packet).toMatchObject({ id, type: 'query', questions: [{ name: name.toLowerCase(), type, class: 'IN' }], answers: [], authorities: [] })
      expect(packet.additionals).toHaveLength(hasEdns ? 1 : 0)
    }), { numRuns })
  })

  it('an answer of another codec is read as it was written', () => {
    const some = fc.array(record, { maxLength: 6 })
    fc.assert(fc.property(name, type, some, some, some, (name, type, ...sections) => {
      const sent = encodeQuestion({ id: 9, name, type, hasEdns: true })
      const [answers, authorities, additionals] = sections.map(section => section.map(([written]) => written))
      const message = encode({ type: 'response', id: 9, questions: [{ name, type, class: 'IN' }], answers: answers!, authorities: authorities!, additionals: additionals! })
      const [a, b, c] = sections.map(section => section.map(([, read]) => read))
      expect(readAnswer(message, sent, drop)).toEqual({ code: 'NOERROR', answers: a, authorities: b, additionals: c })
    }), { numRuns })
  })

  it('names of any kind can be asked for, or are refused with a reason', () => {
    fc.assert(fc.property(fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), fc.array(fc.string({ maxLength: 70 })).map(labels => labels.join('.'))), text => {
      let asked: string
      try {
        asked = askableName(text)
      } catch (error) {
        expect((error as Error).name).toBe('InvalidDnsRecordError')
        return
      }
      const [question] = decode(Buffer.from(encodeQuestion({ id: 1, name: asked, type: 'A', hasEdns: false }))).questions!
      expect(question?.name).toBe(asked)
    }), { numRuns })
  })
})

describe('whatever a message holds, it is read, refused, or not ours', () => {
  const soa: Answer = { name: 'test', type: 'SOA', ttl: 9, data: { mname: 'ns.test', rname: 'a.b.test', minimum: 5 } }
  const valid = [
    answerTo(sent, [srv(NAME, 1), srv(NAME, 2)], { additionals: [{ name: 'n1.example.test', type: 'A', ttl: 5, data: '192.0.2.2' }] }),
    answerTo(sent, [{ name: NAME, type: 'TXT', ttl: 5, data: ['one', 'two'] }, { name: 'b.test', type: 'AAAA', ttl: 5, data: '::1' }], { authorities: [soa] }),
    answerTo(sent, [{ name: NAME, type: 'CNAME', ttl: 5, data: 'a.test' }], {
      flags: 3, authorities: [soa], additionals: [{ type: 'OPT', name: '.', udpPayloadSize: 512, extendedRcode: 0, ednsVersion: 0, flags: 0, flag_do: false, options: [] }]
    }),
    // With pointers to pointers: to `_tcp` of the question, and to that pointer.
    Buffer.concat([answerTo(sent, []), Buffer.from([0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 1, 0, 2, 0xc0, 18, 0xc0, 53, 0, 5, 0, 1, 0, 0, 0, 1, 0, 4, 1, 0x61, 0xc0, 53])])
  ]
  valid[3]!.writeUInt16BE(2, 6)

  function check (message: Uint8Array): Reading {
    let reading: Reading
    try {
      reading = readAnswer(message, sent, drop)
    } catch (error) {
      expect((error as Error).name).toBe('InvalidDnsRecordError')
      return undefined
    }
    if (typeof reading !== 'object') return reading
    let strings = 0
    for (const record of [...reading.answers, ...reading.authorities, ...reading.additionals]) {
      expect(record.name).toMatch(/^(?:\.|[^.A-Z]{1,63}(?:\.[^.A-Z]{1,63})*)$/s)
      expect(record.name.length).toBeLessThanOrEqual(MAX_NAME)
      expect(record.ttl).toBeGreaterThanOrEqual(0)
      expect(record.ttl).toBeLessThanOrEqual(0x7fff_ffff)
      if (record.type === 'A' || record.type === 'AAAA') expect(isIP(record.address)).toBe(record.type === 'A' ? 4 : 6)
      if (record.type === 'TXT') strings += record.strings.length
    }
    expect(strings).toBeLessThanOrEqual(limits.dnsTextStrings)
    return reading
  }

  it('random bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 600 }), bytes => { check(bytes) }), { numRuns })
  })

  it('random records behind our question', () => {
    const count = fc.nat(4)
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), count, count, count, (body, answers, authorities, additionals) => {
      const message = Buffer.concat([answerTo(sent, []), body])
      for (const [i, value] of [answers, authorities, additionals].entries()) message.writeUInt16BE(value, 6 + 2 * i)
      check(message)
    }), { numRuns })
  })

  it('records with names and data that are put together at random', () => {
    const start = sent.length - 11
    const name = fc.oneof(
      fc.constant([0]), fc.nat(90).map(at => [0xc0, at]), fc.tuple(fc.integer({ min: 1, max: 20 }), fc.nat(90)).map(([length, at]) => [length, ...times(length, 0x41), 0xc0, start - 20 + at])
    )
    const data = fc.oneof(fc.uint8Array({ maxLength: 24 }).map(bytes => [...bytes]), name, name.map(target => [0, 1, 0, 2, 0, 3, ...target]))
    const record = fc.tuple(name, fc.constantFrom(1, 5, 6, 16, 28, 33, 41), data).map(([name, type, data]) => [...name, 0, type, 0, 1, 0, 0, 0, 1, 0, data.length, ...data])
    let read = 0
    fc.assert(fc.property(fc.array(record, { maxLength: 5 }), records => {
      const message = Buffer.concat([answerTo(sent, []), ...records.map(bytes => Buffer.from(bytes))])
      message.writeUInt16BE(records.length, 6)
      if (check(message) !== undefined) read++
    }), { numRuns })
    expect(read).toBeGreaterThan(numRuns / 100) // not all of them are refused at once
  })

  it('honest answers with bytes changed, cut or repeated', () => {
    const change = fc.record({ at: fc.nat(2_000), byte: fc.nat(255) })
    fc.assert(fc.property(fc.nat(valid.length - 1), fc.array(change, { maxLength: 8 }), fc.option(fc.nat(2_000)), (which, changes, cut) => {
      const bytes = Buffer.from(valid[which]!)
      expect(check(bytes)).toBeTypeOf('object')
      for (const { at, byte } of changes) bytes[sent.length - 11 + at % (bytes.length - sent.length + 11)] = byte
      check(cut == null ? bytes : bytes.subarray(0, cut % bytes.length))
    }), { numRuns })
  })
})
