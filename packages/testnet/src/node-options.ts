/** The libp2p options of a node of the net. */
import { gossipsub } from '@libp2p/gossipsub'
import { identify } from '@libp2p/identify'
import { noise } from '@libp2p/noise'
import { ping } from '@libp2p/ping'
import { plaintext } from '@libp2p/plaintext'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { peerweaveDefaults } from '@peerweave/libp2p'
import { plugged } from './plugged-transport.ts'
import { loopbackTcp, memoryAddress, memoryAtAddresses, type ComesFrom } from './transports.ts'
import type { PrivateKey } from '@libp2p/interface'
import type { Libp2pOptions } from 'libp2p'
import type { Plug } from './network.ts'
import type { Mechanisms, PubSubOption, Settings } from './options.ts'

export interface NodeInit {
  settings: Settings
  privateKey: PrivateKey
  plug: Plug
  /** Number of the net in this process. */
  net: number
  /** TCP port; 0 for one that is free. */
  port: number
  comesFrom: ComesFrom
  mechanisms: Mechanisms
  overrides: Libp2pOptions
}

export function nodeOptions ({ settings, privateKey, plug, net, port, comesFrom, mechanisms, overrides }: NodeInit): Libp2pOptions {
  const { transports, pubsub } = settings
  const hasTcp = transports.has('tcp')
  const hasMemory = transports.has('memory')
  return peerweaveDefaults<Libp2pOptions>({
    streamMuxers: [yamux()],
    ...overrides,
    privateKey,
    start: false,
    addresses: {
      listen: [
        ...hasTcp ? [`/ip4/127.0.0.1/tcp/${port}`] : [],
        ...hasMemory ? [memoryAddress(plug.index).toString()] : []
      ],
      ...overrides.addresses
    },
    transports: [
      ...hasTcp ? [plugged(loopbackTcp(), plug)] : [],
      ...hasMemory ? [plugged(memoryAtAddresses(net, comesFrom), plug)] : [],
      ...overrides.transports ?? []
    ],
    connectionEncrypters: overrides.connectionEncrypters ?? [hasTcp ? noise() : plaintext()],
    connectionManager: {
      // Of one address, which here all nodes share: libp2p's 5 a second would refuse most of a net's start.
      inboundConnectionThreshold: Infinity,
      ...overrides.connectionManager
    },
    // It pings every connection every 10 s: traffic that nobody asked for.
    connectionMonitor: { enabled: false, ...overrides.connectionMonitor },
    services: {
      identify: identify(),
      ping: ping(),
      ...pubsub !== false && { pubsub: gossipsub(pubsubOptions(pubsub)) },
      ...mechanisms as Libp2pOptions['services'],
      ...overrides.services
    }
  }, { allow: [...hasTcp ? ['loopback' as const] : [], ...hasMemory ? ['private' as const] : []] })
}

/**
 * Above ten peers of one IP address gossipsub takes each for part of an attack, and where all share 127.0.0.1 the mesh
 * of busy nodes goes empty and they miss messages (research/libp2p.md §4). On memory each has its own, all the same.
 */
function pubsubOptions (pubsub: PubSubOption): Parameters<typeof gossipsub>[0] {
  const own = typeof pubsub === 'object' ? pubsub : {}
  return { ...own, scoreParams: { IPColocationFactorWeight: 0, ...own.scoreParams } }
}

/** An address of the memory transport at another port, as the far end of a connection sees its dialler. */
export function dialledFrom (index: number, port: number): ReturnType<ComesFrom> {
  const [host] = memoryAddress(index).getComponents()
  return multiaddr(`/ip4/${host?.value}/tcp/${port}`)
}
