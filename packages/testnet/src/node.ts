/** A node of the net, as users see it. */
import type { Libp2p, PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Traffic } from './network.ts'

/** A real libp2p node. Its methods wait for those called before. */
// oxlint-disable-next-line typescript/no-explicit-any -- a node of any services
export interface TestnetNode<Services = any> {
  readonly index: number
  readonly peerId: PeerId
  /** Started, and neither stopped nor crashed. */
  readonly isUp: boolean
  /** The node that runs, or ran last: a restart makes another, as a new process would. */
  readonly libp2p: Libp2p<Services & Record<string, unknown>>
  /** Those of {@link libp2p}. */
  readonly services: Services
  /** Where it listens, or did last, with its peer id; none before the first start. */
  readonly addresses: Multiaddr[]
  /** What it sent to and received from nodes of the net, in all its lives. */
  readonly traffic: Traffic
  /** Does nothing to one that is up. */
  start: () => Promise<void>
  /** Says its goodbyes. */
  stop: () => Promise<void>
  /**
   * As when its process is killed: at once every connection is reset, and not a byte more goes out on libp2p's. Then it
   * is taken down, for its timers and memory. What a mechanism does there past libp2p's connections, such as
   * multicast, is out of our hands.
   */
  crash: () => Promise<void>
  /** Stops it, if it is up, and starts it anew: same key, same address, nothing remembered. */
  restart: () => Promise<void>
}
