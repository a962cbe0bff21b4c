/**
 * A real node whose bootstrap list is half wrong and whose mDNS port is shouted at: what is good is found, and the rest
 * changes nothing but counters and `explain`.
 */
import { createSocket } from 'node:dgram'
import { createServer, type AddressInfo } from 'node:net'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import { noise } from '@libp2p/noise'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { bootstrap } from '@peerweave/bootstrap'
import { peerweaveDefaults } from '@peerweave/libp2p'
import { mdns } from '@peerweave/mdns'
import { formatExplanation, multi, type Multi } from '@peerweave/multi'
import { createLibp2p, type Libp2pOptions } from 'libp2p'
import { afterEach, expect, it, vi } from 'vitest'
import type { Libp2p, PeerId } from '@libp2p/interface'
import type { MechanismFactory } from '@peerweave/interface'

const PORT = 20_000 + Math.floor(Math.random() * 20_000)

const cleanups: Array<() => unknown> = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

function options (): Libp2pOptions {
  return peerweaveDefaults<Libp2pOptions>({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionManager: { inboundConnectionThreshold: Infinity },
    services: { identify: identify() }
  }, { allow: ['loopback'] })
}

function onLoopback (): MechanismFactory {
  return mdns({ port: PORT, interfaces: ['127.0.0.1'] })
}

async function node (services: Libp2pOptions['services'] = {}): Promise<Libp2p> {
  const made = await createLibp2p({ ...options(), services: { identify: identify(), ...services } })
  cleanups.push(() => made.stop())
  return made
}

async function stranger (): Promise<PeerId> {
  return peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
}

async function deadPort (): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise(resolve => server.close(resolve))
  return port
}

async function ids (discovery: Multi): Promise<string[]> {
  return (await Array.fromAsync(discovery.peers())).map(({ peerId }) => peerId.toString()).sort()
}

it('finds what is good by both mechanisms, and the rest changes nothing but counters and explain', async () => {
  const listed = await node()
  const announced = await node({ lan: onLoopback() })
  const impostor = await node()
  const wanted = await stranger()
  const gone = await stranger()
  const discovery = multi({
    mechanisms: [
      onLoopback(),
      bootstrap({
        list: [
          `/ip4/127.0.0.1/tcp/${await deadPort()}/p2p/${gone}`,
          String(impostor.getMultiaddrs()[0]).replace(impostor.peerId.toString(), wanted.toString()),
          String(listed.getMultiaddrs()[0])
        ]
      })
    ]
  })
  const observer = await createLibp2p({ ...options(), services: { identify: identify(), discovery } })
  cleanups.push(() => observer.stop())
  const view = observer.services.discovery

  // Garbage on the mDNS port, bounded in number: headers that lie, noise, too much, and a claim of a loopback address
  // by somebody who sends from another port than a responder does.
  const loud = createSocket('udp4').bind(0, '127.0.0.1')
  await new Promise(resolve => loud.once('listening', resolve))
  loud.setMulticastInterface('127.0.0.1')
  cleanups.push(() => loud.close())
  for (let i = 0; i < 50; i++) {
    for (const packet of [Buffer.alloc(12, 0xff), crypto.getRandomValues(Buffer.alloc(300)), Buffer.alloc(9_001, 1)]) {
      loud.send(packet, PORT, '224.0.0.251')
    }
  }

  const good = [listed.peerId.toString(), announced.peerId.toString()].sort()
  await vi.waitFor(async () => expect(await ids(view)).toEqual(good), { timeout: 10_000 })
  await vi.waitFor(() => expect(Object.values(view.mechanisms().get('mdns')?.dropped ?? {}).reduce((a, b) => a + b, 0)).toBeGreaterThan(0), { timeout: 5_000 })

  expect(observer.getPeers().map(String)).toEqual([listed.peerId.toString()])
  expect(view.mechanisms().get('mdns')).toMatchObject({ state: 'running', failuresInRow: 0 })
  expect(view.mechanisms().get('bootstrap')).toMatchObject({ state: 'running', isBroken: false })
  for (const id of [wanted, gone, impostor.peerId]) expect(view.explain(id)).toMatchObject({ state: 'unknown', claims: [] })
  expect(view.explain(listed.peerId)).toMatchObject({ state: 'shown', connectionStatus: 'connected', claims: [{ source: 'bootstrap' }] })
  expect(formatExplanation(view.explain(announced.peerId), Date.now())).toMatch(/^[\P{C}\n]*$/u)
}, 30_000)
