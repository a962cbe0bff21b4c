/** Real libp2p nodes on loopback, taken down after each test. */
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { identify } from '@libp2p/identify'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type Libp2pOptions } from 'libp2p'
import { afterEach } from 'vitest'
import { portsFrom, type NodeComponents, type PortsOptions } from '../src/index.ts'
import type { Libp2p } from '@libp2p/interface'
import type { Ports } from '@peerweave/interface'

const cleanups: Array<() => unknown> = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

export function cleanUp (cleanup: () => unknown): void {
  cleanups.push(cleanup)
}

export interface TestNode {
  node: Libp2p
  components: NodeComponents
  /** Its one address, with its id. */
  address: Multiaddr
}

/** All test nodes share 127.0.0.1, where libp2p's bound of 5 inbound connections a second and host would be met at once. */
export const MANY_ON_ONE_HOST = { inboundConnectionThreshold: Infinity }

export function baseOptions (): Libp2pOptions {
  return {
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionManager: { ...MANY_ON_ONE_HOST },
    connectionMonitor: { enabled: false }
  }
}

export async function makeNode (options: Libp2pOptions = {}): Promise<TestNode> {
  let components: NodeComponents | undefined
  const node = await createLibp2p({
    ...baseOptions(),
    ...options,
    services: {
      identify: identify(),
      probe: (given: NodeComponents) => {
        components = given
        return {}
      },
      ...options.services
    }
  })
  cleanUp(async () => await node.stop())
  if (components == null) throw new Error('the node was not built')
  return {
    node,
    components,
    get address () {
      const [address] = node.getMultiaddrs()
      if (address == null) throw new Error('the node does not listen')
      return address
    }
  }
}

export interface PortsNode extends TestNode {
  ports: Ports
}

export async function makePorts (options?: Libp2pOptions, portsOptions?: PortsOptions): Promise<PortsNode> {
  const made = await makeNode(options)
  const ports = portsFrom(made.components, portsOptions)
  await ports.start()
  cleanUp(async () => await ports.stop())
  return Object.assign(made, { ports })
}

/** Two nodes, the first connected to the second. */
export async function makePair (options?: Libp2pOptions): Promise<[PortsNode, PortsNode]> {
  const pair: [PortsNode, PortsNode] = [await makePorts(options), await makePorts(options)]
  await pair[0].ports.host.dial([pair[1].address])
  return pair
}

export interface Canary {
  address: Multiaddr
  port: number
  connects: () => number
  hangUp: () => void
}

/** A TCP address on loopback where connects are counted and nothing is ever said. */
export async function makeCanary (): Promise<Canary> {
  const sockets: Socket[] = []
  const hangUp = (): void => { for (const socket of sockets) socket.destroy() }
  const server = createServer(socket => {
    sockets.push(socket.on('error', () => {}))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  cleanUp(() => {
    hangUp()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { address: multiaddr(`/ip4/127.0.0.1/tcp/${port}`), port, connects: () => sockets.length, hangUp }
}

/** An address on loopback where nothing listens. */
export async function deadAddress (): Promise<Multiaddr> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise(resolve => server.close(resolve))
  return multiaddr(`/ip4/127.0.0.1/tcp/${port}`)
}

export function withPeer (address: Multiaddr, peer: { toString: () => string }): Multiaddr {
  return multiaddr(`${address.toString().replace(/\/p2p\/.*$/, '')}/p2p/${peer}`)
}
