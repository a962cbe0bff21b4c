/** The peer store in memory. */
import { knownOptions, limits, numberOption, show, systemClock, type Clock, type PeerStore } from '@peerweave/interface'
import { keyedHash } from './keyed-hash.ts'
import { PeerLedger, type PeerLedgerInit } from './peer-ledger.ts'

export interface MemoryPeerStoreOptions {
  /**
   * Peers kept. At the bound newcomers and old ones compete by quota group (see `admission.ts`).
   *
   * @default limits.newPeers + limits.triedPeers
   */
  capacity?: number | undefined
  /** @default systemClock() */
  clock?: Clock | undefined
  /** Key of the hash that picks victims, 8 bytes. Only for runs that must repeat. @default from the secure generator */
  hashKey?: Uint8Array | undefined
}

/**
 * @throws TypeError naming a wrong option
 */
export function memoryPeerStore (options: MemoryPeerStoreOptions = {}): PeerStore {
  knownOptions('memoryPeerStore', options, STORE_OPTIONS)
  return new PeerLedger(ledgerInit(options))
}

export const STORE_OPTIONS = ['capacity', 'clock', 'hashKey'] as const

/** What every store's ledger needs, from its options. */
export function ledgerInit ({ capacity, clock, hashKey }: MemoryPeerStoreOptions): PeerLedgerInit {
  if (hashKey != null && hashKey.length !== 8) throw new TypeError(`hashKey must be 8 bytes, got ${show(hashKey.length)}`)
  return {
    capacity: numberOption('capacity', capacity, limits.newPeers + limits.triedPeers, { min: 1, integer: true }),
    clock: clock ?? systemClock(),
    hash: keyedHash(hashKey)
  }
}
