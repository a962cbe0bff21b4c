/** Over TCP: whole answers only, to what was asked, in time. UDP has said TC before. */
import { virtualClock, type VirtualClock } from '@peerweave/interface'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { until } from '../../../../test/support/until.ts'
import { dnsClient, type DnsClient } from '../../src/client/client.ts'
import { answerTo, frame, srv, tcpFake, udpFake, type TcpFake } from './fakes.ts'
import type { Socket } from 'node:net'

const NAME = '_peer._tcp.example.test'

let clock: VirtualClock
let fake: TcpFake | undefined
let client: DnsClient

beforeEach(() => { clock = virtualClock() })

afterEach(async () => {
  await client.close()
  // Ours is closed whatever the server does.
  await until(() => fake!.connections.size === 0)
  await fake!.close()
  expect(clock.pending).toBe(0)
})

async function serve (onQuery: (socket: Socket, query: Buffer) => void): Promise<DnsClient> {
  fake = await tcpFake((socket, query) => { void query.then(bytes => onQuery(socket, bytes)) })
  client = dnsClient({ servers: [fake.text], clock, timeout: 1_000 })
  return client
}

const good = (query: Buffer): Buffer => answerTo(query, [srv(NAME, 1)])

it('an answer that comes a byte at a time is read when it is whole', async () => {
  const client = await serve((socket, query) => {
    socket.setNoDelay(true)
    const bytes = frame(good(query))
    const next = (at: number): void => {
      if (at < bytes.length) socket.write(bytes.subarray(at, at + 1), () => setImmediate(() => next(at + 1)))
    }
    next(0)
  })
  expect(await client.query(NAME, 'SRV')).toMatchObject({ answers: [{ port: 4_001 }], server: fake!.text })
})

it('one of 64 KiB is read in full', async () => {
  const strings = Array.from({ length: 250 }, (_, i) => Buffer.alloc(255, i))
  const client = await serve((socket, query) => { socket.write(frame(answerTo(query, [{ name: NAME, type: 'TXT', ttl: 1, data: strings }]))) })
  const { answers: [record] } = await client.query(NAME, 'TXT')
  expect(record?.type === 'TXT' ? record.strings : []).toEqual(strings.map(string => new Uint8Array(string)))
})

it('what follows an answer is not read', async () => {
  const client = await serve((socket, query) => { socket.write(Buffer.concat([frame(good(query)), Buffer.alloc(1_000_000)])) })
  expect(await client.query(NAME, 'SRV')).toMatchObject({ answers: [{ port: 4_001 }] })
})

describe('is refused', () => {
  it.each<[string, (socket: Socket, query: Buffer) => void, string]>([
    ['another id', (socket, query) => socket.write(frame(answerTo(query, [], { id: query.readUInt16BE(0) ^ 1 }))), 'something else'],
    ['another question', (socket, query) => socket.write(frame(answerTo(query, [], { questions: [{ name: 'evil.test', type: 'SRV' }] }))), 'something else'],
    ['our question itself', (socket, query) => socket.write(frame(query)), 'something else'],
    ['a truncated answer', (socket, query) => socket.write(frame(answerTo(query, [], { flags: 0x0200 }))), 'truncated'],
    ['a malformed answer', (socket, query) => {
      const message = good(query)
      message.writeUInt16BE(9, 6)
      socket.write(frame(message))
    }, 'malformed'],
    ['a frame without header', socket => socket.write(frame(Buffer.alloc(11))), 'too short'],
    ['an empty frame', socket => socket.write(frame(Buffer.alloc(0))), 'too short'],
    ['65,535 bytes of nothing', socket => socket.write(frame(Buffer.alloc(65_535))), 'something else'],
    ['half a frame, then the end', (socket, query) => socket.end(frame(good(query)).subarray(0, 30)), 'before its answer was whole'],
    ['one byte of two, then the end', socket => socket.end(Buffer.from([0])), 'before its answer was whole'],
    ['the end', socket => socket.end(), 'before its answer was whole'],
    ['a reset', socket => socket.resetAndDestroy(), 'ECONNRESET']
  ])('%s', async (_, onQuery, fault) => {
    const client = await serve(onQuery)
    await expect(client.query(NAME, 'SRV')).rejects.toThrow(fault)
  })
})

describe('a server that does not finish is left by the deadline', () => {
  it.each<[string, (socket: Socket, query: Buffer) => void]>([
    ['silent', () => {}],
    ['half a frame', (socket, query) => socket.write(frame(good(query)).subarray(0, 30))],
    ['half a giant frame', socket => socket.write(frame(Buffer.alloc(65_535)).subarray(0, 40_000))]
  ])('%s', async (_, onQuery) => {
    let isConnected = false
    const client = await serve((socket, query) => {
      isConnected = true
      onQuery(socket, query)
    })
    let error: Error | undefined
    client.query(NAME, 'SRV').catch((reason: Error) => { error = reason })
    await until(() => isConnected)
    await clock.advance(999)
    expect(error).toBeUndefined()
    await clock.advance(1)
    expect(error).toMatchObject({ name: 'DnsError', message: expect.stringContaining('within 1000 ms') as string })
  })

  it('that sends a byte now and then, too', async () => {
    let next: (() => void) | undefined
    const client = await serve((socket, query) => {
      const bytes = frame(good(query))
      let at = 0
      next = () => { socket.write(bytes.subarray(at, ++at)) }
    })
    let error: Error | undefined
    client.query(NAME, 'SRV').catch((reason: Error) => { error = reason })
    await until(() => next !== undefined)
    for (let i = 0; i < 10; i++) {
      expect(error).toBeUndefined()
      next!()
      await clock.advance(100)
    }
    expect(error).toMatchObject({ name: 'DnsError' })
  })
})

it('a silent server leaves the next one its share of the time', async () => {
  let isConnected = false
  await (await serve(() => { isConnected = true })).close()
  const other = await udpFake((query, reply) => reply(good(query)))
  client = dnsClient({ servers: [fake!.text, other.text], clock, timeout: 1_000 })
  const asked = client.query(NAME, 'SRV')
  await until(() => isConnected)
  await clock.advance(500)
  expect(await asked).toMatchObject({ server: other.text })
  await other.close()
})

it('a message of one\'s own has an end, too', async () => {
  let isConnected = false
  const client = await serve(() => { isConnected = true })
  const asked = client.exchange(new Uint8Array(12), fake!.text, { isTcp: true })
  asked.catch(() => {})
  await until(() => isConnected)
  await clock.advance(1_000)
  await expect(asked).rejects.toMatchObject({ name: 'TimeoutError' })
})

it('an aborted look-up ends its connection', async () => {
  const controller = new AbortController()
  let isConnected = false
  const client = await serve(() => { isConnected = true })
  const asked = client.query(NAME, 'SRV', { signal: controller.signal })
  asked.catch(() => {})
  await until(() => isConnected)
  controller.abort()
  await expect(asked).rejects.toMatchObject({ name: 'AbortError' })
})
