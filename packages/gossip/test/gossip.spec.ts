/** The mechanism as a whole: who finds whom, who goes, what is asked for, and what is left of it. */
import { exchange } from '@peerweave/exchange'
import { dropCounter, GossipError, NotFoundError, NotStartedError, type PubSub, type Sighting } from '@peerweave/interface'
import { describe, expect, it, onTestFinished } from 'vitest'
import { gossip } from '../src/index.ts'
import { announcement, claimsOf, createNet, peer, peerKey, sealed, stop, type Member, type Net } from './support.ts'

/** Each connected to the next one. */
async function row (net: Net, count: number): Promise<Member[]> {
  const members: Member[] = []
  for (let i = 0; i < count; i++) {
    const member = await net.member()
    const last = members.at(-1)
    if (last != null) await net.connect(member, last)
    members.push(member)
  }
  return members
}

const knows = ({ said }: Member, { self }: { self: Member['self'] }): boolean => claimsOf(said, self).length > 0

describe('finding', () => {
  it('everybody within the hop limit of everybody else, by asking neighbours alone', async () => {
    const net = createNet()
    const members = await row(net, 5)
    await net.until(() => members.every((member, i) => members.every((other, j) => i === j || Math.abs(i - j) > 4 || knows(member, other))), 120_000)
    for (const { said } of members) expect(said.filter(({ kind }) => kind !== 'claim')).toEqual([])
  })

  it('no further than the hop limit', async () => {
    const net = createNet()
    const members = await row(net, 6)
    await net.clock.advance(300_000)
    // A record is its owner's word at the next node, and passed on three times from there.
    expect(members.map(member => knows(member, members[0] as Member))).toEqual([false, true, true, true, true, false])
  })

  it('tells the rest of what it was told as news when the reader of a round has enough', async () => {
    const net = createNet()
    const [a, b, c, d] = await row(net, 2).then(async ([a, b]) => [a, b, await net.member(), await net.member()]) as [Member, Member, Member, Member]
    for (const other of [c, d]) await net.connect(other, b)
    await net.clock.advance(20)
    const yielded: Sighting[] = []
    const reading = (async () => {
      for await (const sighting of a.gossip.discoverPeers({ limit: 1 })) {
        yielded.push(sighting)
      }
    })()
    await net.until(() => yielded.length === 1)
    await reading
    await net.clock.settle()
    for (const { self } of [b, c, d]) expect(claimsOf([...a.said, ...yielded], self)).not.toEqual([])
  })
})

it('asks who takes part only later, as soon as it does', async () => {
  const net = createNet()
  const member = await net.member({ interval: 300_000 })
  const late = await net.made({}, { privateKey: await peerKey(1) })
  await net.connect(late, member)
  await net.clock.advance(100_000)
  expect(member.said).toEqual([])
  onTestFinished(async () => { await stop(late, net.clock) })
  let asked = 0
  const { request } = member.context.ports.rpc
  member.context.ports.rpc.request = async (...args) => {
    asked++
    return await request(...args)
  }
  await late.gossip.start()
  await net.clock.advance(100)
  expect(asked).toBe(1)
})

describe('a peer that goes', () => {
  it('is taken back of every source that it was claimed of, and nobody else is', async () => {
    const net = createNet()
    const [observer, ...neighbours] = [await net.member(), await net.listener(), await net.listener(), await net.listener()]
    for (const neighbour of neighbours) await net.connect(neighbour, observer)
    let seq = 1n
    for (const { self: via } of neighbours) {
      for (const number of [1, 2]) await observer.deliver({ from: await peer(number), data: await announcement(number, seq, '/ip4/10.0.9.1/tcp/1'), via })
      seq++
    }
    const [gone, other] = [await peer(1), await peer(2)]
    expect(observer.claimed()).toHaveLength(6)
    await observer.deliver({ from: gone, data: await announcement(1, seq), via: neighbours[0]?.self ?? gone })
    expect(observer.claimed()).toEqual(neighbours.map(({ self }) => `${other} by ${self}`).sort())
  })

  it('is not brought back by those who did not hear it', async () => {
    const net = createNet()
    const [observer, deaf] = await row(net, 2) as [Member, Member]
    const from = await peer(1)
    await deaf.deliver({ from, data: await announcement(1, 5n, '/ip4/10.0.9.1/tcp/1'), via: observer.self })
    await net.until(() => observer.claimed().includes(`${from} by ${deaf.self}`))
    await observer.deliver({ from, data: await announcement(1, 6n), via: deaf.self })
    await net.clock.advance(300_000)
    expect(observer.claimed()).toEqual([`${deaf.self} by ${deaf.self}`])
  })

  it('is taken back where a user added it too', async () => {
    const net = createNet()
    const [adder, leaver] = [await net.member(), await net.member()]
    await adder.gossip.addPeer(leaver.context.ports.host.addresses()[0] as never)
    expect(adder.claimed()).toContain(`${leaver.self} by the user`)
    await net.clock.advance(1_000)
    await stop(leaver, net.clock)
    expect(adder.claimed()).toEqual([])
  })

  it('is taken back of every source when the goodbye comes over exchange, too', async () => {
    const net = createNet()
    const [member, other, leaver] = [await net.member(), await net.listener(), await net.listener({ privateKey: await peerKey(1) })]
    await net.connect(other, member)
    await member.gossip.addPeer(leaver.context.ports.host.addresses()[0] as never)
    await member.deliver({ from: leaver.self, data: await announcement(1, 5n, '/ip4/10.0.9.1/tcp/1'), via: other.self })
    expect(member.claimed()).toHaveLength(2)
    await exchange(leaver.context, { sight: () => {}, drop: dropCounter().drop, clock: net.clock }).push(member.self, await sealed(1, 9n))
    expect(member.claimed()).toEqual([])
  })

  it('says it itself: forged, foreign and replayed departures change nothing', async () => {
    const net = createNet()
    const [member, bad] = [await net.member(), await net.listener()]
    await net.connect(bad, member)
    const victim = await peer(1)
    const deliver = async (data: Uint8Array, from = victim): Promise<unknown> => await member.deliver({ data, from, via: bad.self })
    expect(await deliver(await announcement(1, 1n))).toBe('accept') // an old goodbye
    expect(await deliver(await announcement(1, 5n, '/ip4/10.0.9.1/tcp/1'))).toBe('accept')
    const before = member.claimed()
    expect(before).toHaveLength(1)

    const forged = await announcement(1, 9n)
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1
    expect(await deliver(forged)).toBe('reject')
    expect(await deliver(await announcement(1, 9n), await peer(2))).toBe('reject') // of another, in his own name
    expect(await deliver(await announcement(1, 1n))).toBe('ignore')
    const records = exchange(bad.context, { sight: () => {}, drop: dropCounter().drop, clock: net.clock })
    await records.push(member.self, await sealed(1, 9n))
    expect(member.claimed()).toEqual(before)
    expect(member.gossip.status().dropped).toEqual({ 'bad-record': 1, 'not-its-own': 2, 'old-record': 1 })
    expect(await deliver(await announcement(1, 9n))).toBe('accept')
    expect(member.claimed()).toEqual([])
  })

  it('without a word stays: a connection that breaks says nothing of the peer', async () => {
    const net = createNet()
    const [observer, crashed] = await row(net, 2) as [Member, Member]
    await net.until(() => knows(observer, crashed))
    await observer.context.ports.host.close(crashed.self)
    await net.clock.advance(60_000)
    expect(observer.said.filter(({ kind }) => kind === 'withdraw')).toEqual([])
  })
})

describe('addPeer', () => {
  it('dials the peer, claims it on the user\'s word and asks it for its peers', async () => {
    const net = createNet()
    const [member, other, beyond] = [await net.member({ interval: 300_000 }), await net.member(), await net.member()]
    await net.connect(other, beyond)
    await net.until(() => knows(other, beyond))
    const [address] = other.context.ports.host.addresses()
    await member.gossip.addPeer(`${address}/p2p/${other.self}`)
    const [claim] = claimsOf(member.said, other.self)
    expect(claim).toMatchObject({ ttl: 1_200_000, reporter: { configured: true } })
    expect(claim?.multiaddrs.map(String)).toEqual([`${address}/p2p/${other.self}`])
    expect(member.claimed()).toContain(`${beyond.self} by ${other.self}`)
  })

  it('is done when the peer is there, even if it says nothing', async () => {
    const net = createNet()
    const [member, mute] = [await net.member(), await net.listener()]
    await member.gossip.addPeer(mute.context.ports.host.addresses()[0] as never)
    expect(member.claimed()).toEqual([`${mute.self} by the user`])
  })

  it.each([['nonsense', 'got "nonsense"'], ['', 'got ""'], [5, 'got 5'], [null, 'got null']])('refuses %j', async (address, message) => {
    const member = await createNet().member()
    await expect(member.gossip.addPeer(address as string)).rejects.toThrow(new TypeError(`address must be a multiaddr, ${message}`))
  })

  it('says who is not there, and gives up when told to and when it is stopped', async () => {
    const net = createNet()
    const member = await net.member()
    await expect(member.gossip.addPeer('/ip4/10.9.9.9/tcp/1')).rejects.toMatchObject({ name: 'NetworkError' })
    await expect(member.gossip.addPeer('/ip4/10.9.9.9/tcp/1', { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' })
    const hanging = await net.listener()
    await hanging.context.ports.rpc.handle('/peerweave/exchange/1.0.0', () => new Promise(() => {}), { maxRequest: 8_192, timeout: 60_000 })
    const adding = member.gossip.addPeer(hanging.context.ports.host.addresses()[0] as never)
    const outcome = expect(adding).rejects.toMatchObject({ name: 'AbortError' })
    await net.until(() => member.claimed().length === 1)
    await stop(member, net.clock)
    await outcome
    await expect(member.gossip.addPeer('/ip4/10.9.9.9/tcp/1')).rejects.toThrow(NotStartedError)
  })
})

describe('ping', () => {
  it('is the time to the peer and back', async () => {
    const net = createNet()
    const [a, b] = await row(net, 2) as [Member, Member]
    await net.clock.advance(1_000)
    const { request } = a.context.ports.rpc
    a.context.ports.rpc.request = async (...args) => {
      const answer = await request(...args)
      await net.clock.sleep(40)
      return answer
    }
    const pinging = a.gossip.ping(b.self)
    await net.clock.advance(100)
    expect(await pinging).toBe(40)
  })

  it('rejects for a peer that is not connected, does not speak it or does not answer, and on stop', async () => {
    const net = createNet()
    const [member, mute] = [await net.member(), await net.listener()]
    await net.connect(mute, member)
    await expect(member.gossip.ping(await peer(1))).rejects.toMatchObject({ name: 'ConnectionClosedError' })
    await expect(member.gossip.ping(mute.self)).rejects.toThrow(NotFoundError)
    await mute.context.ports.rpc.handle('/peerweave/exchange/1.0.0', () => new Promise(() => {}), { maxRequest: 8_192, timeout: 60_000 })
    const late = expect(member.gossip.ping(mute.self)).rejects.toMatchObject({ name: 'TimeoutError' })
    await net.clock.advance(5_000)
    await late
    const stopped = expect(member.gossip.ping(mute.self)).rejects.toMatchObject({ name: 'AbortError' })
    await stop(member, net.clock)
    await stopped
    await expect(member.gossip.ping(mute.self)).rejects.toThrow(NotStartedError)
  })
})

describe('starting and stopping', () => {
  it('needs gossipsub, and says what to add', async () => {
    const net = createNet()
    const member = await net.made({}, { prepare: ({ ports }) => { Object.assign(ports, { pubsub: undefined }) } })
    await expect(member.gossip.start()).rejects.toThrow(new GossipError('gossip needs gossipsub: add it to the node\'s services as "pubsub", with identify'))
    expect([net.clock.pending, member.context.ports.leftovers()]).toEqual([0, []])
  })

  it('waits for a gossipsub that starts later, degraded until then', async () => {
    const net = createNet()
    let isUp = false
    const member = await net.made({}, {
      prepare ({ ports: { pubsub } }) {
        const { subscribe } = pubsub
        pubsub.subscribe = (...args: Parameters<PubSub['subscribe']>) => {
          if (!isUp) throw new Error('Pubsub has not started')
          return subscribe(...args)
        }
      }
    })
    onTestFinished(async () => { await stop(member, net.clock) })
    await member.gossip.start()
    expect(member.gossip.status()).toMatchObject({ state: 'degraded', lastError: { name: 'GossipError', cause: { message: 'Pubsub has not started' } } })
    isUp = true
    await member.gossip.afterStart?.()
    expect(member.gossip.status().state).toBe('running')
    const { heard, ...neighbour } = await net.listener()
    await net.connect(neighbour, member)
    await net.until(() => heard.length > 0)
  })

  it('leaves nothing when it is stopped while it starts', async () => {
    const net = createNet()
    const gate = Promise.withResolvers<void>()
    const member = await net.made({}, {
      prepare ({ ports: { rpc } }) {
        const { handle } = rpc
        rpc.handle = async (...args) => {
          await gate.promise
          await handle(...args)
        }
      }
    })
    const starting = expect(member.gossip.start()).rejects.toMatchObject({ name: 'NotStartedError' })
    await net.clock.settle()
    const stopping = member.gossip.stop()
    await net.clock.advance(20_000) // longer than a stop waits for a start
    gate.resolve()
    await net.clock.advance(20_000)
    await Promise.all([starting, stopping])
    expect([net.clock.pending, member.context.ports.leftovers()]).toEqual([0, []])
  })

  it('leaves nothing when it is stopped in the midst of everything', async () => {
    const net = createNet()
    const members = await row(net, 4)
    const [member] = members as [Member]
    const hanging = await net.listener()
    await hanging.context.ports.rpc.handle('/peerweave/exchange/1.0.0', () => new Promise(() => {}), { maxRequest: 8_192, timeout: 60_000 })
    await net.connect(hanging, member)
    for await (const _ of member.gossip.discoverPeers()) break
    for (const each of members) await stop(each, net.clock)
    // The hanging one's own patience with its handler.
    await net.clock.advance(60_000)
    expect(net.clock.pending).toBe(0)
    for (const { context } of members) expect(context.ports.leftovers()).toEqual([])
  })

  it('two of a node are one too many: the second says that the topic is taken', async () => {
    const net = createNet()
    const member = await net.member()
    const second = gossip({ clock: net.clock })(member.context)
    await expect(second.start()).rejects.toThrow('already subscribed')
    await net.connect(await net.member(), member)
    await net.until(() => member.claimed().length > 0)
  })
})

