/** Requests and answers on the wire: what is written is read, and nothing that is read makes us throw. */
import { limits } from '@peerweave/interface'
import { bytesField, concat, varintField } from '@peerweave/records/protobuf'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeAnswer, decodeRequest, encodeAnswer, encodeRequest, ID_BYTES, type Answer, type Request } from '../src/message.ts'
import { numRuns } from './support.ts'

const bytes = (maxLength: number, minLength = 0): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength, maxLength })
const id = bytes(ID_BYTES, ID_BYTES)
/** Names of any text that UTF-8 has, within its bound in bytes. */
const name = fc.string({ unit: 'binary', maxLength: 35 })

const request: fc.Arbitrary<Request> = fc.record({
  id,
  record: fc.option(bytes(300), { nil: undefined }),
  want: fc.option(fc.record({
    count: fc.integer({ min: 1, max: limits.exchangeAnswer }), known: bytes(60), protocols: fc.array(name, { maxLength: 8 })
  }), { nil: undefined })
})
const entry = fc.record({ record: bytes(300), ttl: fc.integer({ min: 0, max: limits.ttlMax }), hops: fc.nat(255) })
const answer: fc.Arbitrary<Answer> = fc.record({
  id, entries: fc.array(entry, { maxLength: limits.exchangeAnswer }), hasMore: fc.boolean(), wait: fc.integer({ min: 0, max: limits.ttlMax })
})

/** Views into a message and arrays of their own are the same here. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value, (_, part) => part instanceof Uint8Array ? Buffer.from(part).toString('hex') : part) ?? 'null')

describe('what is decoded is what was encoded', () => {
  it('for requests', () => {
    fc.assert(fc.property(request, message => {
      expect(plain(decodeRequest(encodeRequest(message)))).toEqual(plain(message))
    }), { numRuns, examples: [[{ id: new Uint8Array(ID_BYTES), want: { count: 1, known: new Uint8Array(), protocols: ['\ufeffa'] } }]] })
  })

  it('for answers', () => {
    fc.assert(fc.property(answer, message => {
      expect(plain(decodeAnswer(encodeAnswer(message)))).toEqual(plain(message))
    }), { numRuns })
  })

  it('with fields of a later version in it', () => {
    const later = concat(bytesField(99, new Uint8Array(3)), varintField(98, 7n))
    fc.assert(fc.property(request, answer, (ask, told) => {
      expect(plain(decodeRequest(concat(later, encodeRequest(ask), later)))).toEqual(plain(ask))
      expect(plain(decodeAnswer(concat(later, encodeAnswer(told), later)))).toEqual(plain(told))
    }), { numRuns: 100 })
  })
})

describe('whatever the bytes', () => {
  const decode = (noise: Uint8Array): void => {
    const asked = decodeRequest(noise)
    if (asked != null) {
      expect(asked.id).toHaveLength(ID_BYTES)
      expect(asked.want?.count ?? 0).toBeLessThanOrEqual(limits.exchangeAnswer)
      expect(asked.want?.protocols.length ?? 0).toBeLessThanOrEqual(limits.protocolsPerPeer)
    }
    const told = decodeAnswer(noise)
    if (told == null) return
    expect(told.id).toHaveLength(ID_BYTES)
    expect(told.entries.length).toBeLessThanOrEqual(limits.exchangeAnswer)
    expect(told.wait).toBeLessThanOrEqual(limits.ttlMax)
    for (const { ttl, hops } of told.entries) {
      expect(Number.isInteger(ttl) && ttl >= 0 && ttl <= limits.ttlMax).toBe(true)
      expect(Number.isInteger(hops) && hops >= 0 && hops <= 255).toBe(true)
    }
  }

  it('random ones are read or refused within bounds, never thrown at', () => {
    fc.assert(fc.property(bytes(600), decode), { numRuns: 5 * numRuns })
  })

  it('an honest message with bytes changed, cut, added or removed too', () => {
    const change = fc.record({ at: fc.nat(), add: fc.option(bytes(8)), remove: fc.nat(8), flip: fc.nat(255) })
    const message = fc.oneof(request.map(encodeRequest), answer.map(encodeAnswer))
    fc.assert(fc.property(message, fc.array(change, { minLength: 1, maxLength: 4 }), (valid, changes) => {
      let mutated = Buffer.from(valid)
      for (const { at, add, remove, flip } of changes) {
        const place = at % (mutated.length + 1)
        mutated = Buffer.concat([mutated.subarray(0, place), add ?? Buffer.alloc(0), mutated.subarray(place + remove)])
        if (place < mutated.length) mutated[place] = (mutated[place] ?? 0) ^ flip
      }
      decode(mutated)
    }), { numRuns: 2 * numRuns })
  })

  it('protobuf of any fields and types too', () => {
    const field = fc.oneof(
      fc.tuple(fc.integer({ min: 1, max: 6 }), fc.bigInt({ min: 1n, max: 2n ** 64n - 1n })).map(([number, value]) => varintField(number, value)),
      fc.tuple(fc.integer({ min: 1, max: 6 }), bytes(40)).map(([number, value]) => bytesField(number, value))
    )
    const nested = fc.array(field, { maxLength: 8 }).map(fields => concat(...fields))
    const message = fc.tuple(id, fc.array(fc.oneof(field, nested.map(inner => bytesField(3, inner)), nested.map(inner => bytesField(2, inner))), { maxLength: 40 }))
    fc.assert(fc.property(message, ([id, fields]) => decode(concat(bytesField(1, id), ...fields))), { numRuns: 2 * numRuns })
  })
})

describe('the bounds of a message', () => {
  const anId = bytesField(1, new Uint8Array(ID_BYTES))
  const want = (...parts: Array<Uint8Array | undefined>): Uint8Array => concat(anId, bytesField(3, concat(...parts)))

  it.each([
    ['no id', new Uint8Array()],
    ['an id of 15 bytes', bytesField(1, new Uint8Array(15))],
    ['an id of 17 bytes', bytesField(1, new Uint8Array(17))],
    ['an id that is a number', concat(varintField(1, 5n))]
  ])('a message with %s is none', (_, message) => {
    expect(decodeRequest(message)).toBeUndefined()
    expect(decodeAnswer(message)).toBeUndefined()
  })

  it.each([
    ['a record that is a number', concat(anId, varintField(2, 1n))],
    ['a want that is a number', concat(anId, varintField(3, 1n))],
    ['a count that is bytes', want(bytesField(1, new Uint8Array(1)))],
    ['a digest that is a number', want(varintField(2, 1n))],
    ['a protocol that is a number', want(varintField(3, 1n))],
    ['a want that is no protobuf', concat(anId, bytesField(3, Uint8Array.of(0xff)))]
  ])('a request with %s is none', (_, message) => {
    expect(decodeRequest(message)).toBeUndefined()
  })

  it.each([
    ['an entry that is a number', concat(anId, varintField(2, 1n))],
    ['an entry without a record', concat(anId, bytesField(2, varintField(2, 5n) ?? new Uint8Array()))],
    ['an entry whose ttl is bytes', concat(anId, bytesField(2, concat(bytesField(1, new Uint8Array(1)), bytesField(2, new Uint8Array(1)))))],
    ['an entry whose hops are bytes', concat(anId, bytesField(2, concat(bytesField(1, new Uint8Array(1)), bytesField(3, new Uint8Array(1)))))],
    ['hasMore in bytes', concat(anId, bytesField(3, new Uint8Array(1)))],
    ['a wait in bytes', concat(anId, bytesField(4, new Uint8Array(1)))]
  ])('an answer with %s is none', (_, message) => {
    expect(decodeAnswer(message)).toBeUndefined()
  })

  it('a name of 140 bytes is read, one of 141 is not', () => {
    const named = (length: number): Uint8Array => want(bytesField(3, new Uint8Array(length).fill(0x61)))
    expect(decodeRequest(named(limits.protocolBytes))?.want?.protocols[0]).toHaveLength(140)
    expect(decodeRequest(named(limits.protocolBytes + 1))).toBeUndefined()
  })

  it('128 names are read, 129 are not', () => {
    const named = (count: number): Uint8Array => want(...Array.from({ length: count }, () => bytesField(3, Uint8Array.of(0x61))))
    expect(decodeRequest(named(limits.protocolsPerPeer))?.want?.protocols).toHaveLength(128)
    expect(decodeRequest(named(limits.protocolsPerPeer + 1))).toBeUndefined()
  })

  it('more than 32 records wanted are 32, and of more than 32 entries the first ones are read', () => {
    expect(decodeRequest(want(varintField(1, 33n)))?.want?.count).toBe(32)
    expect(decodeRequest(want(varintField(1, 2n ** 64n - 1n)))?.want?.count).toBe(32)
    const entries = Array.from({ length: 40 }, (_, i) => ({ record: Uint8Array.of(i), ttl: 1, hops: 1 }))
    const read = decodeAnswer(encodeAnswer({ id: new Uint8Array(ID_BYTES), entries, hasMore: false, wait: 0 }))
    expect(read?.entries.map(({ record }) => record[0])).toEqual(entries.slice(0, 32).map(({ record }) => record[0]))
  })

  it('numbers beyond what we count to are the most that we count to', () => {
    const huge = 2n ** 64n - 1n
    const read = decodeAnswer(concat(anId, varintField(4, huge), bytesField(2, concat(bytesField(1, new Uint8Array(1)), varintField(2, huge), varintField(3, huge)))))
    expect(read).toMatchObject({ wait: limits.ttlMax, entries: [{ ttl: limits.ttlMax, hops: 255 }] })
  })

  it('any number but 0 is true, as proto3 reads a bool', () => {
    expect(decodeAnswer(concat(anId, varintField(3, 2n)))?.hasMore).toBe(true)
    expect(decodeAnswer(anId)?.hasMore).toBe(false)
  })

  it('the largest honest messages fit into what either side takes', () => {
    const known = new Uint8Array(4 + limits.exchangeDigest * 10 / 8)
    const request = { id: new Uint8Array(ID_BYTES), record: new Uint8Array(limits.peerRecordBytes), want: { count: 32, known, protocols: [] } }
    expect(encodeRequest(request).length).toBeLessThanOrEqual(limits.exchangeRequestBytes)
    const entries = Array.from({ length: 32 }, () => ({ record: new Uint8Array(limits.peerRecordBytes), ttl: limits.ttlMax, hops: 255 }))
    expect(encodeAnswer({ id: new Uint8Array(ID_BYTES), entries, hasMore: true, wait: limits.ttlMax }).length).toBeLessThanOrEqual(limits.exchangeAnswerBytes)
  })
})
