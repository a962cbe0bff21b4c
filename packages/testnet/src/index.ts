/**
 * Real libp2p nodes in one process, for tests: with mechanisms of yours in them, crashes, partitions and bad links.
 *
 * @example
 * ```ts
 * import { memory, MemoryHub, multi } from '@peerweave/multi'
 * import { createTestnet } from '@peerweave/testnet'
 *
 * const hub = new MemoryHub()
 * await using net = await createTestnet(5, { mechanisms: () => ({ discovery: multi({ mechanisms: [memory({ hub })] }) }) })
 * net.node(0).services.discovery.addEventListener('peer:discovery', ({ detail: { peer } }) => console.log(peer.peerId))
 * await net.node(4).crash()
 * ```
 *
 * @packageDocumentation
 */
export { createTestnet, type CutOptions, type NodeRef, type Testnet } from './testnet.ts'
export type { Faults, Span } from './faults.ts'
export type { Traffic } from './network.ts'
export type { TestnetNode } from './node.ts'
export type {
  Mechanisms, NodeServices, NoMechanisms, Place, PubSubOption, ServiceFactory, TestnetOptions, TransportName
} from './options.ts'
export type { Wire, Wiring } from './wiring.ts'
