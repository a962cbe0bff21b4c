/**
 * Finds peers and providers in a Kademlia DHT, and announces us there.
 *
 * @example
 * ```ts
 * import { identify } from '@libp2p/identify'
 * import { noise } from '@libp2p/noise'
 * import { ping } from '@libp2p/ping'
 * import { tcp } from '@libp2p/tcp'
 * import { yamux } from '@libp2p/yamux'
 * import { dht } from '@peerweave/dht'
 * import { createLibp2p } from 'libp2p'
 *
 * const node = await createLibp2p({
 *   addresses: { listen: ['/ip4/0.0.0.0/tcp/4001'] },
 *   transports: [tcp()],
 *   connectionEncrypters: [noise()],
 *   streamMuxers: [yamux()],
 *   services: { identify: identify(), ping: ping(), dht: dht({ bootstrapNodes: ['/ip4/192.0.2.1/tcp/4001/p2p/12D3KooW…'] }) }
 * })
 * ```
 *
 * @packageDocumentation
 */
export { dht, type DhtMechanism, type DhtMetrics, type RecordRules } from './dht.ts'
export { namespaceKey, peerKey, providerKey } from './provider-key.ts'
export { PRESETS, type Mode, type Preset, type PresetValues } from './presets.ts'
export type { DiversityLimits } from './diversity.ts'
export type { DhtOptions, KadFactory } from './options.ts'
