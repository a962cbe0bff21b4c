/** What a mechanism or `multi` is made with, whoever made it. */
import { portsFrom, type PortsOptions } from './ports.ts'
import type { MechanismContext, RecordSource } from '@peerweave/interface'
import type { NodeComponents } from './node-components.ts'

/** A plain libp2p node keeps no signed records that we could hand out. */
const NO_RECORDS: RecordSource = { get: () => undefined, sample: () => [] }

/** Inside `multi`, and in the simulator, a context is given; of libp2p's components one is made. */
export function contextFrom (components: MechanismContext | NodeComponents, options: PortsOptions = {}): MechanismContext {
  if ('ports' in components) return components
  return { ports: portsFrom(components, options), records: NO_RECORDS, logger: components.logger, libp2p: components }
}
