/** A reader over a name server in memory. */
import { dropCounter, seededRng, virtualClock, type Sighting, type VirtualClock } from '@peerweave/interface'
import { resolver, type Resolver } from '../../src/resolver/resolver.ts'
import type { Query } from '../../src/records.ts'
import type { ReadInit } from '../../src/read/lookups.ts'

export interface Reader {
  init: ReadInit
  clock: VirtualClock
  resolver: Resolver
  dropped: Record<string, number>
}

export function reader (query: Query, seed = 1): Reader {
  const clock = virtualClock()
  const { dropped, drop } = dropCounter()
  const rng = seededRng(seed)
  const own = resolver({ query, clock, rng, drop })
  return { init: { resolver: own, clock, rng, drop }, clock, resolver: own, dropped }
}

/** What was found, to be compared: `id at address address`, in the order of their texts. */
export function plain (sightings: Sighting[]): string[] {
  return sightings.map(sighting => {
    if (sighting.kind === 'endpoint') return `somebody at ${sighting.multiaddr}`
    return `${sighting.peerId} at ${sighting.multiaddrs?.map(String).sort().join(' ')}`
  }).sort()
}

export async function all<T> (source: AsyncIterable<T>): Promise<T[]> {
  return await Array.fromAsync(source)
}
