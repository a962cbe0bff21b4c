/** The edge to the machine: its interfaces and its UDP sockets, replaceable as one. */
import { createSocket } from 'node:dgram'
import { networkInterfaces } from 'node:os'
import { MdnsError, show } from '@peerweave/interface'

/** The part of `dgram.Socket` that is used. Methods, not properties, so that the platform's socket fits as it is. */
export interface MdnsSocket {
  bind (port: number, address: string, callback: () => void): unknown
  addMembership (group: string, interfaceAddress: string): unknown
  setMulticastInterface (interfaceAddress: string): unknown
  setMulticastTTL (hops: number): unknown
  setMulticastLoopback (enabled: boolean): unknown
  send (
    message: Uint8Array, offset: number, length: number, port: number, address: string, callback: (error: Error | null) => void
  ): unknown
  close (callback: () => void): unknown
  on (event: 'message', listener: (message: Buffer, from: PacketSource) => void): unknown
  on (event: 'error', listener: (error: Error) => void): unknown
}

/** Where a packet came from. */
export interface PacketSource {
  address: string
  port: number
}

export interface InterfaceAddress {
  address: string
  family: string
  internal: boolean
  /** Address and prefix length, `192.0.2.7/24`. */
  cidr: string | null
}

export interface MdnsNetwork {
  /** Addresses by interface name, as `os.networkInterfaces()` gives them. */
  interfaces: () => { [name: string]: InterfaceAddress[] | undefined }
  /** A UDP socket over IPv4 that shares its port. */
  createSocket: () => MdnsSocket
}

/** The platform's own. */
export const systemNetwork: MdnsNetwork = {
  interfaces: networkInterfaces,
  // Every mDNS program of a machine shares port 5353.
  createSocket: () => createSocket({ type: 'udp4', reuseAddr: true })
}

/** One interface with the IPv4 address we use on it. */
export interface Link {
  readonly name: string
  readonly address: string
  /** Prefix length of the subnet. */
  readonly prefix: number
  readonly isLoopback: boolean
}

/**
 * The interface with this address; without one, the first that is not internal, else the loopback one.
 *
 * @throws MdnsError when there is none
 */
export function findLink (network: MdnsNetwork, address?: string): Link {
  const links = Object.entries(network.interfaces()).flatMap(([name, addresses = []]) => addresses
    .filter(({ family }) => family === 'IPv4')
    .map((found): Link => ({
      name,
      address: found.address,
      prefix: Number(found.cidr?.split('/')[1] ?? 32),
      isLoopback: found.internal
    })))
  const link = address === undefined
    ? links.find(({ isLoopback }) => !isLoopback) ?? links[0]
    : links.find(found => found.address === address)
  if (link == null) {
    const have = links.map(found => `${found.address} (${found.name})`).join(', ')
    const wanted = address === undefined ? 'IPv4 interface' : `interface with address ${show(address)}`
    throw new MdnsError(`mdns: no ${wanted}; this machine has ${have || 'none'}`)
  }
  return link
}
