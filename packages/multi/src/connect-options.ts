/** The options of the connection policy, checked once. */
import { knownOptions, limits, numberOption, show, type AddressScope } from '@peerweave/interface'
import { CONNECT_TARGET, FEELERS, MAX_INBOUND, MAX_OUTBOUND, MAX_PER_GROUP } from './constants.ts'

export interface ConnectOptions {
  /**
   * Outbound connections sought and kept; others' dials do not count, for they choose themselves. More find and hear more,
   * and cost traffic. At most `maxOutbound`. 0: none is sought, and the limits hold.
   *
   * @default {@link CONNECT_TARGET}
   */
  target?: number | undefined
  /**
   * Of these to one network of the internet (an IPv4 /16, an IPv6 /32); a site is no such network. More finds peers where
   * many are at one provider, fewer makes it dear to be all of them. `Infinity`: any number.
   *
   * @default {@link MAX_PER_GROUP}
   */
  maxPerGroup?: number | undefined
  /**
   * ms between two feelers, jittered: one dial to a peer that is only hearsay, or that a newcomer competes with, to learn
   * whether it is there; closed again. `Infinity`: none.
   *
   * @default {@link FEELERS}
   */
  feelers?: number | undefined
  /** Peers that may be connected by dials of theirs; the newest beyond that is closed at once. @default {@link MAX_INBOUND} */
  maxInbound?: number | undefined
  /** Peers that may be connected by dials of ours, feelers and the warm start included; at that nobody more is dialled. @default {@link MAX_OUTBOUND} */
  maxOutbound?: number | undefined
}

/** `lan`: whoever is found on this site. `local`: on this machine. */
export type ConnectPreset = 'lan' | 'local'

export interface ResolvedConnect {
  readonly target: number
  readonly maxPerGroup: number
  readonly feelers: number
  readonly maxInbound: number
  readonly maxOutbound: number
  /** Addresses of these alone are dialled. `undefined`: of all that are known. */
  readonly scopes: ReadonlySet<AddressScope> | undefined
}

// Everybody who is found is to be connected, so nothing is left to feel for.
const PRESET = { target: MAX_OUTBOUND, maxPerGroup: Infinity, feelers: Infinity, maxInbound: MAX_INBOUND, maxOutbound: MAX_OUTBOUND }

const PRESETS: Readonly<Record<ConnectPreset, ResolvedConnect>> = {
  lan: { ...PRESET, scopes: new Set(['private', 'link-local']) },
  local: { ...PRESET, scopes: new Set(['loopback']) }
}

const KNOWN: ReadonlyArray<keyof ConnectOptions> = ['target', 'maxPerGroup', 'feelers', 'maxInbound', 'maxOutbound']

/**
 * `undefined`: nobody is dialled or closed.
 *
 * @throws TypeError naming the wrong key
 */
export function connectOptions (value: ConnectOptions | ConnectPreset | undefined): ResolvedConnect | undefined {
  if (value === undefined) return undefined
  if (typeof value !== 'object' || value === null) {
    if (value === 'lan' || value === 'local') return Object.freeze({ ...PRESETS[value] })
    throw new TypeError(`connect must be 'lan', 'local' or an object of options, got ${show(value)}`)
  }
  knownOptions('connect', value, KNOWN)
  const maxOutbound = numberOption('connect.maxOutbound', value.maxOutbound, MAX_OUTBOUND, { max: limits.connections, integer: true })
  return Object.freeze({
    target: numberOption('connect.target', value.target, Math.min(CONNECT_TARGET, maxOutbound), { max: maxOutbound, integer: true }),
    maxPerGroup: numberOption('connect.maxPerGroup', value.maxPerGroup, MAX_PER_GROUP, { min: 1, max: Infinity, integer: true }),
    feelers: numberOption('connect.feelers', value.feelers, FEELERS, { min: 1_000, max: Infinity }),
    maxInbound: numberOption('connect.maxInbound', value.maxInbound, MAX_INBOUND, { max: limits.connections, integer: true }),
    maxOutbound,
    scopes: undefined
  })
}
