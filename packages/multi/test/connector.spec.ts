/** The connection policy, in virtual time. */
import { LimitExceededError } from '@peerweave/interface'
import { afterEach, describe, expect, it } from 'vitest'
import { DIALS_PER_SECOND, FEELERS, STEADY } from '../src/constants.ts'
import { ConnectWorld, type PeerNode } from './connect-support.ts'
import type { Connector } from '../src/connector.ts'

const MINUTE = 60_000

let world: ConnectWorld
const running: Connector[] = []

afterEach(async () => {
  for (const connector of running.splice(0)) connector.stop()
  expect(world.clock.pending).toBe(0)
  await world.end()
  expect(world.own.context.ports.leftovers()).toEqual([])
})

/** A started policy over peers that are known. */
async function policy (count: number, options: Parameters<ConnectWorld['connector']>[0], more: {
  place?: (i: number) => string, known?: 'heard' | 'tried', gone?: number[], predicates?: Parameters<ConnectWorld['connector']>[1]
} = {}): Promise<Connector> {
  world = await ConnectWorld.of(count, more.place)
  world.follow()
  await world.know(world.others, more.known)
  for (const i of more.gone ?? []) world.gone.add(world.others[i] as PeerNode)
  const { connector } = world.connector(options, more.predicates)
  running.push(connector)
  connector.start()
  return connector
}

/** Of those who are connected. */
const numbers = (): number[] => world.connected().map(node => world.others.indexOf(node)).sort((a, b) => a - b)

const outbound = (): number => world.connected('outbound').length

describe('the target', () => {
  it('is reached, and no more are dialled', async () => {
    await policy(10, { target: 4, feelers: Infinity })
    await world.clock.advance(5_000)
    expect(outbound()).toBe(4)
    await world.clock.advance(10 * MINUTE)
    expect([outbound(), world.dials.length]).toEqual([4, 4])
  })

  it('is kept when neighbours crash, within seconds, and not at once', async () => {
    await policy(10, { target: 4, feelers: Infinity })
    await world.clock.advance(5_000)
    const [first, second] = world.connected() as [PeerNode, PeerNode]
    await world.crash(first)
    await world.crash(second)
    expect(outbound()).toBe(2)
    await world.clock.advance(100)
    expect(outbound()).toBe(2)
    await world.clock.advance(10_000)
    expect(outbound()).toBe(4)
    expect(world.connected().filter(node => world.gone.has(node))).toEqual([])
  })

  it('waits for newcomers, who are dialled when they are told of', async () => {
    const connector = await policy(0, { target: 4, feelers: Infinity })
    await world.clock.advance(10 * MINUTE)
    expect(world.dials).toEqual([])
    world.others.push(await world.join())
    await world.know(world.others)
    connector.found()
    await world.clock.advance(1_000)
    expect(outbound()).toBe(1)
  })

  it('is of our own choice: who connected to us does not count, and is not dialled', async () => {
    world = await ConnectWorld.of(6)
    await world.know(world.others)
    for (const node of world.others.slice(0, 3)) await node.host.dial(world.own.host.addresses())
    const { connector } = world.connector({ target: 3, feelers: Infinity })
    running.push(connector)
    connector.start()
    await world.clock.advance(5_000)
    expect([outbound(), world.connected('inbound').length]).toEqual([3, 3])
  })

  it('may be 0: nobody is dialled', async () => {
    await policy(6, { target: 0, feelers: Infinity })
    await world.clock.advance(10 * MINUTE)
    expect(world.dials).toEqual([])
  })
})

describe('whom', () => {
  it('proven peers are dialled as such, others as hearsay', async () => {
    await policy(4, { target: 4, feelers: Infinity })
    await world.clock.advance(5_000)
    expect(new Set(world.dials.map(({ options }) => options.isHearsay))).toEqual(new Set([true]))
    running.splice(0).forEach(connector => { connector.stop() })
    await world.end()
    await policy(4, { target: 4, feelers: Infinity }, { known: 'tried' })
    await world.clock.advance(5_000)
    expect(new Set(world.dials.map(({ options }) => options.isHearsay))).toEqual(new Set([false]))
  })

  it('not who is denied', async () => {
    await policy(4, { target: 4, feelers: 1_000 }, { predicates: { mayDial: id => world.others[0]?.id.equals(id) !== true } })
    await world.clock.advance(MINUTE)
    expect(world.dials.map(({ to }) => to)).not.toContain(world.others[0])
    expect(outbound()).toBe(3)
  })

  it('not who is denied while it waits for the dial of the other', async () => {
    let isOpen = true
    await policy(8, { target: 8, feelers: Infinity }, { predicates: { mayDial: () => isOpen } })
    await world.clock.advance(150)
    const before = world.dials.length
    isOpen = false
    await world.clock.advance(MINUTE)
    expect(world.dials.length).toBe(before)
  })

  it('so many of one network, and any number on a site', async () => {
    await policy(12, { target: 8, maxPerGroup: 2, feelers: Infinity }, { place: i => `/ip4/${i < 9 ? '5.5' : `5.${10 + i}`}.${i}.1/tcp/1` })
    await world.clock.advance(5 * MINUTE)
    const networks = world.connected().map(({ host }) => Number(host.addresses().join('').split('.')[1]))
    expect(networks.sort((a, b) => a - b)).toEqual([5, 5, 19, 20, 21])
    running.splice(0).forEach(connector => { connector.stop() })
    await world.end()
    await policy(6, { target: 6, maxPerGroup: 1, feelers: Infinity })
    await world.clock.advance(MINUTE)
    expect(outbound()).toBe(6)
  })

  it('of a network that comes to have room again another one', async () => {
    await policy(3, { target: 3, maxPerGroup: 1, feelers: Infinity }, { place: i => `/ip4/5.5.${i}.1/tcp/1` })
    await world.clock.advance(MINUTE)
    const [only, ...more] = world.connected() as [PeerNode]
    expect(more).toEqual([])
    await world.crash(only)
    await world.clock.advance(MINUTE)
    expect(world.connected()).toHaveLength(1)
    expect(world.connected()).not.toContain(only)
  })

  it("with 'lan' whoever is found on this site, and nobody elsewhere", async () => {
    await policy(12, 'lan', { place: i => i < 6 ? `/ip4/10.1.0.${i}/tcp/1` : i < 9 ? `/ip4/5.5.0.${i}/tcp/1` : `/ip4/127.0.0.1/tcp/${i}` })
    await world.clock.advance(MINUTE)
    expect(numbers()).toEqual([0, 1, 2, 3, 4, 5])
    expect(world.dials).toHaveLength(6)
  })

  it("with 'local' whoever is found on this machine", async () => {
    await policy(4, 'local', { place: i => i < 2 ? `/ip4/127.0.0.1/tcp/${1 + i}` : `/ip4/10.1.0.${i}/tcp/1` })
    await world.clock.advance(MINUTE)
    expect(numbers()).toEqual([0, 1])
  })

  it('the one with the smaller id dials at once, the other waits for it', async () => {
    await policy(8, { target: 8, feelers: Infinity })
    await world.clock.advance(150)
    const own = world.own.id.toString()
    const [smaller, larger] = [world.others.filter(({ id }) => id.toString() < own), world.others.filter(({ id }) => id.toString() > own)]
    expect(new Set(world.dials.map(({ to }) => to))).toEqual(new Set(larger))
    // Theirs come in time, so ours are not needed.
    for (const node of smaller) await node.host.dial(world.own.host.addresses())
    await world.clock.advance(5_000)
    expect(world.dials).toHaveLength(larger.length)
    expect(world.connected()).toHaveLength(8)
  })
})

describe('who does not answer', () => {
  it('is counted, and left alone for longer each time', async () => {
    await policy(3, { target: 3, feelers: Infinity }, { gone: [0] })
    const [dead] = world.others as [PeerNode]
    const before = world.store.peek(dead.id)?.confidence ?? 0
    await world.clock.advance(60 * MINUTE)
    expect(outbound()).toBe(2)
    const times = world.dials.filter(({ to }) => to === dead).map(({ at }) => at)
    expect(times.length).toBeGreaterThan(4)
    expect(times.length).toBeLessThan(20)
    const gaps = times.slice(1).map((at, i) => at - (times[i] as number))
    expect(gaps[0]).toBeGreaterThan(4_000)
    expect(gaps.at(-1)).toBeGreaterThan(4 * MINUTE)
    expect(world.store.peek(dead.id)?.confidence).toBeLessThan(before)
  })

  it('without any connection nobody is called gone, and all are dialled again when the network is back', async () => {
    world = await ConnectWorld.of(8)
    world.follow()
    await world.know(world.others)
    world.isCut = true
    const before = world.others.map(({ id }) => world.store.peek(id)?.confidence ?? 0)
    const { connector } = world.connector({ target: 4, feelers: 60_000 })
    running.push(connector)
    connector.start()
    await world.clock.advance(MINUTE)
    expect(world.dials.length).toBeGreaterThan(4)
    const fade = 2 ** -(MINUTE / 600_000)
    for (const [i, { id }] of world.others.entries()) expect(world.store.peek(id)?.confidence).toBeGreaterThan((before[i] ?? 0) * fade * 0.99)
    await world.clock.advance(500)
    world.isCut = false
    connector.retry()
    await world.clock.advance(1_000)
    expect(outbound()).toBe(4)
  })

  it('makes no storm: dials have a pace, whatever fails', async () => {
    world = await ConnectWorld.of(60)
    await world.know(world.others)
    world.isCut = true
    const { connector } = world.connector({ target: 8, feelers: Infinity })
    running.push(connector)
    connector.start()
    const perMinute: number[] = []
    for (let minute = 0; minute < 30; minute++) {
      const before = world.dials.length
      await world.clock.advance(MINUTE)
      perMinute.push(world.dials.length - before)
    }
    expect(Math.max(...perMinute)).toBeLessThanOrEqual(8 + 60 * DIALS_PER_SECOND)
    expect(world.dials.length).toBeGreaterThan(60)
  })

  it('a dial that was put off is no failure, and comes when it may', async () => {
    world = await ConnectWorld.of(1)
    await world.know(world.others)
    const [node] = world.others as [PeerNode]
    const { dial } = world.own.host
    let refusals = 0
    world.own.host.dial = async (targets, options) => {
      if (refusals++ < 1) throw new LimitExceededError('dialled lately', { retryAfter: 20_000 })
      return await dial(targets, options)
    }
    const before = world.store.peek(node.id)?.confidence ?? 0
    const { connector } = world.connector({ target: 1, feelers: Infinity })
    running.push(connector)
    connector.start()
    await world.clock.advance(19_000)
    expect([refusals, outbound()]).toEqual([1, 0])
    await world.clock.advance(3 * MINUTE)
    expect(outbound()).toBe(1)
    expect(world.store.peek(node.id)?.confidence).toBeGreaterThan(before * 0.7)
  })

  it('nor does who hangs up at once: it is left alone, and is not dialled in a loop', async () => {
    await policy(1, { target: 1, feelers: Infinity })
    const [rude] = world.others as [PeerNode]
    rude.host.events.addEventListener('connect', () => { void rude.host.close(world.own.id) })
    await world.clock.advance(10 * MINUTE)
    expect(world.dials.length).toBeGreaterThan(2)
    expect(world.dials.length).toBeLessThan(12)
  })

  it('who was connected for long is dialled again soon', async () => {
    await policy(1, { target: 1, feelers: Infinity })
    await world.clock.advance(STEADY + 10_000)
    const [node] = world.others as [PeerNode]
    for (let i = 0; i < 5; i++) {
      await node.host.close(world.own.id)
      await world.clock.advance(STEADY + MINUTE)
      expect(outbound()).toBe(1)
    }
  })
})

describe('limits', () => {
  it('one inbound too many is closed at once, the newest, and the others stay', async () => {
    await policy(6, { target: 0, maxInbound: 3, feelers: Infinity })
    for (const node of world.others) await node.host.dial(world.own.host.addresses())
    await world.clock.settle()
    expect(world.connected()).toEqual(world.others.slice(0, 3))
    await world.crash(world.others[0] as PeerNode)
    await world.others[4]?.host.dial(world.own.host.addresses())
    await world.clock.settle()
    expect(world.connected()).toEqual([world.others[1], world.others[2], world.others[4]])
  })

  it('who is protected is never closed, and takes a place', async () => {
    const isProtected = (id: { toString: () => string }): boolean => id.toString() === world.others[3]?.id.toString()
    await policy(4, { target: 0, maxInbound: 2, feelers: Infinity }, { predicates: { isProtected } })
    for (const node of [world.others[0], world.others[1], world.others[3]]) await node?.host.dial(world.own.host.addresses())
    await world.clock.settle()
    expect(world.connected()).toEqual([world.others[0], world.others[3]])
  })

  it('whom we dialled as well is not closed for having come', async () => {
    await policy(4, { target: 4, maxInbound: 0, feelers: Infinity })
    await world.clock.advance(10_000)
    expect(outbound()).toBe(4)
  })

  it('one outbound too many is not dialled: others\' dials and feelers count', async () => {
    world = await ConnectWorld.of(8)
    world.follow()
    await world.know(world.others)
    const { connector, dialler } = world.connector({ target: 3, maxOutbound: 4, feelers: 1_000 })
    running.push(connector)
    for (const node of world.others.slice(0, 3)) await world.own.host.dial(node.host.addresses())
    connector.start()
    await world.clock.advance(MINUTE)
    expect(dialler.outbound).toBeLessThanOrEqual(4)
    await world.own.host.dial((world.others[7] as PeerNode).host.addresses())
    const before = world.dials.length
    await world.clock.advance(MINUTE)
    expect([outbound(), world.dials.length - before]).toEqual([4, 0])
    const fifth = world.others.find(node => !world.connected().includes(node)) as PeerNode
    await expect(dialler.open(fifth.host.addresses(), {})).rejects.toThrow(LimitExceededError)
  })
})

describe('feelers', () => {
  it('learn whether somebody is there, and hang up', async () => {
    await policy(12, { target: 2, feelers: FEELERS })
    await world.clock.advance(5_000)
    expect(outbound()).toBe(2)
    await world.clock.advance(60 * MINUTE)
    expect(outbound()).toBe(2)
    const felt = world.dials.length - 2
    expect(felt).toBeGreaterThanOrEqual(10)
    expect(felt).toBeLessThan(61)
    expect(world.store.pick({ table: 'tried', count: 20 })).toHaveLength(12)
  })

  it('that find nobody count it', async () => {
    await policy(4, { target: 1, feelers: FEELERS })
    await world.clock.advance(5_000)
    const dead = world.others.filter(node => !world.connected().includes(node))
    for (const node of dead) world.gone.add(node)
    const before = dead.map(({ id }) => world.store.peek(id)?.confidence ?? 0)
    await world.clock.advance(20 * MINUTE)
    const fade = 2 ** -(20 * MINUTE / 600_000)
    for (const [i, { id }] of dead.entries()) expect(world.store.peek(id)?.confidence).toBeLessThan((before[i] ?? 0) * fade * 0.7)
  })
})

it('stop ends everything: dials under way, waits, timers, listeners', async () => {
  world = await ConnectWorld.of(8)
  await world.know(world.others)
  let under = 0
  world.own.host.dial = async (_, options) => new Promise((_resolve, reject) => {
    under++
    options?.signal?.addEventListener('abort', () => {
      under--
      reject(new Error('aborted'))
    })
  })
  const { connector } = world.connector({ target: 8, feelers: 1_000 })
  connector.start()
  await world.clock.advance(2_000)
  expect(under).toBeGreaterThan(3)
  connector.stop()
  await world.clock.settle()
  expect(under).toBe(0)
  connector.start()
  await world.clock.advance(2_000)
  expect(under).toBeGreaterThan(3)
  connector.stop()
  connector.stop()
  await world.clock.settle()
  expect([under, world.clock.pending]).toEqual([0, 0])
})
