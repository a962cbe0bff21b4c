/** What a node says of itself, when, and to whom. */
import { complianceContext } from '@peerweave/compliance'
import { exchange } from '@peerweave/exchange'
import { dropCounter } from '@peerweave/interface'
import { openPeerRecord } from '@peerweave/records'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { describe, expect, it } from 'vitest'
import { createNet, stop, TOPIC, type Member, type Net } from './support.ts'
import type { GossipOptions } from '../src/index.ts'

/** A node whose addresses a test changes; it stays where it is. */
async function movable (net: Net, options: GossipOptions = {}): Promise<Member & { move: (...addresses: string[]) => void }> {
  let own: Multiaddr[] | undefined
  const member = await net.member(options, {
    prepare ({ ports: { host } }) {
      const { addresses } = host
      host.addresses = () => own ?? addresses()
    }
  })
  return Object.assign(member, {
    move (...addresses: string[]) {
      own = addresses.map(text => multiaddr(text))
      member.context.ports.host.events.safeDispatchEvent('addresses', { detail: own })
    }
  })
}

const MINUTE = 60_000

describe('a node announces itself', () => {
  it('when the first neighbour subscribes, with all that its record says', async () => {
    const net = createNet()
    const member = await net.member()
    await net.clock.advance(10 * MINUTE)
    const { heard, ...neighbour } = await net.listener()
    await net.connect(neighbour, member)
    await net.clock.advance(0)
    expect(heard).toEqual([{ from: member.self, seq: expect.any(BigInt), addresses: ['/ip4/10.0.0.1/tcp/4001'], at: 10 * MINUTE }])
  })

  it('when its addresses change, once for all changes of a moment', async () => {
    const net = createNet()
    const member = await movable(net)
    const { heard, ...neighbour } = await net.listener()
    await net.connect(neighbour, member)
    await net.clock.advance(1_000)
    for (const port of [1, 2, 3]) {
      member.move(`/ip4/10.0.8.8/tcp/${port}`)
      await net.clock.advance(50)
    }
    await net.clock.advance(10_000)
    expect(heard.map(({ addresses }) => addresses)).toEqual([['/ip4/10.0.0.1/tcp/4001'], ['/ip4/10.0.8.8/tcp/3']])
    expect(heard[1]?.seq).toBeGreaterThan(heard[0]?.seq ?? 0n)
  })

  it('not again while nothing is new', async () => {
    const net = createNet()
    const member = await movable(net)
    const { heard, ...neighbour } = await net.listener()
    await net.connect(neighbour, member)
    await net.clock.advance(1_000)
    member.move('/ip4/10.0.0.1/tcp/4001')
    await member.gossip.announceSelf?.({ peerId: member.self, multiaddrs: member.context.ports.host.addresses() })
    await net.clock.advance(3_000)
    expect(heard).toHaveLength(1)
  })

  it('to the next one that comes, when nobody was there as its addresses changed', async () => {
    const net = createNet()
    const member = await movable(net)
    const first = await net.listener()
    await net.connect(first, member)
    await net.clock.advance(1_000)
    await first.context.ports.host.close(member.self)
    member.move('/ip4/10.0.8.8/tcp/1')
    await net.clock.advance(1_000)
    const second = await net.listener()
    await net.connect(member, second)
    await net.clock.advance(0)
    expect(second.heard.map(({ addresses }) => addresses)).toEqual([['/ip4/10.0.8.8/tcp/1']])
  })

  it('with what the farthest of its neighbours may be told: who has nothing for him says nothing there', async () => {
    const net = createNet()
    const member = await movable(net)
    const { heard: near, ...neighbour } = await net.listener()
    await net.connect(neighbour, member)
    member.move('/ip4/10.0.8.8/tcp/1')
    await net.clock.advance(1_000)
    expect(near.map(({ addresses }) => addresses)).toEqual([['/ip4/10.0.8.8/tcp/1']])

    const { heard: far, ...stranger } = await net.listener({ addresses: [multiaddr('/ip4/8.8.8.8/tcp/1')] })
    await net.connect(member, stranger)
    member.move('/ip4/10.0.8.8/tcp/2')
    await net.clock.advance(1_000)
    expect([near.length, far.length]).toEqual([1, 0])
    member.move('/ip4/10.0.8.8/tcp/3', '/ip4/9.9.9.9/tcp/3')
    await net.clock.advance(1_000)
    expect([near.length, far.map(({ addresses }) => addresses)]).toEqual([2, [['/ip4/9.9.9.9/tcp/3']]])
  })

  it('with what announceSelf gives, until it gives something else', async () => {
    const net = createNet()
    const member = await movable(net)
    const { heard, ...neighbour } = await net.listener()
    await net.connect(neighbour, member)
    await net.clock.advance(0)
    expect(await member.gossip.announceSelf?.({ peerId: member.self, multiaddrs: [multiaddr('/ip4/10.0.8.9/tcp/1')] })).toEqual({ ttl: 1_200_000 })
    member.move('/ip4/10.0.8.8/tcp/1')
    await net.clock.advance(3_000)
    expect(heard.map(({ addresses }) => addresses)).toEqual([['/ip4/10.0.0.1/tcp/4001'], ['/ip4/10.0.8.9/tcp/1']])
  })
})

describe('the refresh', () => {
  it('comes after 5 s, then after 90 s, then every five minutes, a fifth of it by chance, each time newer; two nodes do not keep step', async () => {
    const net = createNet()
    const [a, b] = [await net.member(), await net.member()]
    const { heard, ...neighbour } = await net.listener()
    await net.connect(neighbour, a)
    await net.connect(neighbour, b)
    await net.clock.advance(60 * MINUTE)
    const gaps = [a, b].map(({ self }) => {
      const own = heard.filter(({ from }) => from.equals(self))
      return own.slice(1).map(({ at, seq }, i) => {
        expect(seq).toBeGreaterThan(own[i]?.seq ?? 0n)
        return at - (own[i]?.at ?? 0)
      })
    })
    for (const own of gaps) {
      expect(own.length).toBeGreaterThanOrEqual(11)
      for (const [i, gap] of own.entries()) {
        const wait = [5_000, 90_000][i] ?? 5 * MINUTE
        expect(gap).toBeGreaterThanOrEqual(0.8 * wait)
        expect(gap).toBeLessThanOrEqual(1.2 * wait)
      }
    }
    expect(new Set(gaps.flat()).size).toBe(gaps.flat().length)
  })

  it('is not put off by neighbours that come and addresses that stay as they are', async () => {
    const net = createNet()
    const member = await movable(net)
    const first = await net.listener()
    await net.connect(first, member)
    for (let i = 0; i < 20; i++) {
      await net.clock.advance(MINUTE)
      member.move('/ip4/10.0.0.1/tcp/4001')
      await net.connect(await net.listener(), member)
    }
    expect(first.heard.length).toBeGreaterThanOrEqual(4)
  })
})

describe('a neighbour that subscribes later', () => {
  it('is brought what is new since it was brought the last record, and the others hear nothing again', async () => {
    const net = createNet()
    const member = await movable(net, { interval: 300_000 })
    const first = await net.listener()
    await net.connect(first, member)
    const second = await complianceContext({ network: net.network })
    const brought: string[] = []
    const records = exchange(second, {
      sight: sighting => { if (sighting.kind === 'claim') brought.push(...sighting.multiaddrs.map(String)) }, drop: dropCounter().drop, clock: net.clock
    })
    await records.start()
    await second.ports.host.dial(member.context.ports.host.addresses())
    await net.clock.advance(10 * MINUTE) // its pull is slow by now
    member.move('/ip4/10.0.8.8/tcp/1')
    await net.clock.advance(1_000)
    const said = first.heard.length
    const subscription = second.ports.pubsub.subscribe(TOPIC, { onMessage: () => {} })
    await net.clock.advance(700)
    expect(new Set(brought)).toEqual(new Set(['/ip4/10.0.0.1/tcp/4001']))
    await net.clock.advance(600)
    expect(brought.at(-1)).toBe('/ip4/10.0.8.8/tcp/1')
    expect(first.heard).toHaveLength(said)
    subscription.unsubscribe()
    await records.stop()
  })

  it('and goes and comes without end costs one timer', async () => {
    const net = createNet()
    const member = await net.member()
    const first = await net.listener()
    await net.connect(first, member)
    await net.clock.advance(5_000)
    const { ports } = await complianceContext({ network: net.network })
    await ports.host.dial(member.context.ports.host.addresses())
    await net.clock.advance(5_000)
    const before = net.clock.pending
    for (let i = 0; i < 100; i++) {
      ports.pubsub.subscribe(TOPIC, { onMessage: () => {} }).unsubscribe()
      await net.clock.settle()
    }
    expect(net.clock.pending - before).toBeLessThanOrEqual(2)
  })
})

describe('the goodbye', () => {
  it('is said once, and nothing after it', async () => {
    const net = createNet()
    const member = await movable(net)
    const { heard, ...neighbour } = await net.listener()
    await net.connect(neighbour, member)
    await net.clock.advance(1_000)
    await member.gossip.withdrawSelf?.()
    member.move('/ip4/10.0.8.8/tcp/1')
    await net.connect(member, await net.listener())
    await net.clock.advance(20 * MINUTE)
    await member.gossip.withdrawSelf?.()
    await stop(member, net.clock)
    expect(heard.map(({ addresses }) => addresses.length)).toEqual([1, 0])
    expect(heard[1]?.seq).toBeGreaterThan(heard[0]?.seq ?? 0n)
  })

  it('is not said by one that nobody heard', async () => {
    const net = createNet()
    const member = await net.member()
    const { heard, ...neighbour } = await net.listener()
    await stop(member, net.clock)
    await net.connect(neighbour, member)
    await net.clock.advance(MINUTE)
    expect(heard).toEqual([])
  })

  it('comes after what was on its way out', async () => {
    const net = createNet()
    const gate = Promise.withResolvers<void>()
    let published = 0
    const member = await net.member({}, {
      prepare ({ ports: { pubsub } }) {
        const { publish } = pubsub
        pubsub.publish = async (...args) => {
          published++
          if (published === 1) await gate.promise
          return await publish(...args)
        }
      }
    })
    const { heard, ...neighbour } = await net.listener()
    await net.connect(neighbour, member)
    await net.until(() => published === 1)
    const stopping = stop(member, net.clock)
    gate.resolve()
    await stopping
    await net.clock.advance(MINUTE)
    expect(heard.map(({ addresses }) => addresses.length)).toEqual([1, 0])
  })

  it('is older than all that is said after it: of the same addresses, and after a restart', async () => {
    const net = createNet()
    const member = await net.member()
    const { heard, ...neighbour } = await net.listener()
    await net.connect(neighbour, member)
    await net.clock.advance(1_000)
    await member.gossip.withdrawSelf?.()
    await member.gossip.announceSelf?.({ peerId: member.self, multiaddrs: member.context.ports.host.addresses() })
    await stop(member, net.clock)
    await member.gossip.start()
    await net.clock.advance(1_000)
    expect(heard.map(({ addresses }) => addresses.length)).toEqual([1, 0, 1, 0, 1])
    expect(heard.map(({ seq }) => seq)).toEqual(heard.map(({ seq }) => seq).toSorted((a, b) => Number(a - b)))
    expect(new Set(heard.map(({ seq }) => seq)).size).toBe(5)
  })

  it('leaves what others of the node say of it alone, and older than that; nothing of it is said on the topic', async () => {
    const net = createNet()
    const member = await movable(net)
    const other = exchange(member.context, { sight: () => {}, drop: dropCounter().drop, clock: net.clock })
    await other.start()
    const { heard, ...neighbour } = await net.listener()
    await net.connect(neighbour, member)
    await net.clock.advance(1_000)
    await member.gossip.withdrawSelf?.()
    const { record } = await openPeerRecord(await other.own.for('private') ?? new Uint8Array())
    expect(record?.addresses.map(String)).toEqual(['/ip4/10.0.0.1/tcp/4001'])
    expect(record?.seq).toBeGreaterThan(heard.at(-1)?.seq ?? 0n)
    member.move('/ip4/10.0.8.8/tcp/1')
    await net.clock.advance(20 * MINUTE)
    expect(heard.map(({ addresses }) => addresses.length)).toEqual([1, 0])
    await other.stop()
  })
})

it('a publication that fails degrades it, and is tried again until it does not, or nothing is to be said', async () => {
  const net = createNet()
  let isBroken = true
  const member = await net.member({}, {
    prepare ({ ports: { pubsub } }) {
      const { publish } = pubsub
      pubsub.publish = async (...args) => {
        if (isBroken) throw new Error('out of order')
        return await publish(...args)
      }
    }
  })
  const { heard, ...neighbour } = await net.listener()
  await net.connect(neighbour, member)
  await net.clock.advance(10_000)
  expect(member.gossip.status()).toMatchObject({ state: 'degraded', lastError: { message: 'out of order' } })
  isBroken = false
  await net.clock.advance(1_200)
  expect(member.gossip.status().state).toBe('running')
  expect(heard).toHaveLength(1)

  isBroken = true
  await net.clock.advance(7_000)
  expect(member.gossip.status().state).toBe('degraded')
  await member.gossip.withdrawSelf?.().catch(() => {})
  await net.clock.advance(10_000)
  expect(member.gossip.status().state).toBe('running')
})
