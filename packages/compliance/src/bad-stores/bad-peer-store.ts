/** One member of the cast. */
import type { PeerStoreSetup } from '../store-setup.ts'

export interface BadPeerStore {
  name: string
  /** What is wrong with it. */
  fault: string
  /** The store clauses that must reject it, and no others. */
  breaks: readonly string[]
  /** Spoils a good setup. The faults of restarting show only where that has a `reopen`. */
  spoil: (good: PeerStoreSetup) => PeerStoreSetup
}

export type Spoil = BadPeerStore['spoil']

export function bad (name: string, fault: string, breaks: readonly string[], spoil: Spoil): BadPeerStore {
  return { name, fault, breaks, spoil }
}
