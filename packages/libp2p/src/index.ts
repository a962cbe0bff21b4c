/**
 * The Peerweave ports on js-libp2p, and libp2p options that stand up to strangers.
 *
 * A node wants {@link peerweaveDefaults}, a mechanism wants {@link mechanismModule}, and whoever needs the host, requests
 * or pubsub of a node wants {@link portsFrom}.
 *
 * @example A mechanism that works inside `multi` and as a plain libp2p service
 *
 * ```ts
 * import { noise } from '@libp2p/noise'
 * import { tcp } from '@libp2p/tcp'
 * import { yamux } from '@libp2p/yamux'
 * import { multiaddr } from '@multiformats/multiaddr'
 * import { peerIdFromString } from '@libp2p/peer-id'
 * import { defineMechanism } from '@peerweave/interface'
 * import { mechanismModule, peerweaveDefaults } from '@peerweave/libp2p'
 * import { createLibp2p } from 'libp2p'
 *
 * const friend = (id: string, address: string) => mechanismModule(context => defineMechanism(context, {
 *   name: 'friend',
 *   type: 'friend',
 *   async * round () {
 *     yield {
 *       kind: 'claim',
 *       peerId: peerIdFromString(id),
 *       multiaddrs: [multiaddr(address)],
 *       ttl: 600_000,
 *       reporter: { configured: true }
 *     }
 *   }
 * }))
 *
 * const node = await createLibp2p(peerweaveDefaults({
 *   addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
 *   transports: [tcp()],
 *   connectionEncrypters: [noise()],
 *   streamMuxers: [yamux()],
 *   services: {
 *     friend: friend('12D3KooWPjceQrSwdWXPyLLeABRXmuqt69Rg3sBYbU1Nft9HyQ6X', '/ip4/127.0.0.1/tcp/4001')
 *   }
 * }))
 * node.addEventListener('peer:discovery', ({ detail }) => console.log('found', detail.id.toString()))
 * ```
 *
 * @packageDocumentation
 */
export { contextFrom } from './context.ts'
export { peerweaveDefaults, type Completed, type DefaultsOptions, type HardenedOptions, type NodeOptions } from './defaults.ts'
export { policyOf, type DialPolicy } from './dial-policy.ts'
export { mechanismModule, type MechanismModuleOptions } from './mechanism-module.ts'
export { portsFrom, type PortsOptions } from './ports.ts'
export { QuotaDatastore, type DatastoreLike, type Quota, type QuotaUse } from './quota-datastore.ts'
export type { NodeComponents } from './node-components.ts'
export type { Dns, LookupType, ResolveName } from './resolve-address.ts'
