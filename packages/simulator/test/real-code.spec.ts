/** The package's purpose: the code that users run, on simulated ports. */
import { bootstrap, type BootstrapOptions } from '@peerweave/bootstrap'
import { memory, MemoryHub, multi, type Multi } from '@peerweave/multi'
import { memoryPeerStore } from '@peerweave/peer-store'
import { describe, expect, it } from 'vitest'
import { addressIn, simPeerId, simulate, type SimNode, type SimulationOptions, type World } from '../src/index.ts'
import type { MechanismFactory } from '@peerweave/interface'

const SEED = 1

function weave (nodes: number, mechanism: (node: SimNode) => MechanismFactory, options: Partial<SimulationOptions<Multi>> = {}): World<Multi> {
  return simulate({
    seed: SEED,
    nodes,
    links: { loss: 0.05 },
    ...options,
    async setup (node) {
      const { clock, rng, hashKey, context } = node
      const store = memoryPeerStore({ clock, hashKey })
      const discovery = multi({ mechanisms: [mechanism(node)], store, clock, rng })(context)
      await discovery.start()
      return discovery
    }
  })
}

/** The first `seeds` nodes are in everybody's list. They have their /16 by their number, as `simulate` lays it out. */
function listed (seeds: number, options: Partial<BootstrapOptions> = {}): (node: SimNode) => MechanismFactory {
  const list = Array.from({ length: seeds }, (_, i) => `${addressIn(i, 1)}/p2p/${simPeerId(SEED, `n${i}`)}`)
  return ({ clock, rng }) => bootstrap({ list, clock, rng, maxPeers: 3, ...options })
}

const known = (world: World<Multi>, index: number): number => world.app(index)?.store.size ?? 0

describe('50 nodes under 5 % loss', () => {
  it('find each other by a hub', async () => {
    const hub = new MemoryHub()
    const world = weave(50, ({ clock }) => memory({ hub, clock }))
    const took = await world.run(() => world.up().length === 50 && world.up().every(({ index }) => known(world, index) === 49), 10_000)
    expect(took).toBeLessThan(1_000)
  })

  it('find their bootstrap nodes, in the same way on every run', async () => {
    const run = async (): Promise<[number, string]> => {
      const world = weave(50, listed(4))
      const took = await world.run(() => world.up().length === 50 && world.up().every(({ index }) => known(world, index) >= 3), 30_000)
      return [took, world.trace]
    }
    const first = await run()
    expect(await run()).toEqual(first)
    expect(first[0]).toBeLessThan(5_000) // four round trips, and a few of them lost
  })
})

it('a bootstrap node that crashes and comes back is found again', async () => {
  const world = weave(5, listed(1))
  const isConnected = (): boolean => world.up().length === 5 && world.up().slice(1).every(({ host }) => host.connections().length === 1)
  await world.run(isConnected, 30_000)
  world.crash(0)
  await world.run(() => world.up().every(({ host }) => host.connections().length === 0), 120_000)
  world.join(0)
  expect(await world.run(isConnected, 180_000)).toBeLessThan(120_000)
})

it('1,000 nodes start and find their bootstrap nodes', async () => {
  // They only dial: how many peers a thousand nodes tell each other of is not what this is about.
  const world = weave(1_000, listed(40, { exchange: false }))
  const took = await world.run(() => world.app(999) != null && world.clock.now() >= 10_000, 20_000)
  expect(took).toBeLessThan(11_000)
  expect(world.up().filter(({ index }) => known(world, index) >= 3).length).toBeGreaterThan(990)
}, 60_000)
