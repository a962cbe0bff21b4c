/** What is measured: a side says what its nodes are made of, and how they tell what they know. */
import type { Mechanisms, Place, PubSubOption, TestnetNode } from '@peerweave/testnet'
import type { Libp2pOptions } from 'libp2p'

export interface Side {
  /** As it stands in a row. */
  readonly name: string
  /** Services of a node. `seeds`: addresses of the nodes that everybody is configured with; none for the first one. */
  mechanisms: (place: Place, seeds: string[]) => Mechanisms
  libp2p?: (place: Place, seeds: string[]) => Libp2pOptions
  /** @default false */
  readonly pubsub?: PubSubOption | undefined
}

/** Finds peers. */
export interface Finder extends Side {
  /** Ids of peers that the node has an address of. */
  known: (node: TestnetNode) => Promise<string[]>
  /** Calls back with each id that {@link known} has from now on, as soon as it has, any number of times. */
  watch: (node: TestnetNode, learned: (id: string) => void) => void
  /** Does what the node would do by itself in time, where a settled net is waited for in minutes. */
  ripen?: (node: TestnetNode) => Promise<void>
}

/** Spreads announcements. */
export interface Announcer extends Side {
  /** Resolves when all nodes can hear each other. */
  ready: (nodes: readonly TestnetNode[]) => Promise<void>
  /** Says something new of the node itself. */
  announce: (node: TestnetNode) => Promise<void>
  /** Calls back with the announcer's id for each announcement that this node hears. */
  listen: (node: TestnetNode, heard: (announcer: string) => void) => void
}

/** Says what it provides, and finds who does. */
export interface Provider extends Side {
  /** Resolves when nodes are ready for it. */
  ready: (nodes: readonly TestnetNode[]) => Promise<void>
  /** Resolves when it is stored. */
  provide: (node: TestnetNode, namespace: string) => Promise<void>
  /** Resolves when this provider was found; never when it is not. */
  find: (node: TestnetNode, namespace: string, provider: string, signal: AbortSignal) => Promise<void>
}
