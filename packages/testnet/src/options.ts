/** What a user asks for, and what of it is fixed at the start. */
import { knownOptions, numberOption, show, systemClock, systemRng, type Clock, type Rng } from '@peerweave/interface'
import { MAX_MEMORY_NODES, MAX_NODES } from './constants.ts'
import { resolveFaults, type Faults, type ResolvedFaults } from './faults.ts'
import { checkWiring, type Wiring } from './wiring.ts'
import type { GossipSub, GossipsubOpts } from '@libp2p/gossipsub'
import type { Identify } from '@libp2p/identify'
import type { PeerId } from '@libp2p/interface'
import type { Ping } from '@libp2p/ping'
import type { Libp2pOptions } from 'libp2p'
import type { TestnetNode } from './node.ts'

const TRANSPORTS = ['tcp', 'memory'] as const

/**
 * - `tcp`: sockets on 127.0.0.1, with noise and yamux
 * - `memory`: none, with yamux in plain text, each node at an address of its own (10.77.…): several times as fast
 */
export type TransportName = typeof TRANSPORTS[number]

/** What libp2p takes as a service: a mechanism of Peerweave, `multi`, a DHT, … */
// oxlint-disable-next-line typescript/no-explicit-any -- libp2p types its components by each user's services
export type ServiceFactory = (components: any) => unknown
export type Mechanisms = Record<string, ServiceFactory>
// oxlint-disable-next-line typescript/no-generated-empty-object-type -- no names at all, so that `services` gets none
export type NoMechanisms = Record<never, never>
export type PubSubOption = boolean | Partial<GossipsubOpts>

/** The services of a node, with their types. */
export type NodeServices<M = NoMechanisms, P = true> =
  { identify: Identify, ping: Ping } &
  (P extends false ? unknown : { pubsub: GossipSub }) &
  { [Name in keyof M]: M[Name] extends ServiceFactory ? ReturnType<M[Name]> : never }

/** Where a node stands, for whoever decides what it is made of. */
export interface Place {
  readonly index: number
  readonly peerId: PeerId
  /** Drawn from the net's, for options called `seed`; another one after each restart. */
  readonly seed: number
  /** Chance of its own, for options called `rng`. */
  readonly rng: Rng
  /** The others: while the net is made those before it. They are up, so their addresses are known. */
  readonly nodes: readonly TestnetNode[]
}

export interface TestnetOptions<M = NoMechanisms, P extends PubSubOption = true> {
  /** What nodes talk over; of two, each node listens on both. @default 'tcp' */
  transports?: TransportName | readonly TransportName[] | undefined
  /**
   * A whole number from 0 to 2³² − 1 that keys, wiring and faults come from: the same seed gives the same peer ids and
   * the same links.
   *
   * @default drawn, see {@link Testnet.seed}
   */
  seed?: number | undefined
  /** Who dials whom at the start, before the faults begin. @default 'none' */
  wiring?: Wiring | undefined
  /** @default none */
  faults?: Faults | undefined
  /**
   * Becomes `services` of each node. A function is asked for each node, and again when it is restarted; factories given
   * as they are serve all nodes.
   *
   * @default {}
   */
  mechanisms?: M | ((place: Place) => M) | undefined
  /** gossipsub as `services.pubsub`, or its options: as it comes, but that many peers may share an address. @default true */
  pubsub?: P | undefined
  /** libp2p's options, merged over ours; services and transports are added. @default {} */
  libp2p?: Libp2pOptions | ((place: Place) => Libp2pOptions) | undefined
  /** `false` only makes the nodes. They are not wired then. @default true */
  start?: boolean | undefined
  /** Gives up in the middle of making the net, and takes down what there is. */
  signal?: AbortSignal | undefined
  /** Of the faults' delays. @default systemClock() */
  clock?: Clock | undefined
}

/** As in `TestnetOptions`, decided. */
export interface Settings {
  readonly transports: ReadonlySet<TransportName>
  readonly maxNodes: number
  readonly seed: number
  readonly wiring: Wiring
  readonly faults: ResolvedFaults
  readonly mechanisms: (place: Place) => Mechanisms
  readonly pubsub: PubSubOption
  readonly libp2p: (place: Place) => Libp2pOptions
  readonly start: boolean
  readonly signal: AbortSignal | undefined
  readonly clock: Clock
}

const KNOWN: ReadonlyArray<keyof TestnetOptions> = [
  'transports', 'seed', 'wiring', 'faults', 'mechanisms', 'pubsub', 'libp2p', 'start', 'signal', 'clock'
]

/** @throws TypeError naming the wrong one */
export function resolveOptions (n: number, options: TestnetOptions<Mechanisms, PubSubOption>): Settings {
  knownOptions('createTestnet', options, KNOWN)
  const { mechanisms = {}, libp2p = {}, pubsub = true, wiring = 'none', start = true, signal, clock = systemClock() } = options
  const transports = new Set([options.transports ?? 'tcp'].flat())
  const strange = [...transports].find(name => !TRANSPORTS.includes(name))
  if (strange !== undefined || transports.size === 0) {
    const names = TRANSPORTS.map(name => `'${name}'`).join(' or ')
    throw new TypeError(`transports must be ${names}, or a list of these, got ${show(strange ?? options.transports)}`)
  }
  const maxNodes = transports.has('tcp') ? MAX_NODES : MAX_MEMORY_NODES
  numberOption('n', n ?? NaN, 0, { min: 1, max: maxNodes, integer: true })
  checkWiring(wiring, n)
  if (typeof pubsub !== 'boolean' && (typeof pubsub !== 'object' || pubsub === null)) {
    throw new TypeError(`pubsub must be true, false or options of gossipsub, got ${show(pubsub)}`)
  }
  if (typeof start !== 'boolean') throw new TypeError(`start must be true or false, got ${show(start)}`)
  if (!start && wiring !== 'none') throw new TypeError("wiring must be 'none' where start is false, as nobody is there to be dialled")
  if (typeof mechanisms !== 'function') checkMechanisms(mechanisms, pubsub)
  return {
    transports,
    maxNodes,
    seed: numberOption('seed', options.seed, systemRng().int(2 ** 32), { max: 2 ** 32 - 1, integer: true }),
    wiring,
    faults: resolveFaults(options.faults),
    mechanisms: typeof mechanisms === 'function' ? place => checkMechanisms(mechanisms(place), pubsub) : () => mechanisms,
    pubsub,
    libp2p: typeof libp2p === 'function' ? libp2p : () => libp2p,
    start,
    signal,
    clock
  }
}

function checkMechanisms (mechanisms: Mechanisms, pubsub: PubSubOption): Mechanisms {
  if (typeof mechanisms !== 'object' || mechanisms === null) {
    throw new TypeError(`mechanisms must be an object of service factories, got ${show(mechanisms)}`)
  }
  for (const [name, factory] of Object.entries(mechanisms)) {
    if (typeof factory !== 'function') throw new TypeError(`mechanisms.${name} must be a service factory, got ${show(factory)}`)
    if (name === 'identify' || name === 'ping' || (name === 'pubsub' && pubsub !== false)) {
      throw new TypeError(`mechanisms.${name} must have another name: every node has its own ${name}`)
    }
  }
  return mechanisms
}
