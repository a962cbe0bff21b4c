/** The edge to the machine: its interfaces and its UDP sockets, replaceable as one. */
import { createSocket } from 'node:dgram'
import { networkInterfaces } from 'node:os'

/** The part of `dgram.Socket` that is used. Methods, not properties, so that the platform's socket fits as it is. */
export interface MdnsSocket {
  bind (port: number, address: string, callback: () => void): unknown
  addMembership (group: string, interfaceAddress: string): unknown
  setMulticastInterface (interfaceAddress: string): unknown
  setMulticastTTL (hops: number): unknown
  setTTL (hops: number): unknown
  setMulticastLoopback (enabled: boolean): unknown
  send (
    message: Uint8Array, offset: number, length: number, port: number, address: string, callback: (error: Error | null) => void
  ): unknown
  close (callback: () => void): unknown
  on (event: 'message', listener: (message: Buffer, from: PacketSource) => void): unknown
  on (event: 'error', listener: (error: Error) => void): unknown
}

/** Where a packet came from. A link-local IPv6 address has its zone: `fe80::1%eth0`. */
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
  /** Number of the interface, with link-local IPv6 addresses. */
  scopeid?: number
}

export type LinkFamily = 'IPv4' | 'IPv6'

export interface MdnsNetwork {
  /** Addresses by interface name, as `os.networkInterfaces()` gives them. */
  interfaces: () => { [name: string]: InterfaceAddress[] | undefined }
  /** A UDP socket over this family alone, that shares its port. */
  createSocket: (family: LinkFamily) => MdnsSocket
}

/** The platform's own. */
export const systemNetwork: MdnsNetwork = {
  interfaces: networkInterfaces,
  // Every mDNS program of a machine shares port 5353; and we ourselves, over both families.
  createSocket: family => createSocket({ type: family === 'IPv4' ? 'udp4' : 'udp6', ipv6Only: family === 'IPv6', reuseAddr: true })
}
