/** Nodes that were away themselves, and networks that were: nobody dies of it, and who is truly dead is found so. */
import { describe, expect, it } from 'vitest'
import { watching, type Watching } from './liveness-sim.ts'
import type { NodeClock } from '@peerweave/simulator'

const HOUR = 3_600_000

/** Node 0, which has some ten peers, with the clock of its own. */
async function observer (init: Partial<Parameters<typeof watching>[0]> = {}): Promise<Watching & { clock: NodeClock, peers: number[] }> {
  const net = await watching({ seed: 4, nodes: 12, dials: 8, ...init })
  const clock = net.world.node(0)?.clock as NodeClock
  return { ...net, clock, peers: net.connected(0) }
}

const by = (net: Watching, index: number): number[] => {
  return net.expired.filter(news => news.by === index).map(news => news.of).sort((a, b) => a - b)
}

describe('a node that was away', () => {
  it.each([
    ['5 s, its event loop blocked', ({ clock }: { clock: NodeClock }) => clock.stall(5_000), 5_000],
    ['an hour, both clocks going on', ({ clock }: { clock: NodeClock }) => clock.stall(HOUR), HOUR],
    ['an hour, its monotonic clock stopped', ({ clock }: { clock: NodeClock }) => clock.suspend(), HOUR]
  ])('%s, accuses nobody', async (_, away, ms) => {
    const net = await observer({ nodes: 6, dials: 5 })
    away(net)
    await net.world.advance(ms)
    net.clock.resume()
    await net.world.advance(120_000)
    expect(by(net, 0)).toEqual([])
    expect(net.clocks).toEqual([expect.objectContaining({ kind: ms === HOUR ? 'sleep' : 'stall' })])
    expect(Math.abs((net.clocks[0]?.ms ?? 0) - ms)).toBeLessThan(1_000)
  }, 60_000)

  it('5 s again and again, for half of its time, accuses nobody', async () => {
    const net = await observer()
    for (let i = 0; i < 30; i++) {
      net.clock.stall(5_000)
      await net.world.advance(10_000)
    }
    expect(by(net, 0)).toEqual([])
    expect(net.clocks.length).toBe(30)
    expect(net.world.app(0)?.liveness.status().health).toBeGreaterThan(0)
  })

  it('is late by a third of a second all the time, accuses nobody, and still notices a crash', async () => {
    const net = await observer()
    for (let i = 0; i < 300; i++) {
      net.clock.stall(350)
      await net.world.advance(700)
    }
    expect(by(net, 0)).toEqual([])
    const [dead] = net.peers as [number]
    net.world.crash(dead)
    for (let i = 0; i < 30; i++) {
      net.clock.stall(350)
      await net.world.advance(700)
    }
    expect(by(net, 0)).toEqual([dead])
  })

  it.each([
    ['an hour ahead', HOUR], ['an hour back', -HOUR], ['ten years ahead', 87_600 * HOUR], ['ten years back', -87_600 * HOUR]
  ])('only by its wall clock, %s, accuses nobody', async (_, ms) => {
    const net = await observer()
    net.clock.stepWall(ms)
    await net.world.advance(60_000)
    expect(net.expired).toEqual([])
    expect(net.clocks.map(({ ms }) => ms)).toEqual([ms])
  })
})

describe('a network that was away for ten minutes', () => {
  it.each([
    ['', true], [', without dialling', false]
  ])('loses nobody%s, and those who died meanwhile are found within a minute', async (_, canReach) => {
    const net = await observer({ nodes: 21, dials: 20, canReach })
    const { world, peers } = net
    world.network.cut('n0')
    await world.advance(600_000)
    expect(by(net, 0)).toEqual([])
    expect(world.app(0)?.liveness.status()).toMatchObject({ state: 'preserving', suspected: peers.length })
    const dead = peers.filter((_, i) => i % 10 < 3)
    for (const index of dead) world.crash(index)
    world.network.heal()
    if (!canReach) {
      // As any other part of the node does when it looks for peers.
      const [self, ...others] = world.up()
      for (const { host } of others) host.dial(self == null ? [] : [self.address]).catch(() => {})
    }
    const back = await world.run(() => world.app(0)?.liveness.status().state === 'watching', 10_000)
    await world.advance(60_000 - back)
    expect(by(net, 0)).toEqual(dead.sort((a, b) => a - b))
    expect(world.app(0)?.liveness.status()).toMatchObject({ state: 'watching', suspected: 0 })
    expect(net.connected(0).length).toBe(peers.length - dead.length)
  }, 60_000)

  const seeds = Array.from({ length: process.env.PEERWEAVE_TIER == null ? 1 : 12 }, (_, i) => i + 4)
  it.each(seeds)('is back within ten seconds when every node was cut off, and loses nobody (seed %i)', async seed => {
    const net = await watching({ seed, nodes: 16, dials: 6 })
    const { world } = net
    const before = world.up().map(({ index }) => net.connected(index).length)
    world.network.partition(...world.up().map(({ name }) => [name]))
    await world.advance(600_000)
    expect(net.expired).toEqual([])
    world.network.heal()
    await world.advance(10_000)
    const after = world.up().map(({ index }) => net.connected(index).length)
    const sum = (counts: number[]): number => counts.reduce((a, b) => a + b, 0)
    // Of a pair whose connection each side took for closed by the other, nobody is called dead and nobody dials.
    expect(sum(after)).toBeGreaterThan(0.97 * sum(before))
    await world.advance(120_000)
    expect(net.expired).toEqual([])
  }, 60_000)

  it('goes by unseen when it was away for less than a stall', async () => {
    const net = await observer()
    net.world.network.cut('n0')
    await net.world.advance(4_000)
    net.world.network.heal()
    await net.world.advance(60_000)
    expect(net.expired).toEqual([])
  })
})
