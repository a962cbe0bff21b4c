/** Addresses whose peers are learnt by dialling them, in virtual time. */
import { multiaddr } from '@multiformats/multiaddr'
import { LimitExceededError, limits, type Endpoint, type Reporter } from '@peerweave/interface'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ENDPOINT_WAIT } from '../src/constants.ts'
import { Endpoints, type EndpointsInit, type Identification } from '../src/endpoints.ts'
import { ConnectWorld, type PeerNode } from './connect-support.ts'

const TTL = 120_000

let world: ConnectWorld
let endpoints: Endpoints

beforeEach(async () => {
  world = await ConnectWorld.of(6)
  endpoints = made()
})

afterEach(async () => {
  endpoints.stop()
  await world.end()
  expect(world.clock.pending).toBe(0)
  expect(world.own.context.ports.leftovers()).toEqual([])
})

function made (init: Partial<EndpointsInit> = {}): Endpoints {
  const { host, context } = world.own
  const made = new Endpoints({ host, clock: world.clock, log: context.logger.forComponent('test'), dialler: world.dialler(), ...init })
  made.start()
  return made
}

function at (address: string, { ttl = TTL, ...reporter }: Reporter & { ttl?: number } = { interface: 'eth0' }): Endpoint {
  return { kind: 'endpoint', multiaddr: multiaddr(address), ttl, reporter }
}

function endpointOf (node: PeerNode | undefined, reporter?: Reporter & { ttl?: number }): Endpoint {
  return at(node?.host.addresses().join('') ?? '', reporter)
}

/** What came of it, or `pending`. */
async function ask (endpoint: Endpoint, group = 'g'): Promise<Identification | 'pending'> {
  const asked = endpoints.identify(endpoint, group)
  await world.clock.settle()
  await world.clock.settle()
  return await Promise.race([asked, Promise.resolve('pending' as const)])
}

describe('an address without a peer', () => {
  it('is dialled without an id, and who answers is told with the address and its ttl; the connection is closed', async () => {
    const [node] = world.others as [PeerNode]
    const endpoint = endpointOf(node)
    expect(await ask(endpoint)).toEqual({ peerId: node.id, multiaddr: endpoint.multiaddr, ttl: TTL })
    expect(world.dials.map(({ to, options: { isHearsay, reporter } }) => [to === node, isHearsay, reporter])).toEqual([[true, true, 'private']])
    expect(world.connected()).toEqual([])
  })

  it('is no hearsay when the user wrote it down', async () => {
    await ask(endpointOf(world.others[0], { configured: true }))
    expect(world.dials[0]?.options).toMatchObject({ isHearsay: false, reporter: 'configured' })
  })

  it('keeps its connection where the policy wants it, and one that was there before', async () => {
    const [wanted, before] = world.others as [PeerNode, PeerNode]
    endpoints.stop()
    endpoints = made({ wants: ({ peer }) => peer.equals(wanted.id) })
    await world.own.host.dial(before.host.addresses())
    await ask(endpointOf(wanted))
    await ask(endpointOf(before))
    expect(world.connected()).toEqual([before, wanted])
    expect(world.dials).toHaveLength(2)
  })

  it('is not dialled on the word of somebody who may not report it', async () => {
    const elsewhere: Reporter = { remoteAddr: multiaddr('/ip4/5.5.5.5/tcp/1') }
    expect(await ask(endpointOf(world.others[0], elsewhere))).toEqual({ refused: 'address-scope' })
    expect(await ask(at('/ip4/127.0.0.1/tcp/1', { interface: 'eth0' }))).toEqual({ refused: 'address-scope' })
    expect(await ask(at('/ip4/169.254.169.254/tcp/80', { configured: true }))).toEqual({ refused: 'address-scope' })
    expect(world.dials).toEqual([])
  })

  it('is not dialled when it is ours', async () => {
    expect(await ask(endpointOf(world.own))).toEqual({ refused: 'own-address' })
    expect(world.dials).toEqual([])
  })

  it('of somebody who is denied is told as such', async () => {
    const [node] = world.others as [PeerNode]
    endpoints.stop()
    endpoints = made({ dialler: world.dialler({ mayDial: id => !id.equals(node.id) }) })
    expect(await ask(endpointOf(node))).toEqual({ refused: 'denied' })
    expect(world.connected()).toEqual([])
  })
})

describe('one dial', () => {
  it('is for all who ask at once, each with its own ttl', async () => {
    const [node] = world.others as [PeerNode]
    const asked = [30_000, 60_000, 90_000].map(async ttl => endpoints.identify(endpointOf(node, { interface: 'eth0', ttl }), `g${ttl}`))
    await world.clock.settle()
    expect((await Promise.all(asked)).map(one => 'ttl' in one && one.peerId.equals(node.id) && one.ttl)).toEqual([30_000, 60_000, 90_000])
    expect(world.dials).toHaveLength(1)
  })

  it('stands until its ttl has passed', async () => {
    const [node] = world.others as [PeerNode]
    await ask(endpointOf(node))
    await world.clock.advance(TTL - 1)
    expect(await ask(endpointOf(node))).toMatchObject({ peerId: node.id, ttl: TTL })
    expect(world.dials).toHaveLength(1)
    await world.clock.advance(1)
    expect(await ask(endpointOf(node))).toMatchObject({ peerId: node.id })
    expect(world.dials).toHaveLength(2)
  })

  it('that found nobody is not tried again before a wait that doubles', async () => {
    const [node] = world.others as [PeerNode]
    world.gone.add(node)
    for (let i = 0; i < 12 * 60; i++) {
      await ask(endpointOf(node))
      await world.clock.advance(60_000)
    }
    const gaps = world.dials.slice(1).map((dial, i) => dial.at - (world.dials[i]?.at ?? 0))
    expect(gaps.slice(0, 4)).toEqual([1, 2, 4, 8].map(times => times * ENDPOINT_WAIT.base))
    expect(gaps.at(-1)).toBe(ENDPOINT_WAIT.cap)
    expect(await ask(endpointOf(node))).toEqual({ refused: 'lately' })
  })

  it('that was put off is no failure, and comes when it may', async () => {
    const [node] = world.others as [PeerNode]
    const { dial } = world.own.host
    let isFirst = true
    world.own.host.dial = async (targets, options) => {
      if (isFirst) {
        isFirst = false
        throw new LimitExceededError('dialled lately', { retryAfter: 7_000 })
      }
      return await dial(targets, options)
    }
    expect(await ask(endpointOf(node))).toEqual({ refused: 'lately' })
    await world.clock.advance(6_999)
    expect(await ask(endpointOf(node))).toEqual({ refused: 'lately' })
    await world.clock.advance(1)
    expect(await ask(endpointOf(node))).toMatchObject({ peerId: node.id })
  })

  it('on one word says nothing against another word', async () => {
    const named = at('/dns4/peer.example/tcp/1', { remoteAddr: multiaddr('/ip4/5.5.5.5/tcp/1') })
    expect(await ask(named)).toEqual({ refused: 'not-there' })
    expect(await ask({ ...named, reporter: { configured: true } })).toEqual({ refused: 'not-there' })
    expect(world.dials.map(({ options }) => options.reporter)).toEqual(['public', 'configured'])
  })
})

describe('many', () => {
  /** Nobody answers until the test says so. */
  function hanging (): { most: () => number, release: () => void } {
    let [under, most] = [0, 0]
    const open: Array<() => void> = []
    world.own.host.dial = async (_targets, options) => new Promise((_resolve, reject) => {
      most = Math.max(most, ++under)
      const end = (): void => {
        under--
        reject(new Error('nobody'))
      }
      open.push(end)
      options?.signal?.addEventListener('abort', end)
    })
    return { most: () => most, release: () => { for (const end of open.splice(0)) end() } }
  }

  const target = (i: number): Endpoint => at(`/ip4/10.9.${i >> 8}.${i & 255}/tcp/1`)

  it('are dialled two at a time', async () => {
    const { most, release } = hanging()
    const all = Promise.all(Array.from({ length: 20 }, async (_, i) => endpoints.identify(target(i), 'g')))
    for (let i = 0; i < 20; i++) {
      await world.clock.settle()
      release()
    }
    expect((await all).every(one => 'refused' in one && one.refused === 'not-there')).toBe(true)
    expect(most()).toBe(limits.endpointDials)
  })

  it('of one group do not keep another waiting, and make room for it', async () => {
    const { release } = hanging()
    const flood = Array.from({ length: limits.endpointQueue + 50 }, async (_, i) => endpoints.identify(target(i), 'flood'))
    const honest = [1, 2, 3].map(async i => endpoints.identify(target(60_000 + i), 'honest'))
    let done = 0
    for (const one of honest) void one.then(() => done++)
    for (let i = 0; i < 5; i++) {
      await world.clock.settle()
      release()
    }
    await world.clock.settle()
    expect(done).toBe(3)
    endpoints.stop()
    const refused = (await Promise.all(flood)).map(one => 'refused' in one ? one.refused : '')
    expect(refused.filter(reason => reason === 'queue-full')).toHaveLength(50 + honest.length - limits.endpointDials)
    expect(refused.slice(0, 200)).not.toContain('queue-full')
  })

  it('end with stop, those under way and those that wait; a new start begins anew', async () => {
    const { most, release } = hanging()
    const asked = [0, 1, 2, 3].map(async i => endpoints.identify(target(i), 'g'))
    await world.clock.settle()
    endpoints.stop()
    expect(await Promise.all(asked)).toEqual(Array.from({ length: 4 }, () => ({ refused: 'stopped' })))
    expect(await endpoints.identify(target(0), 'g')).toEqual({ refused: 'stopped' })
    endpoints.start()
    const again = endpoints.identify(target(0), 'g')
    await world.clock.settle()
    release()
    expect(await again).toEqual({ refused: 'not-there' })
    expect(most()).toBe(2)
  })

  it('count with the connections of ours', async () => {
    endpoints.stop()
    endpoints = made({ dialler: world.dialler({ maxOutbound: 1 }) })
    await world.own.host.dial((world.others[0] as PeerNode).host.addresses())
    expect(await ask(endpointOf(world.others[1]))).toEqual({ refused: 'lately' })
    expect(world.dials).toHaveLength(1)
  })
})
