/** The vectors of docs/protocols/dht.md. */
import { readFileSync } from 'node:fs'
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { names } from '@peerweave/interface'
import { describe, expect, it } from 'vitest'
import { until } from '../../../test/support/until.ts'
import { namespaceKey, peerKey } from '../src/index.ts'
import { frame, MESSAGE } from './support/kad-wire.ts'
import { all, makeNode, makeStranger } from './support/net.ts'
import type { Datastore, Key } from 'interface-datastore'

interface Vectors {
  namespaces: Record<string, string>
  peerId: string
  peerKey: string
  multihash: string
  stored: string
  address: string
  message: string
}

const page = readFileSync(new URL('../../../docs/protocols/dht.md', import.meta.url), 'utf8')
const vectors = JSON.parse(/```json\n([^]*?)```/.exec(page)?.[1] ?? '') as Vectors

describe('the vectors of the DHT page', () => {
  it.each(Object.entries(vectors.namespaces))('the namespace %j is under %s', async (namespace, key) => {
    expect((await namespaceKey(namespace)).toString()).toBe(key)
  })

  it('our default namespace is the first of them', async () => {
    const [first] = Object.keys(vectors.namespaces)
    expect(names().namespaces.peers).toBe(first)
    expect(Buffer.from((await namespaceKey(first!)).multihash.bytes).toString('hex')).toBe(vectors.multihash)
  })

  it('the peer is under its own key', async () => {
    expect((await peerKey(peerIdFromString(vectors.peerId))).toString()).toBe(vectors.peerKey)
  })

  it('its message is what we would write by hand', () => {
    const providers = [{ id: peerIdFromString(vectors.peerId), multiaddrs: [multiaddr(vectors.address)] }]
    const message = frame({ type: MESSAGE.ADD_PROVIDER, key: Buffer.from(vectors.multihash, 'hex'), providers })
    expect(Buffer.from(message).toString('hex')).toBe(vectors.message)
  })

  it('kad-dht writes that message, and keeps the record there', async () => {
    const received: string[] = []
    const { node, components, dht } = await makeNode()
    const listener = await makeStranger()
    await listener.handle(names().protocols.kad, stream => {
      stream.addEventListener('message', ({ data }) => {
        received.push(Buffer.from(data.subarray()).toString('hex'))
        stream.send(frame({ type: MESSAGE.FIND_NODE })) // nobody is nearer
      })
    })
    await listener.dial(node.getMultiaddrs())
    await until(() => dht.metrics().lastConfirmations === 1, 'announced', 10_000)

    const { datastore } = components as unknown as { datastore: Datastore }
    const kept = await all(datastore.queryKeys({ prefix: '/dht/provider' }) as AsyncIterable<Key>)
    expect(kept.map(String)).toContain(vectors.stored.replace(vectors.peerId, node.peerId.toString()))

    const providers = [{ id: node.peerId, multiaddrs: node.getMultiaddrs() }]
    const message = Buffer.from(frame({ type: MESSAGE.ADD_PROVIDER, key: Buffer.from(vectors.multihash, 'hex'), providers })).toString('hex')
    await until(() => received.includes(message), 'the message', 10_000)
  })
})
