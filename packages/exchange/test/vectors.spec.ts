/** The vectors of docs/protocols/exchange.md, in both directions. They were not made by this code. */
import { readFileSync } from 'node:fs'
import { multiaddr } from '@multiformats/multiaddr'
import { describe, expect, it } from 'vitest'
import { digestOf, mayHold, recordHash, type RecordHash } from '../src/digest.ts'
import { decodeAnswer, decodeRequest, encodeAnswer, encodeRequest, type Answer, type Request } from '../src/message.ts'
import type { PeerId } from '@libp2p/interface'

interface Digest {
  records: string[]
  salt: string
  digest: string
  held: string[]
  notHeld: string[]
}

interface Vectors {
  peers: Record<string, string>
  multihashes: Record<string, string>
  hashes: Record<string, string>
  digests: Digest[]
  id: string
  record: string
  requests: Record<'ask' | 'askForAll' | 'bring' | 'ping', string>
  answers: Record<'records' | 'nothing' | 'wait', string>
}

const page = readFileSync(new URL('../../../docs/protocols/exchange.md', import.meta.url), 'utf8')
const vectors = JSON.parse(/```json\n([^]*?)```/.exec(page)?.[1] ?? '') as Vectors
const bytes = (hex: string = ''): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'))
const hex = (of: Uint8Array): string => Buffer.from(of).toString('hex')

/** Of `A 1`: the record of A with seq 1. */
function hashOf (text: string): RecordHash {
  const [name = '', seq = ''] = text.split(' ')
  const peerId = { toMultihash: () => ({ bytes: bytes(vectors.multihashes[name]) }) } as unknown as PeerId
  return recordHash({ peerId, seq: BigInt(seq) })
}

describe('the vectors of the exchange page', () => {
  it('have the multihashes of their peers', () => {
    for (const [name, id] of Object.entries(vectors.peers)) {
      // The part of a multiaddr behind its code and length.
      expect(hex(multiaddr(`/p2p/${id}`).bytes.subarray(-bytes(vectors.multihashes[name]).length))).toBe(vectors.multihashes[name])
    }
  })

  it.each(Object.entries(vectors.hashes))('the hash of %s', (record, hash) => {
    const { high, low } = hashOf(record)
    expect([high, low].map(half => half.toString(16).padStart(8, '0')).join('')).toBe(hash)
  })

  it.each(vectors.digests)('the digest with the salt $salt', ({ records, salt, digest, held, notHeld }) => {
    expect(hex(digestOf(records.map(hashOf), parseInt(salt, 16)))).toBe(digest)
    expect([...held, ...notHeld].filter(record => mayHold(bytes(digest), hashOf(record)))).toEqual(held)
  })

  const id = bytes(vectors.id)
  const record = bytes(vectors.record)
  const requests: Record<string, Request> = {
    ask: { id, record, want: { count: 32, known: bytes(vectors.digests[1]?.digest), protocols: ['/example/1', '/example/2'] } },
    askForAll: { id, want: { count: 5, known: new Uint8Array(), protocols: [] } },
    bring: { id, record },
    ping: { id }
  }
  const answers: Record<string, Answer> = {
    records: { id, entries: [{ record, ttl: 1_200_000, hops: 0 }, { record, ttl: 734_567, hops: 2 }], hasMore: true, wait: 0 },
    nothing: { id, entries: [], hasMore: false, wait: 0 },
    wait: { id, entries: [], hasMore: false, wait: 1_000 }
  }

  it.each(Object.entries(vectors.requests))('the request %s', (name, message) => {
    expect(hex(encodeRequest(requests[name] as Request))).toBe(message)
    expect(decodeRequest(bytes(message))).toEqual({ record: undefined, want: undefined, ...requests[name] })
  })

  it.each(Object.entries(vectors.answers))('the answer %s', (name, message) => {
    expect(hex(encodeAnswer(answers[name] as Answer))).toBe(message)
    expect(decodeAnswer(bytes(message))).toEqual(answers[name])
  })

  it('are as many as the code knows of', () => {
    expect([Object.keys(vectors.requests), Object.keys(vectors.answers)]).toEqual([Object.keys(requests), Object.keys(answers)])
  })
})
