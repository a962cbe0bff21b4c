/** Real sockets, on the loopback interface and a port of their own. */
import { createSocket, type Socket } from 'node:dgram'
import { encode } from 'dns-packet'
import { afterEach, describe, expect, it } from 'vitest'
import { until } from '../../../test/support/until.ts'
import {
  claimsOf, createPeer, createPeerId, GROUP, query, randomPort, records, response, SERVICE, withdrawalsOf, type Peer
} from './support.ts'
import type { PeerId } from '@libp2p/interface'
import type { MdnsOptions } from '../src/index.ts'

const undo: Array<() => Promise<void> | void> = []

afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

async function startPeer (port: number, options: MdnsOptions = {}, addresses = ['/ip4/127.0.0.1/tcp/4001']): Promise<Peer> {
  const peer = await createPeer({ interfaces: ['127.0.0.1'], port, ...options }, ...addresses)
  await peer.mechanism.start()
  undo.push(() => peer.leave())
  return peer
}

interface Stranger {
  send: (message: Uint8Array) => Promise<void>
}

/** A plain socket that sends to the group from an address of its choice. */
async function startStranger (port: number, { address = '127.0.0.1', from = port } = {}): Promise<Stranger> {
  const socket: Socket = createSocket({ type: 'udp4', reuseAddr: true })
  // On Linux a socket bound to one address hears no multicast, so this one takes nothing from the others.
  await new Promise<void>(resolve => { socket.bind(from, address, resolve) })
  socket.setMulticastInterface('127.0.0.1')
  undo.push(() => new Promise<void>(resolve => { socket.close(resolve) }))
  return {
    send: message => new Promise((resolve, reject) => {
      socket.send(message, port, GROUP, error => {
        if (error != null) reject(error)
        // The receivers get a turn, or their socket buffers would overflow.
        else setImmediate(resolve)
      })
    })
  }
}

describe('mdns on loopback', () => {
  it('two find each other, with their addresses, and without the id in them', async () => {
    const port = randomPort()
    const one = await startPeer(port, {}, ['/ip4/127.0.0.1/tcp/4001', '/ip4/127.0.0.1/udp/4001/quic-v1'])
    const two = await startPeer(port)
    await until(() => claimsOf(one.events, two.id).length > 0 && claimsOf(two.events, one.id).length > 0, 'both found', 3_000)
    const [claim] = claimsOf(two.events, one.id)
    expect(claim?.multiaddrs.map(String)).toEqual(['/ip4/127.0.0.1/tcp/4001', '/ip4/127.0.0.1/udp/4001/quic-v1'])
    // What is left of 120 whole seconds: reading took its time. To the millisecond it is pinned in virtual time (timing.spec.ts).
    expect(Math.ceil((claim?.ttl ?? 0) / 1_000)).toBe(120)
    expect(claim?.reporter?.remoteAddr?.toString()).toBe(`/ip4/127.0.0.1/udp/${port}`)
  })

  it('answers a round within its window', async () => {
    const port = randomPort()
    const one = await startPeer(port)
    const two = await startPeer(port)
    const found = await Array.fromAsync(one.mechanism.discoverPeers())
    expect(claimsOf(found, two.id).length).toBeGreaterThan(0)
    expect(one.mechanism.status().rounds).toBe(1)
  })

  it('does not hear another service', async () => {
    const port = randomPort()
    const one = await startPeer(port, { serviceTag: '_one._udp.local' })
    const two = await startPeer(port, { serviceTag: '_two._udp.local' })
    const friend = await startPeer(port, { serviceTag: '_one._udp.local' })
    await until(() => claimsOf(one.events, friend.id).length > 0, 'the friend is found')
    expect([...claimsOf(one.events, two.id), ...claimsOf(two.events, one.id)]).toEqual([])
  })

  it('a goodbye withdraws within 1.5 s, and a start after it is news again', async () => {
    const port = randomPort()
    const one = await startPeer(port)
    const two = await startPeer(port)
    await until(() => claimsOf(one.events, two.id).length > 0, 'found')
    await two.leave()
    await until(() => withdrawalsOf(one.events, two.id).length > 0, 'withdrawn', 1_500)
    const before = claimsOf(one.events, two.id).length
    await two.mechanism.start()
    await until(() => claimsOf(one.events, two.id).length > before, 'found again')
  })

  it('a forged goodbye from another address withdraws nothing', async () => {
    const port = randomPort()
    const one = await startPeer(port)
    const two = await startPeer(port, { peerName: 'two' })
    await until(() => claimsOf(one.events, two.id).length > 0, 'found')
    const forger = await startStranger(port, { address: '127.0.0.2' })
    await forger.send(response({ name: SERVICE, type: 'PTR', ttl: 0, data: `two.${SERVICE}` }))
    await forger.send(response(...records('two', [`/ip4/127.0.0.1/tcp/4001/p2p/${two.id}`], { ttl: 0 })))
    await until(() => (one.mechanism.status().dropped['foreign-goodbye'] ?? 0) >= 2, 'both forgeries were looked at')
    // A peer that comes now is told of later than anything the forgeries could have done, one second on.
    const fresh = await createPeerId()
    const witness = await startStranger(port)
    await witness.send(response(...records('fresh', [`/ip4/127.0.0.1/tcp/1/p2p/${fresh}`])))
    await witness.send(response(...records('fresh', [], { ttl: 0 })))
    await until(() => withdrawalsOf(one.events, fresh).length > 0, 'a true goodbye is followed')
    expect(withdrawalsOf(one.events, two.id)).toEqual([])
  })

  it('several ids in one packet are kept apart, and TXT records in the additional section are read', async () => {
    const port = randomPort()
    const one = await startPeer(port)
    const [a, b] = [await createPeerId(), await createPeerId()]
    const [ptrA, txtA] = records('a', [`/ip4/127.0.0.1/tcp/1/p2p/${a}`])
    const [ptrB, txtB] = records('b', [`/ip4/127.0.0.1/tcp/2/p2p/${b}`])
    const stranger = await startStranger(port)
    await stranger.send(encode({ type: 'response', answers: [ptrA!, ptrB!], additionals: [txtA!, txtB!] }))
    await until(() => claimsOf(one.events, b).length > 0, 'found')
    const addresses = (id: PeerId): string[] => claimsOf(one.events, id).flatMap(({ multiaddrs }) => multiaddrs.map(String))
    expect([addresses(a), addresses(b)]).toEqual([['/ip4/127.0.0.1/tcp/1'], ['/ip4/127.0.0.1/tcp/2']])
  })

  it('drops and counts what is hostile, and still finds an honest newcomer', async () => {
    const port = randomPort()
    const one = await startPeer(port)
    const hostile = await startStranger(port, { address: '127.0.0.66' })
    const wrongPort = await startStranger(port, { address: '127.0.0.67', from: 0 })
    const counts = Buffer.alloc(12, 0xff).fill(0, 0, 4)
    const ours = query() // what does not name our service gets no further than the guard
    const loop = Buffer.concat([ours, Buffer.from([0xc0, ours.length, 0, 12, 0, 1])]) // a second name that points to itself
    loop[5] = 2
    const random = Buffer.concat([ours, crypto.getRandomValues(Buffer.alloc(300))])
    random[5] = 20 // claims 20 questions
    const each = [counts, Buffer.alloc(9_001), Buffer.alloc(20_000), loop, random, Buffer.alloc(0), Buffer.alloc(5)]
    for (const message of each) await hostile.send(message)
    for (let i = 0; i < 200; i++) await hostile.send(counts)
    for (let i = 0; i < 200; i++) await hostile.send(query())
    await wrongPort.send(response(...records('forged', [`/ip4/127.0.0.1/tcp/1/p2p/${await createPeerId()}`])))
    await until(() => (one.mechanism.status().dropped['wrong-port'] ?? 0) > 0, 'the wrong port was seen')
    const { dropped } = one.mechanism.status()
    expect(dropped['bad-header']).toBeGreaterThan(100)
    expect(dropped['packet-too-long']).toBe(2)
    expect(dropped['malformed']).toBe(2)
    expect(dropped['rate']).toBeGreaterThan(90)
    const two = await startPeer(port)
    await until(() => claimsOf(one.events, two.id).length > 0, 'the newcomer is found', 2_000)
    expect(one.mechanism.status().state).toBe('running')
  })

  it('two of one process do not disturb each other, and a restart works', async () => {
    const port = randomPort()
    const [one, two, three] = [await startPeer(port), await startPeer(port), await startPeer(port)]
    await two.mechanism.stop()
    await two.mechanism.stop()
    await until(() => claimsOf(three.events, one.id).length > 0, 'the others go on')
    await two.mechanism.start()
    const before = two.events.length
    await until(() => claimsOf(two.events.slice(before), one.id).length > 0, 'back again')
  })
})
