/** The options of `bootstrap`, checked once. */
import { knownOptions, limits, nameOption, names, numberOption, show, systemClock, systemRng, type Clock, type Rng } from '@peerweave/interface'
import { ENOUGH, MAX_PEERS, TIMEOUT, TTL } from './constants.ts'
import { NodeList, parseNode, type ListedNode } from './node-list.ts'
import type { Multiaddr } from '@multiformats/multiaddr'

export interface BootstrapOptions {
  /** Where to begin: addresses that end in `/p2p/<peer id>`. Several of one peer are one node. More can be added later. */
  list: ReadonlyArray<string | Multiaddr>
  /** @default 'bootstrap' */
  name?: string | undefined
  /** Peers taken in one round, drawn at random. More find more, and load the bootstrap nodes more. @default {@link MAX_PEERS} */
  maxPeers?: number | undefined
  /**
   * ms for one attempt at one node, over all its addresses; at most `limits.dialTimeoutMax`. Waiting for other dials of
   * ours to end is not counted. Longer reaches slower nodes, and lets a silent one keep its place for longer.
   *
   * @default {@link TIMEOUT}
   */
  timeout?: number | undefined
  /** ms that "it answered us there" stands. @default {@link TTL} */
  ttl?: number | undefined
  /**
   * Connections, to whatever peers, with which no more nodes are dialled; with fewer the list is tried again. More join
   * faster, and load the bootstrap nodes more.
   *
   * @default {@link ENOUGH}
   */
  enough?: number | undefined
  /**
   * Ask the nodes for the peers that they know, bring them our signed record, and answer others likewise. Without it the
   * nodes themselves are all that is found.
   *
   * @default true
   */
  exchange?: boolean | undefined
  /** Names the exchange protocol: networks with different prefixes do not meet. @default 'peerweave' */
  prefix?: string | undefined
  clock?: Clock | undefined
  rng?: Rng | undefined
}

const KNOWN = ['list', 'name', 'maxPeers', 'timeout', 'ttl', 'enough', 'exchange', 'prefix', 'clock', 'rng'] as const

export type ResolvedBootstrapOptions = Readonly<{ [Key in Exclude<typeof KNOWN[number], 'list'>]-?: NonNullable<BootstrapOptions[Key]> }> & {
  /** The list, parsed and within its bounds. */
  readonly nodes: readonly ListedNode[]
}

/** @throws TypeError; for the list InvalidBootstrapNodeError or LimitExceededError, naming the address */
export function resolveOptions (options: BootstrapOptions): ResolvedBootstrapOptions {
  knownOptions('bootstrap', options, KNOWN)
  const { list, exchange: ask = true, clock = systemClock(), rng = systemRng() } = options
  if (!Array.isArray(list)) throw new TypeError(`list must be a list of addresses that end in /p2p/<peer id>, got ${show(list)}`)
  const nodes = new NodeList(node => node)
  for (const text of list) nodes.add(parseNode(text))
  if (typeof ask !== 'boolean') throw new TypeError(`exchange must be true or false, got ${show(ask)}`)
  return Object.freeze({
    nodes: [...nodes],
    name: nameOption('name', options.name, 'bootstrap'),
    clock,
    rng,
    exchange: ask,
    prefix: names(options.prefix).prefix,
    enough: numberOption('enough', options.enough, ENOUGH, { min: 1, max: Infinity }),
    maxPeers: numberOption('maxPeers', options.maxPeers, MAX_PEERS, { min: 1, max: limits.bootstrapNodes, integer: true }),
    timeout: numberOption('timeout', options.timeout, TIMEOUT, { min: 1, max: limits.dialTimeoutMax }),
    ttl: numberOption('ttl', options.ttl, TTL, { min: limits.ttlMin, max: limits.ttlMax })
  })
}
