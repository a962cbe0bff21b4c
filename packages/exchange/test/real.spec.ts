/** Real libp2p nodes over TCP, Noise and Yamux on loopback. */
import { generateKeyPair } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { limits, names, type MechanismContext, type Sighting } from '@peerweave/interface'
import { portsFrom, type NodeComponents } from '@peerweave/libp2p'
import { createLibp2p } from 'libp2p'
import { afterEach, expect, it } from 'vitest'
import { until } from '../../../test/support/until.ts'
import { exchange, type Exchange } from '../src/index.ts'
import { record, teach } from './support.ts'
import type { Libp2p, PeerId, PrivateKey } from '@libp2p/interface'

const PROTOCOL = names().protocols.exchange

const cleanups: Array<() => unknown> = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

interface RealNode {
  node: Libp2p
  id: PeerId
  exchange: Exchange
  sightings: Sighting[]
  dropped: string[]
}

async function createNode (init: { privateKey?: PrivateKey, port?: number } = {}): Promise<RealNode> {
  let made: Exchange | undefined
  const sightings: Sighting[] = []
  const dropped: string[] = []
  const service = (components: NodeComponents) => {
    const ports = portsFrom(components)
    const context: MechanismContext = { ports, records: { get: () => undefined, sample: () => [] }, logger: components.logger }
    const own = made = exchange(context, { sight: sighting => { sightings.push(sighting) }, drop: reason => { dropped.push(reason) } })
    return {
      async start () {
        await ports.start()
        await own.start()
      },
      async stop () {
        await own.stop()
        await ports.stop()
      }
    }
  }
  const node = await createLibp2p({
    ...init.privateKey != null && { privateKey: init.privateKey },
    addresses: { listen: [`/ip4/127.0.0.1/tcp/${init.port ?? 0}`] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionManager: { inboundConnectionThreshold: Infinity },
    services: { identify: identify(), exchange: service }
  })
  cleanups.push(() => node.stop())
  return { node, id: node.peerId, exchange: made as Exchange, sightings, dropped }
}

/** Streams of the protocol that are open, at either side. */
function streams (...nodes: RealNode[]): number {
  return nodes.flatMap(({ node }) => node.getConnections()).flatMap(({ streams }) => streams).filter(({ protocol }) => protocol === PROTOCOL).length
}

it('all streams are closed after 100 requests, of those that failed too', async () => {
  const [server, asker] = [await createNode(), await createNode()]
  await teach(server, await Promise.all(Array.from({ length: 40 }, (_, i) => record(i, { addresses: ['/ip4/127.0.0.1/tcp/4001'] }))))
  await asker.node.dial(server.node.getMultiaddrs())
  let learnt = 0
  let sent = 0
  for (; sent < 60; sent += 10) {
    const answers = await Promise.all(Array.from({ length: 10 }, () => asker.exchange.ask(server.id)))
    learnt += answers.reduce((sum, answer) => sum + answer.learnt, 0)
  }
  for (; sent < 80; sent += 10) await Promise.all(Array.from({ length: 10 }, () => asker.exchange.ping(server.id)))
  for (; sent < 90; sent++) await asker.exchange.ask(server.id, { signal: AbortSignal.timeout(0) }).catch(() => {})
  const stream = async (): Promise<void> => {
    // What is no request, and what is never finished.
    const opened = await (asker.node.getConnections(server.id)[0])?.newStream(PROTOCOL)
    opened?.send(sent % 2 === 0 ? Uint8Array.of(2, 0xff, 0xff) : Uint8Array.of(9, 1))
    if (sent % 2 !== 0) opened?.abort(new Error('left'))
  }
  for (; sent < 100; sent++) await stream()
  expect(learnt).toBeGreaterThanOrEqual(40)
  await until(() => streams(server, asker) === 0, 'no stream is open', 8_000)
  expect(server.dropped).toContain('malformed')
  expect(server.dropped.filter(reason => reason === 'too-often').length).toBeGreaterThan(0)
  expect(asker.node.getConnections(server.id)).toHaveLength(1)
}, 30_000)

it('records, own ones and others\', cross the wire, and what is not spoken is said so', async () => {
  const [server, asker] = [await createNode(), await createNode()]
  const known = await record(1, { addresses: ['/ip4/127.0.0.1/tcp/4001'] })
  const mute = await createLibp2p({ addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] }, transports: [tcp()], connectionEncrypters: [noise()], streamMuxers: [yamux()] })
  cleanups.push(() => mute.stop())
  await teach(server, [known])
  await asker.node.dial(server.node.getMultiaddrs())
  await asker.node.dial(mute.getMultiaddrs())
  const { claims } = await asker.exchange.ask(server.id)
  expect(claims.map(({ peerId }) => peerId.toString()).sort()).toEqual([server.id, known.peerId].map(String).sort())
  expect(server.sightings).toMatchObject([{ kind: 'claim', peerId: asker.id }])
  expect(await asker.exchange.ping(server.id)).toBeGreaterThan(0)
  await expect(asker.exchange.ask(mute.peerId)).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' })
  await asker.exchange.farewell()
  expect(server.sightings.map(({ kind }) => kind)).toEqual(['claim', 'withdraw'])
})

it('works after the peer was restarted, in both directions, and it hears of us anew', async () => {
  const privateKey = await generateKeyPair('Ed25519')
  const [asker, first] = [await createNode(), await createNode({ privateKey })]
  const [address = multiaddr('/')] = first.node.getMultiaddrs()
  await asker.node.dial(address)
  await asker.exchange.ask(first.id)
  await first.node.stop()
  await until(() => asker.node.getConnections().length === 0)
  await expect(asker.exchange.ask(first.id)).rejects.toMatchObject({ code: 'ERR_CONNECTION_CLOSED' })
  const again = await createNode({ privateKey, port: Number(address.getComponents()[1]?.value) })
  await asker.node.dial(address)
  expect((await asker.exchange.ask(again.id)).claims.map(({ peerId }) => peerId.toString())).toEqual([again.id.toString()])
  expect(again.sightings).toMatchObject([{ kind: 'claim', peerId: asker.id }])
  expect((await again.exchange.ask(asker.id)).claims.map(({ peerId }) => peerId.toString())).toEqual([asker.id.toString()])
})

it('a request of more than 8,192 bytes is refused, and the connection stays', async () => {
  const [server, asker] = [await createNode(), await createNode()]
  const connection = await asker.node.dial(server.node.getMultiaddrs())
  const stream = await connection.newStream(PROTOCOL)
  const length = limits.exchangeRequestBytes + 1
  stream.send(Uint8Array.from([length & 0x7f | 0x80, length >> 7, ...new Uint8Array(length)]))
  await until(() => streams(server, asker) === 0, 'the stream is gone')
  expect((await asker.exchange.ask(server.id)).claims).toHaveLength(1)
})
