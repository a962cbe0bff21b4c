/**
 * A world of nodes that do a little of everything that a trace is made of: timers, dials, requests, disk writes, sleep.
 * It uses nothing but the simulator, so that its trace changes only when the simulator does.
 */
import { addressIn, simulate, type SimulationOptions, type World } from '../src/index.ts'

const NODES = 20

export function chatter (seed: number, options: Partial<SimulationOptions<object>> = {}): World {
  return simulate<object>({
    seed,
    nodes: NODES,
    links: { loss: 0.1 },
    wallSkew: 1_000,
    ...options,
    async setup ({ index, clock, rng, host, disk, crypto }) {
      const log = await disk.open('log')
      await host.rpc.handle('/sum', async request => crypto.digest(request), { maxRequest: 100, timeout: 1_000 })
      const talk = async (): Promise<void> => {
        using deadline = clock.deadline(5_000)
        try {
          const other = (index + 1 + rng.int(NODES - 1)) % NODES
          const { peer } = await host.dial([addressIn(other, 1)], { signal: deadline.signal })
          const answer = await host.rpc.request(peer, '/sum', Uint8Array.of(index, rng.int(256)), { maxAnswer: 100, signal: deadline.signal })
          await log.batch([{ type: 'put', key: `${clock.now()}`, value: answer }], { sync: rng.int(2) === 0 })
        } catch { /* loss and churn: the next round goes elsewhere */ }
        clock.setTimeout(() => { void talk() }, 1_000 * (1 + rng.float()))
      }
      clock.setTimeout(() => { void talk() }, 1_000 * rng.float())
      return {}
    }
  })
}

/** Half a minute with everything in it that may happen to a node. */
export async function eventful (seed: number): Promise<World> {
  const world = chatter(seed)
  await world.advance(5_000)
  world.network.partition(['n0', 'n1', 'n2', 'n3'])
  world.node(5)?.clock.suspend()
  world.node(6)?.clock.stall(3_000)
  world.crash(7, { powerCut: true })
  await world.advance(10_000)
  world.network.heal()
  world.node(5)?.clock.resume()
  world.join(7)
  await world.leave(8)
  await world.advance(15_000)
  return world
}
