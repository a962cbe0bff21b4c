/** The options of `bootstrap`, checked once. */
import { knownOptions, limits, numberOption, systemClock, systemRng, type Clock, type Rng } from '@peerweave/interface'
import { MAX_PEERS, TIMEOUT, TTL } from './constants.ts'
import { parseNode } from './node-list.ts'
import type { Multiaddr } from '@multiformats/multiaddr'

export interface BootstrapOptions {
  /** Where to begin: addresses that end in `/p2p/<peer id>`. Several of one peer are one node. More can be added later. */
  list: ReadonlyArray<string | Multiaddr>
  /** @default 'bootstrap' */
  name?: string | undefined
  /** Peers taken in one round, drawn at random. More find more, and load the bootstrap nodes more. @default {@link MAX_PEERS} */
  maxPeers?: number | undefined
  /** ms for one attempt at one node. @default {@link TIMEOUT} */
  timeout?: number | undefined
  /** ms that "it answered us there" stands. @default {@link TTL} */
  ttl?: number | undefined
  clock?: Clock | undefined
  rng?: Rng | undefined
}

const KNOWN = ['list', 'name', 'maxPeers', 'timeout', 'ttl', 'clock', 'rng'] as const

export type ResolvedBootstrapOptions = Readonly<{ [Key in typeof KNOWN[number]]-?: NonNullable<BootstrapOptions[Key]> }>

/** @throws TypeError, or InvalidBootstrapNodeError for an address of the list */
export function resolveOptions (options: BootstrapOptions): ResolvedBootstrapOptions {
  knownOptions('bootstrap', options, KNOWN)
  const { list, name = 'bootstrap', clock = systemClock(), rng = systemRng() } = options
  if (!Array.isArray(list)) throw new TypeError('list must be a list of addresses that end in /p2p/<peer id>')
  for (const text of list) parseNode(text)
  return Object.freeze({
    list: [...list],
    name,
    clock,
    rng,
    maxPeers: numberOption('maxPeers', options.maxPeers, MAX_PEERS, { min: 1, max: limits.bootstrapNodes, integer: true }),
    timeout: numberOption('timeout', options.timeout, TIMEOUT, { min: 1 }),
    ttl: numberOption('ttl', options.ttl, TTL, { min: limits.ttlMin, max: limits.ttlMax })
  })
}
