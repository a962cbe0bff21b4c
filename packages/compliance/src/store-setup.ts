/** What an author hands to the store suite: how to build the store, and what it can do. */
import type { PeerStore, VirtualClock } from '@peerweave/interface'

export interface PeerStoreSetup {
  name: string
  /** A fresh, empty store for one test. The suite starts it, and stops it in the end. */
  create: (world: StoreWorld) => PeerStore | Promise<PeerStore>
  /**
   * Durable stores: a fresh store on the data of one that the suite has flushed and stopped. It is another process: the
   * monotonic clock of `world` has begun anew, its wall clock went on.
   */
  reopen?: (store: PeerStore, world: StoreWorld) => PeerStore | Promise<PeerStore>
  supports?: StoreSupports
  /** Random cases of the law of order. @default 200 */
  cases?: number
  /** Of the random cases; a failure names it. @default always the same */
  seed?: number
}

export interface StoreSupports {
  /** What was flushed outlives the store. @default whether there is a `reopen` */
  durable?: boolean
  /** `changes` can be read. @default true */
  changes?: boolean
}

/** What the suite decides. All time comes from `clock`. */
export interface StoreWorld {
  clock: VirtualClock
  /** Peers kept. Where it is missing, at least 1,000. */
  capacity?: number | undefined
  /** 8 bytes for the keyed hash that picks victims, so that two runs pick the same. */
  hashKey?: Uint8Array | undefined
}
