/** Peers that speak kad-dht and mean no good. Real nodes. */
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { limits, names } from '@peerweave/interface'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { until } from '../../../test/support/until.ts'
import { providerKey } from '../src/index.ts'
import { all, bytes, makeNet, makeNode, makeStranger, within, type TestNode } from './support/net.ts'
import { frame, MESSAGE, record } from './support/kad-wire.ts'
import type { Libp2p, Stream } from '@libp2p/interface'

const protocol = names().protocols.kad

/** A node that runs no DHT, connected to `victim`. */
async function attacker (victim: TestNode): Promise<Libp2p> {
  const node = await makeStranger()
  await node.dial(victim.address)
  return node
}

async function send (stream: Stream, chunk: Uint8Array): Promise<void> {
  if (!stream.send(chunk)) await stream.onDrain({ signal: AbortSignal.timeout(20_000) })
}

describe('20,000 provider records of one peer', () => {
  it('are kept within its quota, and honest providers stay findable', async () => {
    const nodes = await makeNet(4)
    const [victim, honest, asker] = nodes as [TestNode, TestNode, TestNode]
    const key = await providerKey(bytes('honest'))
    await honest.node.contentRouting.provide(key, within(5_000))
    await until(() => victim.dht.metrics().storedProviders! >= 1, 'the honest record')
    const before = victim.dht.metrics().storedProviders!
    const node = await attacker(victim)
    const stream = await node.dialProtocol(victim.node.peerId, protocol)
    for (let i = 0; i < 20_000; i++) {
      const multihash = (await providerKey(bytes(`flood ${i}`))).multihash.bytes
      await send(stream, frame({ type: MESSAGE.ADD_PROVIDER, key: multihash, providers: [{ id: node.peerId, multiaddrs: node.getMultiaddrs() }] }))
    }
    await send(stream, frame({ type: MESSAGE.PING }))
    for await (const _ of stream) break // the answer comes after all before it
    const { storedProviders } = victim.dht.metrics()
    expect(storedProviders! - before).toBeLessThanOrEqual(limits.dhtProvidersPerPeer + 3) // announcements of the others go on meanwhile
    expect(storedProviders! - before).toBeGreaterThanOrEqual(limits.dhtProvidersPerPeer)
    const found = await all(asker.node.contentRouting.findProviders(key, within(5_000)))
    expect(found.map(({ id }) => id.toString())).toEqual([honest.node.peerId.toString()])
  })

  it('with keys of any length: one that is longer than a multihash has to be is refused', async () => {
    const [victim] = await makeNet(2) as [TestNode, TestNode]
    const before = victim.dht.metrics().storedProviders!
    const node = await attacker(victim)
    // CIDv1, raw, identity hash of 60,000 bytes: kad-dht makes a datastore key of it.
    const digest = new Uint8Array(60_000)
    const key = Uint8Array.of(0x01, 0x55, 0x00, 0xe0, 0xd4, 0x03, ...digest)
    const stream = await node.dialProtocol(victim.node.peerId, protocol)
    await send(stream, frame({ type: MESSAGE.ADD_PROVIDER, key, providers: [{ id: node.peerId, multiaddrs: node.getMultiaddrs() }] }))
    await until(() => victim.dht.status().dropped['quota'] === 1, 'refused')
    expect(victim.dht.metrics().storedProviders! - before).toBeLessThanOrEqual(2)
  })
})

describe('an answer that tells of a thousand peers', () => {
  it('fills the peer store with no more than one answer may', async () => {
    const victim = await makeNode()
    const node = await makeStranger()
    const ids = await Promise.all(Array.from({ length: 1_000 }, async () => peerIdFromPrivateKey(await generateKeyPair('Ed25519'))))
    const closer = ids.map((id, i) => ({ id, multiaddrs: [multiaddr(`/ip4/127.0.0.1/tcp/${1 + i % 50}`)] }))
    await node.handle(protocol, stream => {
      stream.addEventListener('message', () => { stream.send(frame({ type: MESSAGE.FIND_NODE, closer })) })
    })
    await node.dial(victim.address)
    await until(() => (victim.dht.status().dropped['too-many-peers'] ?? 0) > 800, 'an answer that was cut', 15_000)
    const known = await victim.node.peerStore.all()
    expect(known.length).toBeLessThanOrEqual(limits.dhtPeersPerAnswer * 4) // a few answers, each with the same first ones
    expect(known.length).toBeLessThan(200)
  })
})

describe('an answer of megabytes', () => {
  it('is cut off', async () => {
    const victim = await makeNode()
    const node = await makeStranger()
    const id = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
    const closer = [{ id, multiaddrs: Array.from({ length: 100_000 }, () => multiaddr('/ip4/127.0.0.1/tcp/1')) }]
    await node.handle(protocol, stream => {
      stream.addEventListener('message', () => { stream.send(frame({ type: MESSAGE.FIND_NODE, closer })) })
    })
    await node.dial(victim.address)
    await until(() => (victim.dht.status().dropped['answer-too-long'] ?? 0) > 0, 'an answer that was cut off', 15_000)
  })
})

describe('a provider that says every time that it is elsewhere', () => {
  it('is remembered at so many addresses and no more, one for each message', async () => {
    const [victim] = await makeNet(2) as [TestNode]
    const node = await attacker(victim)
    const stream = await node.dialProtocol(victim.node.peerId, protocol)
    const key = (await providerKey(bytes('somewhere'))).multihash.bytes
    const before = victim.dht.metrics().storedProviders!
    for (let i = 0; i < 40; i++) {
      const multiaddrs = Array.from({ length: 8 }, (_, j) => multiaddr(`/ip4/127.0.${i}.${j}/tcp/4001`))
      const again = Array.from({ length: 50 }, () => ({ id: node.peerId, multiaddrs }))
      await send(stream, frame({ type: MESSAGE.ADD_PROVIDER, key, providers: again }))
    }
    await send(stream, frame({ type: MESSAGE.PING }))
    for await (const _ of stream) break
    expect(victim.dht.metrics().storedProviders! - before).toBeLessThanOrEqual(4) // announcements of the others go on meanwhile
    const { addresses } = await victim.node.peerStore.get(node.peerId)
    expect(addresses.length).toBeLessThanOrEqual(limits.addressesPerPeer)
    expect(addresses.length).toBeGreaterThanOrEqual(8)
  })
})

describe('a peer that holds an old value, and refuses a better one', () => {
  it('keeps nobody from the better one', async () => {
    const rules = { validate: () => {}, select: (_key: Uint8Array, values: Uint8Array[]) => values.findIndex(value => value[0] === Math.max(...values.map(([first]) => first ?? 0))) }
    const [one, two] = await makeNet(2) as [TestNode, TestNode]
    for (const { dht } of [one, two]) dht.acceptRecords('test', rules)
    const key = bytes('/test/stale')
    await two.dht.dht.put(key, Uint8Array.of(5), within(5_000))
    const asker = await makeNode({ bootstrapNodes: [one.address] })
    asker.dht.acceptRecords('test', rules)
    const stranger = await makeStranger()
    await stranger.handle(protocol, stream => {
      stream.addEventListener('message', ({ data }) => {
        const type = data.subarray()[2]
        if (type === MESSAGE.PUT_VALUE) stream.abort(new Error('no'))
        else stream.send(frame(type === MESSAGE.GET_VALUE ? { type, key, record: record(key, Uint8Array.of(3)) } : { type: MESSAGE.FIND_NODE }))
      })
    })
    await stranger.dial(asker.address)
    await until(() => asker.dht.metrics().tableSize === 3, 'all three in the table', 10_000)
    const values = await all(asker.dht.dht.get(key, within(5_000)))
    expect(new Set(values.map(({ value }) => value[0]))).toEqual(new Set([3, 5]))
    expect(values.find(({ value }) => value[0] === 3)?.from.equals(stranger.peerId)).toBe(true)
    expect(await asker.node.contentRouting.get(key, within(5_000))).toEqual(Uint8Array.of(5))
  })
})

describe('a peer that sends', () => {
  it.each([
    ['any bytes at all', fc.uint8Array({ maxLength: 200 })],
    ['frames of any bytes', fc.uint8Array({ maxLength: 100 }).map(body => Uint8Array.of(body.length, ...body))],
    ['messages of any kind', fc.record({
      type: fc.integer({ min: 0, max: 7 }),
      key: fc.oneof(fc.uint8Array({ maxLength: 60 }), fc.constant(bytes('/pk/x')), fc.constant(bytes('/test/x'))),
      record: fc.uint8Array({ maxLength: 40 })
    }).map(frame)]
  ])('%s, harms nobody', async (_what, arbitrary) => {
    const [victim, other] = await makeNet(2) as [TestNode, TestNode]
    const node = await attacker(victim)
    await fc.assert(fc.asyncProperty(fc.array(arbitrary, { minLength: 1, maxLength: 4 }), async chunks => {
      const stream = await node.dialProtocol(victim.node.peerId, protocol, within(5_000))
      for (const chunk of chunks) {
        try {
          await send(stream, chunk)
        } catch {
          break // it was closed on us
        }
      }
      stream.abort(new Error('enough'))
    }), { numRuns: 60 })
    expect(await all(other.dht.dht.getClosestPeers(bytes('key'), within(5_000)))).toHaveLength(1)
    expect(victim.dht.status().state).toBe('running')
  })
})
