/** What a mechanism is given when it is made. */
import type { PeerId } from '@libp2p/interface'
import type { DiscoveryMechanism } from './discovery.ts'
import type { ComponentLogger, Ports } from './ports/index.ts'

/** Read access to signed peer records, for protocols that must answer "which peers do you know". */
export interface RecordSource {
  get: (id: PeerId) => Uint8Array | undefined
  /** At most `count` envelopes, chosen at random. */
  sample: (count: number) => Uint8Array[]
}

export interface MechanismContext {
  readonly ports: Ports
  readonly records: RecordSource
  readonly logger: ComponentLogger
  /**
   * libp2p's own components, for `dht` and `fromLibp2p`. Absent in the simulator. A proxy that throws on unknown names
   * and on destructuring: read one name at a time.
   */
  readonly libp2p?: object | undefined
}

/** What a mechanism's package returns from its factory: called by `multi` with a context, or by libp2p with its components. */
// oxlint-disable-next-line typescript/no-explicit-any -- libp2p types its components by each user's services
export type MechanismFactory<Made extends DiscoveryMechanism = DiscoveryMechanism> = (components: any) => Made

/** libp2p's lifecycle hooks, in order. A wrapper must forward each by itself (libp2p research §1). */
export type LifecycleHook = 'beforeStart' | 'start' | 'afterStart' | 'beforeStop' | 'stop' | 'afterStop'
