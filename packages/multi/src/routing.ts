/**
 * What libp2p's routers are given: its own `peerRouting` and `contentRouting` ask these. libp2p reads them once, when the
 * node is made, so they stand for mechanisms that come later too.
 *
 * Nothing here asks libp2p's routers, which contain this, and nobody is dialled by a bare id, which would ask them.
 */
import { contentRoutingSymbol, peerRoutingSymbol, type ContentRouting, type PeerId, type PeerInfo as Libp2pPeerInfo, type PeerRouting } from '@libp2p/interface'
import { limits, NotFoundError, setLatest, toError, tokenBucket, type Clock, type PeerInfo, type PeerStore, type TokenBucket } from '@peerweave/interface'
import merge from 'it-merge'
import { CLOSEST_PEERS, ROUTED_PAUSE } from './constants.ts'
import type { AccessList } from './access-list.ts'
import type { Lanes } from './lanes.ts'

export interface RoutingInit {
  lanes: Lanes
  store: PeerStore
  /** Of whom the user wants to know nothing, libp2p is told nothing. */
  access: Pick<AccessList, 'isWelcome'>
  clock: Clock
  find: (id: PeerId, options: { signal?: AbortSignal | undefined }) => Promise<PeerInfo>
}

/**
 * libp2p looks a peer up whenever it is dialled by its id alone, also by kad-dht, which is told ids by strangers. So these
 * look-ups have a rate, and who was not found is not asked for again for a while; what the view knows is always told.
 */
export function peerRouting ({ lanes, store, access, clock, find }: RoutingInit): Pick<PeerRouting, 'findPeer' | 'getClosestPeers'> {
  let mayAsk: TokenBucket | undefined
  /** Until when each is not asked for. BOUNDED by `limits.routedMisses`; the oldest goes. */
  const missed = new Map<string, number>()
  return {
    async findPeer (id, options = {}) {
      const known = store.peek(id)
      if (known != null && known.addresses.length > 0) return plain(known)
      const now = clock.now()
      const key = id.toString()
      mayAsk ??= tokenBucket(limits.routedPerSecond, limits.routedBurst, now)
      if ((missed.get(key) ?? -Infinity) > now || !mayAsk(now)) throw new NotFoundError(`nobody knew lately where ${key} is`)
      try {
        return plain(await find(id, options))
      } catch (error) {
        if (toError(error).name === 'NotFoundError') setLatest(missed, key, clock.now() + ROUTED_PAUSE, limits.routedMisses)
        throw error
      }
    },
    /** By a mechanism that routes, or else by all that we know. */
    async * getClosestPeers (key, options = {}) {
      const routers = [...lanes].flatMap(({ mechanism }) => mechanism[peerRoutingSymbol]?.getClosestPeers?.bind(mechanism[peerRoutingSymbol]) ?? [])
      if (routers.length > 0) yield * welcome(merge(...routers.map(getClosestPeers => harmless(getClosestPeers(key, options)))), access)
      else for (const peer of await store.getClosestPeers(key, CLOSEST_PEERS)) yield plain(peer)
    }
  }
}

export function contentRouting (lanes: Lanes, access: Pick<AccessList, 'isWelcome'>): ContentRouting {
  const routers = (): Array<Partial<ContentRouting>> => [...lanes].flatMap(({ mechanism }) => mechanism[contentRoutingSymbol] ?? [])
  /** By every mechanism that can. @throws AggregateError when none did; NotFoundError when there is none */
  const byAll = async (what: string, act: (router: Partial<ContentRouting>) => Promise<unknown> | undefined): Promise<void> => {
    const acts = routers().flatMap(router => act(router) ?? [])
    if (acts.length === 0) throw new NotFoundError(`no mechanism can ${what}: add one that routes content, such as dht()`)
    await Promise.any(acts)
    await Promise.allSettled(acts)
  }
  return {
    provide: async (cid, options) => { await byAll('provide', router => router.provide?.(cid, options)) },
    cancelReprovide: async (cid, options) => { await byAll('stop providing', router => router.cancelReprovide?.(cid, options)) },
    async * findProviders (cid, options) {
      yield * welcome(merge(...routers().flatMap(router => router.findProviders?.(cid, options) ?? []).map(harmless)), access)
    },
    put: async (key, value, options) => { await byAll('store a value', router => router.put?.(key, value, options)) },
    async get (key, options) {
      const gets = routers().flatMap(router => router.get?.(key, options) ?? [])
      if (gets.length === 0) throw new NotFoundError('no mechanism can look a value up: add one that routes content, such as dht()')
      return await Promise.any(gets)
    }
  }
}

function plain ({ peerId, addresses }: PeerInfo): Libp2pPeerInfo {
  return { id: peerId, multiaddrs: addresses.map(({ multiaddr }) => multiaddr) }
}

async function * welcome<T extends Libp2pPeerInfo> (peers: AsyncIterable<T>, access: Pick<AccessList, 'isWelcome'>): AsyncGenerator<T> {
  for await (const peer of peers) if (access.isWelcome(peer.id)) yield peer
}

/** One that fails takes no other's answers with it. */
async function * harmless<T> (source: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield * source
  } catch (error) {
    if (toError(error).name === 'AbortError') throw error
  }
}
