/**
 * The words that every Peerweave package shares: what a discovery mechanism is, what a peer store keeps, the ports on
 * the network, time and chance as options, errors, limits and names.
 *
 * @packageDocumentation
 */
export { addressScope, ipScope, mayReport, reporterScope, type AddressScope, type ReporterScope } from './address-scope.ts'
export { createClock, MAX_TIMEOUT, nextTurn, systemClock, type Clock, type Deadline, type Timer } from './clock.ts'
export { defineMechanism, dropCounter } from './define-mechanism.ts'
export type * from './discovery.ts'
export { lowerName } from './dns-name.ts'
export * from './errors.ts'
export { keyedHash, type KeyedHash } from './keyed-hash.ts'
export { clampMs, clampTtl, limits } from './limits.ts'
export type { LifecycleHook, MechanismContext, MechanismFactory, RecordSource, SampleOptions, StandingRecord } from './mechanism-context.ts'
export type { DropCounter, MechanismSpec, Round, Session } from './mechanism-spec.ts'
export { DEFAULT_PREFIX, names, type Names } from './names.ts'
export { offThread } from './off-thread.ts'
export { knownOptions, nameOption, numberOption, show, type NumberBounds } from './options.ts'
export { endpointOf, portOf, targetPeer, withoutPeer, withPeer } from './peer-address.ts'
export type * from './peer-info.ts'
export type * from './peer-store.ts'
export { readPeerText, writePeerText, type Faults, type PeerText, type TextToWrite } from './peer-text.ts'
export type * from './ports/index.ts'
export { recordStrings, takeRecord, type TakenRecord } from './record-text.ts'
export { backoff, jitter, seededRng, shuffle, systemRng, type Rng } from './rng.ts'
export { safeText, type SafeTextOptions } from './safe-text.ts'
export { setLatest } from './set-latest.ts'
export { Slots } from './slots.ts'
export { tokenBucket, type TokenBucket } from './token-bucket.ts'
export { Turns } from './turns.ts'
export { virtualClock, type VirtualClock, type VirtualClockInit } from './virtual-clock.ts'
export { raceSignal, settledOrAborted, untilAborted } from './waiting.ts'
