/** What the tests of this package share. */
import { afterEach } from 'vitest'
import { until } from '../../../test/support/until.ts'
import {
  createTestnet, type Mechanisms, type NodeServices, type NoMechanisms, type PubSubOption, type Testnet, type TestnetNode,
  type TestnetOptions
} from '../src/index.ts'
import type { Connection, Stream } from '@libp2p/interface'
import type { ConnectionManager, Registrar } from '@libp2p/interface-internal'

const nets: Testnet[] = []

afterEach(async () => {
  for (const net of nets.splice(0)) await net.stop()
})

/** A net that is stopped after the test. */
export async function testnet<M extends Mechanisms = NoMechanisms, P extends PubSubOption = true> (
  n: number, options: TestnetOptions<M, P> = {}
): Promise<Testnet<NodeServices<M, P>>> {
  const net = await createTestnet(n, options)
  nets.push(net)
  return net
}

export function ids (net: Testnet): string[] {
  return net.nodes.map(({ peerId }) => peerId.toString())
}

/** Pairs of nodes that are connected, dialler first. */
export function connections (net: Testnet): string[] {
  return net.nodes.flatMap(({ index, libp2p }) => {
    return libp2p.getConnections().filter(({ direction }) => direction === 'outbound').map(({ remotePeer }) => {
      return `${index} ${net.nodes.find(({ peerId }) => peerId.equals(remotePeer))?.index}`
    })
  }).sort()
}

export function isConnected (a: TestnetNode, b: TestnetNode): boolean {
  return a.libp2p.getConnections(b.peerId).length > 0
}

/** Resolves when no socket is open in this process: one that was closed is counted a turn or two longer. */
export async function gone (): Promise<void> {
  await until(() => !process.getActiveResourcesInfo().some(kind => /^(TCP|UDP)/.test(kind)), 'every socket is closed')
}

export function timers (): number {
  return process.getActiveResourcesInfo().filter(kind => kind === 'Timeout').length
}

const GOODBYE = '/testnet/goodbye/1'
const ECHO = '/testnet/echo/1'

interface Parts {
  registrar: Registrar
  connectionManager: ConnectionManager
}

/** A service that says goodbye to everybody when its node stops, and notes who said it. */
export function goodbye () {
  return ({ registrar, connectionManager }: Parts) => {
    const heardFrom: string[] = []
    return {
      heardFrom,
      /** A stream to a peer, on which each chunk is a goodbye. */
      open: async (peer: TestnetNode): Promise<Stream> => {
        const [connection] = connectionManager.getConnections(peer.peerId)
        if (connection == null) throw new Error('not connected')
        return await connection.newStream(GOODBYE)
      },
      start: async () => {
        await registrar.handle(GOODBYE, async (stream: Stream, connection: Connection) => {
          for await (const _ of stream) heardFrom.push(connection.remotePeer.toString())
        })
      },
      beforeStop: async () => {
        await Promise.all(connectionManager.getConnections().map(async connection => {
          const stream = await connection.newStream(GOODBYE, { signal: AbortSignal.timeout(1_000) })
          stream.send(Uint8Array.of(1))
          await stream.close()
        })).catch(() => {}) // a node without a network cannot
      },
      stop: async () => { await registrar.unhandle(GOODBYE) }
    }
  }
}

/** A service that sends back what it gets. */
export function echo () {
  return ({ registrar, connectionManager }: Parts) => ({
    start: async () => {
      await registrar.handle(ECHO, async (stream: Stream) => {
        for await (const chunk of stream) if (!stream.send(chunk)) await stream.onDrain()
        await stream.close()
      })
    },
    stop: async () => { await registrar.unhandle(ECHO) },
    /** `bytes` sent to a peer, and what came back. */
    exchange: async (peer: TestnetNode, bytes: Uint8Array): Promise<Uint8Array> => {
      const [connection] = connectionManager.getConnections(peer.peerId)
      if (connection == null) throw new Error('not connected')
      const stream = await connection.newStream(ECHO)
      const answer = Array.fromAsync(stream)
      for (let at = 0; at < bytes.length; at += 16_384) {
        if (!stream.send(bytes.subarray(at, at + 16_384))) await stream.onDrain()
      }
      await stream.close()
      return new Uint8Array(Buffer.concat((await answer).map(chunk => chunk.subarray())))
    }
  })
}
