/** The kad-dht that is asked: one of our own, or a service of the node's. */
import { show } from '@peerweave/interface'
import type { KadDHT, QueryEvent } from '@libp2p/kad-dht'
import type { PeerDiscoveryEvents, PeerId, RoutingOptions, Startable, TypedEventTarget } from '@libp2p/interface'

/** What is used of kad-dht; its exported type leaves out that it has a life cycle and events. */
export interface Kad extends Omit<KadDHT, 'validators' | 'selectors'>, Partial<Startable>, TypedEventTarget<PeerDiscoveryEvents> {
  readonly validators: Record<string, KadDHT['validators'][string]>
  readonly selectors: Record<string, KadDHT['selectors'][string]>
  readonly routingTable?: { readonly size: number, remove?: (peer: PeerId) => Promise<void> }
  readonly network?: object
  readonly rpc?: object
}

/** Marks the requests of our own queries, wherever kad-dht passes their options on to: what they find is no news. */
export const ASKED: unique symbol = Symbol('asked by us')

export interface AskOptions extends RoutingOptions {
  signal: AbortSignal
  [ASKED]: true
}

export type Ask = (kad: Kad, options: AskOptions) => AsyncIterable<QueryEvent>

/** Whether something may be a kad-dht, whatever its version. */
export function isKad (value: unknown): value is Kad {
  if (typeof value !== 'object' || value === null) return false
  const kad = value as Partial<Record<string, unknown>>
  return ['findProviders', 'provide', 'getClosestPeers', 'findPeer', 'put', 'get', 'addEventListener'].every(method => typeof kad[method] === 'function')
}

/**
 * The kad-dht that the node has under this name.
 *
 * @throws TypeError when there is none
 */
export function givenKad (components: object, service: string): Kad {
  let found: unknown
  try {
    found = (components as Record<string, unknown>)[service]
  } catch (error) {
    if ((error as Error).name !== 'MissingServiceError') throw error
  }
  if (isKad(found)) return found
  throw new TypeError(`service: the node has ${found == null ? 'no service' : 'something else than a kad-dht'} under ${show(service)}: name its kad-dht, or leave it out for a DHT of our own`)
}
