/**
 * Where a sighting first came from, when it reaches an outer `multi` through an inner one. Kept beside the sighting and
 * not in it, so that no mechanism can claim another's name.
 */
import type { DiscoveryType, Sighting } from '@peerweave/interface'

export interface Origin {
  /** Path below the forwarding `multi`: `mdns`, or `inner/mdns`. */
  path: string
  type: DiscoveryType
}

const origins = new WeakMap<Sighting, Origin>()

/** A copy of the sighting that remembers its origin. */
export function withOrigin (sighting: Sighting, origin: Origin): Sighting {
  const copy = { ...sighting }
  origins.set(copy, origin)
  return copy
}

export function originOf (sighting: Sighting): Origin | undefined {
  return origins.get(sighting)
}
