/** Real libp2p nodes over TCP, Noise and Yamux on loopback. */
import { createServer, type AddressInfo } from 'node:net'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import { noise } from '@libp2p/noise'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { peerweaveDefaults } from '@peerweave/libp2p'
import { createLibp2p } from 'libp2p'
import { afterEach, expect, it } from 'vitest'
import { until } from '../../../test/support/until.ts'
import { bootstrap, type BootstrapOptions } from '../src/index.ts'
import type { Libp2p, PrivateKey } from '@libp2p/interface'

const cleanups: Array<() => unknown> = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function node (init: { privateKey?: PrivateKey, port?: number } = {}): Promise<Libp2p> {
  const made = await createLibp2p({
    ...init.privateKey != null && { privateKey: init.privateKey },
    addresses: { listen: [`/ip4/127.0.0.1/tcp/${init.port ?? 0}`] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionManager: { inboundConnectionThreshold: Infinity },
    services: { identify: identify() }
  })
  cleanups.push(() => made.stop())
  return made
}

/** A newcomer whose only mechanism is bootstrap, as a plain libp2p service. */
async function newcomer (list: string[], options: Partial<BootstrapOptions> = {}): ReturnType<typeof makeNewcomer> {
  return makeNewcomer(list, options)
}

async function makeNewcomer (list: string[], options: Partial<BootstrapOptions>) {
  const made = await createLibp2p({
    ...peerweaveDefaults({
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()]
    }, { allow: ['loopback'] }),
    services: { identify: identify(), seeds: bootstrap({ list, ...options }) }
  })
  cleanups.push(() => made.stop())
  return made
}

async function freePort (): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise(resolve => server.close(resolve))
  return port
}

function addressOf (made: Libp2p): string {
  return String(made.getMultiaddrs()[0])
}

it('finds a good node among a dead one, one with another id, a silent one and an unresolvable one, as a plain libp2p service', async () => {
  const good = await node()
  const impostor = await node()
  const someoneElse = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
  const silent = createServer(() => {}).listen(0, '127.0.0.1')
  await new Promise(resolve => silent.once('listening', resolve))
  cleanups.push(() => silent.close())
  const list = [
    `/ip4/127.0.0.1/tcp/${await freePort()}/p2p/${peerIdFromPrivateKey(await generateKeyPair('Ed25519'))}`,
    addressOf(impostor).replace(impostor.peerId.toString(), someoneElse.toString()),
    `/ip4/127.0.0.1/tcp/${(silent.address() as AddressInfo).port}/p2p/${peerIdFromPrivateKey(await generateKeyPair('Ed25519'))}`,
    `/dns4/nobody.invalid/tcp/1/p2p/${peerIdFromPrivateKey(await generateKeyPair('Ed25519'))}`,
    addressOf(good)
  ]
  const made = await newcomer(list, { timeout: 1_000 })
  const { seeds } = made.services
  await until(() => seeds.nodes().every(({ successes, failures }) => successes + failures > 0), 'every node was tried', 8_000)
  const [dead, wrong, mute, unresolvable, fine] = seeds.nodes()
  expect(fine).toMatchObject({ successes: 1, failures: 0 })
  expect(dead?.lastError).toMatchObject({ code: 'ERR_NETWORK' })
  expect(wrong?.lastError).toMatchObject({ code: 'ERR_UNAUTHENTICATED' })
  expect(mute?.lastError).toBeDefined()
  expect(unresolvable?.lastError).toMatchObject({ code: 'ERR_NETWORK' })
  expect(made.getPeers().map(String)).toEqual([good.peerId.toString()])
})

it('reaches a configured name that resolves to loopback, where nobody else\'s word would do', async () => {
  const good = await node()
  const made = await createLibp2p({
    ...peerweaveDefaults({ transports: [tcp()], connectionEncrypters: [noise()], streamMuxers: [yamux()] }),
    services: { identify: identify(), seeds: bootstrap({ list: [addressOf(good).replace('/ip4/127.0.0.1', '/dns4/localhost')] }) }
  })
  cleanups.push(() => made.stop())
  await until(() => made.getPeers().length === 1)
})

it('finds a node that comes up after us, and again after it was restarted', async () => {
  const privateKey = await generateKeyPair('Ed25519')
  const port = await freePort()
  const made = await newcomer([`/ip4/127.0.0.1/tcp/${port}/p2p/${peerIdFromPrivateKey(privateKey)}`])
  await until(() => (made.services.seeds.nodes()[0]?.failures ?? 0) > 0)
  const first = await node({ privateKey, port })
  await until(() => made.getPeers().length === 1, 'found', 15_000)
  await first.stop()
  await until(() => made.getPeers().length === 0)
  await node({ privateKey, port })
  await until(() => made.getPeers().length === 1, 'found again', 15_000)
  expect(made.services.seeds.nodes()[0]?.successes).toBeGreaterThanOrEqual(2)
}, 60_000)
