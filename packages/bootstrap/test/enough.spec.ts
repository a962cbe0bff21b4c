/** When nodes are dialled, and when no more. */
import { complianceContext, memoryNetwork, type ComplianceContext, type MemoryNetwork } from '@peerweave/compliance'
import { seededRng, virtualClock, type VirtualClock } from '@peerweave/interface'
import { beforeEach, describe, expect, it } from 'vitest'
import { ENOUGH, RETRY } from '../src/constants.ts'
import { bootstrap, type Bootstrap, type BootstrapOptions } from '../src/index.ts'
import { addressOf, dead, dialsOf, ids, newsOf, round, settled } from './support.ts'
import type { Multiaddr } from '@multiformats/multiaddr'

let clock: VirtualClock
let network: MemoryNetwork
let own: ComplianceContext
let others: ComplianceContext[]

beforeEach(async () => {
  clock = virtualClock()
  network = memoryNetwork(clock)
  own = await complianceContext({ network })
  others = await Promise.all(Array.from({ length: 6 }, () => complianceContext({ network })))
})

function make (list: Multiaddr[], options: Partial<BootstrapOptions> = {}): Bootstrap {
  return bootstrap({ list, clock, rng: seededRng(1), exchange: false, ...options })(own)
}

async function meet (count: number): Promise<void> {
  for (const { ports } of others.slice(0, count)) await ports.host.dial(own.ports.host.addresses())
}

async function leave (count: number): Promise<void> {
  for (const { ports } of others.slice(0, count)) await own.ports.host.close(ports.host.self)
}

async function stopped (mechanism: Bootstrap): Promise<void> {
  await settled(clock, mechanism.stop())
  expect([own.ports.leftovers(), clock.pending]).toEqual([[], 0])
}

describe('with connections to enough peers, whoever they are', () => {
  it.each([[ENOUGH - 1, 1], [ENOUGH, 0], [ENOUGH + 1, 0]])('of %i, %i nodes are dialled', async (met, dialled) => {
    await meet(met)
    const dials = dialsOf(own, clock)
    const mechanism = make([addressOf(others[5] as ComplianceContext)])
    await mechanism.start()
    expect(await round(clock, mechanism)).toHaveLength(dialled) // none is no failure
    expect(dials).toHaveLength(dialled)
    await stopped(mechanism)
  })

  it('a round says the connected nodes again, and dials no others', async () => {
    await meet(ENOUGH)
    const dials = dialsOf(own, clock)
    const mechanism = make(others.map(addressOf))
    await mechanism.start()
    expect(ids(await round(clock, mechanism))).toEqual(others.slice(0, ENOUGH).map(({ ports }) => ports.host.self.toString()).sort())
    expect(new Set(dials.map(({ to }) => to))).toEqual(new Set(others.slice(0, ENOUGH).map(other => addressOf(other).toString())))
    await stopped(mechanism)
  })

  it('a round that gets there in the middle takes no more nodes in the place of those that fail', async () => {
    const dials = dialsOf(own, clock)
    const list = await Promise.all(Array.from({ length: 8 }, dead))
    const mechanism = make(list, { maxPeers: 1 })
    await mechanism.start()
    const { dial } = own.ports.host
    own.ports.host.dial = async (...args) => {
      if (dials.length === 2) await meet(ENOUGH)
      return await dial(...args)
    }
    expect(await round(clock, mechanism)).toEqual([])
    expect(dials.length).toBe(3)
    await stopped(mechanism)
  })

  it('one that failed is left alone, and tried again when they have gone', async () => {
    const mechanism = make([await dead()])
    await mechanism.start()
    await round(clock, mechanism).catch(() => {})
    await meet(ENOUGH)
    const dials = dialsOf(own, clock)
    await clock.advance(3_600_000)
    expect([dials, clock.pending]).toEqual([[], 0])
    await leave(1)
    await clock.advance(2 * RETRY.cap)
    expect(dials.length).toBeGreaterThan(1)
    await stopped(mechanism)
  })

  it('of more than one connection to a peer it is one peer', async () => {
    await meet(1)
    const { host } = own.ports
    const [one] = host.connections()
    host.connections = () => Array.from({ length: 5 }, () => one as NonNullable<typeof one>)
    const dials = dialsOf(own, clock)
    const mechanism = make([addressOf(others[5] as ComplianceContext)])
    await mechanism.start()
    await round(clock, mechanism)
    expect(dials).toHaveLength(1)
    await stopped(mechanism)
  })

  it('where nothing is enough all are dialled, always', async () => {
    await meet(5)
    const mechanism = make([addressOf(others[5] as ComplianceContext)], { enough: Infinity })
    await mechanism.start()
    expect(await round(clock, mechanism)).toHaveLength(1)
    await stopped(mechanism)
  })
})

describe('when connections go', () => {
  it('and leave us alone, every node is tried again, also those that no round had reached, at once and not all in one moment', async () => {
    await meet(ENOUGH)
    const mechanism = make(others.slice(ENOUGH).map(addressOf))
    await mechanism.start()
    await round(clock, mechanism)
    const dials = dialsOf(own, clock)
    const news = newsOf(mechanism)
    await leave(ENOUGH)
    expect(dials).toEqual([])
    await clock.advance(RETRY.base)
    expect(ids(news)).toEqual(others.slice(ENOUGH).map(({ ports }) => ports.host.self.toString()).sort())
    expect(new Set(dials.map(({ at }) => at)).size).toBeGreaterThan(1)
    await stopped(mechanism)
  })

  it('they are tried until there are enough again, and no longer', async () => {
    const mechanism = make([...others.map(addressOf), await dead(), await dead()], { maxPeers: 3 })
    await mechanism.start()
    while (own.ports.host.connections().length < ENOUGH) await round(clock, mechanism).catch(() => {})
    const [first] = own.ports.host.connections()
    await own.ports.host.close(first?.peer as NonNullable<typeof first>['peer'])
    await clock.advance(3 * RETRY.cap)
    expect(own.ports.host.connections().length).toBeGreaterThanOrEqual(ENOUGH)
    const dials = dialsOf(own, clock)
    await clock.advance(3_600_000)
    expect(dials).toEqual([])
    await stopped(mechanism)
  })

  it('after stop nothing happens', async () => {
    const mechanism = make([addressOf(others[0] as ComplianceContext)])
    await mechanism.start()
    await round(clock, mechanism)
    await stopped(mechanism)
    const dials = dialsOf(own, clock)
    await leave(1)
    await clock.advance(3_600_000)
    expect(dials).toEqual([])
  })
})

it('a dial of the run before, which does not end with it, is not this run\'s', async () => {
  const node = others[0] as ComplianceContext
  const { host } = own.ports
  const { dial } = host
  const before = Promise.withResolvers<never>()
  host.dial = async () => await before.promise
  const mechanism = make([addressOf(node)])
  await mechanism.start()
  const asking = Array.fromAsync(mechanism.discoverPeers()).catch(() => [])
  await clock.settle()
  await settled(clock, mechanism.stop())
  await asking
  const now = Promise.withResolvers<void>()
  let dials = 0
  host.dial = async (...args) => {
    dials++
    await now.promise
    return await dial(...args)
  }
  await mechanism.start()
  const news = newsOf(mechanism)
  mechanism.addNode(addressOf(node))
  before.reject(new Error('at last'))
  await clock.settle()
  mechanism.addNode(addressOf(node)) // joins the dial of this run
  now.resolve()
  await clock.settle()
  expect([dials, news.length]).toEqual([1, 1])
  expect(mechanism.nodes()[0]).toMatchObject({ successes: 1, failures: 0 })
  await stopped(mechanism)
})

it.each<[string, Partial<BootstrapOptions>, RegExp]>([
  ['enough: 0', { enough: 0 }, /^enough must be a number from 1/],
  ['enough: NaN', { enough: NaN }, /^enough/],
  ['enough: "3"', { enough: '3' as never }, /^enough/],
  ['exchange: 1', { exchange: 1 as never }, /^exchange must be true or false, got 1/],
  ['exchange: null', { exchange: null as never }, /^exchange must be true or false, got null/],
  ['prefix: "A"', { prefix: 'A' }, /^prefix must be 1 to 32/],
  ['prefix: ""', { prefix: '' }, /^prefix/],
  ['ttl: 1', { ttl: 1 }, /^ttl must be/]
])('%s is a wrong option', (_, options, message) => {
  expect(() => bootstrap({ list: [], ...options })).toThrow(message)
  expect(() => bootstrap({ list: [], ...options })).toThrow(TypeError)
})
