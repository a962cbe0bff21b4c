import { dropCounter, limits } from '@peerweave/interface'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { CLOCK_SKEW, readDnsText, type DnsText } from '../../src/read/dns-text.ts'
import { readPeerTexts } from '../../src/read/peer-texts.ts'
import { createPeerId, txt } from '../zone.ts'
import type { RecordOf } from '../../src/resolver/answer-step.ts'

const WALL = Date.UTC(2026, 0, 1)
const encoder = new TextEncoder()
let one: string
let two: string

beforeAll(async () => {
  one = String(await createPeerId())
  two = String(await createPeerId())
})

function read (...strings: Array<string | Uint8Array>): { text: DnsText | undefined, dropped: Record<string, number> } {
  const { dropped, drop } = dropCounter()
  return { text: readDnsText(strings.map(string => typeof string === 'string' ? encoder.encode(string) : string), WALL, drop), dropped }
}

function readAll (...records: string[][]): ReturnType<typeof readPeerTexts> & { dropped: Record<string, number> } {
  const { dropped, drop } = dropCounter()
  return { ...readPeerTexts(records.map(strings => txt('x.test', ...strings) as RecordOf<'TXT'>), WALL, drop), dropped }
}

describe('a text in a zone', () => {
  it('says who, where and what', () => {
    const { text, dropped } = read(`peer_id=${one}`, 'addr=/ip4/192.0.2.1/tcp/4001', 'protocol=/x/1', 'region=eu')
    expect(text).toMatchObject({ protocols: ['/x/1'], ttl: Infinity })
    expect(text?.peerId?.toString()).toBe(one)
    expect(text?.addresses.map(String)).toEqual(['/ip4/192.0.2.1/tcp/4001'])
    expect([...text!.entries]).toEqual([['region', 'eu']])
    expect(dropped).toEqual({})
  })

  it('carries a signed record in as many strings as it needs, in order', () => {
    for (const size of [1, 186, 187, limits.peerRecordBytes - 1, limits.peerRecordBytes]) {
      const bytes = crypto.getRandomValues(new Uint8Array(size))
      const parts = Buffer.from(bytes).toString('base64url').match(/.{1,248}/g)!
      const { text, dropped } = read(...parts.map((part, i) => `${i % 2 === 0 ? 'record' : 'RECORD'}=${part}`), `peer_id=${one}`)
      expect(text?.record).toEqual(bytes)
      expect(dropped).toEqual({})
      expect(text?.entries.size).toBe(0)
    }
  })

  it.each([
    ['too large', Buffer.alloc(limits.peerRecordBytes + 1).toString('base64url')],
    ['of a length that base64url has not', 'A'],
    ['padded', 'AAA='],
    ['of the other alphabet', 'a+b/'],
    ['empty', '']
  ])('leaves a signed record out that is %s', (_, record) => {
    const { text, dropped } = read(...record.match(/.{1,248}/g)?.map(part => `record=${part}`) ?? ['record='], `peer_id=${one}`)
    expect(text?.peerId?.toString()).toBe(one)
    expect(text?.record).toBeUndefined()
    expect(dropped).toEqual({ 'bad-peer-record': 1 })
  })

  it('is believed until it says that it is over, give or take five minutes', () => {
    const seconds = WALL / 1_000
    expect(read(`expires=${seconds + 60}`).text?.ttl).toBe(60_000 + CLOCK_SKEW)
    expect(read(`Expires=${seconds - 299}`).text?.ttl).toBe(1_000)
    expect(read(`expires=${seconds + 60}`, 'expires=1').text?.ttl).toBe(60_000 + CLOCK_SKEW)
    for (const over of [seconds - 300, seconds - 301, 0]) {
      expect(read(`expires=${over}`, `peer_id=${one}`)).toEqual({ text: undefined, dropped: { expired: 1 } })
    }
  })

  it.each(['', 'soon', '-1', '1e9', '99999999999999999999', ' 1'])('does not believe that it ends at %j', end => {
    const { text, dropped } = read(`expires=${end}`, `peer_id=${one}`)
    expect(text?.ttl).toBe(Infinity)
    expect(dropped).toEqual({ 'bad-text': 1 })
  })

  it('takes any bytes', () => {
    const string = fc.oneof(
      fc.uint8Array({ maxLength: 255 }),
      fc.tuple(fc.constantFrom('record=', 'expires=', 'peer_id=', 'addr=', 'protocol=', '='), fc.string({ maxLength: 240 }))
        .map(([key, value]) => encoder.encode(key + value).subarray(0, 255))
    )
    fc.assert(fc.property(fc.array(string, { maxLength: 30 }), strings => {
      const { text } = read(...strings)
      expect(text?.ttl ?? Infinity).toBeGreaterThan(0)
      expect(text?.record?.length ?? 0).toBeLessThanOrEqual(limits.peerRecordBytes)
    }))
  })
})

describe('the texts of one name', () => {
  it('are a peer each', () => {
    const { peers, nameless, dropped } = readAll([`peer_id=${one}`, 'addr=/ip4/192.0.2.1/tcp/1'], [`peer_id=${two}`])
    expect(peers.map(({ peerId }) => String(peerId))).toEqual([one, two])
    expect(nameless).toBeUndefined()
    expect(dropped).toEqual({})
  })

  it('are one peer when they name one, in whatever order: zones are written with one string a record', () => {
    const records = [
      ['addr=/ip4/192.0.2.1/tcp/1'], [`peer_id=${one}`], ['protocol=/x/1'], ['addr=/ip4/192.0.2.2/tcp/1'], [`peer_id=${one}`, 'a=b']
    ]
    for (const order of [records, records.toReversed()]) {
      const { peers, dropped } = readAll(...order)
      expect(peers).toHaveLength(1)
      expect(peers[0]!.addresses.map(String).sort()).toEqual(['/ip4/192.0.2.1/tcp/1', '/ip4/192.0.2.2/tcp/1'])
      expect(peers[0]).toMatchObject({ protocols: ['/x/1'], entries: new Map([['a', 'b']]) })
      expect(dropped).toEqual({})
    }
  })

  it('are nobody\'s when they name none of several', () => {
    const { peers, dropped } = readAll([`peer_id=${one}`], [`peer_id=${two}`], ['addr=/ip4/192.0.2.1/tcp/1'], ['v=spf1 -all'])
    expect(peers.every(({ addresses }) => addresses.length === 0)).toBe(true)
    expect(dropped).toEqual({ 'no-peer-id': 1 })
  })

  it('are not joined with one that was refused', () => {
    const { peers, isRefused, dropped } = readAll([`peer_id=${one}`], ['peer_id=x'], ['addr=/ip4/192.0.2.1/tcp/1'])
    expect(peers[0]!.addresses).toEqual([])
    expect(isRefused).toBe(true)
    expect(dropped).toEqual({ 'no-peer-id': 2 })
  })

  it('with mixed ids, or a bad one, are refused', () => {
    const mixed = readAll([`peer_id=${one}`, `addr=/ip4/192.0.2.1/tcp/1/p2p/${two}`])
    expect(mixed).toMatchObject({ peers: [], isRefused: true, dropped: { 'mixed-ids': 1 } })
    expect(readAll(['peer_id=12D3KooWbad'])).toMatchObject({ peers: [], isRefused: true, dropped: { 'no-peer-id': 1 } })
  })

  it('take the least end of those that are joined', () => {
    const { peers } = readAll([`peer_id=${one}`, `expires=${WALL / 1_000 + 900}`], ['a=b', `expires=${WALL / 1_000 + 60}`])
    expect(peers[0]!.ttl).toBe(60_000 + CLOCK_SKEW)
  })

  it(`are read up to ${limits.dnsTexts}`, () => {
    for (const count of [limits.dnsTexts - 1, limits.dnsTexts, limits.dnsTexts + 1]) {
      const { peers, dropped } = readAll(...Array.from({ length: count - 1 }, () => ['a=b']), [`peer_id=${one}`])
      expect(peers).toHaveLength(count > limits.dnsTexts ? 0 : 1)
      expect(dropped).toEqual(count > limits.dnsTexts ? { 'too-many-texts': 1 } : {})
    }
  })
})
