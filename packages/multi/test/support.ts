/** A multi in memory, in virtual time, over mechanisms that a test drives by hand. */
import { multiaddr } from '@multiformats/multiaddr'
import { complianceContext } from '@peerweave/compliance'
import { defineMechanism, seededRng, virtualClock } from '@peerweave/interface'
import { memoryPeerStore } from '@peerweave/peer-store'
import { multi, type Multi, type MultiOptions } from '../src/index.ts'
import type { Claim, DiscoveryMechanism, MechanismContext, MechanismFactory, MechanismSpec, Sighting, VirtualClock } from '@peerweave/interface'
import type { PeerId } from '@libp2p/interface'

export { peer } from '../../../test/support/peers.ts'

/** A claim that passes every check. */
export function claim (peerId: PeerId, init: Partial<Claim> & { addresses?: string[] } = {}): Claim {
  const { addresses = ['/ip4/10.0.0.1/tcp/4001'], ...rest } = init
  return { kind: 'claim', peerId, multiaddrs: addresses.map(text => multiaddr(text)), ttl: 60_000, reporter: { configured: true }, ...rest }
}

export interface Handmade {
  factory: MechanismFactory
  /** Says something unasked, as an event. */
  say: (...sightings: Sighting[]) => void
  /** What the next rounds yield. */
  answers: Sighting[]
  /** Rounds begun. */
  rounds: number
}

/**
 * A mechanism that says what the test tells it to, as it is: unlike one made by defineMechanism alone, it filters
 * nothing. `spec` replaces any part of it.
 */
export function handmade (name: string, spec: Partial<MechanismSpec> = {}): Handmade {
  let mechanism: DiscoveryMechanism | undefined
  const made: Handmade = {
    answers: [],
    rounds: 0,
    say: (...sightings) => { for (const detail of sightings) mechanism?.dispatchEvent(new CustomEvent('sighting', { detail })) },
    factory: (context: MechanismContext): DiscoveryMechanism => mechanism = defineMechanism(context, {
      name,
      type: name,
      passive: true,
      clock: (context as TestContext).clock,
      async * round () {
        made.rounds++
        yield * made.answers
      },
      ...spec
    })
  }
  return made
}

type TestContext = MechanismContext & { clock: VirtualClock }

export interface World {
  clock: VirtualClock
  multi: Multi
  context: Awaited<ReturnType<typeof complianceContext>>
}

/** A multi that is not started yet. */
export async function world (mechanisms: MultiOptions['mechanisms'], options: Partial<MultiOptions> = {}): Promise<World> {
  const clock = virtualClock()
  const context = Object.assign(await complianceContext(), { clock })
  const store = memoryPeerStore({ clock, hashKey: new Uint8Array(8) })
  return { clock, context, multi: multi({ mechanisms, clock, rng: seededRng(1), store, ...options })(context) }
}

/** Starts without waiting for mechanisms that do not come up: time is the test's to move. */
export async function started ({ multi, clock }: World): Promise<void> {
  const starting = Promise.resolve(multi.start())
  await clock.advance(1_000)
  await starting
}

export function record (multi: Multi, name: 'peer:discovery' | 'peer:update' | 'peer:expire'): string[] {
  const seen: string[] = []
  multi.addEventListener(name, ({ detail }) => seen.push(detail.peer.peerId.toString()))
  return seen
}

export async function ids (peers: AsyncIterable<{ peerId: PeerId }>): Promise<string[]> {
  return (await Array.fromAsync(peers)).map(({ peerId }) => peerId.toString()).sort()
}
