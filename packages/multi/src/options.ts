/** The options of `multi`, checked once. */
import { knownOptions, limits, nameOption, numberOption, show, systemClock, systemRng } from '@peerweave/interface'
import { memoryPeerStore } from '@peerweave/peer-store'
import { INTERVAL, MAX_PEERS_PER_ROUND, WARM_CONNECTIONS } from './constants.ts'
import type { Clock, MechanismFactory, PeerStore, Rng } from '@peerweave/interface'

export interface MultiOptions {
  /** What to weave. Names must be unique; a `multi` may be among them. */
  mechanisms: MechanismFactory[]
  /** Started and stopped with this `multi`. @default memoryPeerStore() */
  store?: PeerStore | undefined
  /** Inside another `multi`, paths read `name/mechanism`. @default 'multi' */
  name?: string | undefined
  /**
   * Milliseconds between the rounds of each mechanism, jittered. Shorter finds newcomers sooner and loads the network
   * more; `Infinity`: only when asked.
   *
   * @default {@link INTERVAL}
   */
  interval?: number | undefined
  /** Sightings taken of one mechanism and round. @default {@link MAX_PEERS_PER_ROUND} */
  maxPeersPerRound?: number | undefined
  /**
   * Connections sought after a start among the peers of an earlier run: those that a dial of ours proved, and others while
   * we are alone. Whoever connects to us counts. Needs a store that outlives the run. 0: nobody is dialled.
   *
   * @default {@link WARM_CONNECTIONS}
   */
  warmStart?: number | undefined
  clock?: Clock | undefined
  rng?: Rng | undefined
}

const KNOWN = ['mechanisms', 'store', 'name', 'interval', 'maxPeersPerRound', 'warmStart', 'clock', 'rng'] as const

export type ResolvedMultiOptions = Readonly<{ [Key in typeof KNOWN[number]]-?: NonNullable<MultiOptions[Key]> }>

export function resolveOptions (options: MultiOptions): ResolvedMultiOptions {
  knownOptions('multi', options, KNOWN)
  const { mechanisms, clock = systemClock(), rng = systemRng() } = options
  if (!Array.isArray(mechanisms) || mechanisms.some(mechanism => typeof mechanism !== 'function')) {
    throw new TypeError(`mechanisms must be a list of mechanism factories, such as [mdns(), bootstrap({ list })], got ${show(mechanisms)}`)
  }
  return Object.freeze({
    mechanisms: [...mechanisms],
    name: nameOption('name', options.name, 'multi'),
    clock,
    rng,
    store: options.store ?? memoryPeerStore({ clock, rng }),
    interval: numberOption('interval', options.interval, INTERVAL, { min: 100, max: Infinity }),
    warmStart: numberOption('warmStart', options.warmStart, WARM_CONNECTIONS, { max: limits.connections, integer: true }),
    maxPeersPerRound: numberOption('maxPeersPerRound', options.maxPeersPerRound, MAX_PEERS_PER_ROUND, {
      max: limits.newPeers, integer: true
    })
  })
}
