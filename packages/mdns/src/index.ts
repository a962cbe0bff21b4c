/**
 * Finds peers on the local network by multicast DNS (RFC 6762): in the form of libp2p's specification, and by option as a
 * DNS-SD service (RFC 6763).
 *
 * @example
 * ```ts
 * import { mdns } from '@peerweave/mdns'
 * import { createLibp2p } from 'libp2p'
 * import { noise } from '@libp2p/noise'
 * import { tcp } from '@libp2p/tcp'
 * import { yamux } from '@libp2p/yamux'
 *
 * const node = await createLibp2p({
 *   addresses: { listen: ['/ip4/0.0.0.0/tcp/0'] },
 *   transports: [tcp()],
 *   connectionEncrypters: [noise()],
 *   streamMuxers: [yamux()],
 *   services: { mdns: mdns() }
 * })
 * node.addEventListener('peer:discovery', ({ detail }) => console.log('found', detail.id.toString()))
 * ```
 *
 * @packageDocumentation
 */
export { mdns } from './mdns.ts'
export type { InterfaceAddress, LinkFamily, MdnsNetwork, MdnsSocket, PacketSource } from './network.ts'
export type { MdnsOptions, MdnsServiceOptions } from './options.ts'
