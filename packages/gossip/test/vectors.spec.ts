/** The vectors of docs/protocols/gossip.md: what we say, byte for byte, and what is made of it. */
import { readFileSync } from 'node:fs'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { describe, expect, it } from 'vitest'
import { createNet, peer, stop, TOPIC } from './support.ts'
import type { PrivateKey } from '@libp2p/interface'

interface Said {
  seq: string
  message: string
}

interface Vectors {
  seed: string
  peerId: string
  topic: string
  address: string
  announcement: Said
  departure: Said
  rejected: Record<string, string>
}

const page = readFileSync(new URL('../../../docs/protocols/gossip.md', import.meta.url), 'utf8')
const vectors = JSON.parse(/```json\n([^]*?)```/.exec(page)?.[1] ?? '') as Vectors
const { announcement, departure, rejected } = vectors
const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'))

async function key (): Promise<PrivateKey> {
  return await generateKeyPairFromSeed('Ed25519', bytes(vectors.seed))
}

describe('the vectors of the gossip page', () => {
  it('are of this identity and topic', async () => {
    expect([String(peerIdFromPrivateKey(await key())), TOPIC]).toEqual([vectors.peerId, vectors.topic])
  })

  it('are what a node says, when it comes and when it goes', async () => {
    const net = createNet()
    // At the moment that the first record's number is.
    net.clock.stepWall(Number(announcement.seq) - net.clock.wall())
    const said: string[] = []
    const member = await net.member({}, {
      privateKey: await key(),
      addresses: [multiaddr(vectors.address)],
      prepare ({ ports: { pubsub } }) {
        const { publish } = pubsub
        pubsub.publish = async (topic, data) => {
          if (topic === vectors.topic) said.push(Buffer.from(data).toString('hex'))
          return await publish(topic, data)
        }
      }
    })
    await net.connect(await net.listener(), member)
    await net.clock.advance(0)
    await stop(member, net.clock)
    expect([said[0], said.at(-1)]).toEqual([announcement.message, departure.message])
  })

  it('are read as they are meant', async () => {
    const net = createNet()
    const member = await net.member()
    const [from, via] = [peerIdFromPrivateKey(await key()), await peer(1)]
    expect(await member.deliver({ data: bytes(announcement.message), from, via })).toBe('accept')
    expect(member.said).toMatchObject([{ kind: 'claim' }])
    const [claim] = member.said
    if (claim?.kind !== 'claim') throw new Error('no claim')
    expect([String(claim.peerId), claim.multiaddrs.map(String)]).toEqual([vectors.peerId, [vectors.address]])
    expect(await member.deliver({ data: bytes(departure.message), from, via })).toBe('accept')
    expect(member.claimed()).toEqual([])
  })

  it.each(Object.entries(rejected))('%s is rejected', async (_what, message) => {
    const member = await createNet().member()
    const [from, via] = [peerIdFromPrivateKey(await key()), await peer(1)]
    expect(await member.deliver({ data: bytes(message), from, via })).toBe('reject')
  })
})
