/** One real libp2p node on loopback: TCP, Noise, Yamux. */
import { identify } from '@libp2p/identify'
import { noise } from '@libp2p/noise'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { peerweaveDefaults } from '@peerweave/libp2p'
import { mdns } from '@peerweave/mdns'
import { createLibp2p, type Libp2pOptions } from 'libp2p'
import { VERSION } from '../version.ts'
import { TTL } from './constants.ts'
import type { Libp2p } from '@libp2p/interface'

/** How a node of the demo can be found. */
export interface Visibility {
  /** On this mDNS port; `undefined`: not by mDNS. */
  mdnsPort?: number | undefined
}

/** The options that all nodes of the demo share. */
export function nodeOptions (): Libp2pOptions {
  return peerweaveDefaults({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    nodeInfo: { name: 'peerweave', version: VERSION },
    // All nodes share one host here, so libp2p's bound of 5 new connections a second and host would be met at once.
    connectionManager: { inboundConnectionThreshold: Infinity },
    services: { identify: identify(), ping: ping() }
  }, { allow: ['loopback'] })
}

export async function createNode ({ mdnsPort }: Visibility): Promise<Libp2p> {
  const options = nodeOptions()
  return createLibp2p({
    ...options,
    services: {
      ...options.services,
      ...mdnsPort != null && { mdns: mdns({ port: mdnsPort, interfaces: ['127.0.0.1'], ttl: TTL }) }
    }
  })
}

/** The address to give to others. */
export function addressOf (node: Libp2p): string {
  const [address] = node.getMultiaddrs()
  if (address == null) throw new Error('a node of the demo has no address: is 127.0.0.1 up?')
  return address.toString()
}
