/**
 * An evidence ledger of peers. Every claim is kept with who made it and for how long it stands; what users see is
 * computed from the claims that are live, so it does not depend on the order in which they came.
 *
 * @example
 * ```ts
 * import { memoryPeerStore } from '@peerweave/peer-store'
 *
 * const store = memoryPeerStore({ capacity: 1_000 })
 * await store.addPeer({
 *   peerId,
 *   multiaddrs,
 *   source: { path: 'mdns', type: 'mdns', group: 'if:eth0' },
 *   observedAt: performance.now(),
 *   expiresAt: performance.now() + 120_000
 * })
 * for await (const peer of store.getPeers({ minConfidence: 0.5 })) console.log(peer.peerId, peer.addresses)
 * ```
 *
 * @packageDocumentation
 */
export { placeOf, type Place } from './admission/place.ts'
export type { DamageReport } from './disk/damage-report.ts'
export type { DurableLogState } from './disk/durable-log.ts'
export { levelPeerStore, type LevelPeerStore, type LevelPeerStoreOptions } from './level.ts'
export { memoryPeerStore, type MemoryPeerStoreOptions } from './memory.ts'
export { STRANGER } from './contact.ts'
