/** What is had of the nodes that answered: their peers, and that they know us. */
import { complianceContext, memoryNetwork, type ComplianceContext, type MemoryNetwork } from '@peerweave/compliance'
import { limits, seededRng, virtualClock, type VirtualClock } from '@peerweave/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { beforeEach, describe, expect, it } from 'vitest'
import { ASK_INTERVAL, ASKS_IN_A_ROW, RETRY } from '../src/constants.ts'
import { bootstrap, type Bootstrap, type BootstrapOptions } from '../src/index.ts'
import { addressOf, answer, dead, ids, newsOf, PROTOCOL, record, round, server, settled, teach, type Server } from './support.ts'

/** What the exchange gives a goodbye, ms. */
const FAREWELL_TIMEOUT = 1_000

let clock: VirtualClock
let network: MemoryNetwork
let own: ComplianceContext

beforeEach(async () => {
  clock = virtualClock()
  network = memoryNetwork(clock)
  own = await complianceContext({ network })
})

function make (servers: ReadonlyArray<Pick<Server, 'address'>>, options: Partial<BootstrapOptions> = {}, context = own): Bootstrap {
  return bootstrap({ list: servers.map(({ address }) => address), clock, rng: seededRng(1), ...options })(context)
}

/** Nothing of it is left, not even what a goodbye to somebody who hangs may take. */
async function stopped (mechanism: Bootstrap, goodbye = 0): Promise<void> {
  const stopping = mechanism.stop()
  await clock.advance(goodbye)
  await settled(clock, stopping)
  expect([own.ports.leftovers(), clock.pending]).toEqual([[], 0])
}

const kinds = ({ sightings }: Server): string[] => sightings.map(({ kind }) => kind)
const self = (): string => own.ports.host.self.toString()

describe('a round', () => {
  it('yields the node, and the peers that it knows, on its word', async () => {
    const node = await server(network, clock)
    const known = await teach(node, 3)
    const mechanism = make([node])
    await mechanism.start()
    const claims = await round(clock, mechanism)
    // Twice the node: that it answered us, by the user's address, and its own record.
    expect(ids(claims)).toEqual([node.id, node.id, ...known].sort())
    const [first, ...others] = claims
    expect(first).toMatchObject({ reporter: { configured: true } })
    expect(first?.peerId.toString()).toBe(node.id)
    for (const claim of others) {
      expect(claim.reporter?.peer?.toString()).toBe(node.id)
      expect(claim.reporter?.configured).toBeUndefined()
      expect(claim.signedPeerRecord).toBeDefined()
    }
    await stopped(mechanism)
  })

  it('counts a node that does not speak the exchange as a peer, and asks it once', async () => {
    const mute = await complianceContext({ network })
    let asked = 0
    const { rpc } = own.ports
    const { request } = rpc
    rpc.request = async (...args) => {
      asked++
      return await request(...args)
    }
    const mechanism = make([{ address: addressOf(mute) }])
    await mechanism.start()
    expect(await round(clock, mechanism)).toHaveLength(1)
    expect(mechanism.nodes()[0]).toMatchObject({ successes: 1, failures: 0, lastError: undefined })
    await clock.advance(3_600_000)
    expect(asked).toBe(1)
    await stopped(mechanism)
  })

  it('goes on while a node has more, as far as it may', async () => {
    const node = await server(network, clock)
    await teach(node, 100)
    const mechanism = make([node])
    await mechanism.start()
    const claims = await round(clock, mechanism, { limit: 1_000 })
    expect(new Set(ids(claims)).size).toBeGreaterThanOrEqual(95) // a digest hides one in a hundred by chance
    await stopped(mechanism)
  })

  it('yields no more than is wanted, and does not ask for it', async () => {
    const node = await server(network, clock)
    await teach(node, 200)
    const mechanism = make([node])
    await mechanism.start()
    expect(await round(clock, mechanism, { limit: 40 })).toHaveLength(40)
    for (let i = 0; i < 10; i++) await clock.settle()
    expect(node.requests).toHaveLength(2)
    await stopped(mechanism)
  })

  it.each([
    ['has no room for', { limit: 2 }],
    ['hears after it was left', { limit: 1 }]
  ])('loses nothing: what it %s is news, for nobody would tell us again', async (_, options) => {
    const node = await server(network, clock)
    const known = await teach(node, 5)
    const mechanism = make([node])
    const news = newsOf(mechanism)
    await mechanism.start()
    const claims = await round(clock, mechanism, options)
    expect(claims).toHaveLength(options.limit)
    await clock.advance(2_000) // with no room for answers nothing was asked yet
    expect(ids([...claims, ...news])).toEqual(expect.arrayContaining([node.id, ...known]))
    await stopped(mechanism)
  })

  it('that is broken off loses nothing either', async () => {
    const node = await server(network, clock)
    const known = await teach(node, 5)
    const mechanism = make([node])
    const news = newsOf(mechanism)
    await mechanism.start()
    for await (const _ of mechanism.discoverPeers()) break
    for (let i = 0; i < 20; i++) await clock.settle()
    expect(ids(news)).toEqual(expect.arrayContaining(known))
    await stopped(mechanism)
  })

  it('that is left in the middle leaves nothing behind', async () => {
    const node = await server(network, clock)
    await node.context.ports.rpc.handle(PROTOCOL, async () => await new Promise(() => {}), { maxRequest: 8_192, timeout: Infinity })
    const mechanism = make([node])
    await mechanism.start()
    for await (const _ of mechanism.discoverPeers()) break
    await clock.settle()
    await stopped(mechanism, FAREWELL_TIMEOUT)
  })

  it('ends with its deadline though a node does not answer the question', async () => {
    const [node, silent] = [await server(network, clock), await server(network, clock)]
    const known = await teach(node, 2)
    await silent.context.ports.rpc.handle(PROTOCOL, async () => await new Promise(() => {}), { maxRequest: 8_192, timeout: Infinity })
    const mechanism = make([node, silent])
    await mechanism.start()
    const asking = Array.fromAsync(mechanism.discoverPeers())
    await clock.advance(limits.roundDeadline)
    expect(new Set(ids(await asking))).toEqual(new Set([node.id, silent.id, ...known]))
    await stopped(mechanism, FAREWELL_TIMEOUT)
  })

  it('of nodes of another prefix finds the nodes, and nothing of what they know', async () => {
    const node = await server(network, clock, { prefix: 'other' })
    await teach(node, 3)
    const [same, other] = [make([node]), make([node], { prefix: 'other', name: 'other' })]
    await same.start()
    expect(ids(await round(clock, same))).toEqual([node.id])
    await same.stop()
    await other.start()
    expect(await round(clock, other)).toHaveLength(5)
    await stopped(other)
  })
})

describe('a node that was found', () => {
  it('gets our record, and gets a changed one the next time', async () => {
    const node = await server(network, clock)
    const mechanism = make([node])
    await mechanism.start()
    await round(clock, mechanism)
    expect(node.sightings).toMatchObject([{ kind: 'claim', multiaddrs: own.ports.host.addresses() }])
    expect(ids(node.sightings)).toEqual([self()])
    own.ports.host.addresses = () => [multiaddr('/ip4/10.7.7.7/tcp/7')]
    await clock.advance(2 * ASK_INTERVAL)
    expect(node.sightings.at(-1)).toMatchObject({ multiaddrs: [multiaddr('/ip4/10.7.7.7/tcp/7')] })
    await stopped(mechanism)
  })

  it('is asked again, ever more seldom while it has nothing new, never more than one and a fifth of the interval apart', async () => {
    const node = await server(network, clock)
    const mechanism = make([node])
    await mechanism.start()
    await round(clock, mechanism)
    await clock.advance(3_600_000)
    const gaps = node.requests.map(({ at }) => at).map((at, i, all) => at - (all[i - 1] ?? 0)).slice(1)
    expect(gaps.slice(0, 5).every((gap, i) => gap >= 0.8 * 500 * 2 ** i && gap <= 1.2 * 500 * 2 ** i)).toBe(true)
    expect(Math.max(...gaps)).toBeLessThanOrEqual(1.2 * ASK_INTERVAL)
    expect(node.requests.length).toBeGreaterThan(3_600_000 / (1.2 * ASK_INTERVAL))
    expect(node.requests.length).toBeLessThan(11 + 3_600_000 / (0.8 * ASK_INTERVAL))
    expect(new Set(gaps).size).toBe(gaps.length)
    await stopped(mechanism)
  })

  it('is asked in one go, however many rounds there were, and again after a restart of ours', async () => {
    const node = await server(network, clock)
    const mechanism = make([node])
    const inAnHour = async (): Promise<number> => {
      for (let i = 0; i < 5; i++) await round(clock, mechanism)
      const before = node.requests.length
      await clock.advance(3_600_000)
      return node.requests.length - before
    }
    for (let start = 0; start < 2; start++) {
      await mechanism.start()
      const asked = await inAnHour()
      expect(asked).toBeGreaterThan(3_600_000 / (1.2 * ASK_INTERVAL))
      expect(asked).toBeLessThan(11 + 3_600_000 / (0.8 * ASK_INTERVAL))
      await stopped(mechanism)
    }
  })

  it('says what it has learnt since, as news, and is asked sooner while there is some', async () => {
    const node = await server(network, clock)
    const mechanism = make([node])
    await mechanism.start()
    await round(clock, mechanism)
    await clock.advance(1_800_000)
    const news = newsOf(mechanism)
    const late = await teach(node, 2, 500)
    await clock.advance(1.2 * ASK_INTERVAL)
    expect(ids(news)).toEqual(expect.arrayContaining(late))
    const asked = node.requests.length
    for (let i = 0; i < 10; i++) {
      await teach(node, 1, 600 + i)
      await clock.advance(1.2 * ASK_INTERVAL)
    }
    expect(node.requests.length - asked).toBeGreaterThan(15)
    await stopped(mechanism)
  })

  it('that makes peers up for ever is asked so many times in a row, in a round and beside it, and waits then', async () => {
    const node = await server(network, clock)
    let next = 10_000
    let asked = 0
    await node.context.ports.rpc.handle(PROTOCOL, async body => {
      asked++
      const records = await Promise.all(Array.from({ length: 32 }, async () => (await record(next++)).bytes))
      return answer(body, { records, hasMore: true })
    }, { maxRequest: 8_192, timeout: 5_000 })
    const mechanism = make([node])
    await mechanism.start()
    const claims = await round(clock, mechanism, { limit: 100_000 })
    expect([asked, claims.length]).toEqual([ASKS_IN_A_ROW, 1 + 32 * ASKS_IN_A_ROW])
    await clock.advance(600) // the first question beside a round is due
    for (let i = 0; i < 100; i++) await clock.settle() // and all that come of it in the same moment
    expect(asked).toBeGreaterThan(ASKS_IN_A_ROW)
    expect(asked).toBeLessThanOrEqual(2 * ASKS_IN_A_ROW)
    await stopped(mechanism)
  }, 60_000)

  it('that is asked too often is left alone for as long as it says, and longer by chance', async () => {
    const node = await server(network, clock)
    const times: number[] = []
    await node.context.ports.rpc.handle(PROTOCOL, async body => {
      times.push(clock.now())
      return answer(body, { wait: 20_000 })
    }, { maxRequest: 8_192, timeout: 5_000 })
    const mechanism = make([])
    await mechanism.start()
    mechanism.addNode(node.address)
    await clock.advance(100_000)
    const gaps = times.slice(1).map((at, i) => at - (times[i] as number))
    expect(gaps.length).toBeGreaterThanOrEqual(2)
    expect(gaps.every(gap => gap >= 20_000 && gap <= 40_000)).toBe(true)
    expect(new Set(gaps).size).toBe(gaps.length)
    await stopped(mechanism)
  })

  it('that went and came back is asked at once, and brought our record: it may have forgotten us', async () => {
    const node = await server(network, clock)
    const mechanism = make([node])
    await mechanism.start()
    await round(clock, mechanism)
    await clock.advance(1_800_000) // by now it is asked every five minutes
    await own.ports.host.close(node.context.ports.host.self)
    const before = node.requests.length
    await clock.advance(RETRY.base + 100)
    expect(node.requests.slice(before)).toMatchObject([{ isBringing: true }])
    await stopped(mechanism)
  })

  it('that went is asked no more, nor is anybody after stop', async () => {
    const node = await server(network, clock)
    const mechanism = make([node])
    await mechanism.start()
    await round(clock, mechanism)
    own.ports.host.dial = async () => { throw new Error('no way') }
    await own.ports.host.close(node.context.ports.host.self)
    const asked = node.requests.length
    await clock.advance(3_600_000)
    await stopped(mechanism)
    expect(node.requests).toHaveLength(asked)
  })
})

describe('what comes by itself', () => {
  it('is news: a peer that brings its record, and its goodbye', async () => {
    const mechanism = make([])
    await mechanism.start()
    const news = newsOf(mechanism)
    const visitor = await server(network, clock)
    await visitor.context.ports.host.dial(own.ports.host.addresses())
    await settled(clock, visitor.exchange.push(own.ports.host.self))
    await settled(clock, visitor.exchange.farewell())
    expect(news.map(({ kind }) => kind)).toEqual(['claim', 'withdraw'])
    expect(ids(news)).toEqual([visitor.id, visitor.id])
    await stopped(mechanism)
  })

  it('is counted where it is dropped', async () => {
    const mechanism = make([])
    await mechanism.start()
    const visitor = await server(network, clock)
    await visitor.context.ports.host.dial(own.ports.host.addresses())
    await settled(clock, visitor.exchange.push(own.ports.host.self, (await record(1)).bytes))
    expect(mechanism.status().dropped).toEqual({ 'not-its-own': 1 })
    await stopped(mechanism)
  })

  it('those who ask us are answered', async () => {
    const [one, two] = [await server(network, clock), await complianceContext({ network })]
    const known = await teach(one, 4)
    const mechanism = make([one])
    await mechanism.start()
    await round(clock, mechanism)
    const second = bootstrap({ list: [addressOf(own)], clock, rng: seededRng(3) })(two)
    await second.start()
    expect(ids(await round(clock, second))).toEqual(expect.arrayContaining([...known, one.id, self()]))
    await settled(clock, second.stop())
    await stopped(mechanism)
  })
})

describe('a goodbye', () => {
  it('goes on stop to whoever was brought our record', async () => {
    const [node, other] = [await server(network, clock), await server(network, clock)]
    const mechanism = make([node, other])
    await mechanism.start()
    await round(clock, mechanism)
    await stopped(mechanism)
    expect([kinds(node), kinds(other)]).toEqual([['claim', 'withdraw'], ['claim', 'withdraw']])
  })

  it('that somebody does not take up keeps us for a second', async () => {
    const node = await server(network, clock)
    const mechanism = make([node])
    await mechanism.start()
    await round(clock, mechanism)
    await node.context.ports.rpc.handle(PROTOCOL, async () => await new Promise(() => {}), { maxRequest: 8_192, timeout: Infinity })
    let isStopped = false
    const stopping = Promise.resolve(mechanism.stop()).then(() => { isStopped = true })
    await clock.advance(999)
    expect(isStopped).toBe(false)
    await clock.advance(1)
    await stopping
    expect(mechanism.status().lastError).toBeUndefined()
    await stopped(mechanism)
  })

  it('is not said while another mechanism of the node is there', async () => {
    const node = await server(network, clock)
    const [first, second] = [make([node]), make([node], { name: 'second' })]
    await first.start()
    await second.start()
    await round(clock, first)
    await settled(clock, first.stop())
    expect(kinds(node)).toEqual(['claim'])
    await settled(clock, node.exchange.ping(own.ports.host.self))
    await stopped(second)
    expect(kinds(node)).toEqual(['claim', 'withdraw'])
  })
})

describe('announcing', () => {
  const at = (port: number): { peerId: typeof own.ports.host.self, multiaddrs: ReturnType<typeof multiaddr>[] } =>
    ({ peerId: own.ports.host.self, multiaddrs: [multiaddr(`/ip4/10.3.3.3/tcp/${port}`)] })

  it('tells the nodes that are connected, dialling when none is, and tells them what has changed', async () => {
    const node = await server(network, clock)
    const mechanism = make([{ address: await dead() }, node])
    expect(mechanism.capabilities.announce).toBe(true)
    await mechanism.start()
    expect(await settled(clock, mechanism.announceSelf?.(at(1)))).toEqual({ ttl: 1_200_000 })
    await settled(clock, mechanism.announceSelf?.(at(2)))
    // By its first question the node was brought the record already, if that came first.
    expect(node.sightings.map(sighting => sighting.kind === 'claim' ? sighting.multiaddrs.map(String) : sighting.kind)).toEqual(
      expect.arrayContaining([at(1).multiaddrs.map(String), at(2).multiaddrs.map(String)])
    )
    expect(node.sightings.at(-1)).toMatchObject({ multiaddrs: at(2).multiaddrs })
    await stopped(mechanism)
  })

  it('fails when no node can be reached, and with an empty list has nobody to tell', async () => {
    const mechanism = make([{ address: await dead() }, { address: await dead() }])
    await mechanism.start()
    await expect(settled(clock, mechanism.announceSelf?.(at(1)))).rejects.toMatchObject({ code: 'ERR_BOOTSTRAP_FAILED', cause: { errors: { length: 2 } } })
    await settled(clock, mechanism.stop())
    const alone = make([], { name: 'alone' })
    await alone.start()
    expect(await settled(clock, alone.announceSelf?.(at(1)))).toEqual({ ttl: 1_200_000 })
    await stopped(alone)
  })

  it('is given up when its signal fires, though a dial hangs', async () => {
    own.ports.host.dial = async (_, options) => await new Promise((_, reject) => {
      options?.signal?.addEventListener('abort', () => reject(new Error('aborted')))
    })
    const mechanism = make([{ address: await dead() }, { address: await dead() }])
    await mechanism.start()
    const controller = new AbortController()
    const announcing = mechanism.announceSelf?.(at(1), { signal: controller.signal })
    announcing?.catch(() => {})
    await clock.settle()
    controller.abort()
    await expect(settled(clock, announcing)).rejects.toMatchObject({ name: 'AbortError' })
    await stopped(mechanism)
  })

  it('is taken back: the nodes are told, and later questions bring nothing, until it is said again', async () => {
    const node = await server(network, clock)
    const mechanism = make([node])
    await mechanism.start()
    await settled(clock, mechanism.announceSelf?.(at(1)))
    await settled(clock, mechanism.withdrawSelf?.())
    const before = node.sightings.length
    expect(node.sightings.at(-1)).toMatchObject({ kind: 'withdraw' })
    await clock.advance(4 * ASK_INTERVAL)
    expect(node.sightings).toHaveLength(before)
    await settled(clock, mechanism.announceSelf?.(at(1)))
    expect(node.sightings.at(-1)).toMatchObject({ kind: 'claim', multiaddrs: at(1).multiaddrs })
    await stopped(mechanism)
  })
})

describe('without the exchange', () => {
  it('the nodes are all that is found: nobody is asked, told or answered', async () => {
    const node = await server(network, clock)
    await teach(node, 3)
    const mechanism = make([node], { exchange: false })
    expect([mechanism.capabilities.announce, mechanism.announceSelf, mechanism.withdrawSelf]).toEqual([false, undefined, undefined])
    await mechanism.start()
    expect(ids(await round(clock, mechanism))).toEqual([node.id])
    await clock.advance(3_600_000)
    await expect(settled(clock, node.exchange.ping(own.ports.host.self))).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' })
    await stopped(mechanism)
    expect([node.requests, node.sightings]).toEqual([[], []])
  })
})
