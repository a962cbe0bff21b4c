import { multiaddr } from '@multiformats/multiaddr'
import { limits } from '@peerweave/interface'
import { describe, expect, it } from 'vitest'
import {
  addressIn, keyedHashCrypto, simClock, simNetwork, simPeerId, type LinkOptions, type SimClock, type SimHost, type SimNetwork
} from '../src/index.ts'
import type { HostConnection } from '@peerweave/interface'
import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'

interface Net {
  clock: SimClock
  network: SimNetwork
  hosts: SimHost[]
  addresses: Multiaddr[]
}

/** Nodes n0, n1, … on links that neither vary nor lose, unless `links` says so. */
function net (count: number, links: LinkOptions = {}, keepAlive = Infinity): Net {
  const clock = simClock()
  const network = simNetwork({ seed: 1, clock, links: { latency: 20, jitter: 0, ...links } })
  const addresses = Array.from({ length: count }, (_, i) => addressIn(i, 1))
  const hosts = addresses.map((address, i) => {
    const name = `n${i}`
    return network.join({ name, signer: keyedHashCrypto(1).signerOf(simPeerId(1, name)), clock: clock.clockOf(name), addresses: [address], keepAlive })
  })
  return { clock, network, hosts, addresses }
}

interface Pair {
  a: SimHost
  b: SimHost
}

async function connected (links?: LinkOptions, keepAlive?: number): Promise<Net & Pair & { connection: HostConnection }> {
  const made = net(2, links, keepAlive)
  const [a, b] = made.hosts as [SimHost, SimHost]
  const dialled = a.dial([made.addresses[1] as Multiaddr])
  await made.clock.advance(5_000)
  return { ...made, connection: await dialled, a, b }
}

async function request (from: SimHost, to: PeerId, protocol = '/echo', bytes = 1, maxAnswer = 1_000): Promise<Uint8Array> {
  return await from.rpc.request(to, protocol, new Uint8Array(bytes), { maxAnswer, signal: new AbortController().signal })
}

const echo = { maxRequest: 1_000, timeout: 1_000 }

describe('a dial', () => {
  it('takes two round trips, and both sides learn of it and of each other', async () => {
    const { clock, hosts: [a, b], addresses } = net(2)
    const seen: string[] = []
    for (const host of [a, b]) {
      host?.events.addEventListener('connect', ({ detail }) => seen.push(`${host.name} ${detail.direction} ${clock.now()}`))
      host?.events.addEventListener('identify', ({ detail }) => seen.push(`${host.name} ${detail.listenAddrs.join()} ${clock.now()}`))
    }
    const dialled = a?.dial([addresses[1] as Multiaddr])
    await clock.advance(100)
    expect((await dialled)?.peer.equals(simPeerId(1, 'n1'))).toBe(true)
    expect(seen).toEqual([
      'n1 inbound 60', 'n0 outbound 80', `n0 ${addresses[1]} 80`, `n1 ${addresses[0]} 100`
    ])
    expect(b?.connections()[0]?.remoteAddr.equals(addresses[0] as Multiaddr)).toBe(false) // an ephemeral port
  })

  it('of a peer that is connected gives the open connection', async () => {
    const { a, connection, addresses } = await connected()
    expect(await a.dial([(addresses[1] as Multiaddr).encapsulate(`/p2p/${connection.peer}`)])).toBe(connection)
    expect(a.connections()).toHaveLength(1)
  })

  it('goes to whichever address answers', async () => {
    const { clock, hosts: [a], addresses } = net(2)
    const dialled = a?.dial([addressIn(500, 1), addresses[1] as Multiaddr])
    await clock.advance(100)
    expect((await dialled)?.remoteAddr).toEqual(addresses[1])
  })

  it.each([
    ['nobody is there', 'NetworkError', async ({ hosts: [a] }: Net) => a?.dial([addressIn(500, 1)])],
    ['another peer is there', 'UnauthenticatedError', async ({ hosts: [a], addresses }: Net) => a?.dial([(addresses[1] as Multiaddr).encapsulate(`/p2p/${simPeerId(1, 'n9')}`)])],
    ['it stopped', 'NetworkError', async ({ hosts: [a, b], addresses }: Net) => {
      b?.stop()
      return a?.dial([addresses[1] as Multiaddr])
    }],
    ['it crashed', 'NetworkError', async ({ hosts: [a, b], addresses }: Net) => {
      b?.crash()
      return a?.dial([addresses[1] as Multiaddr])
    }],
    ['the signal fires', 'AbortError', async ({ clock, hosts: [a], addresses }: Net) => a?.dial([addresses[1] as Multiaddr], { signal: clock.deadline(Infinity, AbortSignal.abort()).signal })],
    ['it is ours', 'TypeError', async ({ hosts: [a] }: Net) => a?.dial([addressIn(500, 1).encapsulate(`/p2p/${simPeerId(1, 'n0')}`)])],
    ['there is no address', 'TypeError', async ({ hosts: [a] }: Net) => a?.dial([])],
    ['it is a bare id', 'TypeError', async ({ hosts: [a] }: Net) => a?.dial([multiaddr(`/p2p/${simPeerId(1, 'n1')}`)])]
  ])('fails when %s: %s', async (_, name, dial) => {
    const made = net(2)
    const failed = expect(dial(made)).rejects.toMatchObject({ name })
    await made.clock.advance(limits.dialTimeout)
    await failed
  })

  it('of a node that stopped is refused at once, of one that crashed only by the deadline', async () => {
    for (const [end, ms] of [['stop', 40], ['crash', limits.dialTimeout]] as const) {
      const { clock, hosts: [a, b], addresses } = net(2)
      b?.[end]()
      let failedAt: number | undefined
      a?.dial([addresses[1] as Multiaddr]).catch(() => { failedAt = clock.now() })
      await clock.advance(limits.dialTimeout)
      expect(failedAt).toBe(ms)
    }
  })

  it('beyond the connections that one host takes is refused', async () => {
    const { clock, hosts, addresses } = net(limits.connections + 2)
    const dials = hosts.slice(1).map(async host => host.dial([addresses[0] as Multiaddr]))
    const settled = Promise.allSettled(dials)
    await clock.advance(1_000)
    expect((await settled).filter(({ status }) => status === 'rejected')).toHaveLength(1)
    expect(hosts[0]?.connections()).toHaveLength(limits.connections)
  })
})

it('what the other side sends at once may overtake its answer to the dial', async () => {
  let early = 0
  for (let i = 0; i < 10; i++) {
    const { clock, hosts: [a, b], addresses } = net(2, { jitter: { uniform: [0, 100] } })
    await clock.advance(0)
    for (let skipped = 0; skipped < i; skipped++) { // so that each run draws other numbers
      const warm = a?.dial([addresses[1] as Multiaddr])
      await clock.advance(1_000)
      await a?.close((await warm)?.peer as never)
      await clock.advance(1_000)
    }
    await a?.rpc.handle('/echo', async request => {
      if (dialled == null) early++
      return request
    }, echo)
    let answer: Promise<Uint8Array> | undefined
    b?.events.addEventListener('connect', () => {
      answer = request(b, (a as SimHost).self)
    })
    let dialled: HostConnection | undefined
    a?.dial([addresses[1] as Multiaddr]).then(connection => { dialled = connection }, () => {})
    await clock.advance(2_000)
    expect(await answer).toHaveLength(1)
    expect([a?.connections().length, b?.connections().length]).toEqual([1, 1])
  }
  expect(early).toBeGreaterThan(0)
})

describe('links', () => {
  it('take between the bounds of their latency and jitter', async () => {
    const { a, b, clock } = await connected({ latency: { uniform: [10, 50] }, jitter: { uniform: [0, 30] } })
    let arrivedAt = 0
    await b.rpc.handle('/echo', async request => {
      arrivedAt = clock.now()
      return request
    }, echo)
    const times = []
    for (let i = 0; i < 200; i++) {
      const sentAt = clock.now()
      const asked = request(a, b.self)
      await clock.advance(200)
      await asked
      times.push(arrivedAt - sentAt)
    }
    const [min, max] = [Math.min(...times), Math.max(...times)]
    expect(min).toBeGreaterThanOrEqual(10)
    expect(max).toBeLessThan(80)
    expect(max - min).toBeGreaterThan(25) // the jitter is 30 wide
    expect(max - min).toBeLessThanOrEqual(30) // and the latency of one pair stays
  })

  it('lose as often as they are told, and what is lost comes late instead', async () => {
    const { a, b, clock, network } = await connected({ loss: 0.2 })
    await b.rpc.handle('/echo', async request => request, echo)
    const asked = []
    for (let i = 0; i < 500; i++) {
      asked.push(request(a, b.self))
      await clock.advance(500)
    }
    await clock.advance(60_000)
    expect(await Promise.all(asked)).toHaveLength(500)
    const { sent, lost, delivered } = network.counts
    expect(lost / sent).toBeCloseTo(0.2, 1)
    expect(delivered).toBe(sent - lost)
  })
})

describe('a partition', () => {
  const ask = async ({ a, b, clock }: { a: SimHost, b: SimHost, clock: SimClock }, ms: number): Promise<number> => {
    const sentAt = clock.now()
    let took = Infinity
    request(a, b.self).then(() => { took = clock.now() - sentAt }, () => {})
    await clock.advance(ms)
    return took
  }

  it('cuts, and when it heals in time the connections of before go on', async () => {
    const made = await connected()
    await made.b.rpc.handle('/echo', async request => request, echo)
    expect(await ask(made, 1_000)).toBe(40)
    made.network.partition(['n0'])
    made.clock.setTimeout(() => made.network.heal(), 5_000)
    const took = await ask(made, 20_000)
    expect(took).toBeGreaterThan(5_000)
    expect(took).toBeLessThan(20_000)
    expect(made.a.connections()).toHaveLength(1)
  })

  it('cuts what is on its way, too', async () => {
    const made = await connected()
    await made.b.rpc.handle('/echo', async request => request, echo)
    made.clock.setTimeout(() => made.network.partition(['n0']), 10) // a message takes 20
    expect(await ask(made, 20_000)).toBe(Infinity)
  })

  it('leaves each side whole', async () => {
    const { network, hosts, addresses, clock } = net(4)
    network.partition(['n0', 'n1'])
    const within = Promise.all([hosts[0]?.dial([addresses[1] as Multiaddr]), hosts[2]?.dial([addresses[3] as Multiaddr])])
    const across = hosts[0]?.dial([addresses[2] as Multiaddr])
    const failed = expect(across).rejects.toMatchObject({ name: 'NetworkError' })
    await clock.advance(limits.dialTimeout)
    await failed
    expect(await within).toHaveLength(2)
  })

  it('of one node is a pulled cable (fault X4)', async () => {
    const made = await connected()
    await made.b.rpc.handle('/echo', async request => request, echo)
    made.network.cut('n1')
    expect(await ask(made, 5_000)).toBe(Infinity)
    made.network.heal('n1')
    await made.clock.advance(10_000)
    expect(await ask(made, 1_000)).toBe(40)
  })
})

describe('the end of a node', () => {
  it('in order is seen by the others after one latency', async () => {
    const { a, b, clock } = await connected()
    let seenAt: number | undefined
    const began = clock.now()
    a.events.addEventListener('disconnect', () => { seenAt = clock.now() - began })
    b.stop()
    await clock.advance(100)
    expect(seenAt).toBe(20)
    expect(a.connections()).toEqual([])
  })

  it('by a crash is silent: no event comes, and only what is sent finds out', async () => {
    const { a, b, clock } = await connected()
    let disconnects = 0
    a.events.addEventListener('disconnect', () => disconnects++)
    b.crash()
    await clock.advance(3_600_000)
    expect([disconnects, a.connections().length]).toEqual([0, 1])
    const failed = expect(request(a, b.self))
      .rejects.toMatchObject({ name: 'ConnectionClosedError' })
    await clock.advance(60_000)
    await failed
    expect([disconnects, a.connections().length]).toEqual([1, 0])
  })

  it('by a crash is found out by keep-alive', async () => {
    const { a, b, clock } = await connected({}, 10_000)
    await clock.advance(30_000)
    expect(a.connections()[0]?.rtt).toBe(40)
    b.crash()
    await clock.advance(60_000)
    expect(a.connections()).toEqual([])
  })

  it('ends all that it does itself', async () => {
    const { a, b, clock, network } = await connected()
    a.crash()
    await expect(a.dial([addressIn(1, 1)])).rejects.toMatchObject({ name: 'NotStartedError' })
    const { sent } = network.counts
    request(a, b.self).catch(() => {})
    await clock.advance(60_000)
    expect(network.counts.sent).toBe(sent)
    expect(a.clock.pending).toBe(0)
  })

  it('that comes back as a new life is not taken for the old one', async () => {
    const { a, b, clock, network, addresses } = await connected()
    b.crash()
    const again = network.join({ name: 'n1', signer: b.signer, clock: clock.clockOf('n1'), addresses: [addresses[1] as Multiaddr], keepAlive: Infinity })
    await again.rpc.handle('/echo', async request => request, echo)
    const failed = expect(request(a, b.self))
      .rejects.toMatchObject({ name: 'ConnectionClosedError' })
    await clock.advance(1_000)
    await failed
  })
})

describe('a request', () => {
  it.each([
    ['ConnectionClosedError', 'no connection', async ({ b }: Pair) => request(b, simPeerId(1, 'n7'), '/a', 1)],
    ['NotFoundError', 'a protocol that it does not speak', async ({ a, b }: Pair) => request(a, b.self, '/other', 1)],
    ['LimitExceededError', 'an answer that is too long', async ({ a, b }: Pair) => request(a, b.self, '/echo', 9, 8)],
    ['ConnectionClosedError', 'a request that is too long', async ({ a, b }: Pair) => request(a, b.self, '/echo', 1_001)],
    ['ConnectionClosedError', 'a handler that throws', async ({ a, b }: Pair) => request(a, b.self, '/throws', 1)],
    ['ConnectionClosedError', 'a handler that hangs', async ({ a, b }: Pair) => request(a, b.self, '/hangs', 1)]
  ])('fails with %s for %s, and the connection stays', async (name, _, ask) => {
    const made = await connected()
    await made.b.rpc.handle('/echo', async request => request, echo)
    await made.b.rpc.handle('/throws', async () => { throw new Error('no') }, echo)
    await made.b.rpc.handle('/hangs', async () => new Promise(() => {}), echo)
    const failed = expect(ask(made)).rejects.toMatchObject({ name })
    await made.clock.advance(5_000)
    await failed
    expect(made.a.connections()).toHaveLength(1)
  })

  it('waits its turn beyond the bound on those in flight, and fails when the queue is full', async () => {
    const { a, b, clock } = await connected()
    let most = 0
    let open = 0
    await b.rpc.handle('/slow', async request => {
      most = Math.max(most, ++open)
      await b.clock.sleep(100)
      open--
      return request
    }, echo)
    const count = limits.requestsPerPeer + limits.requestQueue + 1
    const asked = Array.from({ length: count }, async () => request(a, b.self, '/slow', 1))
    const settled = Promise.allSettled(asked)
    await clock.advance(60_000)
    expect((await settled).filter(({ status }) => status === 'rejected')).toHaveLength(1)
    expect(most).toBe(limits.requestsPerPeer)
  })

  it('to a node that is asleep waits for it, and ends with the connection when it sleeps too long', async () => {
    const { a, b, clock } = await connected()
    await b.rpc.handle('/echo', async request => request, echo)
    b.clock.suspend()
    const first = request(a, b.self)
    await clock.advance(3_000)
    b.clock.resume()
    await clock.advance(5_000)
    expect(await first).toHaveLength(1)
    b.clock.suspend()
    const failed = expect(request(a, b.self))
      .rejects.toMatchObject({ name: 'ConnectionClosedError' })
    await clock.advance(60_000)
    await failed
  })
})
