/** A mechanism of which only some sightings are wanted, as iroh filters its address look-ups. */
import {
  limits, setLatest, show, toError, type Claim, type DiscoveryMechanism, type Endpoint, type MechanismFactory
} from '@peerweave/interface'
import { wrapMechanism, type Wrapped, type WrapperOptions } from './wrap-mechanism.ts'

export interface FilterOptions extends WrapperOptions {
  /**
   * Whether a claim, or an address whose peer is not known yet, is wanted. Anything but `true` refuses it, a throw too.
   * Goodbyes are not asked about: one goes through when a claim of that peer did.
   */
  accept: (sighting: Claim | Endpoint) => boolean
}

/** What the status says of it, as `filter`. */
export interface FilterFigures {
  /** Sightings of which `accept` said neither true nor false. */
  readonly failures: number
  readonly lastError?: Error | undefined
}

/**
 * What `accept` refuses is dropped and counted `filtered`, asked for or not; of a round at most `limits.wrappedPerRound`
 * sightings are looked at. Answers of libp2p's own routing, where the mechanism has it, do not come by here.
 *
 * @throws TypeError naming a wrong option
 */
export function withFilter<Made extends DiscoveryMechanism> (
  factory: MechanismFactory<Made>, options: FilterOptions
): MechanismFactory<Wrapped<Made>> {
  if (typeof options?.accept !== 'function') throw new TypeError(`withFilter: accept must be a function, got ${show(options?.accept)}`)
  const { accept } = options
  return wrapMechanism('withFilter', factory, options, ['accept'], ({ name }) => {
    /** Peers of whom a claim went through. BOUNDED by `limits.filteredPeers`: the one unheard for longest is forgotten. */
    const told = new Map<string, true>()
    let failures = 0
    let lastError: Error | undefined

    const isAccepted = (sighting: Claim | Endpoint): boolean => {
      try {
        const isWanted: unknown = accept(sighting)
        if (typeof isWanted === 'boolean') return isWanted
        // A promise would let everything through.
        throw new TypeError(`${name}: accept must return true or false, got ${show(isWanted)}`)
      } catch (error) {
        failures++
        lastError = toError(error)
        return false
      }
    }

    return {
      // What is refused makes room for more: the limit is of what goes out.
      round: (ask, round) => ask({ ...round, limit: Math.max(round.limit, limits.sightingsPerRound) }),
      isLetThrough (sighting) {
        if (sighting.kind === 'withdraw') return told.has(sighting.peerId.toString())
        if (!isAccepted(sighting)) return false
        if (sighting.kind === 'claim') setLatest(told, sighting.peerId.toString(), true, limits.filteredPeers)
        return true
      },
      close: () => told.clear(),
      figures: (): { filter: FilterFigures } => ({ filter: Object.freeze({ failures, lastError }) })
    }
  })
}
