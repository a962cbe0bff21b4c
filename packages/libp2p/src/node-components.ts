/** What we use of libp2p's components. That object is a proxy: it throws on unknown names, so read one name at a time. */
import type {
  ComponentLogger, ConnectionGater, Libp2pEvents, PeerId, PeerStore, PrivateKey, TypedEventTarget
} from '@libp2p/interface'
import type { AddressManager, ConnectionManager, Registrar } from '@libp2p/interface-internal'
import type { Dns } from './resolve-address.ts'

export interface NodeComponents {
  peerId: PeerId
  privateKey: PrivateKey
  logger: ComponentLogger
  events: TypedEventTarget<Libp2pEvents>
  addressManager: AddressManager
  peerStore: PeerStore
  registrar: Registrar
  connectionManager: ConnectionManager
  connectionGater: ConnectionGater
  /** Only where the user configured one. */
  dns?: Dns
}

/** The service called `name`, or `undefined` when the node has none. */
export function optionalService (components: NodeComponents, name: string): unknown {
  try {
    return (components as unknown as Record<string, unknown>)[name]
  } catch (error) {
    if ((error as Error).name === 'MissingServiceError') return undefined
    throw error
  }
}
