/** The transports that nodes are made with. No dial of theirs leaves the machine, whatever a mechanism believes. */
import { memory } from '@libp2p/memory'
import { tcp } from '@libp2p/tcp'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { addressScope, endpointOf, targetPeer } from '@peerweave/interface'
import { MEMORY_PORT, MEMORY_SUBNET } from './constants.ts'
import { overridden } from './overridden.ts'
import type { Transport, Upgrader } from '@libp2p/interface'

/** TCP between the ends of this machine alone: a claim of a public address in a test connects to nobody. */
export function loopbackTcp (): (components: Parameters<ReturnType<typeof tcp>>[0]) => Transport {
  return components => {
    const transport = tcp()(components)
    return overridden(transport, {
      listenFilter: addresses => transport.listenFilter(addresses).filter(address => !isInMemory(address)),
      dialFilter: addresses => transport.dialFilter(addresses).filter(address => addressScope(address) === 'loopback')
    })
  }
}

/** The memory transport's address of a node. */
export function memoryAddress (index: number): Multiaddr {
  const host = index + 1 // .0 is the network's own
  return multiaddr(`/ip4/${MEMORY_SUBNET}.${host >> 8}.${host & 255}/tcp/${MEMORY_PORT}`)
}

/** Where an inbound connection seems to come from: of the dialler's address, at a port of its own. */
export type ComesFrom = (peer: string) => Multiaddr | undefined

/**
 * libp2p's memory transport at addresses of a private network, each node with its own. `/memory/…`, its own kind of
 * address, is one that nobody may be sent to: the address policy of every mechanism and of `peerweaveDefaults` drops it,
 * and a test of these on it would test their absence.
 *
 * @param net - keeps the nets of one process apart, which have the same addresses
 */
export function memoryAtAddresses (net: number, comesFrom: ComesFrom): (components: Parameters<ReturnType<typeof memory>>[0]) => Transport {
  const inMemory = (address: Multiaddr): Multiaddr => {
    const peer = targetPeer(address)
    return multiaddr(`/memory/testnet-${net}${endpointOf(address).replaceAll('/', '-')}${peer == null ? '' : `/p2p/${peer}`}`)
  }
  return components => {
    const transport = memory()(components)
    return overridden(transport, {
      listenFilter: addresses => addresses.filter(isInMemory),
      dialFilter: addresses => addresses.filter(isInMemory),
      dial: async (address, options) => await transport.dial(inMemory(address), options),
      createListener (options) {
        const upgrader = overridden<Upgrader>(options.upgrader, {
          async upgradeInbound (connection, rest) {
            connection.remoteAddr = comesFrom(targetPeer(connection.remoteAddr) ?? '') ?? connection.remoteAddr
            await options.upgrader.upgradeInbound(connection, rest)
          }
        })
        const listener = transport.createListener({ ...options, upgrader })
        let listensAt: Multiaddr[] = []
        return overridden(listener, {
          async listen (address) {
            listensAt = [address] // its event comes before its promise
            await listener.listen(inMemory(address))
          },
          getAddrs: () => listensAt
        })
      }
    })
  }
}

function isInMemory (address: Multiaddr): boolean {
  const [host, port, ...rest] = address.getComponents()
  const isInSubnet = host?.name === 'ip4' && host.value?.startsWith(`${MEMORY_SUBNET}.`) === true
  return isInSubnet && port?.name === 'tcp' && rest.every(({ name }) => name === 'p2p')
}
