/** The options of `multi`, checked once. */
import { knownOptions, limits, nameOption, numberOption, show, systemClock, systemRng } from '@peerweave/interface'
import { memoryPeerStore } from '@peerweave/peer-store'
import { AccessList, type PeerIds } from './access-list.ts'
import { connectOptions, type ConnectOptions, type ConnectPreset, type ResolvedConnect } from './connect-options.ts'
import { INTERVAL, MAX_PEERS_PER_ROUND, PEER_TIMEOUT, REFRESH_INTERVAL, WARM_CONNECTIONS } from './constants.ts'
import type { Clock, MechanismFactory, PeerStore, Rng } from '@peerweave/interface'

/** A mechanism with settings of its own. */
export interface MechanismEntry {
  mechanism: MechanismFactory
  /** As `interval` of `multi`, for this one. */
  interval?: number | undefined
  /** As `maxPeersPerRound` of `multi`, for this one. */
  maxPeersPerRound?: number | undefined
}

export interface MultiOptions {
  /** What to weave. Names must be unique; a `multi` may be among them. */
  mechanisms: Array<MechanismFactory | MechanismEntry>
  /** Started and stopped with this `multi`. @default memoryPeerStore() */
  store?: PeerStore | undefined
  /** Places of the default store: peers beyond it compete by who told of them. With a `store` it is that one's `capacity`. @default limits.newPeers */
  maxPeers?: number | undefined
  /** Inside another `multi`, paths read `name/mechanism`. @default 'multi' */
  name?: string | undefined
  /**
   * Milliseconds between the rounds of each mechanism, jittered; one that brings nobody new is asked less often, up to a
   * fifth. Shorter finds newcomers sooner and loads the network more; `Infinity`: only when asked.
   *
   * @default {@link INTERVAL}
   */
  interval?: number | undefined
  /** Sightings taken of one mechanism and round. @default {@link MAX_PEERS_PER_ROUND} */
  maxPeersPerRound?: number | undefined
  /** How often peers that are about to expire are looked for again, ms; `Infinity`: never. @default {@link REFRESH_INTERVAL} */
  refreshInterval?: number | undefined
  /**
   * How long a peer is believed to be there on others' word alone, ms, whatever TTL they say. Longer shows more peers that
   * are gone, shorter fewer that are there. What the user configured, what a peer signed, and what is said of whom we were
   * connected to within a day, stands as long as it says.
   *
   * @default {@link PEER_TIMEOUT}
   */
  peerTimeout?: number | undefined
  /**
   * Connections sought after a start among the peers of an earlier run: those that a dial of ours proved, and others while
   * we are alone. Whoever connects to us counts. Needs a store that outlives the run. 0: nobody is dialled.
   *
   * @default {@link WARM_CONNECTIONS}
   */
  warmStart?: number | undefined
  /**
   * Whom to connect to. libp2p dials nobody by itself, and neither does `multi` beyond `warmStart`, unless this says so.
   *
   * @default nobody
   */
  connect?: ConnectOptions | ConnectPreset | undefined
  /**
   * Whether connected peers are asked for a sign of life every few seconds, so that one that went without a word leaves the
   * view within seconds. Needs `@libp2p/ping` at the other side.
   *
   * @default true
   */
  liveness?: boolean | undefined
  /** Of these alone anything is known. @default everybody */
  allow?: PeerIds | undefined
  /** Of these nothing is known, nor by them. More at run time by `deny()`. @default nobody */
  deny?: PeerIds | undefined
  /**
   * Whether libp2p's content routing asks the mechanisms, also such as come later.
   *
   * @default when one of `mechanisms` routes content
   */
  routing?: boolean | undefined
  clock?: Clock | undefined
  rng?: Rng | undefined
}

const KNOWN: ReadonlyArray<keyof MultiOptions> = [
  'mechanisms', 'store', 'maxPeers', 'name', 'interval', 'maxPeersPerRound', 'refreshInterval', 'peerTimeout', 'warmStart', 'connect', 'liveness', 'allow',
  'deny', 'routing', 'clock', 'rng'
]

/** How one mechanism is asked. */
export interface Asked {
  readonly interval: number
  readonly maxPeersPerRound: number
}

export interface ResolvedMultiOptions extends Asked {
  readonly mechanisms: ReadonlyArray<Asked & { readonly mechanism: MechanismFactory }>
  /** A factory may make several nodes: each has a store and lists of its own, unless the user gave a store. */
  readonly makeStore: () => PeerStore
  readonly makeAccess: () => AccessList
  readonly name: string
  readonly refreshInterval: number
  readonly peerTimeout: number
  readonly warmStart: number
  readonly connect: ResolvedConnect | undefined
  readonly liveness: boolean
  readonly routing: boolean | undefined
  readonly clock: Clock
  readonly rng: Rng
}

export function resolveOptions (options: MultiOptions): ResolvedMultiOptions {
  knownOptions('multi', options, KNOWN)
  const { mechanisms, clock = systemClock(), rng = systemRng() } = options
  if (!Array.isArray(mechanisms)) {
    throw new TypeError(`mechanisms must be a list of mechanism factories, such as [mdns(), bootstrap({ list })], got ${show(mechanisms)}`)
  }
  const asked = resolveAsked(options, { interval: INTERVAL, maxPeersPerRound: MAX_PEERS_PER_ROUND })
  return Object.freeze({
    ...asked,
    mechanisms: mechanisms.map(entry => resolveEntry(entry, asked)),
    name: nameOption('name', options.name, 'multi'),
    clock,
    rng,
    makeStore: resolveStore(options, { clock, rng }),
    refreshInterval: numberOption('refreshInterval', options.refreshInterval, REFRESH_INTERVAL, { min: 1_000, max: Infinity }),
    peerTimeout: numberOption('peerTimeout', options.peerTimeout, PEER_TIMEOUT, { min: limits.ttlMin, max: Infinity }),
    warmStart: numberOption('warmStart', options.warmStart, WARM_CONNECTIONS, { max: limits.connections, integer: true }),
    connect: connectOptions(options.connect),
    liveness: booleanOption('liveness', options.liveness) ?? true,
    makeAccess: resolveAccess(options),
    routing: booleanOption('routing', options.routing)
  })
}

function resolveAccess ({ allow, deny }: MultiOptions): () => AccessList {
  const checked = new AccessList({ allow, deny })
  return () => checked.copy()
}

function resolveStore ({ store, maxPeers }: MultiOptions, seams: { clock: Clock, rng: Rng }): () => PeerStore {
  if (store == null) {
    const capacity = numberOption('maxPeers', maxPeers, limits.newPeers, { min: 1, integer: true })
    return () => memoryPeerStore({ ...seams, capacity })
  }
  if (maxPeers !== undefined) throw new TypeError('maxPeers is of the default store: give your own one a capacity instead')
  return () => store
}

/** @throws TypeError naming what is wrong with one of `mechanisms`, or what `add` is given */
export function resolveEntry (entry: MechanismFactory | MechanismEntry, byDefault: Asked): Asked & { mechanism: MechanismFactory } {
  if (typeof entry === 'function') return { ...byDefault, mechanism: entry }
  if (typeof entry !== 'object' || typeof (entry as Partial<MechanismEntry> | null)?.mechanism !== 'function') {
    throw new TypeError(`mechanisms must be a list of mechanism factories, such as [mdns(), bootstrap({ list })], got ${show(entry)} in it`)
  }
  knownOptions('an entry of mechanisms', entry, ['mechanism', 'interval', 'maxPeersPerRound'])
  return { ...resolveAsked(entry, byDefault), mechanism: entry.mechanism }
}

function resolveAsked (options: { interval?: number | undefined, maxPeersPerRound?: number | undefined }, byDefault: Asked): Asked {
  return {
    interval: numberOption('interval', options.interval, byDefault.interval, { min: 100, max: Infinity }),
    maxPeersPerRound: numberOption('maxPeersPerRound', options.maxPeersPerRound, byDefault.maxPeersPerRound, { max: limits.newPeers, integer: true })
  }
}

function booleanOption (option: string, value: unknown): boolean | undefined {
  if (value != null && typeof value !== 'boolean') throw new TypeError(`${option} must be true or false, got ${show(value)}`)
  return value ?? undefined
}
