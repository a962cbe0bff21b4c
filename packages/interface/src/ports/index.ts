/** Everything that a mechanism may touch of the world besides its own sockets. */
import type { Crypto } from './crypto.ts'
import type { PubSub } from './pubsub.ts'
import type { Host } from './host.ts'
import type { Rpc } from './rpc.ts'
import type { Startable } from '@libp2p/interface'

export type * from './crypto.ts'
export type * from './dht.ts'
export type * from './disk.ts'
export type * from './host.ts'
export type * from './logger.ts'
export type * from './pubsub.ts'
export type * from './rpc.ts'

/** The ports of one node. Start before use and stop once done, each user for itself: they count their users. */
export interface Ports extends Startable {
  readonly host: Host
  readonly rpc: Rpc
  /** Absent where the node has no pubsub service. Usable from `afterStart` on. */
  readonly pubsub: PubSub | undefined
  /** How the signatures of this network are checked, where that is not by the keys in the ids (a simulation). */
  readonly crypto?: Crypto | undefined
}
