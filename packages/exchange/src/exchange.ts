/** What a mechanism uses of the exchange protocol. */
import { knownOptions, names, numberOption, systemClock, systemRng, type Clock, type DropCounter, type MechanismContext, type ReporterScope, type Rng, type Sighting } from '@peerweave/interface'
import { HOPS } from './constants.ts'
import { NodeExchange, type AnnounceOptions, type Answered, type AskOptions } from './node-exchange.ts'
import type { Heard, PoolResult } from './record-pool.ts'
import type { OwnRecords } from '@peerweave/records'
import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'

export interface ExchangeOptions {
  /** Told what peers bring by themselves; where several mechanisms of a node use the exchange, the first one that started is. */
  sight: (sighting: Sighting) => void
  /** Counts what was dropped, of the answers that this user got, and for whom `sight` is called of the rest too. */
  drop: DropCounter
  /** Nodes with the same prefix exchange records. @default 'peerweave' */
  prefix?: string | undefined
  /** How often a record may be passed on; the first user of a node decides. @default {@link HOPS} */
  hops?: number | undefined
  clock?: Clock | undefined
  rng?: Rng | undefined
  /** 8 bytes that nobody else knows: which records go when there are too many. @default fresh ones */
  hashKey?: Uint8Array | undefined
}

export interface ExchangeWait {
  signal?: AbortSignal | undefined
}

/**
 * Errors of all requests: `ConnectionClosedError` when there is no connection, `NotFoundError` when the peer does not speak
 * the protocol, `SerializationError` when it answers nonsense, `TimeoutError` after 5 s, `AbortError`.
 */
export interface Exchange {
  /** Handles the protocol, once per node. */
  start: () => Promise<void>
  stop: () => Promise<void>
  /** Our own records: what we bring those that we ask, and may bring anybody. */
  readonly own: OwnRecords
  /** Records held for those who ask. */
  readonly size: number
  /** One request for records that we lack. It brings our own one along, unless the peer got that lately. */
  ask: (peer: PeerId, options?: AskOptions) => Promise<Answered>
  /** Whether another user has asked this peer just now, so that its answer is no use to us. */
  isAsked: (peer: PeerId) => boolean
  /** Brings a record of ours: the one that is fit for where the peer is, or a farewell. Nothing when we have none. */
  push: (peer: PeerId, record?: Uint8Array, options?: ExchangeWait) => Promise<void>
  /** As {@link push} of our own record, unless the peer got it lately. */
  bring: (peer: PeerId, options?: ExchangeWait) => Promise<void>
  /**
   * From now on these are our addresses, and these peers, and those that were brought our record before, are told where
   * they are connected. Nobody else learns of it before we ask him.
   */
  announce: (multiaddrs: readonly Multiaddr[], peers: readonly PeerId[], options?: AnnounceOptions) => Promise<void>
  /**
   * Tells whoever was brought our record that we go, for a second at most; from then on we say nothing of ourselves. Of
   * several users of a node the last one to say it does: while another is there, so are we.
   */
  farewell: (options?: ExchangeWait) => Promise<void>
  /** ms to the peer and back. */
  ping: (peer: PeerId, options?: ExchangeWait) => Promise<number>
  /** Keeps what was heard in another way for those who ask; `unfit` when whoever reported it may not say all of it. */
  learn: (heard: Heard, reporter: ReporterScope) => PoolResult | 'unfit'
}

const KNOWN = ['sight', 'drop', 'prefix', 'hops', 'clock', 'rng', 'hashKey'] as const

/** By host, then by protocol. */
const nodes = new WeakMap<object, Map<string, NodeExchange>>()

/** @throws TypeError naming a wrong option */
export function exchange (context: MechanismContext, options: ExchangeOptions): Exchange {
  knownOptions('exchange', options, KNOWN)
  const { sight, drop, prefix, hashKey, clock = systemClock(), rng = systemRng() } = options
  const protocol = names(prefix).protocols.exchange
  const hops = numberOption('hops', options.hops, HOPS, { min: 1, max: 16, integer: true })
  const listener = { sight, drop }

  const { host } = context.ports
  let protocols = nodes.get(host)
  if (protocols == null) nodes.set(host, protocols = new Map())
  let node = protocols.get(protocol)
  if (node == null) protocols.set(protocol, node = new NodeExchange({ context, protocol, hops, clock, rng, hashKey }))
  const shared = node
  return {
    start: () => shared.join(listener),
    stop: () => shared.leave(listener),
    own: shared.own,
    get size () {
      return shared.size
    },
    ask: (peer, options = {}) => shared.ask(peer, options, listener),
    isAsked: peer => shared.isAsked(peer, listener),
    push: (peer, record, { signal } = {}) => shared.push(peer, record, signal, drop),
    bring: (peer, { signal } = {}) => shared.bring(peer, signal, drop),
    announce: (multiaddrs, peers, options = {}) => shared.announce(multiaddrs, peers, options, listener),
    farewell: ({ signal } = {}) => shared.farewell(signal, listener),
    ping: (peer, { signal } = {}) => shared.ping(peer, signal, drop),
    learn: (heard, reporter) => shared.learn(heard, reporter)
  }
}
