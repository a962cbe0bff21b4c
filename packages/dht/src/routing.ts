/** The DHT as libp2p routes with it, and as our own port has it. */
import { DhtError, NotFoundError, type Claim, type Dht, type DhtPeer } from '@peerweave/interface'
import { providerKey, peerKey } from './provider-key.ts'
import type { ContentRouting, PeerId, PeerInfo, PeerRouting, Provider } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { CID } from 'multiformats/cid'
import type { Announcing } from './announcing.ts'
import type { FoundValue, Queries, Until } from './queries.ts'

export interface RoutingInit {
  /** How the answers are named. */
  name: string
  /** @throws NotStartedError */
  queries: () => Queries
  announcing: () => Announcing
  /** Those of a claim's addresses that its reporter may report. */
  believe: (claim: Claim) => Multiaddr[]
  /** What is known of a peer already. */
  known: (peer: PeerId) => Promise<Multiaddr[]>
}

export interface Routing {
  peerRouting: PeerRouting
  contentRouting: ContentRouting
  port: Dht
}

/** Three faces of one DHT. Whoever is found comes with addresses that its reporter may report, and with no others. */
export function routingOf ({ name, queries, announcing, believe, known }: RoutingInit): Routing {
  async function findPeer (id: PeerId, { signal }: Until = {}): Promise<PeerInfo> {
    await queries().ready({ signal })
    const claims = async function * (): AsyncGenerator<Claim> {
      yield * queries().peer(id, { signal })
      // Who serves nobody is in nobody's table, but may have said where it is.
      yield * queries().providers(await peerKey(id), { signal })
    }
    for await (const claim of claims()) {
      if (!claim.peerId.equals(id)) continue
      const multiaddrs = believe(claim)
      if (multiaddrs.length > 0) return { id, multiaddrs }
    }
    throw new NotFoundError(`nobody in the DHT knows ${id}`)
  }

  async function * closest (key: Uint8Array, { signal }: Until = {}): AsyncGenerator<DhtPeer> {
    await queries().ready({ signal })
    for await (const { peer, claims } of queries().closest(key, { signal })) {
      const heard = claims.flatMap(believe)
      // Whom the look-up began with nobody had to tell us of.
      yield { peerId: peer, multiaddrs: heard.length > 0 ? distinct(heard) : await known(peer) }
    }
  }

  async function * providers (key: CID, { signal }: Until = {}): AsyncGenerator<DhtPeer> {
    await queries().ready({ signal })
    const told = new Set<string>()
    for await (const claim of queries().providers(key, { signal })) {
      const id = claim.peerId.toString()
      if (told.has(id)) continue
      const multiaddrs = believe(claim)
      if (multiaddrs.length === 0) continue // another one may tell us more of it
      told.add(id)
      yield { peerId: claim.peerId, multiaddrs }
    }
  }

  async function provide (key: CID, { signal }: Until = {}): Promise<number> {
    return await announcing().provide(key, signal)
  }

  async function put (key: Uint8Array, value: Uint8Array, { signal }: Until = {}): Promise<number> {
    return await announcing().put(key, value, signal)
  }

  async function * values (key: Uint8Array, until: Until = {}): AsyncGenerator<FoundValue> {
    await queries().ready(until)
    yield * queries().values(key, until)
  }

  return {
    peerRouting: {
      findPeer,
      async * getClosestPeers (key, options) {
        for await (const { peerId, multiaddrs } of closest(key, options)) yield { id: peerId, multiaddrs }
      }
    },
    contentRouting: {
      async provide (key, options) {
        // libp2p's caller hears of nothing else: fewer than wanted are in the metrics, and are tried again.
        if (await provide(key, options) === 0) throw new DhtError(`nobody confirmed the provider record of ${key}`)
      },
      cancelReprovide: async key => { await announcing().stopProviding(key) },
      async * findProviders (key, options) {
        for await (const { peerId, multiaddrs } of providers(key, options)) {
          yield { id: peerId, multiaddrs, routing: name } satisfies Provider
        }
      },
      async put (key, value, options) {
        if (await put(key, value, options) === 0) throw new DhtError('nobody confirmed the value')
      },
      async get (key, options = {}) {
        await queries().ready(options)
        return await queries().best(key, options)
      }
    },
    port: {
      put: async (key, value, options) => ({ confirmations: await put(key, value, options) }),
      get: values,
      provide: async (key, options) => ({ confirmations: await provide(await providerKey(key), options) }),
      async * findProviders (key, options) {
        yield * providers(await providerKey(key), options)
      },
      getClosestPeers: closest
    }
  }
}

function distinct (addresses: readonly Multiaddr[]): Multiaddr[] {
  return [...new Map(addresses.map(address => [address.toString(), address])).values()]
}
