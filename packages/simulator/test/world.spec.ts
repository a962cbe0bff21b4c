import { describe, expect, it } from 'vitest'
import { loadTrace, MAX_NODES, simulate } from '../src/index.ts'
import { chatter, eventful } from './chatter.ts'

/**
 * The whole run of each seed as one hash. It stands here so that every version of Node that runs the tests must come to
 * the same. It changes when the simulator draws, orders or names its events otherwise: then it is written anew, on purpose.
 */
const TRACES: Record<number, string> = {
  1: 'e775f55af9344cf5bf65d899175203d62e53b8b87742fdd18c2c7c33ab2c29af',
  2: '8a240678e3ad0ccb9a014f5d4d1efe5293d143ad54cf197dc5d17015d325f075',
  4294967295: 'c63d7389d86aeba73d628cf9e7727d75e52e065c28f87270ebdde2063c8738d0'
}

describe('the same seed', () => {
  it.each(Object.entries(TRACES))('%s gives the same trace on every run, platform and version of Node', async (seed, trace) => {
    expect((await eventful(Number(seed))).trace).toBe(trace)
  })

  it('gives the same trace to worlds that run at the same time', async () => {
    const worlds = await Promise.all([eventful(3), eventful(3), eventful(4)])
    const [a, b, c] = worlds.map(({ trace }) => trace)
    expect(a).toBe(b)
    expect(c).not.toBe(a)
    expect(worlds[0]?.events).toBeGreaterThan(1_000)
  })

  it('gives the same trace however its time is cut up', async () => {
    const [whole, pieces] = [chatter(5), chatter(5)]
    await whole.advance(10_000)
    for (let i = 0; i < 100; i++) await pieces.advance(100)
    expect(pieces.trace).toBe(whole.trace)
  })
})

describe('a node', () => {
  it('has an id, an address and a group of its own, the same in all its lives', async () => {
    const world = simulate({ seed: 1, nodes: 20, group: index => index % 2, setup: () => ({}) })
    await world.advance(1)
    expect(new Set(world.up().map(({ peerId }) => peerId.toString())).size).toBe(20)
    expect(new Set(world.up().map(({ address }) => address.toString())).size).toBe(20)
    expect(new Set(world.up().map(({ group }) => group))).toEqual(new Set(['11.0.0.0/16', '11.1.0.0/16']))
    const before = world.node(3)
    world.crash(3)
    expect(world.node(3)).toBeUndefined()
    world.join(3)
    await world.advance(1)
    const after = world.node(3)
    expect([after?.life, after?.peerId, after?.address, after?.disk]).toEqual([2, before?.peerId, before?.address, before?.disk])
    expect(after?.clock).not.toBe(before?.clock)
  })

  it('has a wall clock that is off by what its seed says, within the bound', async () => {
    const walls = async (): Promise<number[]> => {
      const world = simulate({ seed: 1, nodes: 50, wallSkew: 1_000, setup: () => ({}) })
      await world.advance(1)
      return world.up().map(({ clock }) => clock.wall() - world.clock.wall())
    }
    const offsets = await walls()
    expect(await walls()).toEqual(offsets)
    expect(Math.min(...offsets)).toBeGreaterThanOrEqual(-1_000)
    expect(Math.min(...offsets)).toBeLessThan(-500)
    expect(Math.max(...offsets)).toBeGreaterThan(500)
    expect(Math.max(...offsets)).toBeLessThanOrEqual(1_000)
  })

  it('loses in a power cut what its disk did not sync', async () => {
    const world = simulate({
      seed: 1,
      nodes: 1,
      async setup ({ disk }) {
        const log = await disk.open('log')
        return { found: (await Array.fromAsync(log.entries())).map(([key]) => key), log }
      }
    })
    await world.advance(1)
    const first = world.app(0)
    await first?.log.batch([{ type: 'put', key: 'synced', value: new Uint8Array(1) }], { sync: true })
    for (let i = 0; i < 100; i++) await first?.log.batch([{ type: 'put', key: `${i}`, value: new Uint8Array(1) }])
    world.crash(0, { powerCut: true })
    world.join(0)
    await world.advance(1)
    const found = world.app(0)?.found ?? []
    expect(found).toContain('synced')
    expect(found.length).toBeLessThan(101)
  })

  it('that fails in its setup fails the run, with its name', async () => {
    const world = simulate({ seed: 1, nodes: 3, setup: ({ index }) => { if (index === 2) throw new Error('no'); return {} } })
    await expect(world.advance(1)).rejects.toThrow('setup of n2')
  })

  it('stops its app before it leaves, and others see it go', async () => {
    let stopped = false
    const world = simulate({ seed: 1, nodes: 2, setup: () => ({ stop: () => { stopped = true } }) })
    await world.advance(1)
    const dialled = world.node(0)?.host.dial([world.node(1)?.address as never])
    await world.advance(2_000)
    await dialled
    await world.leave(1)
    expect(stopped).toBe(true)
    await world.advance(2_000)
    expect(world.node(0)?.host.connections()).toEqual([])
    expect(world.up()).toHaveLength(1)
  })
})

describe('a churn trace', () => {
  it('brings and takes nodes at its times, and cuts the network at its times', async () => {
    const { peers: [, ...peers], ...rest } = loadTrace('mass-leave')
    const trace = { ...rest, cuts: [{ from: 60_000, to: 120_000, share: 0.5 }], peers: [[[0, 1_000], [5_000, 6_000]], ...peers] as Array<Array<[number, number]>> }
    const world = simulate({ seed: 1, nodes: 10, trace, setup: () => ({}) })
    const isUp = async (ms: number): Promise<boolean> => {
      await world.advance(ms)
      return world.node(0) != null
    }
    expect([await isUp(500), await isUp(1_000), await isUp(4_000), await isUp(1_000)]).toEqual([true, false, true, false])
    await world.advance(60_000)
    const across = expect(world.node(1)?.host.dial([world.node(9)?.address as never])).rejects.toThrow('could not reach')
    await world.advance(15_000)
    await across
    await world.advance(60_000)
    const later = world.node(1)?.host.dial([world.node(9)?.address as never])
    await world.advance(5_000)
    expect(await later).toBeDefined()
    await world.advance(600_000)
    expect(world.up()).toHaveLength(4) // 2, 4, 6, 8
  })
})

describe('what must hold and what must happen', () => {
  it('is checked and counted, and a failure names seed and moment', async () => {
    const world = simulate({ seed: 7, nodes: 1, setup: () => ({}) })
    await world.advance(12)
    world.invariant(true, 'all is well')
    expect(() => world.invariant(false, 'all is well')).toThrow('seed 7, 12 ms: all is well')
    world.sometimes('rare', false)
    world.sometimes('common')
    world.sometimes('common')
    expect([...world.coverage()]).toEqual([['rare', 0], ['common', 2]])
  })
})

it.each([
  [{ nodes: 0 }, 'nodes'],
  [{ nodes: MAX_NODES + 1 }, 'nodes'],
  [{ seed: 0.5 }, 'seed'],
  [{ crashes: 2 }, 'crashes'],
  [{ links: { loss: 2 } }, 'links.loss'],
  [{ links: { latency: { uniform: [5, 1] } } }, 'links.latency'],
  [{ links: { latency: { lognormal: { median: 1, sigma: 9 } } } }, 'links.latency'],
  [{ links: { jitter: -1 } }, 'links.jitter'],
  [{ colour: 'blue' }, 'colour']
])('a wrong option is a TypeError that names it: %j', (options, name) => {
  const wrong = (): unknown => simulate({ seed: 1, nodes: 1, setup: () => ({}), ...options as object })
  expect(wrong).toThrow(TypeError)
  expect(wrong).toThrow(name)
})
