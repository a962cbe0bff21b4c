/**
 * Many nodes in one process, on a clock, links and disks of its own. They run the real code: mechanisms, `multi` and
 * stores see ports, and cannot tell these from libp2p's. The same seed gives the same run, to the last event.
 *
 * @example
 * ```ts
 * import { memory, MemoryHub, multi } from '@peerweave/multi'
 * import { memoryPeerStore } from '@peerweave/peer-store'
 * import { simulate } from '@peerweave/simulator'
 *
 * const hub = new MemoryHub()
 * const world = simulate({
 *   seed: 1,
 *   nodes: 10,
 *   links: { loss: 0.05 },
 *   async setup ({ clock, rng, hashKey, context }) {
 *     const store = memoryPeerStore({ clock, hashKey })
 *     const discovery = multi({ mechanisms: [memory({ hub, clock })], store, clock, rng })(context)
 *     await discovery.start()
 *     return discovery
 *   }
 * })
 * const ms = await world.run(() => world.up().every(({ index }) => world.app(index)?.store.size === 9), 60_000)
 * console.log('all know all after', ms, 'ms; this run is', world.trace)
 * ```
 *
 * @packageDocumentation
 */
export { addressIn, groupOf, GROUPS, HOSTS_PER_GROUP } from './addresses.ts'
export { seededBytes, streamOf } from './chance.ts'
export { InvariantError } from './coverage.ts'
export type { Distribution, LogNormal } from './distribution.ts'
export { keyedHashCrypto, simPeerId, type KeyedHashCrypto } from './keyed-hash-crypto.ts'
export { LINKS, RETRANSMIT, RETRIES, type LinkOptions } from './links.ts'
export { simClock, type NodeClock, type NodeClockInit, type SimClock, type SimClockInit } from './sim-clock.ts'
export { simDisk, type CrashPoint, type Damage, type SimDisk, type SimDiskInit } from './sim-disk.ts'
export { KEEP_ALIVE, type SimHost, type SimHostInit } from './sim-host.ts'
export { simNetwork, type SimNetwork } from './sim-network.ts'
export { loadTrace, parseTrace, TRACES, type ChurnTrace, type Cut, type Session, type TraceName } from './traces.ts'
export type { Presence, WireCounts, WiresInit } from './wires.ts'
export { MAX_NODES, simulate, type SimNode, type SimulationOptions, type World } from './world.ts'
