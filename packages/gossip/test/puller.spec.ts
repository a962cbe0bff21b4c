/** Whom a node asks, when, and how often; the answers are a test's. */
import { complianceContext, memoryNetwork } from '@peerweave/compliance'
import { NotFoundError, seededRng, virtualClock, type Claim, type Host, type Session, type VirtualClock } from '@peerweave/interface'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Puller } from '../src/puller.ts'
import { peer } from './support.ts'
import type { ComplianceContext } from '@peerweave/compliance'
import type { Answered, Exchange } from '@peerweave/exchange'
import type { PeerId } from '@libp2p/interface'

interface Asked {
  peer: string
  /** By the clock. */
  at: number
}

interface World {
  clock: VirtualClock
  host: Host
  puller: Puller
  asked: Asked[]
  claims: Claim[]
  /** What the next questions bring; nothing by default. */
  answers: (peer: PeerId, signal: AbortSignal) => Promise<Partial<Answered>>
  /** Whom others of the node have asked just now. */
  isAsked: (peer: PeerId) => boolean
  /** One more that is connected. */
  neighbour: () => Promise<ComplianceContext>
  /** When they were asked since the last call. */
  times: () => number[]
}

async function create ({ fanout = 3, interval = 30_000, neighbours = 0 } = {}): Promise<World> {
  const clock = virtualClock()
  const network = memoryNetwork(clock)
  const { ports: { host } } = await complianceContext({ network })
  const stopped = new AbortController()
  const tasks: Array<Promise<void>> = []
  const session: Session = {
    signal: stopped.signal,
    sight: () => {},
    degrade: () => () => {},
    background: task => { tasks.push(task(stopped.signal)) }
  }
  const exchange: Pick<Exchange, 'ask' | 'isAsked'> = {
    async ask (peer, { signal = stopped.signal } = {}) {
      world.asked.push({ peer: peer.toString(), at: clock.now() })
      return { claims: [], learnt: 0, hasMore: false, isEnough: false, wait: 0, ...await world.answers(peer, signal) }
    },
    isAsked: peer => world.isAsked(peer)
  }
  const puller = new Puller({ host, exchange: exchange as Exchange, fanout, interval, clock, rng: seededRng(1) })
  const world: World = {
    clock,
    host,
    puller,
    asked: [],
    claims: [],
    answers: async () => ({}),
    isAsked: () => false,
    async neighbour () {
      const context = await complianceContext({ network })
      await context.ports.host.dial(host.addresses())
      return context
    },
    times: () => world.asked.splice(0).map(({ at }) => Math.round(at))
  }
  for (let i = 0; i < neighbours; i++) await world.neighbour()
  puller.open(session, claims => world.claims.push(...claims))
  onTestFinished(async () => {
    stopped.abort()
    puller.close()
    await Promise.all(tasks)
    expect(clock.pending).toBe(0)
  })
  return world
}

async function claim (number: number): Promise<Claim> {
  return { kind: 'claim', peerId: await peer(number), multiaddrs: [], ttl: 1_000 }
}

describe('the pull', () => {
  it('asks a new neighbour at once, also while it waits for its next round', async () => {
    const world = await create()
    await world.clock.advance(100_000)
    const { ports } = await world.neighbour()
    await world.clock.settle()
    expect(world.asked).toEqual([{ peer: ports.host.self.toString(), at: 100_000 }])
  })

  it('asks all that there are when it begins, as many at a time as the fanout', async () => {
    const world = await create({ neighbours: 10 })
    let underWay = 0
    let most = 0
    world.answers = async () => {
      underWay++
      most = Math.max(most, underWay)
      await world.clock.sleep(100)
      underWay--
      return {}
    }
    await world.clock.advance(450)
    expect(new Set(world.asked.map(({ peer }) => peer)).size).toBe(10)
    expect([world.asked.length, most]).toEqual([10, 3])
  })

  it('then asks as many as the fanout in a round, ever more seldom until the interval, each in its turn', async () => {
    const world = await create({ neighbours: 10 })
    await world.clock.advance(100)
    world.times()
    await world.clock.advance(600_000)
    const rounds = [...new Set(world.asked.map(({ at }) => at))]
    for (const round of rounds) expect(world.asked.filter(({ at }) => at === round)).toHaveLength(3)
    const gaps = rounds.map((at, i) => at - (rounds[i - 1] ?? 0))
    for (const [i, ms] of [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000].entries()) {
      expect(gaps[i]).toBeGreaterThanOrEqual(ms * 0.8)
      expect(gaps[i]).toBeLessThanOrEqual(ms * 1.2)
    }
    expect(new Set(world.asked.map(({ peer }) => peer)).size).toBe(10)
  })

  it('is quick again while there is news', async () => {
    const world = await create({ neighbours: 1 })
    await world.clock.advance(300_000)
    world.answers = async () => ({ learnt: 1 })
    world.times()
    await world.clock.advance(120_000)
    const times = world.times()
    expect((times.at(-1) ?? 0) - (times.at(-2) ?? 0)).toBeLessThanOrEqual(600)
  })

  it('tells what it was told, and goes on after a question that failed', async () => {
    const world = await create({ neighbours: 1 })
    world.answers = async () => { throw new Error('reset') }
    await world.clock.advance(1_000)
    world.answers = async () => ({ claims: [await claim(1)] })
    await world.clock.advance(5_000)
    expect(world.claims.length).toBeGreaterThan(0)
  })

  it('asks on at once while a peer has more, eight times in a row at the most', async () => {
    const world = await create({ interval: 300_000 })
    world.answers = async () => ({ hasMore: true, learnt: 32 })
    await world.neighbour()
    await world.clock.advance(300)
    expect(world.times()).toEqual(Array(8).fill(0))
    world.answers = async () => ({ hasMore: true, learnt: 0 })
    await world.clock.advance(300_000)
    const times = world.times()
    expect(new Set(times).size).toBe(times.length)
  })

  it('leaves a peer alone that sent it away, for as long as that said and at most twice that', async () => {
    const world = await create({ interval: 500 })
    world.answers = async () => ({ wait: 10_000 })
    await world.neighbour()
    await world.clock.advance(10_000)
    expect(world.times()).toEqual([0])
    await world.clock.advance(10_700)
    expect(world.times()).toHaveLength(1)
  })

  it('takes a further connection of a peer for no news', async () => {
    const world = await create({ interval: 300_000 })
    await world.neighbour()
    await world.clock.advance(10)
    const [connection] = world.host.connections()
    if (connection == null) throw new Error('not connected')
    world.host.connections = () => [connection, connection]
    world.host.events.dispatchEvent(new CustomEvent('connect', { detail: connection }))
    await world.clock.advance(10)
    expect(world.times()).toEqual([0])
  })

  it('asks nobody in vain who does not speak the protocol, until he comes anew or subscribes', async () => {
    const world = await create({ interval: 500 })
    world.answers = async () => { throw new NotFoundError('does not speak it') }
    const context = await world.neighbour()
    await world.clock.advance(10_000)
    expect(world.times()).toEqual([0])
    world.puller.onSubscribers([context.ports.host.self])
    await world.clock.settle()
    expect(world.times()).toEqual([10_000])
    world.puller.onSubscribers([await peer(1)])
    await world.clock.advance(10_000)
    expect(world.times()).toEqual([])
  })

  it('does not ask who was asked by another mechanism just now', async () => {
    const world = await create()
    world.isAsked = () => true
    await world.neighbour()
    await world.clock.advance(400)
    expect(world.times()).toEqual([])
    world.isAsked = () => false
    await world.clock.advance(30_000)
    expect(world.times().length).toBeGreaterThan(0)
  })
})

describe('a round', () => {
  const signal = new AbortController().signal

  it('yields each answer as it comes, and is none the worse for one that fails', async () => {
    const world = await create({ neighbours: 3 })
    await world.clock.settle()
    let turn = 0
    world.answers = async () => {
      const mine = turn++
      await world.clock.sleep(mine * 100)
      if (mine === 1) throw new Error('reset')
      return { claims: [await claim(mine)] }
    }
    const got: Array<[string | undefined, number]> = []
    const reading = (async () => {
      for await (const [claim] of world.puller.round(signal)) got.push([claim?.peerId.toString(), world.clock.now()])
    })()
    await world.clock.advance(300)
    await reading
    expect(got).toEqual([[String(await peer(0)), 0], [undefined, 100], [String(await peer(2)), 200]])
  })

  it('fails when all fail, with each cause; of nobody to ask there is nothing', async () => {
    const world = await create({ neighbours: 2 })
    await world.clock.settle()
    world.answers = async () => { throw new Error('reset') }
    await expect(Array.fromAsync(world.puller.round(signal))).rejects.toMatchObject({
      name: 'GossipError', message: 'none of 2 neighbours answered', cause: { errors: [{ message: 'reset' }, { message: 'reset' }] }
    })
    const alone = await create()
    expect(await Array.fromAsync(alone.puller.round(signal))).toEqual([])
  })

  it('is no failure when nobody speaks the protocol', async () => {
    const world = await create({ neighbours: 2 })
    await world.clock.settle()
    world.answers = async () => { throw new NotFoundError('does not speak it') }
    expect((await Array.fromAsync(world.puller.round(signal))).flat()).toEqual([])
  })

  it('gives up the questions that are under way when its reader leaves', async () => {
    const world = await create({ neighbours: 3 })
    await world.clock.settle()
    const signals: AbortSignal[] = []
    world.answers = async (_, signal) => {
      signals.push(signal)
      if (signals.length > 1) await world.clock.sleep(5_000, { signal })
      return { claims: [await claim(1)] }
    }
    for await (const claims of world.puller.round(signal)) {
      expect(claims).toHaveLength(1)
      break
    }
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true, true])
  })
})
