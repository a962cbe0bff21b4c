import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p, type Libp2p } from 'libp2p'
import { afterEach, describe, expect, it } from 'vitest'
import { until } from '../../../test/support/until.ts'
import { mdns } from '../src/index.ts'
import { randomPort } from './support.ts'
import type { PeerInfo } from '@libp2p/interface'

const nodes: Libp2p[] = []

afterEach(async () => {
  for (const node of nodes.splice(0)) await node.stop()
})

async function createNode (port: number): Promise<{ node: Libp2p, found: PeerInfo[] }> {
  const node = await createLibp2p({
    start: false,
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: { mdns: mdns({ interfaces: ['127.0.0.1'], port }) }
  })
  const found: PeerInfo[] = []
  node.addEventListener('peer:discovery', ({ detail }) => found.push(detail))
  nodes.push(node)
  await node.start()
  return { node, found }
}

describe('mdns as a libp2p service', () => {
  it('announces the addresses that the node listens on, and a peer that found them can dial', async () => {
    const port = randomPort()
    const one = await createNode(port)
    const two = await createNode(port)
    await until(() => two.found.some(({ id }) => id.equals(one.node.peerId)), 'found', 5_000)
    const { multiaddrs } = two.found.find(({ id }) => id.equals(one.node.peerId))!
    expect(multiaddrs.map(address => `${address}/p2p/${one.node.peerId}`)).toEqual(one.node.getMultiaddrs().map(String))
    const connection = await two.node.dial(one.node.peerId)
    expect(connection.remotePeer.equals(one.node.peerId)).toBe(true)
  })
})
