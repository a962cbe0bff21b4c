/** What goes wrong with name servers, and what the mechanism says and does then. Real sockets on loopback. */
import { createSocket, type Socket } from 'node:dgram'
import { createServer, type Server } from 'node:net'
import { systemClock, type Clock, type Sighting } from '@peerweave/interface'
import { decode, encode } from 'dns-packet'
import { afterEach, describe, expect, it } from 'vitest'
import { until } from '../../../test/support/until.ts'
import { createPeer, createPeerId, type Peer } from './support/mechanism.ts'
import type { DnsOptions } from '../src/index.ts'
import type { PeerId } from '@libp2p/interface'

const DOMAIN = 'example.test'
const undo: Array<() => Promise<void> | void> = []

afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

interface NameServer {
  address: string
  asked: number
  /** From now on nobody is there: the port is closed. */
  close: () => Promise<void>
}

/** One peer in a `_dnsaddr` list, said by a server on this port. */
async function serve (id: PeerId, port = 0, code = 0): Promise<NameServer> {
  const socket: Socket = createSocket('udp4')
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.bind(port, '127.0.0.1', resolve)
  })
  const server: NameServer = {
    address: `127.0.0.1:${socket.address().port}`,
    asked: 0,
    close: async () => new Promise<void>(resolve => { socket.close(() => resolve()) })
  }
  socket.on('message', (message, from) => {
    server.asked++
    const { id: query, questions } = decode(message)
    const answers = questions?.[0]?.name === `_dnsaddr.${DOMAIN}` && code === 0
      ? [{ name: `_dnsaddr.${DOMAIN}`, type: 'TXT', ttl: 60, data: `dnsaddr=/ip4/1.2.3.4/tcp/1/p2p/${id}` } as const]
      : []
    socket.send(encode({ type: 'response', id: query, flags: code, questions, answers }), from.port, from.address)
  })
  return server
}

/** Accepts and says nothing. */
async function silentTcp (): Promise<{ server: Server, port: number }> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  undo.push(() => { server.close() })
  return { server, port: (server.address() as { port: number }).port }
}

async function start (options: Partial<DnsOptions>): Promise<Peer> {
  const peer = await createPeer({ domains: [DOMAIN], timeout: 1_000, ...options })
  await peer.mechanism.start()
  undo.push(() => peer.leave())
  return peer
}

async function round (peer: Peer): Promise<Sighting[]> {
  return Array.fromAsync(peer.mechanism.discoverPeers())
}

/** The system's clock, set ahead by hand. */
function aheadClock (): { clock: Clock, ahead: (ms: number) => void } {
  const clock = systemClock()
  let offset = 0
  return { clock: Object.assign(Object.create(clock) as Clock, { now: () => clock.now() + offset }), ahead: ms => { offset += ms } }
}

describe('name servers that fail', () => {
  it('the first one is down, refuses or breaks: the next one is asked, and nothing is wrong', async () => {
    const id = await createPeerId()
    const good = await serve(id)
    undo.push(good.close)
    for (const code of [2, 5]) {
      const bad = await serve(id, 0, code)
      undo.push(bad.close)
      const peer = await start({ servers: [bad.address, good.address] })
      expect((await round(peer)).length).toBe(1)
      expect([peer.mechanism.status().state, bad.asked > 0]).toEqual(['running', true])
    }
    const peer = await start({ servers: ['127.0.0.1:1', good.address] })
    expect((await round(peer)).length).toBe(1)
    expect(peer.mechanism.status().state).toBe('running')
  })

  it('all are down at the start: it starts, a round says why, and it recovers by itself', async () => {
    const id = await createPeerId()
    const closed = await serve(id)
    await closed.close()
    const port = Number(closed.address.split(':')[1])
    const peer = await start({ servers: [`127.0.0.1:${port}`] })
    expect(peer.mechanism.status().state).toBe('running')
    await expect(round(peer)).rejects.toMatchObject({ name: 'DnsError', message: expect.stringContaining(`127.0.0.1:${port}`) })
    expect(peer.mechanism.status()).toMatchObject({ state: 'degraded', failures: 1 })
    undo.push((await serve(id, port)).close)
    // What failed is not asked for again at once; a round that waits for it ends all the same.
    await until(async () => (await round(peer).catch(() => [])).length === 1, 'it recovers', 8_000)
    expect(peer.mechanism.status().state).toBe('running')
  }, 15_000)

  it('all go down later: what was learnt is served on, the status says so, and is well again when they are', async () => {
    const id = await createPeerId()
    const { clock, ahead } = aheadClock()
    const server = await serve(id)
    const port = Number(server.address.split(':')[1])
    const peer = await start({ servers: [server.address], clock })
    expect((await round(peer)).length).toBe(1)
    await server.close()
    ahead(61_000) // its TTL is over
    const [claim] = await round(peer)
    expect(claim?.kind === 'claim' && claim.peerId.equals(id)).toBe(true)
    expect(peer.mechanism.status()).toMatchObject({ state: 'degraded', lastError: { name: 'DnsError' } })
    const again = await serve(id, port)
    undo.push(again.close)
    await until(async () => {
      ahead(31_000)
      await round(peer)
      return peer.mechanism.status().state === 'running'
    }, 'well again', 8_000)
  }, 15_000)

  it('a server that accepts a connection and says nothing ends by the deadline', async () => {
    const { port } = await silentTcp()
    // Over UDP it says that the answer was cut short.
    const socket = createSocket('udp4')
    await new Promise<void>(resolve => { socket.bind(port, '127.0.0.1', resolve) })
    undo.push(() => new Promise<void>(resolve => { socket.close(() => resolve()) }))
    socket.on('message', (message, from) => {
      const { id, questions } = decode(message)
      socket.send(encode({ type: 'response', id, flags: 1 << 9, questions }), from.port, from.address)
    })
    const peer = await start({ servers: [`127.0.0.1:${port}`] })
    const started = performance.now()
    await expect(round(peer)).rejects.toMatchObject({ name: 'DnsError' })
    expect(performance.now() - started).toBeLessThan(5_000)
  })

  it('is stopped at once in the middle of it all', async () => {
    const socket = createSocket('udp4')
    await new Promise<void>(resolve => { socket.bind(0, '127.0.0.1', resolve) })
    undo.push(() => new Promise<void>(resolve => { socket.close(() => resolve()) }))
    const peer = await createPeer({ domains: [DOMAIN], servers: [`127.0.0.1:${socket.address().port}`], timeout: 60_000 })
    await peer.mechanism.start()
    const asked = new Promise(resolve => { socket.once('message', resolve) })
    const asking = round(peer)
    await asked
    await peer.leave()
    await asking.catch(() => {})
    expect(peer.mechanism.status().state).toBe('stopped')
  })
})
