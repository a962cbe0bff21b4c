import { multiaddr } from '@multiformats/multiaddr'
import { describe, expect, it } from 'vitest'
import { clock, link, startPeer, useMemoryLan } from './memory-lan.ts'
import { claimsOf, createPeer, createPeerId, query, records, response, SERVICE, withdrawalsOf } from './support.ts'

// Documentation addresses would not count as a local network's.
const ME = '192.168.7.1'
const OTHER = '192.168.7.2'
const PORT = 5353
/** A moment after start with no query of our own for the next four minutes: those are answered like any other. */
const QUIET = 265_000

useMemoryLan()

function times (packets: Array<{ at: number }>): number[] {
  return packets.map(({ at }) => at)
}

describe('asking', () => {
  it('asks 20 to 120 ms after start, then after 1 s, 2 s, 4 s and so on, and at last every hour', async () => {
    await startPeer(ME)
    await clock.advance(6 * 3_600_000)
    const [first, ...later] = times(link.queries(ME))
    expect(first).toBeGreaterThanOrEqual(20)
    expect(first).toBeLessThan(120)
    const gaps = later.map((at, i) => at - [first as number, ...later][i]!)
    const minima = Array.from({ length: 12 }, (_, i) => 2 ** i).map(seconds => seconds * 1_000)
    gaps.forEach((gap, i) => {
      const least = minima[i] ?? 3_600_000
      expect(gap).toBeGreaterThanOrEqual(least)
      expect(gap).toBeLessThan(least * 1.021)
    })
    expect(gaps.length).toBeGreaterThan(minima.length)
  })

  it('asks for the service, in the words of the libp2p spec', async () => {
    await startPeer(ME)
    await clock.advance(120)
    expect(link.queries(ME)[0]?.packet.questions).toEqual([{ name: SERVICE, type: 'PTR', class: 'IN' }])
  })

  it('asks once for several rounds within a second', async () => {
    const { mechanism } = await startPeer(ME)
    await clock.advance(500)
    const before = link.queries(ME).length
    expect(before).toBe(1)
    const rounds = [0, 1, 2].map(() => Array.fromAsync(mechanism.discoverPeers()))
    await clock.advance(400)
    expect(link.queries(ME).length).toBe(before)
    await clock.advance(2_000)
    await Promise.all(rounds)
  })

  it('asks for a killed peer at 80, 85, 90 and 95 % of its TTL, up to 2 % later, and claims it no more', async () => {
    const me = await startPeer(ME, { broadcast: false })
    const killed = await startPeer(OTHER)
    let heardAt = 0
    me.mechanism.addEventListener('sighting', () => { heardAt = clock.now() })
    // For ten minutes from here no query of the back-off falls between.
    await clock.advance(530_000)
    link.silence(OTHER)
    await killed.mechanism.stop()
    const claims = claimsOf(me.events, killed.id).length
    await clock.advance(130_000)
    const asked = times(link.queries(ME)).filter(at => at > heardAt).map(at => (at - heardAt) / 120_000)
    expect(asked.length).toBe(4)
    asked.forEach((share, i) => {
      expect(share).toBeGreaterThanOrEqual(0.8 + 0.05 * i)
      expect(share).toBeLessThanOrEqual(0.8 + 0.05 * i + 0.02)
    })
    expect(me.events.length).toBe(claims)
    const round = Array.fromAsync(me.mechanism.discoverPeers())
    await clock.advance(1_000)
    expect(await round).toEqual([])
  })

  it('does not ask again for a record that was refreshed in time', async () => {
    const me = await startPeer(ME)
    const other = await startPeer(OTHER)
    await clock.advance(530_000)
    // One query a refresh is enough: the answer moves the next one by another TTL.
    const asked = link.queries(ME).length + link.queries(OTHER).length
    await clock.advance(96_000 * 5)
    expect(link.queries(ME).length + link.queries(OTHER).length - asked).toBeLessThanOrEqual(6)
    expect(claimsOf(me.events, other.id).length).toBeGreaterThanOrEqual(5)
  })
})

describe('answering', () => {
  it('announces itself at start, a second later and two seconds after that', async () => {
    await startPeer(ME)
    await clock.advance(60_000)
    expect(times(link.responses(ME))).toEqual([0, 1_000, 3_000])
  })

  it('announces nothing before it has an address, and then three times, after one and two seconds', async () => {
    const me = await startPeer(ME, {}, [])
    link.inject(query(), { address: OTHER, port: PORT })
    await clock.advance(QUIET)
    expect(link.responses(ME)).toEqual([])
    me.setAddresses(`/ip4/${ME}/tcp/4001`)
    await clock.advance(60_000)
    expect(times(link.responses(ME))).toEqual([QUIET, QUIET + 1_000, QUIET + 3_000])
  })

  it('answers 20 to 120 ms after a query, at moments that differ', async () => {
    await startPeer(ME)
    await clock.advance(QUIET)
    const delays: number[] = []
    for (let i = 0; i < 50; i++) {
      const askedAt = clock.now()
      const before = link.responses(ME).length
      // Of a host that was not there before: the others have heard us.
      link.inject(query(), { address: `192.168.7.${10 + i}`, port: PORT })
      await clock.advance(2_000)
      const answered = link.responses(ME).slice(before)
      expect(answered.length).toBe(1)
      delays.push(answered[0]!.at - askedAt)
    }
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(20)
    expect(Math.max(...delays)).toBeLessThan(120)
    expect(Math.max(...delays) - Math.min(...delays)).toBeGreaterThan(50)
  })

  it('answers two hundred hosts that ask all the time once a second at the most, and 1.5 times in a TTL when all could hear it', async () => {
    await startPeer(ME)
    await clock.advance(10_000)
    const before = link.responses(ME).length
    const ask = async (seconds: number): Promise<void> => {
      for (let i = 0; i < seconds * 100; i++) {
        // From many addresses, so that the rate limit of one source is not what holds it.
        link.inject(query(), { address: `192.168.7.${10 + i % 200}`, port: PORT })
        await clock.advance(10)
      }
    }
    await ask(10)
    const answered = times(link.responses(ME)).slice(before)
    answered.slice(1).forEach((at, i) => expect(at - answered[i]!).toBeGreaterThanOrEqual(1_000))
    expect(answered.length).toBeGreaterThanOrEqual(3)
    const settled = link.responses(ME).length
    await ask(480)
    expect(link.responses(ME).length - settled).toBeGreaterThanOrEqual(4)
    expect(link.responses(ME).length - settled).toBeLessThanOrEqual(1.5 * 4)
  })

  it('answers another program behind an address that has long been there, and none three times that lists nothing', async () => {
    await startPeer(ME)
    await startPeer(OTHER)
    await clock.advance(600_000)
    // Spoken within two thirds of the TTL, and heard by the host's own mechanism …
    link.inject(query(), { address: '192.168.7.3', port: PORT })
    await clock.advance(5_000)
    const answers: number[] = []
    for (let i = 0; i < 5; i++) {
      const before = link.responses(ME).length
      // … but not by a browser that was started there just now.
      link.inject(query(), { address: OTHER, port: PORT })
      await clock.advance(5_000)
      answers.push(link.responses(ME).length - before)
    }
    expect(answers).toEqual([1, 1, 1, 0, 0])
    await clock.advance(91_000)
    const before = link.responses(ME).length
    link.inject(query(), { address: OTHER, port: PORT })
    await clock.advance(150)
    expect(link.responses(ME).length - before).toBe(1)
  })

  it('answers late rather than not at all when it spoke within the last second', async () => {
    await startPeer(ME)
    await clock.advance(1_100)
    expect(times(link.responses(ME)).at(-1)).toBe(1_000)
    link.inject(query(), { address: OTHER, port: PORT })
    await clock.advance(2_000)
    expect(times(link.responses(ME))).toEqual([0, 1_000, 2_000, 3_000])
  })

  it('does not answer who knows the answer, unless more than half of the TTL has gone', async () => {
    await startPeer(ME, { peerName: 'me' })
    await clock.advance(QUIET)
    const before = link.responses(ME).length
    const known = (ttl: number): Uint8Array => query({ answers: [{ name: SERVICE, type: 'PTR', ttl, data: `me.${SERVICE}` }] })
    link.inject(known(60), { address: OTHER, port: PORT })
    await clock.advance(2_000)
    expect(link.responses(ME).length).toBe(before)
    link.inject(known(59), { address: OTHER, port: PORT })
    await clock.advance(2_000)
    expect(link.responses(ME).length).toBe(before + 1)
  })

  it('answers a query whose asker would also take a unicast answer', async () => {
    await startPeer(ME)
    await clock.advance(QUIET)
    const before = link.responses(ME).length
    const message = query()
    message.writeUInt16BE(0x8001, message.length - 2)
    link.inject(message, { address: OTHER, port: PORT })
    await clock.advance(2_000)
    expect(link.responses(ME).length).toBe(before + 1)
  })

  it('keeps to 1,232 bytes a packet, each complete in itself', async () => {
    const addresses = Array.from({ length: 40 }, (_, i) => `/ip4/${ME}/tcp/${4_001 + i}`)
    const me = await startPeer(ME, {}, addresses)
    await clock.advance(0)
    const packets = link.responses(ME).map(({ packet }) => packet.answers!)
    expect(packets.length).toBeGreaterThan(1)
    for (const answers of packets) {
      expect(response(...answers).length).toBeLessThanOrEqual(1_232)
      expect(answers[0]?.type).toBe('PTR')
    }
    const told = packets.flat().filter(({ type }) => type === 'TXT').map(answer => String((answer as { data: Buffer[] }).data[0]))
    expect(told).toEqual(addresses.map(address => `dnsaddr=${address}/p2p/${me.id}`))
  })

  it('tells the link only addresses that can be reached on it', async () => {
    const me = await startPeer(ME, {}, [
      `/ip4/${ME}/tcp/1`, '/ip4/127.0.0.1/tcp/1', '/ip4/10.1.2.3/udp/1/quic-v1', '/ip4/169.254.3.4/tcp/1', '/ip4/8.8.8.8/tcp/1',
      '/dns4/example.org/tcp/1', '/unix/a'
    ])
    await clock.advance(0)
    const told = link.responses(ME)[0]!.packet.answers!.slice(1).map(answer => String((answer as { data: Buffer[] }).data[0]))
    const meant = [`/ip4/${ME}/tcp/1`, '/ip4/10.1.2.3/udp/1/quic-v1', '/ip4/169.254.3.4/tcp/1']
    expect(told).toEqual(meant.map(address => `dnsaddr=${address}/p2p/${me.id}`))
  })

  it('says goodbye to an address that went, and announces the rest', async () => {
    const me = await startPeer(ME)
    const other = await startPeer(OTHER, {}, [])
    await clock.advance(10_000)
    me.setAddresses(`/ip4/${ME}/tcp/4002`)
    await clock.advance(1_500)
    const gone = withdrawalsOf(other.events, me.id)
    expect(gone.map(({ multiaddrs }) => multiaddrs?.map(String))).toEqual([[`/ip4/${ME}/tcp/4001`]])
    expect(claimsOf(other.events, me.id).at(-1)?.multiaddrs.map(String)).toEqual([`/ip4/${ME}/tcp/4002`])
  })

  it('announces what announceSelf gave in place of the host’s addresses, and nothing after withdrawSelf', async () => {
    const me = await startPeer(ME)
    const { mechanism } = me
    const other = await startPeer(OTHER, {}, [])
    await clock.advance(10_000)
    const address = (port: number): string => `/ip4/${ME}/tcp/${port}`
    expect(await mechanism.announceSelf?.({ peerId: me.id, multiaddrs: [multiaddr(address(5_000))] })).toEqual({ ttl: 120_000 })
    await clock.advance(1_500)
    me.setAddresses(address(6_000))
    await clock.advance(1_500)
    expect(claimsOf(other.events, me.id).at(-1)?.multiaddrs.map(String)).toEqual([address(5_000)])
    await mechanism.withdrawSelf?.()
    me.setAddresses(address(7_000))
    const before = link.responses(ME).length
    link.inject(query(), { address: OTHER, port: PORT })
    await clock.advance(3_000)
    expect(link.responses(ME).length).toBe(before)
    const [all] = withdrawalsOf(other.events, me.id).slice(-1)
    expect(all?.multiaddrs).toBeUndefined()
  })

  it('asks and listens but says nothing of itself with broadcast false', async () => {
    const me = await startPeer(ME, { broadcast: false })
    await clock.advance(5_000)
    expect(link.queries(ME).length).toBeGreaterThan(0)
    const other = await startPeer(OTHER)
    await clock.advance(10_000)
    expect(claimsOf(me.events, other.id).length).toBeGreaterThan(0)
    expect(link.responses(ME)).toEqual([])
    expect(me.mechanism.capabilities.announce).toBe(false)
    await me.mechanism.beforeStop?.()
    expect(link.responses(ME)).toEqual([])
  })
})

describe('hearing', () => {
  it('reports an unasked answer as an event and an asked one as a yield, never as both', async () => {
    const me = await startPeer(ME, { broadcast: false })
    const [early, asked, late] = [await createPeerId(), await createPeerId(), await createPeerId()]
    const say = (name: string, id: unknown): void =>
      link.inject(response(...records(name, [`/ip4/${OTHER}/tcp/1/p2p/${id}`])), { address: OTHER, port: PORT })
    await clock.advance(2_000)
    say('early', early)
    await clock.advance(2_000)
    const round = Array.fromAsync(me.mechanism.discoverPeers())
    await clock.advance(500)
    say('asked', asked)
    await clock.advance(600)
    say('late', late)
    await clock.advance(10)
    const yielded = await round
    expect(yielded.map(sighting => sighting.kind === 'claim' && sighting.peerId.toString())).toEqual([early, asked].map(String))
    expect(yielded.map(sighting => sighting.kind === 'claim' && sighting.ttl)).toEqual([118_000, 120_000])
    expect([early, asked, late].map(id => claimsOf(me.events, id).length)).toEqual([1, 0, 1])
  })

  it('tells as events what a round that was left early had been meant to yield', async () => {
    const me = await startPeer(ME, { broadcast: false })
    const ids = [await createPeerId(), await createPeerId()]
    await clock.advance(2_000)
    const round = Array.fromAsync(me.mechanism.discoverPeers({ limit: 1 }))
    await clock.advance(10)
    ids.forEach((id, i) => link.inject(response(...records(`p${i}`, [`/ip4/${OTHER}/tcp/1/p2p/${id}`])), { address: OTHER, port: PORT }))
    await clock.advance(10)
    expect((await round).length).toBe(1)
    expect(ids.map(id => claimsOf(me.events, id).length)).toEqual([0, 1])
  })

  it('does not lose the news to a round that nobody reads on', async () => {
    const me = await startPeer(ME, { broadcast: false })
    const first = await createPeerId()
    const second = await createPeerId()
    const say = (name: string, id: unknown): void =>
      link.inject(response(...records(name, [`/ip4/${OTHER}/tcp/1/p2p/${id}`])), { address: OTHER, port: PORT })
    await clock.advance(2_000)
    say('first', first)
    await clock.advance(10)
    const round = me.mechanism.discoverPeers()[Symbol.asyncIterator]()
    expect((await round.next()).done).toBe(false)
    say('second', second)
    await clock.advance(11_000)
    expect(claimsOf(me.events, second).length).toBe(1)
    await round.return?.()
  })

  it('takes the same words within a second for no news, another TTL and a later refresh for news', async () => {
    const me = await startPeer(ME, { broadcast: false })
    const id = await createPeerId()
    const say = (ttl: number): void =>
      link.inject(response(...records('other', [`/ip4/${OTHER}/tcp/1/p2p/${id}`], { ttl })), { address: OTHER, port: PORT })
    await clock.advance(2_000)
    say(120)
    say(120)
    await clock.advance(999)
    say(120)
    await clock.advance(0)
    expect(claimsOf(me.events, id).length).toBe(1)
    say(60)
    await clock.advance(1_000)
    say(60)
    await clock.advance(0)
    expect(claimsOf(me.events, id).map(({ ttl }) => ttl)).toEqual([120_000, 60_000, 60_000])
  })

  it('puts the addresses first that the source of the packet vouches for', async () => {
    const me = await startPeer(ME, { broadcast: false })
    const id = await createPeerId()
    const said = ['192.168.7.9/tcp/1', `${OTHER}/tcp/2`, '192.168.7.8/tcp/3', `${OTHER}/udp/4/quic-v1`].map(end => `/ip4/${end}`)
    link.inject(response(...records('peer', said.map(address => `${address}/p2p/${id}`))), { address: OTHER, port: PORT })
    await clock.advance(10)
    expect(claimsOf(me.events, id)[0]?.multiaddrs.map(String)).toEqual([said[1], said[3], said[0], said[2]])
  })

  it('goes by the name that it was given', async () => {
    const names = [await startPeer(ME, { name: 'mdns-eth1' }), await startPeer(OTHER)].map(({ mechanism }) => mechanism.name)
    expect(names).toEqual(['mdns-eth1', 'mdns'])
  })

  it('finds an honest peer whose source address sends a thousand other packets a second', async () => {
    const me = await startPeer(ME, { broadcast: false })
    const id = await createPeerId()
    for (let i = 0; i < 2_000; i++) link.inject(query({ questions: [{ name: 'x.local', type: 'A' }] }), { address: OTHER, port: PORT })
    link.inject(response(...records('peer', [`/ip4/${OTHER}/tcp/1/p2p/${id}`])), { address: OTHER, port: PORT })
    await clock.advance(10)
    expect(claimsOf(me.events, id)).toHaveLength(1)
  })

  it('names who said it: source address, port and interface', async () => {
    const me = await startPeer(ME)
    const other = await startPeer(OTHER)
    await clock.advance(200)
    const [claim] = claimsOf(me.events, other.id)
    expect(claim?.reporter?.remoteAddr?.toString()).toBe(`/ip4/${OTHER}/udp/${PORT}`)
    expect(claim?.reporter?.interface).toBe('mem0')
  })

  it('withdraws a second after a goodbye, and not at all when the peer speaks up before', async () => {
    const me = await startPeer(ME, { broadcast: false })
    const id = await createPeerId()
    const say = (ttl: number): void =>
      link.inject(response(...records('other', [`/ip4/${OTHER}/tcp/1/p2p/${id}`], { ttl })), { address: OTHER, port: PORT })
    await clock.advance(2_000)
    say(120)
    await clock.advance(2_000)
    say(0)
    await clock.advance(500)
    say(120)
    await clock.advance(5_000)
    expect(withdrawalsOf(me.events, id)).toEqual([])
    say(0)
    await clock.advance(999)
    expect(withdrawalsOf(me.events, id)).toEqual([])
    await clock.advance(1)
    expect(withdrawalsOf(me.events, id).length).toBe(1)
    expect(withdrawalsOf(me.events, id)[0]?.multiaddrs).toBeUndefined()
    expect(withdrawalsOf(me.events, id)[0]?.reporter).toEqual(claimsOf(me.events, id)[0]?.reporter)
  })

  it('is not moved by a goodbye from another address', async () => {
    const me = await startPeer(ME, { broadcast: false })
    const id = await createPeerId()
    const say = (address: string, ttl: number): void =>
      link.inject(response(...records('other', [`/ip4/${OTHER}/tcp/1/p2p/${id}`], { ttl })), { address, port: PORT })
    await clock.advance(2_000)
    say(OTHER, 120)
    await clock.advance(2_000)
    say('192.168.7.66', 0)
    await clock.advance(10_000)
    expect(withdrawalsOf(me.events, id)).toEqual([])
    expect(me.mechanism.status().dropped['foreign-goodbye']).toBe(1)
  })

  it('reports never itself', async () => {
    const me = await startPeer(ME)
    link.inject(response(...records('forged', [`/ip4/${OTHER}/tcp/1/p2p/${me.id}`])), { address: OTHER, port: PORT })
    const round = Array.fromAsync(me.mechanism.discoverPeers())
    await clock.advance(5_000)
    expect([...await round, ...me.events]).toEqual([])
  })
})

describe('failing', () => {
  it('counts a socket error, is degraded until it hears something again, and goes on', async () => {
    const me = await startPeer(ME)
    await clock.advance(2_000)
    link.fail(new Error('network is down'))
    await clock.advance(0)
    const { state, lastError, dropped } = me.mechanism.status()
    expect([state, lastError?.name, dropped['socket-error']]).toEqual(['degraded', 'MdnsError', 1])
    expect(lastError?.message).toContain('network is down')
    const id = await createPeerId()
    link.inject(response(...records('other', [`/ip4/${OTHER}/tcp/1/p2p/${id}`])), { address: OTHER, port: PORT })
    await clock.advance(0)
    expect(claimsOf(me.events, id).length).toBe(1)
    expect(me.mechanism.status().state).toBe('running')
  })

  it('does not start without multicast, says what to do and leaves nothing open', async () => {
    const network = link.network(ME)
    const peer = await createPeer({
      clock,
      network: {
        ...network,
        createSocket: family => Object.assign(network.createSocket(family), { addMembership: () => { throw new Error('addMembership ENODEV') } })
      }
    }, `/ip4/${ME}/tcp/1`)
    await expect(peer.mechanism.start()).rejects.toMatchObject({
      name: 'MdnsError',
      code: 'ERR_MDNS',
      message: expect.stringMatching(/ENODEV.*Check that the interface is up/)
    })
    expect(peer.mechanism.status().state).toBe('stopped')
  })

  it('does not start on an address that no interface has, and names those there are', async () => {
    const peer = await createPeer({ clock, network: link.network(ME), interfaces: ['192.168.7.99'] })
    await expect(peer.mechanism.start()).rejects.toMatchObject({ name: 'MdnsError', message: expect.stringContaining('192.168.7.1 (mem0)') })
  })
})
