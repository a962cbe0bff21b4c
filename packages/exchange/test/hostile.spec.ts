/** Peers that lie, flood, hang or answer nonsense: what they cost, and what they may not touch. */
import { complianceContext, memoryNetwork, type MemoryNetwork } from '@peerweave/compliance'
import { limits, names, seededRng, virtualClock, type VirtualClock } from '@peerweave/interface'
import { sealPeerRecord } from '@peerweave/records'
import { v7 } from 'uuid'
import { beforeEach, describe, expect, it } from 'vitest'
import { RECORD_TTL } from '../src/constants.ts'
import { decodeAnswer, decodeRequest, encodeAnswer, encodeRequest, type Entry } from '../src/message.ts'
import { connect, createPeer, PUBLIC, record, recordOf, sealed, settled, teach, type Peer } from './support.ts'
import type { RequestHandler } from '@peerweave/interface'

const PROTOCOL = names().protocols.exchange
const ID = (): Uint8Array => v7({}, new Uint8Array(16))

let clock: VirtualClock
let network: MemoryNetwork
let peer: Peer

beforeEach(async () => {
  clock = virtualClock()
  network = memoryNetwork(clock)
  peer = await createPeer({ network, clock })
  await peer.exchange.start()
})

/** Somebody who answers in his own way. */
async function liar (handler: RequestHandler): Promise<Pick<Peer, 'context' | 'id'>> {
  const context = await complianceContext({ network })
  await context.ports.rpc.handle(PROTOCOL, handler, { maxRequest: 8_192, timeout: 60_000 })
  await connect(peer, { context })
  return { context, id: context.ports.host.self }
}

function answering (entries: readonly Partial<Entry>[], rest: { hasMore?: boolean, wait?: number } = {}): RequestHandler {
  return async body => encodeAnswer({
    id: decodeRequest(body)?.id ?? new Uint8Array(),
    entries: entries.map(entry => ({ record: new Uint8Array(), ttl: 60_000, hops: 1, ...entry })),
    hasMore: false,
    wait: 0,
    ...rest
  })
}

const ask = async (who: Pick<Peer, 'id'>): ReturnType<Peer['exchange']['ask']> => await settled(clock, peer.exchange.ask(who.id))

describe('an answer', () => {
  it.each<[string, RequestHandler, string, Record<string, number>]>([
    ['that is nonsense', async () => Uint8Array.of(0xff), 'ERR_SERIALIZATION', { malformed: 1 }],
    ['that is empty', async () => new Uint8Array(), 'ERR_SERIALIZATION', { malformed: 1 }],
    ['to another request', async () => encodeAnswer({ id: ID(), entries: [], hasMore: false, wait: 0 }), 'ERR_SERIALIZATION', { 'wrong-id': 1 }],
    ['that is too long', async () => new Uint8Array(limits.exchangeAnswerBytes + 1), 'ERR_LIMIT_EXCEEDED', {}],
    ['that never comes, as its stream was closed', async () => { throw new Error('no') }, 'ERR_CONNECTION_CLOSED', {}]
  ])('%s is an error, and teaches nothing', async (_, handler, code, dropped) => {
    const server = await liar(handler)
    await expect(ask(server)).rejects.toMatchObject({ code })
    expect([peer.dropped, peer.exchange.size, clock.pending]).toEqual([dropped, 0, 0])
  })

  it('that does not come is waited for five seconds', async () => {
    const server = await liar(async () => await new Promise(() => {}))
    const asking = peer.exchange.ask(server.id)
    let error: unknown
    asking.catch(thrown => { error = thrown })
    await clock.advance(4_999)
    expect(error).toBeUndefined()
    await clock.advance(1)
    expect(error).toMatchObject({ code: 'ERR_TIMEOUT' })
  })

  it.each<[string, () => Promise<Partial<Entry>>, string]>([
    ['forged', async () => ({ record: (await sealed(1)).map((byte, i, all) => i === all.length - 1 ? byte ^ 1 : byte) }), 'bad-record'],
    ['no record', async () => ({ record: new Uint8Array(80) }), 'bad-record'],
    ['too large', async () => ({ record: new Uint8Array(limits.peerRecordBytes + 1) }), 'bad-record'],
    ['about to run out', async () => ({ record: await sealed(1), ttl: limits.ttlMin - 1 }), 'lapsed'],
    ['from too far away', async () => ({ record: await sealed(1), hops: 4 }), 'too-many-hops'],
    ['a goodbye of somebody else', async () => ({ record: await sealed(1, { addresses: [] }) }), 'no-address']
  ])('with a record that is %s loses that one, counted, and no other', async (_, bad, reason) => {
    const server = await liar(answering([{ record: await sealed(2) }, await bad(), { record: await sealed(3) }]))
    expect(await ask(server)).toMatchObject({ learnt: 2, claims: { length: 2 } })
    expect([peer.dropped, peer.exchange.size]).toEqual([{ [reason]: 1 }, 2])
  })

  it('that calls somebody else\'s record its own word is not believed that, and its own record always is', async () => {
    const near = await createPeer({ network, clock, hops: 1 })
    await near.exchange.start()
    const context = await complianceContext({ network })
    const { host, rpc } = context.ports
    const mine = await sealPeerRecord({ signer: host.signer, multiaddrs: host.addresses(), seq: 1n })
    const answer = answering([{ record: await sealed(1), hops: 0 }, { record: mine, hops: 1 }])
    await rpc.handle(PROTOCOL, answer, { maxRequest: 8_192, timeout: 5_000 })
    await connect(near, { context })
    expect(await settled(clock, near.exchange.ask(host.self))).toMatchObject({ learnt: 2 })
    // Of what may be passed on once, only what came from its owner is.
    await connect(peer, near)
    expect((await ask(near)).claims.map(({ peerId }) => peerId.toString()).sort()).toEqual([near.id, host.self].map(String).sort())
  })

  it('keeps a record for 20 minutes at most, whatever it promises', async () => {
    const server = await liar(answering([{ record: await sealed(1), ttl: limits.ttlMax }]))
    expect((await ask(server)).claims).toMatchObject([{ ttl: RECORD_TTL }])
  })

  it.each([[31, 31], [32, 32], [33, 32]])('of %i records has %i used', async (count, used) => {
    const records = await Promise.all(Array.from({ length: count }, async (_, i) => ({ record: await sealed(i) })))
    expect(await ask(await liar(answering(records)))).toMatchObject({ claims: { length: used }, learnt: used })
  })

  it('with more than was wanted has only so much used', async () => {
    const records = await Promise.all([1, 2, 3].map(async i => ({ record: await sealed(i) })))
    const server = await liar(answering(records))
    expect(await settled(clock, peer.exchange.ask(server.id, { want: 2 }))).toMatchObject({ claims: { length: 2 } })
  })

  it('of us ourselves is no news', async () => {
    const server = await liar(answering([{ record: await recordOf(peer, 2n ** 60n, [PUBLIC]) }]))
    expect(await ask(server)).toMatchObject({ learnt: 0 })
    expect(peer.exchange.size).toBe(0)
  })

  it('after answer of made-up peers leads to no more than a share, and moves nobody else\'s', async () => {
    const honest = await Promise.all(Array.from({ length: 40 }, (_, i) => record(i)))
    await teach(peer, honest, { reporter: (await record(0)).peerId })
    let next = 1_000
    const server = await liar(async (body, ...rest) => {
      const made = await Promise.all(Array.from({ length: 32 }, async () => ({ record: await sealed(next++) })))
      return await answering(made, { hasMore: true })(body, ...rest)
    })
    for (let i = 0; i < 12; i++) {
      await clock.advance(1_000)
      await ask(server)
    }
    expect(peer.exchange.size).toBe(honest.length + limits.exchangeAsked)
    const heardAgain = honest.map(record => peer.exchange.learn({ record, ttl: 60_000, hops: 0, reporter: record.peerId, isAsked: true }, 'loopback'))
    expect(new Set(heardAgain)).toEqual(new Set(['renewed'])) // so they are all there still
  }, 60_000)
})

describe('a request', () => {
  /** Sends these bytes as they are. */
  async function send (from: Pick<Peer, 'context'>, body: Uint8Array): Promise<Uint8Array> {
    const { signal } = new AbortController()
    return await settled(clock, from.context.ports.rpc.request(peer.id, PROTOCOL, body, { maxAnswer: limits.exchangeAnswerBytes, signal }))
  }

  it.each<[string, Uint8Array]>([
    ['nonsense', Uint8Array.of(0xff)],
    ['empty', new Uint8Array()],
    ['without an id', encodeRequest({ id: new Uint8Array(3) })]
  ])('that is %s closes its stream, counted', async (_, body) => {
    const other = await createPeer({ network, clock })
    await connect(other, peer)
    await expect(send(other, body)).rejects.toMatchObject({ code: 'ERR_CONNECTION_CLOSED' })
    expect(peer.dropped).toEqual({ malformed: 1 })
  })

  it('of one byte more than 8,192 is not read', async () => {
    const other = await createPeer({ network, clock })
    await connect(other, peer)
    const padded = (length: number): Uint8Array => {
      const known = new Uint8Array(length - encodeRequest({ id: ID(), want: { count: 1, known: new Uint8Array(8_000), protocols: [] } }).length + 8_000)
      return encodeRequest({ id: ID(), want: { count: 1, known, protocols: [] } })
    }
    expect(decodeAnswer(await send(other, padded(limits.exchangeRequestBytes)))).toBeDefined()
    await expect(send(other, padded(limits.exchangeRequestBytes + 1))).rejects.toMatchObject({ code: 'ERR_CONNECTION_CLOSED' })
    expect(peer.dropped).toEqual({})
  })

  it('with a digest of ones gets our own record alone, one that wants nothing gets nothing', async () => {
    const other = await createPeer({ network, clock })
    await connect(other, peer)
    await teach(peer, [await record(1)])
    const all = { count: 32, known: new Uint8Array(4_000).fill(0xff), protocols: [] }
    expect(decodeAnswer(await send(other, encodeRequest({ id: ID(), want: all })))?.entries).toHaveLength(1)
    expect(decodeAnswer(await send(other, encodeRequest({ id: ID(), want: { ...all, known: new Uint8Array(), count: 0 } })))).toMatchObject({ entries: [], hasMore: true })
  })

  it('that wanted nothing did not get our record: it is brought that', async () => {
    const other = await createPeer({ network, clock })
    await other.exchange.start()
    await connect(other, peer)
    await send(other, encodeRequest({ id: ID(), want: { count: 0, known: new Uint8Array(), protocols: [] } }))
    await settled(clock, peer.exchange.bring(other.id))
    expect(other.sightings).toMatchObject([{ kind: 'claim', peerId: peer.id }])
  })

  it('with a record that there is no time to verify now is no fault of the record\'s', async () => {
    const other = await createPeer({ network, clock })
    await connect(other, peer)
    for (let i = 1; i <= limits.verificationsPerReporter + 1; i++) await send(other, encodeRequest({ id: ID(), record: await recordOf(other, BigInt(i), [PUBLIC]) }))
    expect(peer.dropped).toMatchObject({ 'rate-limited': 1 })
    expect(peer.dropped['bad-record']).toBeUndefined()
  })

  it.each<[string, (bringer: Peer) => Promise<Uint8Array>, string]>([
    ['of somebody else', async () => await sealed(1), 'not-its-own'],
    ['that is none', async () => new Uint8Array(50), 'not-its-own'],
    ['that is too large', async () => new Uint8Array(limits.peerRecordBytes + 1), 'not-its-own'],
    ['that is forged', async bringer => (await recordOf(bringer, 1n, [PUBLIC])).map((byte, i, all) => i === all.length - 1 ? byte ^ 1 : byte), 'bad-record']
  ])('with a record %s is answered, and the record dropped', async (_, make, reason) => {
    const other = await createPeer({ network, clock })
    await connect(other, peer)
    const bytes = await make(other)
    expect(decodeAnswer(await send(other, encodeRequest({ id: ID(), record: bytes })))).toMatchObject({ entries: [], wait: 0 })
    expect([peer.dropped, peer.sightings, peer.exchange.size]).toEqual([{ [reason]: 1 }, [], 0])
  })

  it.each([63, 64, 65])('%i of them with a record each: 64 are looked at', async count => {
    const other = await createPeer({ network, clock })
    await connect(other, peer)
    for (let i = 1; i <= count; i++) {
      if (i === limits.verificationsPerReporter + 1) await clock.advance(1_000)
      await send(other, encodeRequest({ id: ID(), record: await recordOf(other, BigInt(i), [PUBLIC]) }))
    }
    expect(peer.sightings).toHaveLength(Math.min(64, count))
    expect(peer.dropped.unsolicited ?? 0).toBe(Math.max(0, count - 64))
  })
})

describe('one bad peer that brings 10,000 records a second for a minute', () => {
  const SECONDS = 60
  const PER_SECOND = 10_000

  it.each(['its own, each newer', 'of others'])('%s: at most 76 are looked at, 64 kept, and honest rounds are unharmed', async kind => {
    const { rpc } = peer.context.ports
    let handler: RequestHandler | undefined
    const { handle } = rpc
    rpc.handle = async (protocol, handling, bounds) => {
      handler = handling
      await handle(protocol, handling, bounds)
    }
    await peer.exchange.stop()
    await peer.exchange.start()
    const [bad, honest, asker] = await Promise.all([1, 2, 3].map(async () => {
      const made = await createPeer({ network, clock })
      await made.exchange.start()
      await connect(made, peer)
      return made
    })) as [Peer, Peer, Peer]
    await teach(honest, await Promise.all(Array.from({ length: 10 }, (_, i) => record(i))))
    const bodies = await Promise.all(Array.from({ length: 2 * 76 }, async (_, i) => {
      return encodeRequest({ id: ID(), record: kind === 'of others' ? await sealed(1_000 + i) : await recordOf(bad, BigInt(i + 1), [PUBLIC]) })
    }))
    const rng = seededRng(1)
    const options = { signal: new AbortController().signal }
    let sent = 0
    for (let second = 0; second < SECONDS; second++) {
      for (let tenth = 0; tenth < 10; tenth++) {
        const storm = Array.from({ length: PER_SECOND / 10 }, async () => {
          const body = bodies[Math.min(sent++, 75) + rng.int(2)] as Uint8Array
          await handler?.(body, bad.id, options)
        })
        await Promise.all(storm)
        await clock.advance(100)
      }
      // We ask an honest one, and an honest one asks us.
      const [ours, theirs] = [await ask(honest), await settled(clock, asker.exchange.ask(peer.id))]
      expect([ours.wait, theirs.wait]).toEqual([0, 0])
      expect(ours.claims.length).toBeGreaterThan(0)
    }
    const looked = sent - (peer.dropped.unsolicited ?? 0)
    expect(sent).toBe(SECONDS * PER_SECOND)
    expect(looked).toBeGreaterThanOrEqual(64)
    expect(looked).toBeLessThanOrEqual(76)
    const theirs = peer.sightings.filter(sighting => sighting.kind === 'claim' && sighting.peerId.equals(bad.id))
    expect(theirs.length).toBeLessThanOrEqual(76)
    expect(peer.exchange.size).toBeLessThanOrEqual(10 + 2 + 1) // the honest ones' records, and one of its own
    expect(asker.exchange.size).toBeGreaterThanOrEqual(11)
  }, 120_000)
})
