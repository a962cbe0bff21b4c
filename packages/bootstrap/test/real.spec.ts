/** Real libp2p nodes over TCP, Noise and Yamux on loopback. */
import { createServer, type AddressInfo } from 'node:net'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import { noise } from '@libp2p/noise'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { names } from '@peerweave/interface'
import { peerweaveDefaults, portsFrom, type NodeComponents } from '@peerweave/libp2p'
import { multi } from '@peerweave/multi'
import { createLibp2p } from 'libp2p'
import { afterEach, expect, it } from 'vitest'
import { until } from '../../../test/support/until.ts'
import { bootstrap, type Bootstrap, type BootstrapOptions } from '../src/index.ts'
import { answer, record } from './support.ts'
import type { RequestHandler } from '@peerweave/interface'
import type { Libp2p, PeerId, PrivateKey } from '@libp2p/interface'

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

/** A node that others bootstrap from: it knows those who came. */
async function seed (list: string[] = []) {
  const made = await createLibp2p({
    ...peerweaveDefaults({ transports: [tcp()], connectionEncrypters: [noise()], streamMuxers: [yamux()], connectionManager: { inboundConnectionThreshold: Infinity } }, { allow: ['loopback'] }),
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    services: { identify: identify(), seeds: bootstrap({ list }) }
  })
  cleanups.push(() => made.stop())
  return made
}

/** A node that speaks the exchange in its own way. */
async function liar (handler: RequestHandler): Promise<{ node: Libp2p, asked: () => number }> {
  let asked = 0
  const service = (components: NodeComponents) => {
    const ports = portsFrom(components)
    return {
      async start () {
        await ports.start()
        await ports.rpc.handle(names().protocols.exchange, async (...args) => {
          asked++
          return await handler(...args)
        }, { maxRequest: 8_192, timeout: 60_000 })
      },
      stop: async () => await ports.stop()
    }
  }
  const made = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionManager: { inboundConnectionThreshold: Infinity },
    services: { identify: identify(), liar: service }
  })
  cleanups.push(() => made.stop())
  return { node: made, asked: () => asked }
}

it('as a plain libp2p service asks the node for its peers, which libp2p is told of, and brings our record', async () => {
  const good = await seed()
  const known = await seed([addressOf(good)])
  await until(() => good.getPeers().length === 1)
  const found = new Set<string>()
  // Not `newcomer`: the listener has to be there before the first round.
  const made = await createLibp2p({
    start: false,
    ...peerweaveDefaults({ transports: [tcp()], connectionEncrypters: [noise()], streamMuxers: [yamux()] }, { allow: ['loopback'] }),
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    services: { identify: identify(), seeds: bootstrap({ list: [addressOf(good)], enough: 1 }) }
  })
  cleanups.push(() => made.stop())
  made.addEventListener('peer:discovery', ({ detail }) => found.add(detail.id.toString()))
  const heard: string[] = []
  good.services.seeds.addEventListener('sighting', ({ detail }) => heard.push(`${detail.kind} ${'peerId' in detail && detail.peerId.equals(made.peerId)}`))
  await made.start()
  await until(() => found.has(known.peerId.toString()), 'the peer of the node is found')
  expect(found).toContain(good.peerId.toString())
  await until(() => heard.includes('claim true'), 'the node has our record')
  await made.stop()
  await until(() => heard.includes('withdraw true'), 'the node has our goodbye')
})

it('one good node is enough in every mix of dead, slow, wrong-id, lying and unresolvable ones: it and its peers are the view, and soon', async () => {
  const good = await seed()
  const known = await seed([addressOf(good)])
  await until(() => good.getPeers().length === 1)
  const nobody = async (): Promise<PeerId> => peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
  const silent = createServer(() => {}).listen(0, '127.0.0.1')
  await new Promise(resolve => silent.once('listening', resolve))
  cleanups.push(() => silent.close())
  const impostor = await node()
  const made = await record(1, ['/ip4/127.0.0.1/tcp/1'])
  const forged = made.bytes.map((byte, i, all) => i === all.length - 1 ? byte ^ 1 : byte)
  const liars = await Promise.all([
    async () => Uint8Array.of(0xff, 0xff),
    async (body: Uint8Array) => answer(body, { records: [forged, forged.subarray(9), new Uint8Array(60)] }),
    async () => answer(new Uint8Array(18).fill(0x0a, 0, 1).fill(0x10, 1, 2), { records: [made.bytes] }),
    async (body: Uint8Array) => answer(body, { records: Array<Uint8Array>(1_000).fill(made.bytes) }),
    async () => await new Promise<never>(() => {})
  ].map(liar))
  const bad: Record<string, string[]> = {
    dead: [`/ip4/127.0.0.1/tcp/${await freePort()}/p2p/${await nobody()}`],
    slow: [`/ip4/127.0.0.1/tcp/${(silent.address() as AddressInfo).port}/p2p/${await nobody()}`],
    wrongId: [addressOf(impostor).replace(impostor.peerId.toString(), String(await nobody()))],
    lying: liars.map(({ node }) => addressOf(node)),
    unresolvable: [`/dns4/nobody.invalid/tcp/1/p2p/${await nobody()}`]
  }
  const kinds = Object.keys(bad)
  for (let mix = 0; mix < 2 ** kinds.length; mix++) {
    const present = kinds.filter((_, i) => (mix >> i & 1) === 1)
    const list = [...present.flatMap(kind => bad[kind] ?? []), addressOf(good)]
    let seeds: Bootstrap | undefined
    const asked = liars.map(({ asked }) => asked())
    const made = await createLibp2p({
      ...peerweaveDefaults({ transports: [tcp()], connectionEncrypters: [noise()], streamMuxers: [yamux()] }, { allow: ['loopback'] }),
      services: {
        identify: identify(),
        discovery: multi({ mechanisms: [components => seeds = bootstrap({ list, timeout: 300, enough: 20 })(components)] })
      }
    })
    try {
      const view = async (): Promise<string[]> => (await Array.fromAsync(made.services.discovery.peers())).map(({ peerId }) => peerId.toString()).sort()
      const honest = [good, known].map(({ peerId }) => peerId.toString())
      await until(async () => (await view()).filter(id => honest.includes(id)).length === 2, `with ${present.join(', ')} the good node and its peer are seen`)
      // Now all had their chance to spoil it.
      await until(() => seeds?.nodes().every(({ successes, failures }) => successes + failures > 0), `with ${present.join(', ')} all were tried`)
      if (present.includes('lying')) await until(() => liars.every(({ asked: now }, i) => now() > (asked[i] as number)), 'all liars were asked')
      // A liar is there, whatever it says of others: it answered a dial by its own id.
      expect(await view(), present.join()).toEqual([...honest, ...present.includes('lying') ? liars.map(({ node }) => node.peerId.toString()) : []].sort())
      const failed = seeds?.nodes().filter(({ lastError }) => lastError != null) ?? []
      expect(failed, present.join()).toHaveLength(present.filter(kind => kind !== 'lying').length)
    } finally {
      await made.stop()
    }
  }
}, 120_000)
