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
export type { PeerIds } from './access-list.ts'
export type { AskOptions, FindOptions } from './answers.ts'
export type { Multi, MultiEvents, PeerChange } from './api.ts'
export { multiFromConfig, type Config, type MechanismConfig, type MechanismMaker, type MechanismRegistry, type MultiConfig } from './config.ts'
export type { ConnectOptions, ConnectPreset } from './connect-options.ts'
export type { LoggedEndpoint } from './endpoint-log.ts'
export type { Unidentified } from './endpoints.ts'
export { formatExplanation, type ExplainedClaim, type ExplainedState, type Explanation } from './explain.ts'
export { fromLibp2p, type FromLibp2pOptions } from './from-libp2p.ts'
export type { LaneStatus } from './lane.ts'
export { memory, MemoryHub, type MemoryOptions } from './memory.ts'
export { multi } from './multi.ts'
export type { MechanismEntry, MultiOptions } from './options.ts'
export type { Refusal, RefusalReason } from './pipeline.ts'
export type { LoggedRefusal } from './refusal-log.ts'
export { withBackoff, type BackoffOptions } from './with-backoff.ts'
export { withCache, type CacheOptions } from './with-cache.ts'
export { withFilter, type FilterOptions } from './with-filter.ts'
export type { Wrapped } from './wrap-mechanism.ts'
