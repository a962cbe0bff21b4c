/** A {@link MechanismContext} in memory, for the suite and for an author's own tests. */
import { generateKeyPair } from '@libp2p/crypto/keys'
import { defaultLogger } from '@libp2p/logger'
import { memoryNetwork, type MemoryNetwork, type MemoryPorts } from './memory-network.ts'
import type { MechanismContext, StandingRecord } from '@peerweave/interface'
import type { PrivateKey } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'

export interface ComplianceContextOptions {
  /** Two contexts meet when they share one. @default a network of its own */
  network?: MemoryNetwork
  /** @default a new Ed25519 key */
  privateKey?: PrivateKey
  /** @default one private address, unique in the network */
  addresses?: Multiaddr[]
  /** Signed peer records by peer id, for `records`. @default none */
  records?: ReadonlyMap<string, StandingRecord>
}

export interface ComplianceContext extends MechanismContext {
  readonly ports: MemoryPorts
}

/**
 * @example
 * ```ts
 * const network = memoryNetwork()
 * const [alice, bob] = [await complianceContext({ network }), await complianceContext({ network })]
 * await alice.ports.host.dial(bob.ports.host.addresses())
 * ```
 */
export async function complianceContext (options: ComplianceContextOptions = {}): Promise<ComplianceContext> {
  const { network = memoryNetwork(), addresses, records = new Map<string, StandingRecord>() } = options
  const privateKey = options.privateKey ?? await generateKeyPair('Ed25519')
  return {
    ports: network.join({ privateKey, addresses }),
    records: {
      get: id => records.get(id.toString()),
      // The first ones are as good as any: a test that needs chance brings its own records.
      sample: count => [...records.values()].slice(0, count)
    },
    logger: defaultLogger()
  }
}
