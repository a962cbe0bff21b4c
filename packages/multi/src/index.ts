/**
 * Weaves many peer discovery mechanisms into one view that is merged, deduplicated, ranked, expired and explainable.
 *
 * @example
 * ```ts
 * import { bootstrap } from '@peerweave/bootstrap'
 * import { mdns } from '@peerweave/mdns'
 * import { multi } from '@peerweave/multi'
 * import { createLibp2p } from 'libp2p'
 *
 * const node = await createLibp2p({
 *   start: false, // first listen, then start: what is found while it starts is not to be missed
 *   services: {
 *     discovery: multi({ mechanisms: [mdns(), bootstrap({ list: ['/dns4/peer.example.org/tcp/4001/p2p/12D3KooW…'] })] })
 *   }
 * })
 * node.services.discovery.addEventListener('peer:discovery', ({ detail: { peer } }) => {
 *   console.log(peer.peerId, 'found by', peer.sources.map(source => source.path))
 * })
 * await node.start()
 * ```
 *
 * @packageDocumentation
 */
export { formatExplanation, type ExplainedClaim, type Explanation } from './explain.ts'
export { fromLibp2p, type FromLibp2pOptions } from './from-libp2p.ts'
export { memory, MemoryHub, type MemoryOptions } from './memory.ts'
export { multi, type AskOptions, type Multi, type MultiEvents, type PeerChange } from './multi.ts'
export type { LaneStatus } from './lane.ts'
export type { MultiOptions } from './options.ts'
export type { Refusal, RefusalReason } from './pipeline.ts'
