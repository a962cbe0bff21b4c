/** The peer store in memory. */
import { keyedHash, knownOptions, limits, numberOption, show, systemClock, systemRng, type Clock, type PeerStore, type Rng } from '@peerweave/interface'
import { HeldClock } from './held-clock.ts'
import { PeerLedger, type PeerLedgerInit } from './peer-ledger.ts'

export interface MemoryPeerStoreOptions {
  /**
   * Places of peers that we know by hearsay: one for each quota group that claims a peer. At the bound newcomers and old
   * ones compete by group. Peers that a dial of ours reached have places of their own (`limits.triedPeers`).
   *
   * @default limits.newPeers
   */
  capacity?: number | undefined
  /** Draws whom to dial. @default systemRng() */
  rng?: Rng | undefined
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

export const STORE_OPTIONS = ['capacity', 'clock', 'rng', 'hashKey'] as const

/** What every store's ledger needs, from its options. */
export function ledgerInit ({ capacity, clock, rng, hashKey }: MemoryPeerStoreOptions): PeerLedgerInit {
  if (hashKey != null && hashKey.length !== 8) throw new TypeError(`hashKey must be 8 bytes, got ${show(hashKey.length)}`)
  return {
    capacity: numberOption('capacity', capacity, limits.newPeers, { min: 1, integer: true }),
    clock: new HeldClock(clock ?? systemClock()),
    rng: rng ?? systemRng(),
    hash: keyedHash(hashKey)
  }
}
