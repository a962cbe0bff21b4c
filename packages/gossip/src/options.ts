/** The options of `gossip`, checked once. */
import { knownOptions, limits, nameOption, names, numberOption, show, systemClock, systemRng, type Clock, type Names, type Rng } from '@peerweave/interface'
import { HOPS } from '@peerweave/exchange'
import { FANOUT, HISTORY, INTERVAL, MAX_PEERS, REFRESH } from './constants.ts'

export interface GossipOptions {
  /** @default 'gossip' */
  name?: string | undefined
  /** Names topic and exchange protocol: networks with different prefixes do not meet. @default 'peerweave' */
  prefix?: string | undefined
  /**
   * Which service of the node is gossipsub, where we are the first of the node's services that is ours. Beside others that
   * one decides; inside `multi` it is `pubsub`.
   *
   * @default 'pubsub'
   */
  pubsub?: string | undefined
  /** Neighbours asked in one pull round. More find more, and ask more of them. @default {@link FANOUT} */
  fanout?: number | undefined
  /**
   * ms between pull rounds in a network where nothing is new; while there is news they come sooner. Shorter heals sooner
   * what announcements missed. At most 5 minutes, a quarter of the time that a record stands.
   *
   * @default {@link INTERVAL}
   */
  interval?: number | undefined
  /**
   * Peers claimed of one source (a neighbour) at a time. More let us see more of a large network by few neighbours, and
   * believe more of one that lies.
   *
   * @default {@link MAX_PEERS}
   */
  maxPeers?: number | undefined
  /** Authors whose last announcement is remembered, so that an older one is none. @default {@link HISTORY} */
  history?: number | undefined
  /** How often a record may be passed on by exchange. @default 3 */
  hops?: number | undefined
  /** ms between our announcements when nothing changes; a fifth of it by chance. At most 5 minutes. @default {@link REFRESH} */
  refresh?: number | undefined
  clock?: Clock | undefined
  rng?: Rng | undefined
  /** 8 bytes that nobody else knows: which claims of a source go when it made too many. @default fresh ones */
  hashKey?: Uint8Array | undefined
}

const KNOWN = ['name', 'prefix', 'pubsub', 'fanout', 'interval', 'maxPeers', 'history', 'hops', 'refresh', 'clock', 'rng', 'hashKey'] as const

export interface ResolvedGossipOptions {
  readonly name: string
  readonly prefix: string
  readonly pubsub: string | undefined
  readonly topic: Names['topics']['peers']
  readonly fanout: number
  readonly interval: number
  readonly maxPeers: number
  readonly history: number
  readonly hops: number
  readonly refresh: number
  readonly clock: Clock
  readonly rng: Rng
  readonly hashKey: Uint8Array | undefined
}

/** @throws TypeError naming a wrong option */
export function resolveOptions (options: GossipOptions): ResolvedGossipOptions {
  knownOptions('gossip', options, KNOWN)
  const { clock = systemClock(), rng = systemRng(), hashKey } = options
  if (hashKey != null && hashKey.length !== 8) throw new TypeError(`hashKey must be 8 bytes, got ${show(hashKey.length)}`)
  if (options.pubsub !== undefined && typeof options.pubsub !== 'string') throw new TypeError(`pubsub must be the name of a service, got ${show(options.pubsub)}`)
  const { prefix, topics } = names(options.prefix)
  return Object.freeze({
    name: nameOption('name', options.name, 'gossip'),
    prefix,
    topic: topics.peers,
    pubsub: options.pubsub,
    fanout: numberOption('fanout', options.fanout, FANOUT, { min: 1, max: limits.connections, integer: true }),
    interval: numberOption('interval', options.interval, INTERVAL, { min: 500, max: REFRESH }),
    maxPeers: numberOption('maxPeers', options.maxPeers, MAX_PEERS, { min: 1, max: limits.newPeers, integer: true }),
    history: numberOption('history', options.history, HISTORY, { min: 1, max: 1_000_000, integer: true }),
    hops: numberOption('hops', options.hops, HOPS, { min: 1, max: 16, integer: true }),
    refresh: numberOption('refresh', options.refresh, REFRESH, { min: 1_000, max: REFRESH }),
    clock,
    rng,
    hashKey
  })
}
