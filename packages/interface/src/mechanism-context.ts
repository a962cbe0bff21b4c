/** What a mechanism is given when it is made. */
import type { PeerId } from '@libp2p/interface'
import type { DiscoveryMechanism } from './discovery.ts'
import type { VerifiedRecord } from './peer-info.ts'
import type { ComponentLogger, Ports } from './ports/index.ts'

/** A signed record that stands at present. */
export interface StandingRecord {
  readonly record: VerifiedRecord
  /** For how long it is still believed, ms. Whoever passes it on passes on no more than that. */
  readonly ttl: number
}

export interface SampleOptions {
  /** Only of peers that speak all of these. */
  protocols?: readonly string[] | undefined
  /** Not of these. */
  without?: ((id: PeerId) => boolean) | undefined
}

/** Read access to signed peer records, for protocols that must answer "which peers do you know". */
export interface RecordSource {
  get: (id: PeerId) => StandingRecord | undefined
  /** At most `count`, each once, drawn at random. */
  sample: (count: number, options?: SampleOptions) => StandingRecord[]
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
