/** What somebody on the link could do to us with a few packets. In memory and in virtual time. */
import { EventEmitter } from 'node:events'
import { encode, TRUNCATED_RESPONSE, type Answer } from 'dns-packet'
import { describe, expect, it } from 'vitest'
import { clock, link, startPeer, useMemoryLan } from './memory-lan.ts'
import { claimsOf, createPeerId, query, records, response, SERVICE, type SeenPacket } from './support.ts'
import type { MdnsNetwork, MdnsSocket } from '../src/index.ts'

const ME = '192.168.7.1'
const OTHER = '192.168.7.2'
const LIAR = '192.168.7.66'
const PORT = 5353
const TYPE = '_olocus._tcp.local'

useMemoryLan()

function inject (message: Uint8Array, address = LIAR): void {
  link.inject(message, { address, port: PORT })
}

/** Most packets within any second. */
function rate (packets: SeenPacket[]): number {
  return Math.max(0, ...packets.map(({ at }, i) => packets.slice(i).filter(later => later.at < at + 1_000).length))
}

describe('who asks us alone', () => {
  it('does not silence us: we ask for what lapses, and when we have just come', async () => {
    const me = await startPeer(ME, { broadcast: false })
    // As a socket sees it, a question to one host is like any other.
    const pester = async (seconds: number): Promise<void> => {
      for (let i = 0; i < seconds * 10; i++) {
        if (i % 9 === 0) inject(query())
        await clock.advance(100)
      }
    }
    await pester(5)
    expect(link.queries(ME).length).toBeGreaterThanOrEqual(3)
    inject(response(...records('dying', [`/ip4/${OTHER}/tcp/1/p2p/${await createPeerId()}`])), OTHER)
    const before = link.queries(ME).length
    await pester(125)
    expect(link.queries(ME).length).toBeGreaterThan(before)
    expect(me.mechanism.status().state).toBe('running')
  })
})

describe('packets full of peers that nobody has', () => {
  it('are read at a bounded rate, and what is known is heard all the same', async () => {
    const me = await startPeer(ME)
    const other = await createPeerId()
    const known = response(...records('known', [`/ip4/${OTHER}/tcp/1/p2p/${other}`]))
    inject(known, OTHER)
    await clock.advance(2_000)
    const ids = await Promise.all(Array.from({ length: 60 }, () => createPeerId()))
    let parsed = 0
    me.mechanism.addEventListener('sighting', () => { parsed++ })
    for (let i = 0; i < 1_000; i++) {
      const name = `liar${i}`
      inject(response(...ids.map((id, n): Answer => (
        { name: `${name}-${n}.${SERVICE}`, type: 'TXT', ttl: 120, data: `dnsaddr=/ip4/10.0.${i % 250}.${n}/tcp/${1 + i}/p2p/${id}` }
      ))), `192.168.7.${20 + i % 200}`)
      await clock.advance(10)
    }
    expect(me.mechanism.status().dropped['overload']).toBeGreaterThan(100)
    expect(parsed).toBeLessThanOrEqual(500 * (4 + 10) + 1)
    const before = claimsOf(me.events, other).length
    inject(known, OTHER)
    await clock.advance(10)
    expect(claimsOf(me.events, other).length).toBe(before + 1)
  })
})

describe('a name that cannot be written as it was read', () => {
  it.each<[string, Buffer]>([
    ['a label that is no UTF-8, and longer when it is', Buffer.alloc(63, 0xff)],
    ['a label that ends in a dot', Buffer.from('a.')],
    ['a label with two', Buffer.from('a..b')]
  ])('does not make our questions unreadable: %s', async (_, label) => {
    const me = await startPeer(ME)
    const id = await createPeerId()
    await clock.advance(200)
    // dns-packet has no way to write it: a placeholder as long as the label, replaced.
    const packet = response(...records('x'.repeat(label.length), [`/ip4/${LIAR}/tcp/1/p2p/${id}`]))
    // With its length in front, so that it is no part of the peer id.
    const placeholder = Buffer.concat([Buffer.of(label.length), Buffer.alloc(label.length, 'x')])
    for (let at = packet.indexOf(placeholder); at >= 0; at = packet.indexOf(placeholder)) label.copy(packet, at + 1)
    inject(packet)
    await clock.advance(1)
    expect(claimsOf(me.events, id).length).toBe(1)
    const before = link.queries(ME).length
    await startPeer(OTHER)
    await clock.advance(20_000)
    // `seen` holds what decodes.
    const asked = link.queries(ME).slice(before)
    expect(asked.length).toBeGreaterThanOrEqual(3)
    for (const { packet } of asked) {
      expect(packet.answers?.map(record => record.type === 'PTR' && record.data.split('.').slice(1).join('.'))).toEqual([SERVICE, SERVICE])
    }
  })
})

describe('somebody who asks all the time', () => {
  it('and lists everything does not keep us from asking for what is about to lapse', async () => {
    const me = await startPeer(ME, { peerName: 'aaaa' })
    await startPeer(OTHER, { peerName: 'bbbb' })
    const heard = [0]
    me.mechanism.addEventListener('sighting', () => heard.push(clock.now()))
    const answers = ['aaaa', 'bbbb'].flatMap(name => records(name, []))
    for (let i = 0; i < 2_000; i++) {
      inject(query({ answers }))
      await clock.advance(500)
    }
    const gaps = [...heard, clock.now()].map((at, i) => at - (heard[i - 1] ?? 0))
    expect(Math.max(...gaps)).toBeLessThan(120_000)
  })

  it('makes nothing grow of what waits for the answers', async () => {
    const me = await startPeer(ME)
    await clock.advance(5_000)
    const ids = await Promise.all(Array.from({ length: 250 }, createPeerId))
    const texts = ids.flatMap((id, i) => records(`n${i}`, [`/ip4/10.0.0.1/tcp/1/p2p/${id}`], { ttl: 1 }).slice(1))
    const packets = [0, 50, 100, 150, 200].map(i => response(...texts.slice(i, i + 50)))
    // Each is about to lapse for a fifth of a second after another one was, and a question is always about to be answered.
    for (let i = 0; i < 100; i++) {
      inject(packets[i % 5]!)
      inject(query({ flags: TRUNCATED_RESPONSE }), OTHER)
      await clock.advance(201)
    }
    await clock.advance(3_000)
    expect(me.mechanism.status().state).toBe('running')
  })
})

describe('services that have to be asked for', () => {
  const service = (i: number, ttl: number): Answer[] => [
    { name: TYPE, type: 'PTR', ttl, data: `n${i}.${TYPE}` },
    { name: `n${i}.${TYPE}`, type: 'SRV', ttl, data: { port: 9, target: `h${i}.local` } },
    { name: `n${i}.${TYPE}`, type: 'TXT', ttl, data: ['a=b'] },
    { name: `h${i}.local`, type: 'A', ttl, data: '10.0.0.1' }
  ]
  const options = { libp2p: false, service: { type: '_olocus._tcp' }, broadcast: false }
  const details = (): SeenPacket[] => link.queries(ME).filter(({ packet }) => packet.questions?.some(({ type }) => type !== 'PTR'))

  it('do not make us ask more than 64 times at once, though 256 lapse together', async () => {
    await startPeer(ME, options)
    await clock.advance(10_000)
    for (let i = 0; i < 256; i += 15) inject(response(...Array.from({ length: 15 }, (_, k) => service(i + k, 1)).flat()))
    await clock.advance(2_000)
    expect(details().length).toBeGreaterThan(0)
    expect(rate(details())).toBeLessThanOrEqual(64 + 8)
  })

  it('do not make us ask more than 8 times a second in the long run, though each packet points to new ones', async () => {
    await startPeer(ME, options)
    await clock.advance(10_000)
    const count = 500
    for (let t = 0; t < count; t++) {
      const answers = Array.from({ length: 60 }, (_, i) => service((t * 8 + i) % 128, 120).slice(0, 1)).flat()
      inject(response(...answers), t % 2 === 0 ? LIAR : OTHER)
      await clock.advance(20)
    }
    expect(details().length).toBeGreaterThan(64)
    expect(details().length).toBeLessThanOrEqual(64 + 8 * count * 20 / 1_000)
  })
})

describe('a host that is called as every name ends', () => {
  it.each(['local', '_tcp.local', '_UDP.local'])('does not make us read what is none of our business: %s', async target => {
    const me = await startPeer(ME, { libp2p: false, service: { type: '_olocus._tcp' } })
    await clock.advance(10_000)
    inject(response(
      { name: TYPE, type: 'PTR', ttl: 4_500, data: `x.${TYPE}` }, { name: `x.${TYPE}`, type: 'SRV', ttl: 4_500, data: { port: 9, target } }
    ))
    const others = ['_tcp', '_udp'].map(transport => query({ questions: [{ name: `_other.${transport}.local`, type: 'PTR' }] }))
    for (let i = 0; i < 1_000; i++) inject(others[i % 2]!, `192.168.7.${2 + i % 200}`)
    await clock.advance(0)
    expect(me.mechanism.status().dropped).toEqual({})
  })
})

describe('the host of the libp2p form', () => {
  it('is answered for though the question does not name the service', async () => {
    await startPeer(ME, { peerName: 'aaaa' })
    await clock.advance(10_000)
    inject(encode({ type: 'query', questions: [{ name: 'aaaa.local', type: 'A' }] }))
    await clock.advance(1_000)
    expect(link.responses(ME).at(-1)?.packet.answers).toEqual([expect.objectContaining({ name: 'aaaa.local', type: 'A', data: ME })])
  })

  it('and its records, whose names nobody else has, are said once a second to whoever probes for them', async () => {
    await startPeer(ME, { peerName: 'aaaa' }, Array.from({ length: 30 }, (_, i) => `/ip4/${ME}/tcp/${4_000 + i}`))
    await clock.advance(300_000)
    const name = `aaaa.${SERVICE}`
    const since = clock.now()
    for (let i = 0; i < 100; i++) {
      const probe = query({ questions: [{ name, type: 'TXT' }], authorities: [{ name, type: 'A', ttl: 1, data: '10.0.0.1' }] })
      inject(probe, `192.168.7.${10 + i}`)
      await clock.advance(50)
    }
    const moments = new Set(link.responses(ME).filter(({ at }) => at >= since).map(({ at }) => at))
    expect(moments.size).toBeGreaterThan(0)
    expect(moments.size).toBeLessThanOrEqual(5 + 1)
  })
})

describe('many addresses of a host that is called as ours', () => {
  it('make us look at our interfaces once a packet', async () => {
    let looks = 0
    const lan = link.network(ME)
    const network: MdnsNetwork = {
      ...lan,
      interfaces: () => {
        looks++
        return { ...lan.interfaces(), lo: [{ address: '127.0.0.1', family: 'IPv4', internal: true, cidr: '127.0.0.1/8' }] }
      }
    }
    await startPeer(ME, { network, libp2p: false, service: { type: '_olocus._tcp', host: 'oven' } })
    await clock.advance(10_000)
    looks = 0
    const packet = response(...Array.from({ length: 64 }, (): Answer => ({ name: 'oven.local', type: 'A', ttl: 120, data: '127.0.0.1' })))
    for (let i = 0; i < 10; i++) inject(packet)
    await clock.advance(0)
    expect(looks).toBe(10)
  })
})

describe('two interfaces of ours on one link', () => {
  /** Each hears what the other says. */
  const network: MdnsNetwork = {
    interfaces: () => ({
      eth0: [{ address: ME, family: 'IPv4', internal: false, cidr: `${ME}/24` }],
      wlan0: [{ address: OTHER, family: 'IPv4', internal: false, cidr: `${OTHER}/24` }]
    }),
    createSocket: () => {
      const socket = new EventEmitter()
      let joined: MdnsSocket | undefined
      return Object.assign(socket, {
        bind: (_port: number, _address: string, done: () => void) => { queueMicrotask(done) },
        addMembership: (_group: string, at: string) => {
          joined = link.network(at).createSocket('IPv4')
          joined.on('message', (packet, from) => { socket.emit('message', packet, from) })
          joined.bind(PORT, '0.0.0.0', () => {})
        },
        send: (...args: Parameters<MdnsSocket['send']>) => joined?.send(...args),
        close: (done: () => void) => { joined?.close(done) },
        ...Object.fromEntries(['setMulticastInterface', 'setMulticastTTL', 'setTTL', 'setMulticastLoopback'].map(name => [name, () => {}]))
      }) as unknown as MdnsSocket
    }
  }
  const service = { type: '_olocus._tcp', name: 'Kitchen', host: 'oven' }
  const names = (): string[] => [...new Set([ME, OTHER].flatMap(address => link.responses(address)).flatMap(
    ({ packet }) => packet.answers?.flatMap(record => record.type === 'PTR' ? record.data : []) ?? []
  ))]
  const own = [`/ip4/${ME}/tcp/4001`, `/ip4/${OTHER}/tcp/4001`]

  it('do not take each other’s records for somebody else’s', async () => {
    await startPeer(ME, { network, libp2p: false, service }, own)
    await clock.advance(60_000)
    expect(names()).toEqual([`Kitchen.${TYPE}`])
    expect(link.seen.filter(({ packet }) => packet.authorities?.length !== 0).length).toBe(2 * 3)
  })

  it('give up a name that is somebody else’s', async () => {
    const { events } = await startPeer(ME, { network, libp2p: false, service }, own)
    await clock.advance(300)
    inject(response({ name: `Kitchen.${TYPE}`, type: 'SRV', ttl: 120, flush: true, data: { port: 9, target: 'elsewhere.local' } }))
    await clock.advance(60_000)
    expect(names()).toEqual([`Kitchen (2).${TYPE}`])
    expect(events).toEqual([])
  })
})
