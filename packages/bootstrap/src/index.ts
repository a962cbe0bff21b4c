/**
 * Finds the first peers from a list of known addresses: dials at most `maxPeers` of them at once, says which answered, asks
 * those for the peers that they know, and tries those that fail again with jittered back-off until there are enough.
 *
 * @example
 * ```ts
 * import { bootstrap } from '@peerweave/bootstrap'
 * import { createLibp2p } from 'libp2p'
 *
 * const node = await createLibp2p({
 *   services: {
 *     seeds: bootstrap({ list: ['/dns4/seed.example.org/tcp/4001/p2p/12D3KooW…'] })
 *   }
 * })
 * console.table(node.services.seeds.nodes())
 * ```
 *
 * @packageDocumentation
 */
export { bootstrap, type Bootstrap, type BootstrapNodeStatus } from './bootstrap.ts'
export type { BootstrapOptions } from './options.ts'
