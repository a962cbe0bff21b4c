/** What is claimed of a peer, as plain data. Times are monotonic ms. */
import type { DiscoveryType, Source } from '@peerweave/interface'

/** `certified`: an address that the peer signed, of the record that stands. */
export type ItemKind = 'address' | 'protocol' | 'metadata' | 'certified'

/** By number, in memory and on disk: new ones are added at the end. */
export const KINDS: readonly ItemKind[] = ['address', 'protocol', 'metadata', 'certified']

/** One claim as it stands; a copy, so later merges do not change it. */
export interface Item {
  readonly kind: ItemKind
  /** The multiaddr as text, the protocol, or the metadata key. */
  readonly name: string
  /** The metadata value; empty for the others. */
  readonly value: string
  readonly observedAt: number
  readonly expiresAt: number
}

/** Items of one source. */
export interface SourceItems {
  readonly source: Source
  readonly items: readonly Item[]
}

export interface OnlySource {
  readonly type: DiscoveryType
  readonly latest: number
}

/** What counts. Reading it twice gives the same. */
export interface Claims {
  /** Where one source says all of it: which, and when it said something last. */
  readonly only?: OnlySource | undefined
  readonly sources: readonly SourceItems[]
}
