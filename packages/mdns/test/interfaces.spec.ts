/** A machine on two links, in memory and in virtual time. */
import { EventEmitter } from 'node:events'
import { seededRng, virtualClock, type VirtualClock } from '@peerweave/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { claimsOf, createPeer, MemoryLink, type Peer } from './support.ts'
import type { MdnsNetwork, MdnsOptions, MdnsSocket } from '../src/index.ts'

const ETH0 = '192.168.7.1'
const WLAN0 = '10.8.0.1'
/** A look at the interfaces, and what comes of it. */
const LOOK = 2_500

let clock: VirtualClock
let started: Peer[]
let links: Record<'eth0' | 'wlan0', MemoryLink>

beforeEach(() => {
  clock = virtualClock()
  links = { eth0: new MemoryLink(clock), wlan0: new MemoryLink(clock) }
  started = []
})

afterEach(async () => {
  for (const peer of started) await peer.leave()
  expect(clock.pending).toBe(0)
  expect([links.eth0.openSockets, links.wlan0.openSockets]).toEqual([0, 0])
})

/** A socket is on the link that it joins the group on. */
class Machine implements MdnsNetwork {
  /** By interface. */
  addresses: Partial<Record<'eth0' | 'wlan0', string>> = { eth0: ETH0, wlan0: WLAN0 }
  /** A second one of eth0. */
  second: string | undefined

  interfaces: MdnsNetwork['interfaces'] = () => Object.fromEntries(Object.entries(this.addresses).map(
    ([name, address]) => [name, [address, ...name === 'eth0' && this.second !== undefined ? [this.second] : []].map(
      address => ({ address, family: 'IPv4', internal: false, cidr: `${address}/24` })
    )]
  ))

  createSocket = (): MdnsSocket => {
    const socket = new EventEmitter()
    let port = 0
    let joined: MdnsSocket | undefined
    return Object.assign(socket, {
      bind: (to: number, _address: string, done: () => void) => {
        port = to
        queueMicrotask(done)
      },
      addMembership: (_group: string, at: string) => {
        const [name] = Object.entries(this.addresses).find(([, address]) => address === at) as ['eth0' | 'wlan0', string]
        joined = links[name].network(at).createSocket('IPv4')
        joined.on('message', (packet, from) => { socket.emit('message', packet, from) })
        joined.bind(port, '0.0.0.0', () => {})
      },
      send: (...args: Parameters<MdnsSocket['send']>) => joined?.send(...args),
      close: (done: () => void) => { if (joined == null) queueMicrotask(done); else joined.close(done) },
      ...Object.fromEntries(['setMulticastInterface', 'setMulticastTTL', 'setTTL', 'setMulticastLoopback'].map(name => [name, () => {}]))
    }) as unknown as MdnsSocket
  }
}

async function start (network: MdnsNetwork, options: MdnsOptions, ...own: string[]): Promise<Peer> {
  const peer = await createPeer({ network, clock, rng: seededRng(started.length + 1), ...options }, ...own)
  await peer.mechanism.start()
  started.push(peer)
  return peer
}

/** A plain host on one link. */
async function neighbour (name: 'eth0' | 'wlan0', address: string): Promise<Peer> {
  return start(links[name].network(address), {}, `/ip4/${address}/tcp/4001`)
}

function told (peer: Peer, by: Peer): string[] {
  return [...new Set(claimsOf(peer.events, by.id).flatMap(({ multiaddrs }) => multiaddrs.map(String)))]
}

describe('two interfaces', () => {
  it('are both used, each with what can be reached there and in its own name', async () => {
    const me = await start(new Machine(), {}, `/ip4/${ETH0}/tcp/4001`, `/ip4/${WLAN0}/tcp/4001`)
    const [one, two] = [await neighbour('eth0', '192.168.7.2'), await neighbour('wlan0', '10.8.0.2')]
    await clock.advance(5_000)
    expect([told(one, me), told(two, me)]).toEqual([[`/ip4/${ETH0}/tcp/4001`], [`/ip4/${WLAN0}/tcp/4001`]])
    expect([one, two].map(({ id }) => claimsOf(me.events, id)[0]?.reporter?.interface)).toEqual(['eth0', 'wlan0'])
    const round = Array.fromAsync(me.mechanism.discoverPeers())
    await clock.advance(2_000)
    expect(new Set((await round).map(sighting => 'peerId' in sighting ? String(sighting.peerId) : ''))).toEqual(new Set([one, two].map(({ id }) => String(id))))
  })

  it.each<[MdnsOptions, boolean, boolean]>([
    [{ interfaces: ['eth0'] }, true, false],
    [{ interfaces: ['wlan*'] }, false, true],
    [{ interfaces: [WLAN0] }, false, true],
    [{ excludeInterfaces: ['wlan*'] }, true, false],
    [{ interfaces: ['eth0', 'wlan0'], excludeInterfaces: [ETH0] }, false, true]
  ])('are chosen by %o', async (options, isOnEth0, isOnWlan0) => {
    await start(new Machine(), options, `/ip4/${ETH0}/tcp/4001`)
    expect([links.eth0.openSockets, links.wlan0.openSockets]).toEqual([Number(isOnEth0), Number(isOnWlan0)])
  })

  it('are followed: one that goes takes nothing with it, one that comes is used at the next look', async () => {
    const machine = new Machine()
    machine.addresses = { eth0: ETH0 }
    const me = await start(machine, {}, `/ip4/${ETH0}/tcp/4001`)
    const [one, two] = [await neighbour('eth0', '192.168.7.2'), await neighbour('wlan0', '10.8.0.2')]
    await clock.advance(5_000)
    expect(told(two, me)).toEqual([])
    machine.addresses = { wlan0: WLAN0 }
    me.setAddresses(`/ip4/${WLAN0}/tcp/4001`)
    await clock.advance(LOOK)
    expect([links.eth0.openSockets, links.wlan0.openSockets]).toEqual([1, 2])
    expect([told(two, me), told(me, two).length]).toEqual([[`/ip4/${WLAN0}/tcp/4001`], 1])
    expect(me.events.filter(({ kind }) => kind === 'withdraw')).toEqual([])
    expect(told(one, me).length).toBe(1)
    machine.addresses = {}
    await clock.advance(LOOK)
    machine.addresses = { eth0: ETH0 }
    me.setAddresses(`/ip4/${ETH0}/tcp/4001`)
    one.events.length = 0
    await clock.advance(LOOK)
    expect(told(one, me)).toEqual([`/ip4/${ETH0}/tcp/4001`])
    expect(me.mechanism.status().state).toBe('running')
  })

  it('are announced as they are now when one was renumbered, also from a record that was given before', async () => {
    const machine = new Machine()
    const me = await start(machine, {}, `/ip4/${ETH0}/tcp/4001`, `/ip4/${WLAN0}/tcp/4001`)
    const one = await neighbour('eth0', '192.168.7.2')
    await me.mechanism.announceSelf?.({ peerId: me.id, multiaddrs: [multiaddr(`/ip4/${ETH0}/tcp/4001`)] })
    await clock.advance(5_000)
    one.events.length = 0
    machine.addresses = { eth0: '192.168.7.77', wlan0: WLAN0 }
    me.setAddresses('/ip4/192.168.7.77/tcp/4001', `/ip4/${WLAN0}/tcp/4001`)
    await clock.advance(LOOK)
    expect(told(one, me)).toEqual(['/ip4/192.168.7.77/tcp/4001'])
    expect(claimsOf(one.events, me.id)[0]?.reporter?.remoteAddr?.toString()).toBe('/ip4/192.168.7.77/udp/5353')
  })

  it('take back what they said of an address that went', async () => {
    const machine = new Machine()
    machine.second = '192.168.7.50'
    const me = await start(machine, {}, `/ip4/${ETH0}/tcp/4001`, '/ip4/192.168.7.50/tcp/4001')
    const one = await neighbour('eth0', '192.168.7.2')
    await clock.advance(5_000)
    expect(told(one, me).length).toBe(2)
    machine.second = undefined
    me.setAddresses(`/ip4/${ETH0}/tcp/4001`)
    await clock.advance(LOOK + 2_000)
    const gone = one.events.flatMap(sighting => sighting.kind === 'withdraw' ? (sighting.multiaddrs ?? []).map(String) : [])
    expect(gone).toEqual(['/ip4/192.168.7.50/tcp/4001'])
  })

  it('take back what a link said though its socket is another by then', async () => {
    const machine = new Machine()
    machine.second = '192.168.7.50'
    const me = await start(machine, {}, `/ip4/${ETH0}/tcp/4001`, '/ip4/192.168.7.50/tcp/4001')
    const one = await neighbour('eth0', '192.168.7.2')
    await clock.advance(5_000)
    machine.second = undefined
    me.setAddressesSilently(`/ip4/${ETH0}/tcp/4001`)
    await clock.advance(LOOK + 2_000)
    const gone = one.events.flatMap(sighting => sighting.kind === 'withdraw' ? (sighting.multiaddrs ?? []).map(String) : [])
    expect(gone).toEqual(['/ip4/192.168.7.50/tcp/4001'])
  })

  it('both give up a name that another on one of them has', async () => {
    await start(new Machine(), { libp2p: false, service: { type: '_olocus._tcp', name: 'Kitchen' } }, `/ip4/${ETH0}/tcp/4001`, `/ip4/${WLAN0}/tcp/4001`)
    await start(links.eth0.network('192.168.7.2'), { libp2p: false, service: { type: '_olocus._tcp', name: 'Kitchen' } }, '/ip4/192.168.7.2/tcp/4001')
    await clock.advance(10_000)
    const names = (link: MemoryLink, from: string): string[] => [...new Set(link.responses(from).flatMap(({ packet }) => packet.answers ?? [])
      .flatMap(record => record.type === 'PTR' ? [record.data.replace(/\..*/, '')] : []))]
    const [mine, theirs] = [names(links.eth0, ETH0).at(-1), names(links.eth0, '192.168.7.2').at(-1)]
    expect(new Set([mine, theirs])).toEqual(new Set(['Kitchen', 'Kitchen (2)']))
    expect(names(links.wlan0, WLAN0).at(-1)).toBe(mine)
  })
})

describe('a private network', () => {
  it('meets under a name of its own', async () => {
    const privateNetwork = '00112233445566778899aabbccddeeff'
    const [one, two, stranger] = [
      await start(links.eth0.network(ETH0), { privateNetwork }, `/ip4/${ETH0}/tcp/4001`),
      await start(links.eth0.network('192.168.7.2'), { privateNetwork }, '/ip4/192.168.7.2/tcp/4001'),
      await neighbour('eth0', '192.168.7.3')
    ]
    await clock.advance(5_000)
    expect([told(one, two).length, told(one, stranger), told(stranger, one)]).toEqual([1, [], []])
    expect(links.eth0.queries(ETH0)[0]?.packet.questions?.[0]?.name).toBe(`_p2p-${privateNetwork}._udp.local`)
  })
})
