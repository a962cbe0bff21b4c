/** The parts of a libp2p node that the mechanism asks for, in memory. */
import { MemoryDatastore } from 'datastore-core'
import { TypedEventEmitter } from 'main-event'
import type { MechanismContext } from '@peerweave/interface'
import type { Libp2pEvents, PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'

export interface FakeNode {
  readonly events: TypedEventEmitter<Libp2pEvents>
  readonly datastore: MemoryDatastore
  /** What the peer store holds. */
  readonly book: Map<string, Multiaddr[]>
  /** The tags that were set. */
  readonly tags: Set<string>
  readonly [service: string]: unknown
}

export function fakeNode ({ ports: { host }, logger }: MechanismContext, services: Record<string, unknown> = {}): FakeNode {
  const book = new Map<string, Multiaddr[]>()
  const tags = new Set<string>()
  return {
    book,
    tags,
    peerId: host.self,
    events: new TypedEventEmitter<Libp2pEvents>(),
    datastore: new MemoryDatastore(),
    logger,
    connectionGater: {},
    connectionManager: { getConnections: () => [] },
    addressManager: { getAddresses: () => host.addresses() },
    registrar: { unhandle: async () => {} },
    ping: { ping: async () => 1 },
    peerStore: {
      has: async () => true,
      get: async (id: PeerId) => ({ id, addresses: (book.get(id.toString()) ?? []).map(multiaddr => ({ multiaddr, isCertified: false })) }),
      merge: async (id: PeerId, { multiaddrs = [], tags: set = {} }: { multiaddrs?: Multiaddr[], tags?: object }) => {
        book.set(id.toString(), [...book.get(id.toString()) ?? [], ...multiaddrs])
        for (const tag of Object.keys(set)) tags.add(tag)
      }
    },
    ...services
  }
}
