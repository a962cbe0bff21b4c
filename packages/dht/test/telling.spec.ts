/** What kad-dht, behind our stand-ins, tells whom: nobody what he could not believe of us. */
import { complianceContext } from '@peerweave/compliance'
import { dropCounter, seededRng, systemClock } from '@peerweave/interface'
import { defaultLogger } from '@libp2p/logger'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { expect, it } from 'vitest'
import { peer } from '../../../test/support/peers.ts'
import { Beliefs } from '../src/beliefs.ts'
import { resolveOptions, type DhtOptions } from '../src/options.ts'
import { OwnKad, type KadNode } from '../src/own-kad.ts'
import { cleanUp } from './support/net.ts'
import { fakeNode } from './support/fake-node.ts'
import { MESSAGE } from './support/kad-wire.ts'
import type { PeerId } from '@libp2p/interface'

interface Message {
  type?: string
  key?: Uint8Array
  closer: Array<{ multiaddrs: Uint8Array[] }>
  providers: Array<{ id?: Uint8Array, multiaddrs: Uint8Array[] }>
}

/** Where kad-dht writes what nobody answers. */
const WRITE = '_writeMessage'

interface Inside {
  rpc: { handleMessage: (peer: PeerId, message: Message) => Promise<Message> }
  network: { [WRITE]: (stream: object, message: Message, options: object) => Promise<void> }
  routingTable: { add: (peer: PeerId) => Promise<void> }
  components: KadNode
}

const [contact, asker] = [await peer(1), await peer(2)]
const BOOK = ['/ip4/1.2.3.4/tcp/1', '/ip4/192.168.1.2/tcp/1', '/ip4/127.0.0.1/tcp/1'].map(text => multiaddr(text))

/** A server with one contact, asked by somebody who is at `from`. */
async function serve (options: DhtOptions, from: string): Promise<{ kad: Inside, sent: Uint8Array[] }> {
  const context = await complianceContext()
  const connections = new Map<string, Multiaddr>([[contact.toString(), multiaddr('/ip4/1.2.3.4/tcp/1')], [asker.toString(), multiaddr(from)]])
  const sent: Uint8Array[] = []
  const node = fakeNode(context, {
    addressManager: { getAddresses: () => BOOK },
    connectionManager: {
      getConnections: (id?: PeerId) => [...connections].filter(([known]) => id == null || known === id.toString()).map(([, remoteAddr]) => ({
        status: 'open', direct: true, remoteAddr, newStream: async () => Object.assign(new EventTarget(), { writeStatus: 'writable', push: () => {}, log: defaultLogger().forComponent('stream'), send: (data: { subarray: () => Uint8Array }) => sent.push(data.subarray()) > 0 })
      }))
    },
    registrar: { register: async () => 'topology', unregister: () => {}, handle: async () => {}, unhandle: async () => {} }
  })
  node.book.set(contact.toString(), BOOK)
  Object.assign(node.peerStore as object, { getInfo: async (id: PeerId) => ({ id, multiaddrs: node.book.get(id.toString()) ?? [] }) })
  const { drop } = dropCounter()
  const { kad: resolved } = resolveOptions(options)
  const own = new OwnKad({
    node: node as unknown as KadNode,
    host: { ...context.ports.host, self: context.ports.host.self },
    options: resolved,
    clock: systemClock(),
    rng: seededRng(1),
    drop,
    beliefs: new Beliefs({ policy: undefined, isPublicOnly: resolved.addresses === 'public', drop }),
    log: defaultLogger().forComponent('test'),
    onPeer: () => {}
  })
  const controller = new AbortController()
  await own.start(controller.signal)
  cleanUp(async () => {
    controller.abort()
    await own.stop()
  })
  const kad = own.kad as unknown as Inside
  await kad.routingTable.add(contact)
  return { kad, sent }
}

const text = (peers: Array<{ multiaddrs: Uint8Array[] }>): string[] => peers.flatMap(({ multiaddrs }) => multiaddrs.map(bytes => multiaddr(bytes).toString()))
const request = (type: number): Message => ({ type: Object.entries(MESSAGE).find(([, value]) => value === type)?.[0] ?? '', key: asker.toMultihash().bytes, closer: [], providers: [] })

it.each([
  ['/ip4/9.9.9.9/tcp/1', 1, 'a stranger on the internet'],
  ['/ip4/192.168.1.9/tcp/1', 2, 'somebody on our site'],
  ['/ip4/127.0.0.1/tcp/9', 3, 'somebody on this machine']
])('whoever asks from %s learns the first %d addresses: %s', async (from, count) => {
  const { kad } = await serve({}, from)
  for (const type of [MESSAGE.FIND_NODE, MESSAGE.GET_VALUE]) {
    const { closer } = await kad.rpc.handleMessage(asker, request(type))
    expect(text(closer)).toEqual(BOOK.slice(0, count).map(String))
  }
})

it('with the preset for strangers nobody learns a private one, whatever he asks for', async () => {
  const { kad } = await serve({ preset: 'internet', mode: 'server' }, '/ip4/192.168.1.9/tcp/1')
  for (const type of [MESSAGE.FIND_NODE, MESSAGE.GET_VALUE]) {
    const { closer } = await kad.rpc.handleMessage(asker, request(type))
    expect(text(closer)).toEqual([BOOK[0]!.toString()])
  }
})

it('a server on the internet is sent those of our addresses that are for it, and nothing where there is none', async () => {
  const { kad, sent } = await serve({}, '/ip4/9.9.9.9/tcp/1')
  const announce = async (addresses: Multiaddr[]): Promise<void> => {
    const stream = await kad.components.connectionManager.openStream(asker, '/kad')
    const providers = [{ id: contact.toMultihash().bytes, multiaddrs: addresses.map(({ bytes }) => bytes) }]
    await kad.network[WRITE](stream, { type: 'ADD_PROVIDER', key: Uint8Array.of(1), closer: [], providers }, { signal: AbortSignal.timeout(1_000) })
  }
  await announce(BOOK)
  const said = Buffer.concat(sent)
  expect(BOOK.map(({ bytes }) => said.includes(Buffer.from(bytes)))).toEqual([true, false, false])
  await expect(announce(BOOK.slice(1))).rejects.toMatchObject({ code: 'ERR_DHT' })
})
