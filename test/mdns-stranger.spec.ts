/**
 * What a stranger on the link claims of a peer, beside what the peer's own host said of it: packets by real mDNS
 * decoding, `multi`, the real store and a libp2p node on loopback.
 */
import { createServer, type AddressInfo } from 'node:net'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import { noise } from '@libp2p/noise'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { systemClock } from '@peerweave/interface'
import { peerweaveDefaults } from '@peerweave/libp2p'
import { mdns } from '@peerweave/mdns'
import { multi } from '@peerweave/multi'
import { keySigner, sealPeerRecord } from '@peerweave/records'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type Libp2pOptions } from 'libp2p'
import { afterEach, expect, it } from 'vitest'
import { createPeer, MemoryLink, records, response } from '../packages/mdns/test/support.ts'
import { until } from './support/until.ts'
import type { Libp2p } from '@libp2p/interface'
import type { Multi } from '@peerweave/multi'

/** The host that the peer runs on, and the stranger's. */
const OWN = '127.0.0.1'
const STRANGER = '127.0.0.2'

const cleanups: Array<() => unknown> = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function node (services: Libp2pOptions['services']): Promise<Libp2p> {
  const made = await createLibp2p(peerweaveDefaults<Libp2pOptions>({
    addresses: { listen: [`/ip4/${OWN}/tcp/0`] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: { identify: identify(), ...services }
  }, { allow: ['loopback'] }))
  cleanups.push(() => made.stop())
  return made
}

/** Something of the stranger's that accepts connections. */
async function trap (host: string): Promise<{ address: string, connects: () => number }> {
  let count = 0
  const server = createServer(socket => {
    count++
    socket.destroy()
  }).listen(0, host)
  await new Promise(resolve => server.once('listening', resolve))
  cleanups.push(() => server.close())
  return { address: `/ip4/${host}/tcp/${(server.address() as AddressInfo).port}`, connects: () => count }
}

it('never displaces or outranks what the peer’s own host said, nor is dialled before it', async () => {
  const link = new MemoryLink(systemClock())
  const peer = await node({})
  const discovery = multi({ mechanisms: [mdns({ network: link.network(OWN) })] })
  const observer = await node({ discovery })
  const view = observer.services['discovery'] as Multi
  const id = peer.peerId
  const [own] = peer.getMultiaddrs().map(address => String(address).replace(/\/p2p\/.*/, '')) as [string]
  const say = (host: string, name: string, ...addresses: string[]): void => {
    link.inject(response(...records(name, addresses.map(address => `${address}/p2p/${id}`))), { address: host, port: 5353 })
  }
  const addresses = (): string[] => view.store.peek(id)?.addresses.map(({ multiaddr }) => String(multiaddr)) ?? []
  const elsewhere = await trap('127.0.0.3')

  say(OWN, 'own', own)
  await until(() => addresses().length === 1, 'its own word')
  // Later, so that it is fresher: under a name of its own, and under the peer's.
  say(STRANGER, 'strange', elsewhere.address)
  say(STRANGER, 'own', elsewhere.address)
  await until(() => addresses().length === 2, 'the stranger’s word')
  expect(addresses()).toEqual([own, elsewhere.address])

  const connection = await observer.dial(view.store.peek(id)!.addresses.map(({ multiaddr }) => multiaddr))
  expect(connection.remotePeer.equals(id)).toBe(true)
  expect(String(connection.remoteAddr)).toContain(own)
  expect(elsewhere.connects()).toBe(0)
  await connection.close()

  // What the stranger says of its own host is as good as what the peer says of its own; it takes nothing from it.
  const there = await trap(STRANGER)
  say(STRANGER, 'strange', there.address)
  await until(() => addresses().includes(there.address), 'its other word')
  expect(addresses()).toContain(own)
})

it('nor what the peer signed, whatever else the stranger claims, and however often', async () => {
  const link = new MemoryLink(systemClock())
  const key = await generateKeyPair('Ed25519')
  const id = peerIdFromPrivateKey(key)
  // An interface that is not the loopback one: nobody tells of loopback addresses there.
  const [host, stranger] = ['192.168.7.1', '192.168.7.66']
  const own = `/ip4/${host}/tcp/4001`
  const discovery = multi({ mechanisms: [mdns({ network: link.network('192.168.7.9') })] })
  const observer = await node({ discovery })
  const view = observer.services['discovery'] as Multi
  const peer = await createPeer({ network: link.network(host), id })
  cleanups.push(() => peer.leave())
  await peer.mechanism.start()
  const signedPeerRecord = await sealPeerRecord({ signer: keySigner(key), multiaddrs: [multiaddr(own)], seq: 1n })
  await peer.mechanism.announceSelf?.({ peerId: id, multiaddrs: [multiaddr(own)], signedPeerRecord })
  const addresses = (): string[] => view.store.peek(id)?.addresses.map(({ multiaddr }) => String(multiaddr)) ?? []
  await until(() => view.store.peek(id)?.addresses[0]?.certified === true, 'its signed word')
  for (let port = 1; port <= 30; port++) {
    const claims = records(`strange${port}`, [`/ip4/${stranger}/tcp/${port}/p2p/${id}`])
    link.inject(response(...claims), { address: stranger, port: 5353 })
  }
  await until(() => addresses().length > 1, 'the stranger’s word')
  expect(addresses()[0]).toBe(own)
  expect(view.store.peek(id)?.addresses.filter(({ certified }) => certified).map(({ multiaddr }) => String(multiaddr))).toEqual([own])
})
