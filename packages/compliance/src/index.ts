/**
 * The test suites of the discovery mechanism contract and of the peer store contract. Each is handed a test runner and a
 * way to build what is yours, and runs one test per clause. The mechanism suite is Node only: it watches the process.
 *
 * @example
 * ```ts
 * import { describe, it } from 'vitest' // or node:test, or mocha
 * import { mechanismCompliance, noticeBoard, reference } from '@peerweave/compliance'
 *
 * // The mechanism under test reads notices from a board; yours comes from '../src/index.ts'.
 * mechanismCompliance({ describe, it }, {
 *   name: 'reference',
 *   create ({ clock, rng, context, self, node }) {
 *     const board = noticeBoard()
 *     const notice = (id: unknown): object => ({ id: String(id), addresses: ['/ip4/10.0.0.1/tcp/4001'], ttl: 60_000 })
 *     return {
 *       mechanism: () => reference({ board, clock, rng })(context),
 *       async provoke () {
 *         const { self: peer } = await node()
 *         board.post(peer.toString(), notice(peer))
 *         return peer
 *       },
 *       echo: () => { board.post('echo', notice(self)) },
 *       hostile: () => { board.post('nonsense', null) },
 *       fail: () => { board.tear() },
 *       announced: () => board.has('self'),
 *       leftovers: () => Array<string>(board.readers).fill('subscription to the board')
 *     }
 *   }
 * })
 * ```
 *
 * @packageDocumentation
 */
export { badMechanisms, type BadMechanism } from './bad-mechanisms.ts'
export { clauses, type Clause } from './clauses.ts'
export { complianceContext, type ComplianceContext, type ComplianceContextOptions } from './compliance-context.ts'
export { ComplianceError } from './compliance-error.ts'
export { mechanismCompliance } from './mechanism-compliance.ts'
export { memoryNetwork, type MemoryNetwork, type MemoryNodeInit, type MemoryPorts } from './memory-network.ts'
export { noticeBoard, type Notice, type NoticeBoard } from './notice-board.ts'
export { noticeBoardSetup, reference, type ReferenceOptions } from './reference.ts'
export { collect, type TestResult, type TestRunner } from './runner.ts'
export type { MechanismSetup, Subject, Supports, World, WorldNode } from './setup.ts'
export { badPeerStores, type BadPeerStore } from './store-bad-stores.ts'
export { storeClauses, type StoreClause } from './store-clauses.ts'
export { peerStoreCompliance } from './store-compliance.ts'
export type { PeerStoreSetup, StoreSupports, StoreWorld } from './store-setup.ts'
