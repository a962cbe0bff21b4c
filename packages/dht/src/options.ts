/** What a user may set, resolved and checked once. */
import { kadDHT } from '@libp2p/kad-dht'
import {
  addressScope, InvalidBootstrapNodeError, knownOptions, limits, nameOption, names, numberOption, show, systemClock, systemRng, type Clock, type Rng
} from '@peerweave/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { isMultiaddr, multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import {
  DATASTORE_PREFIX, K, PEER_TTL, PROVIDE_INTERVAL, PROVIDER_TTL, QUERY_TIMEOUT, REPLICATION_FACTOR, REPUBLISH_INTERVAL, WALKS
} from './constants.ts'
import { PRESETS, type Mode, type Preset } from './presets.ts'
import type { KadDHTComponents, KadDHTInit, SelectFn, ValidateFn } from '@libp2p/kad-dht'
import type { PeerId } from '@libp2p/interface'
import type { DiversityLimits } from './diversity.ts'

export interface DhtOptions {
  /** Its name inside `multi`, which takes each once. @default 'dht' */
  name?: string | undefined
  /**
   * Which service of the node is a kad-dht that the app runs already. It is used as it is: neither started nor stopped,
   * nor announced with twice. What concerns the DHT itself is then that service's to set.
   *
   * @default none: one of our own
   */
  service?: string | undefined
  /** What kind of network it is; the options after it default to the preset's. @default 'small' */
  preset?: Preset | undefined
  /** Of our names: the DHT's protocol and the namespace. Two prefixes never meet. @default 'peerweave' */
  prefix?: string | undefined
  /** Where peers are provided and looked for, when the asker names no other. @default `/<prefix>/peers/1.0.0` */
  namespace?: string | undefined
  /** Look-ups of random keys in a round, beside those of the namespace's providers and of our own id. @default {@link WALKS} */
  walks?: number | undefined
  /** Confirmations that make an announcement a success; with fewer it is repeated, with back-off. @default {@link REPLICATION_FACTOR} */
  replicationFactor?: number | undefined
  /** One query of ours, ms. @default {@link QUERY_TIMEOUT} */
  queryTimeout?: number | undefined
  /** How long what was heard of a peer stands, ms. @default {@link PEER_TTL} */
  peerTtl?: number | undefined
  /** Between two announcements of what we provide, ms; at most 7/8 of `providerTtl`. @default {@link PROVIDE_INTERVAL}, or those 7/8 */
  provideInterval?: number | undefined
  /** Between two puts of what we put, ms. @default {@link REPUBLISH_INTERVAL} */
  republishInterval?: number | undefined
  /**
   * As a plain libp2p service: we are provided under the namespace and under our own id, which tells whoever asks our
   * addresses. Inside `multi` that is its own business.
   *
   * @default true
   */
  announce?: boolean | undefined
  /** Between two rounds of a plain libp2p service, ms. @default 60_000 */
  interval?: number | undefined
  /** Dialled while the table is empty. `/ip4/…/tcp/…/p2p/<id>`. @default none */
  bootstrapNodes?: ReadonlyArray<string | Multiaddr> | undefined

  /** Of our own DHT. @default `/<prefix>/kad/1.0.0` */
  protocol?: string | undefined
  /** @default the preset's */
  mode?: Mode | undefined
  /** Which addresses are used in this DHT, others' and ours: all that their reporter may report, or the public ones alone. @default the preset's */
  addresses?: 'any' | 'public' | undefined
  /** Contacts of one IP group; private addresses are in none. @default the preset's */
  diversity?: DiversityLimits | false | undefined
  /** Peers per bucket, and that a key is stored at. More finds more surely and costs more. @default {@link K} */
  k?: number | undefined
  /** Queries in flight per look-up, and disjoint paths. More finds sooner and loads the network more. @default the preset's */
  alpha?: number | undefined
  /** @default `alpha` */
  disjointPaths?: number | undefined
  /** Between two look-ups of our own id, ms. @default the preset's */
  selfLookupInterval?: number | undefined
  /** How long provider records of others are given out, ms; ours are granted as long. @default {@link PROVIDER_TTL} */
  providerTtl?: number | undefined
  /** Values are kept and believed when these do not throw, by namespace. More may come with `acceptRecords`. @default kad-dht's */
  validators?: Readonly<Record<string, ValidateFn>> | undefined
  /** Which of several values of a key is the best one: its index. Also keeps an older one from replacing a newer one. @default kad-dht's */
  selectors?: Readonly<Record<string, SelectFn>> | undefined
  /** Of its keys in the node's datastore. Two DHTs of one node need two. @default '/dht' */
  datastorePrefix?: string | undefined

  /** @default systemClock() */
  clock?: Clock | undefined
  /** @default systemRng() */
  rng?: Rng | undefined
  /** What makes the DHT: a simulator puts its own in for it. @default kadDHT */
  kad?: KadFactory | undefined
}

export interface KadFactory {
  (init: KadDHTInit): (components: KadDHTComponents) => object
}

/** One peer to begin with. */
export interface BootstrapNode {
  readonly peer: PeerId
  readonly addresses: readonly Multiaddr[]
}

/** What concerns the DHT itself. */
export interface ResolvedKad {
  readonly factory: KadFactory
  readonly protocol: string
  readonly mode: Mode
  readonly addresses: 'any' | 'public'
  readonly diversity: DiversityLimits
  readonly k: number
  readonly alpha: number
  readonly disjointPaths: number
  readonly selfLookupInterval: number
  readonly firstSelfLookup: number
  readonly providerTtl: number
  readonly validators: Readonly<Record<string, ValidateFn>>
  readonly selectors: Readonly<Record<string, SelectFn>>
  readonly datastorePrefix: string
  readonly logPrefix: string
  readonly metricsPrefix: string
}

export interface ResolvedOptions {
  readonly name: string
  readonly service: string | undefined
  readonly namespace: string
  readonly walks: number
  readonly replicationFactor: number
  readonly queryTimeout: number
  readonly peerTtl: number
  readonly provideInterval: number
  readonly republishInterval: number
  readonly announce: boolean
  readonly interval: number | undefined
  readonly bootstrapNodes: readonly BootstrapNode[]
  /** For how long an announcement stands. */
  readonly granted: number
  readonly kad: ResolvedKad
  readonly clock: Clock
  readonly rng: Rng
}

const SHARED: ReadonlyArray<keyof DhtOptions> = [
  'name', 'service', 'prefix', 'namespace', 'walks', 'replicationFactor', 'queryTimeout', 'peerTtl', 'provideInterval', 'republishInterval', 'announce',
  'interval', 'bootstrapNodes', 'datastorePrefix', 'clock', 'rng'
]
/** Of our own DHT alone. */
const OWN: ReadonlyArray<keyof DhtOptions> = [
  'preset', 'protocol', 'mode', 'addresses', 'diversity', 'k', 'alpha', 'disjointPaths', 'selfLookupInterval', 'providerTtl', 'validators', 'selectors', 'kad'
]

/** A datastore key. */
const PREFIX = /^(\/[A-Za-z0-9._-]+)+$/

/**
 * @throws TypeError naming the option, what it may be and what it was
 * @throws InvalidBootstrapNodeError naming a wrong address
 */
export function resolveOptions (options: DhtOptions): ResolvedOptions {
  knownOptions('dht', options, [...SHARED, ...OWN])
  const { service, announce = true } = options
  if (service !== undefined) {
    if (typeof service !== 'string' || service === '') throw new TypeError(`service must be the name of a libp2p service, got ${show(service)}`)
    const foreign = OWN.find(key => options[key] !== undefined)
    if (foreign != null) throw new TypeError(`${foreign} is for the service "${service}" to set: it is used as it is`)
  }
  if (typeof announce !== 'boolean') throw new TypeError(`announce must be true or false, got ${show(announce)}`)
  const whole = { min: 1, integer: true }
  const duration = { min: 1_000 }
  const own = names(options.prefix)
  const name = nameOption('name', options.name, 'dht')
  const kad = resolveKad(options, name, own.protocols.kad)
  // A service that is not ours keeps kad-dht's 48 h; what we grant is less, and true for every server.
  const granted = kad.providerTtl
  const provideInterval = numberOption(
    'provideInterval', options.provideInterval, Math.min(PROVIDE_INTERVAL, granted * 7 / 8), { ...duration, max: granted * 7 / 8 }
  )
  return Object.freeze({
    name,
    service,
    namespace: textOption('namespace', options.namespace, own.namespaces.peers),
    walks: numberOption('walks', options.walks, WALKS, { min: 0, max: 16, integer: true }),
    replicationFactor: numberOption('replicationFactor', options.replicationFactor, Math.min(REPLICATION_FACTOR, kad.k), { ...whole, max: kad.k }),
    queryTimeout: numberOption('queryTimeout', options.queryTimeout, QUERY_TIMEOUT, { min: 100, max: 180_000 }),
    peerTtl: numberOption('peerTtl', options.peerTtl, PEER_TTL, { min: limits.ttlMin, max: limits.ttlMax }),
    provideInterval,
    republishInterval: numberOption('republishInterval', options.republishInterval, REPUBLISH_INTERVAL, duration),
    announce,
    interval: options.interval,
    bootstrapNodes: bootstrapOption(options.bootstrapNodes ?? []),
    granted,
    kad,
    clock: options.clock ?? systemClock(),
    rng: options.rng ?? systemRng()
  })
}

function resolveKad (options: DhtOptions, name: string, protocol: string): ResolvedKad {
  const { preset = 'small', validators = {}, selectors = {}, kad = kadDHT } = options
  const defaults = choice('preset', preset, PRESETS)
  const whole = { min: 1, integer: true }
  const alpha = numberOption('alpha', options.alpha, defaults.alpha, { ...whole, max: 64 })
  return Object.freeze({
    factory: kad,
    protocol: textOption('protocol', options.protocol, protocol),
    mode: choice('mode', options.mode ?? defaults.mode, { server: 'server', client: 'client', auto: 'auto' } as const),
    addresses: choice('addresses', options.addresses ?? defaults.addresses, { any: 'any', public: 'public' } as const),
    diversity: diversityOption(options.diversity ?? defaults.diversity),
    k: numberOption('k', options.k, K, { ...whole, max: 256 }),
    alpha,
    disjointPaths: numberOption('disjointPaths', options.disjointPaths, alpha, { ...whole, max: 64 }),
    selfLookupInterval: numberOption('selfLookupInterval', options.selfLookupInterval, defaults.selfLookupInterval, { min: 1_000 }),
    firstSelfLookup: defaults.firstSelfLookup,
    providerTtl: numberOption('providerTtl', options.providerTtl, PROVIDER_TTL, { min: 2_000, max: limits.ttlMax }),
    validators: functionsOption('validators', validators),
    selectors: functionsOption('selectors', selectors),
    datastorePrefix: prefixOption(options.datastorePrefix),
    // Two of one node must not share them.
    logPrefix: `peerweave:${name}:kad`,
    metricsPrefix: `peerweave_${name.replaceAll(/\W/g, '_')}_kad`
  })
}

function choice<T extends string, V> (name: string, value: T, table: Readonly<Record<T, V>>): V {
  if (typeof value !== 'string' || !Object.hasOwn(table, value)) {
    throw new TypeError(`${name} must be one of ${Object.keys(table).join(', ')}, got ${show(value)}`)
  }
  return table[value]
}

function textOption (name: string, value: string | undefined, fallback: string): string {
  if (value === undefined) return fallback
  if (typeof value !== 'string' || value === '' || value.length > limits.protocolBytes) {
    throw new TypeError(`${name} must be a text of 1 to ${limits.protocolBytes} characters, got ${show(value)}`)
  }
  return value
}

function prefixOption (value: string | undefined): string {
  if (value === undefined) return DATASTORE_PREFIX
  if (typeof value !== 'string' || !PREFIX.test(value)) throw new TypeError(`datastorePrefix must be a path such as /dht, got ${show(value)}`)
  return value
}

function diversityOption (value: DiversityLimits | false): DiversityLimits {
  if (value === false) return { perPrefix: Infinity, perTable: Infinity }
  knownOptions('diversity', value, ['perPrefix', 'perTable'])
  const bounds = { min: 1, max: Infinity, integer: true }
  const perTable = numberOption('diversity.perTable', value.perTable, limits.dhtGroupPerTable, bounds)
  return { perTable, perPrefix: numberOption('diversity.perPrefix', value.perPrefix, limits.dhtGroupPerPrefix, bounds) }
}

function functionsOption<T> (name: string, value: Readonly<Record<string, T>>): Readonly<Record<string, T>> {
  if (typeof value !== 'object' || value === null) throw new TypeError(`${name} must be an object of functions, got ${show(value)}`)
  for (const [key, entry] of Object.entries(value)) {
    if (typeof entry !== 'function') throw new TypeError(`${name}.${key} must be a function, got ${show(entry)}`)
  }
  return { ...value }
}

/** By peer, since one dial takes all addresses of one. */
function bootstrapOption (values: ReadonlyArray<string | Multiaddr>): BootstrapNode[] {
  if (!Array.isArray(values) || values.length > limits.bootstrapNodes) {
    throw new TypeError(`bootstrapNodes must be a list of at most ${limits.bootstrapNodes} addresses, got ${show(values)}`)
  }
  const nodes = new Map<string, { peer: PeerId, addresses: Multiaddr[] }>()
  for (const value of values) {
    const { address, peer } = parseNode(value)
    const node = nodes.get(peer.toString()) ?? { peer, addresses: [] }
    if (node.addresses.length < limits.addressesPerDial) node.addresses.push(address)
    nodes.set(peer.toString(), node)
  }
  return [...nodes.values()]
}

function parseNode (value: string | Multiaddr): { address: Multiaddr, peer: PeerId } {
  try {
    // `multiaddr` takes nothing at all for the empty address.
    if (!isMultiaddr(value) && (typeof value !== 'string' || value === '')) throw new Error('it is no multiaddr')
    const address = multiaddr(value)
    const last = address.getComponents().at(-1)
    if (last?.name !== 'p2p' || last.value == null) throw new Error('it does not end in /p2p/<id>')
    if (addressScope(address) === 'never') throw new Error('it cannot be dialled')
    return { address, peer: peerIdFromString(last.value) }
  } catch (error) {
    throw new InvalidBootstrapNodeError(`bootstrapNodes: ${show(value)} is no address of a peer: ${(error as Error).message}`, { cause: error })
  }
}
