/** A mechanism under a wrapper, in virtual time. */
import { multiaddr } from '@multiformats/multiaddr'
import { complianceContext } from '@peerweave/compliance'
import { defineMechanism, seededRng, virtualClock } from '@peerweave/interface'
import type { Claim, Clock, DiscoverOptions, DiscoveryMechanism, MechanismContext, MechanismFactory, MechanismSpec, Rng, Sighting, VirtualClock } from '@peerweave/interface'
import type { PeerId } from '@libp2p/interface'

export { peer } from '../../../test/support/peers.ts'

export function claim (peerId: PeerId, { address = '/ip4/10.0.0.1/tcp/4001', ...rest }: Partial<Claim> & { address?: string } = {}): Claim {
  return { kind: 'claim', peerId, multiaddrs: [multiaddr(address)], ttl: 60_000, reporter: { configured: true }, ...rest }
}

export interface Bench {
  clock: VirtualClock
  rng: Rng
  context: MechanismContext
  /** What is inside the wrapper, once it is made. */
  inner: () => DiscoveryMechanism
  /** Says something unasked, whatever it is. */
  say: (...sightings: unknown[]) => void
  /** What the next rounds yield; an error is thrown. */
  answers: unknown[]
  /** Of each round begun: what it was asked with. */
  rounds: DiscoverOptions[]
  factory: MechanismFactory
  seams: { clock: Clock, rng: Rng }
}

/** @param spec - replaces any part of the mechanism inside */
export async function bench (spec: Partial<MechanismSpec> = {}, seed = 1): Promise<Bench> {
  const clock = virtualClock()
  const rng = seededRng(seed)
  let mechanism: DiscoveryMechanism | undefined
  const made: Bench = {
    clock,
    rng,
    context: await complianceContext(),
    inner: () => mechanism as DiscoveryMechanism,
    say: (...sightings) => { for (const detail of sightings) mechanism?.dispatchEvent(new CustomEvent('sighting', { detail })) },
    answers: [],
    rounds: [],
    seams: { clock, rng },
    factory: (context: MechanismContext) => {
      mechanism = defineMechanism(context, { name: 'inner', type: 'inner', passive: true, clock, round: async function * () {}, ...spec })
      if (spec.round == null) mechanism.discoverPeers = raw
      return mechanism
    }
  }
  /** Filters nothing, unlike what defineMechanism makes. */
  async function * raw (options: DiscoverOptions = {}): AsyncGenerator<Sighting> {
    made.rounds.push(options)
    for (const answer of made.answers) {
      if (answer instanceof Error) throw answer
      yield answer as Sighting
    }
  }
  return made
}

/** Everything of one round, as it ended: what it gave, or what it threw. */
export async function round (mechanism: DiscoveryMechanism, options?: DiscoverOptions): Promise<Sighting[]> {
  return await Array.fromAsync(mechanism.discoverPeers(options))
}

/** What it threw. */
export async function failure (work: Promise<unknown>): Promise<Error & { code?: string, retryAfter?: number }> {
  try {
    await work
  } catch (error) {
    return error as Error
  }
  throw new Error('it did not fail')
}

export function texts (sightings: Sighting[]): string[] {
  return sightings.map(sighting => sighting.kind === 'endpoint'
    ? `endpoint ${sighting.multiaddr}`
    : `${sighting.kind} ${sighting.peerId} ${sighting.kind === 'claim' ? sighting.ttl : ''}`.trim())
}
