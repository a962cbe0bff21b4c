/** One round: whoever provides the namespace, then peers near random keys and near ourselves. */
import { limits, type Claim, type Rng, type Round } from '@peerweave/interface'
import { namespaceKey } from './provider-key.ts'
import type { PeerId } from '@libp2p/interface'
import type { Queries } from './queries.ts'

export interface RoundInit {
  queries: Queries
  namespace: string
  /** Look-ups of random keys. */
  walks: number
  self: PeerId
  rng: Rng
}

/** A round's time in parts: a stage that hangs leaves some for the others. */
const PART = limits.roundDeadline / 4

/**
 * Each address of a peer once.
 *
 * @throws DhtError when nobody is in the routing table
 */
export async function * discover ({ queries, namespace, walks, self, rng }: RoundInit, { namespace: asked, signal, limit }: Round): AsyncGenerator<Claim> {
  await queries.ready({ signal, timeout: PART })
  const near = (key: Uint8Array): AsyncIterable<Claim> => queries.near(key, { signal, timeout: PART })
  const stages: Array<() => Promise<AsyncIterable<Claim>>> = [
    async () => queries.providers(await namespaceKey(namespace), { signal, timeout: 2 * PART }),
    // Who asks for the members of a namespace is not to be told of others.
    ...asked != null ? [] : [
      ...Array.from({ length: walks }, () => async () => near(randomKey(rng))),
      async () => near(self.toMultihash().bytes)
    ]
  ]
  // BOUNDED by what the stages give: answers by `limits.dhtPeersPerAnswer`.
  const told = new Set<string>()
  let given = 0
  for (const stage of stages) {
    for await (const claim of await stage()) {
      const multiaddrs = claim.multiaddrs.filter(address => !told.has(`${claim.peerId} ${address}`))
      if (multiaddrs.length === 0) continue
      for (const address of multiaddrs) told.add(`${claim.peerId} ${address}`)
      yield { ...claim, multiaddrs }
      if (++given === limit) return
    }
  }
}

/** Not a secret: it only has to differ from node to node and from round to round. */
function randomKey (rng: Rng): Uint8Array {
  return Uint8Array.from({ length: 32 }, () => rng.int(256))
}
