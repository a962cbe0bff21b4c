/** Real nodes on loopback, each with a DHT, taken down after each test. */
import { identify } from '@libp2p/identify'
import { noise } from '@libp2p/noise'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { peerweaveDefaults, type NodeComponents } from '@peerweave/libp2p'
import { createLibp2p, type Libp2pOptions } from 'libp2p'
import { afterEach } from 'vitest'
import { until } from '../../../../test/support/until.ts'
import { dht, type DhtMechanism, type DhtOptions } from '../../src/index.ts'
import type { Libp2p } from '@libp2p/interface'
import type { Claim, Sighting } from '@peerweave/interface'
import type { Multiaddr } from '@multiformats/multiaddr'

const cleanups: Array<() => unknown> = []

afterEach(async () => {
  await Promise.all(cleanups.splice(0).reverse().map(cleanup => cleanup()))
})

export function cleanUp (cleanup: () => unknown): void {
  cleanups.push(cleanup)
}

export interface TestNode {
  readonly node: Libp2p
  readonly components: NodeComponents
  readonly dht: DhtMechanism
  /** Its one address, with its id. */
  readonly address: Multiaddr
  readonly stop: () => Promise<void>
}

/** All on 127.0.0.1, where libp2p's bound of five inbound connections a second and host would be met at once. */
export function baseOptions (): Libp2pOptions {
  return {
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionManager: { inboundConnectionThreshold: Infinity },
    connectionMonitor: { enabled: false }
  }
}

/** Hardened, as users are told to: every private address that is not vetted is refused. */
export async function makeNode (options: DhtOptions = {}, nodeOptions: Libp2pOptions = {}): Promise<TestNode> {
  let components: NodeComponents | undefined
  const node = await createLibp2p(peerweaveDefaults({
    ...baseOptions(),
    ...nodeOptions,
    services: {
      identify: identify(),
      ping: ping(),
      probe: (given: NodeComponents) => {
        components = given
        return {}
      },
      dht: dht({ preset: 'lan', ...options }),
      ...nodeOptions.services
    }
  }) as Libp2pOptions)
  let isStopped = false
  const stop = async (): Promise<void> => {
    if (isStopped) return
    isStopped = true
    await node.stop()
  }
  cleanUp(stop)
  if (components == null) throw new Error('the node was not built')
  const [address] = node.getMultiaddrs()
  if (address == null) throw new Error('the node does not listen')
  return { node, components, dht: (node.services as unknown as { dht: DhtMechanism }).dht, address, stop }
}

/** A node without any of ours, which dials whomever it likes. */
export async function makeStranger (nodeOptions: Libp2pOptions = {}): Promise<Libp2p> {
  const node = await createLibp2p({ ...baseOptions(), ...nodeOptions, services: { identify: identify(), ping: ping(), ...nodeOptions.services } })
  cleanUp(async () => await node.stop())
  return node
}

/** `count` nodes that know the first one, once all are in each other's tables as far as they can be. */
export async function makeNet (count: number, options: DhtOptions = {}): Promise<TestNode[]> {
  const first = await makeNode(options)
  const others = await Promise.all(Array.from({ length: count - 1 }, async () => await makeNode({ ...options, bootstrapNodes: [first.address] })))
  const nodes = [first, ...others]
  const wanted = Math.min(count - 1, 5)
  await until(() => nodes.every(({ dht }) => dht.metrics().tableSize >= wanted), `tables of ${wanted}`, 20_000)
  return nodes
}

export async function collect (sightings: AsyncIterable<Sighting>): Promise<Claim[]> {
  const claims: Claim[] = []
  for await (const sighting of sightings) if (sighting.kind === 'claim') claims.push(sighting)
  return claims
}

export async function all<T> (items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

/** Fires after `ms`, so that no query outlives its test. */
export function within (ms: number): { signal: AbortSignal } {
  return { signal: AbortSignal.timeout(ms) }
}

export function bytes (text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
