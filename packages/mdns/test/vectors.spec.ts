/** The vectors of docs/protocols/mdns.md: what we send, byte for byte, and what is made of it. */
import { readFileSync } from 'node:fs'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { seededRng, virtualClock } from '@peerweave/interface'
import { encode } from 'dns-packet'
import { describe, expect, it } from 'vitest'
import { createPeer, MemoryLink, withdrawalsOf, type Peer } from './support.ts'
import type { MdnsOptions } from '../src/index.ts'

interface Vectors {
  seed: string
  peerId: string
  address: string
  peerName: string
  packets: Record<'question' | 'answer' | 'goodbye' | 'probe' | 'announcement' | 'serviceGoodbye', string>
}

const page = readFileSync(new URL('../../../docs/protocols/mdns.md', import.meta.url), 'utf8')
const vectors = JSON.parse(/```json\n([^]*?)```/.exec(page)?.[1] ?? '') as Vectors
const host = vectors.address.split('/')[2] ?? ''
const service: MdnsOptions = { libp2p: false, service: { type: '_olocus._tcp', name: 'Kitchen', host: 'oven', subtypes: ['printer'], protocols: ['/example/1'], text: { txtvers: '1' } } }

/** Everything that a host says from start to goodbye, in hex. */
async function sent (options: MdnsOptions): Promise<string[]> {
  const clock = virtualClock()
  const link = new MemoryLink(clock)
  const id = peerIdFromPrivateKey(await generateKeyPairFromSeed('Ed25519', Buffer.from(vectors.seed, 'hex')))
  expect(String(id)).toBe(vectors.peerId)
  const peer = await createPeer({ network: link.network(host), clock, rng: seededRng(1), peerName: vectors.peerName, id, ...options }, vectors.address)
  await peer.mechanism.start()
  await clock.advance(10_000)
  await peer.leave()
  return link.seen.map(({ packet }) => encode(packet).toString('hex'))
}

/** A peer that hears one packet after another. */
async function hears (options: MdnsOptions, ...packets: string[]): Promise<Peer> {
  const clock = virtualClock()
  const link = new MemoryLink(clock)
  const peer = await createPeer({ network: link.network('192.168.7.9'), clock, rng: seededRng(1), ...options })
  await peer.mechanism.start()
  for (const packet of packets) {
    link.inject(Buffer.from(packet, 'hex'), { address: host, port: 5353 })
    await clock.advance(1_500)
  }
  await peer.leave()
  return peer
}

describe('the vectors of the mDNS page', () => {
  const { packets } = vectors

  it('are what we send in the libp2p form', async () => {
    const all = await sent({})
    expect([all.find(packet => packet.slice(4, 5) === '0'), all.find(packet => packet.slice(4, 5) === '8'), all.at(-1)]).toEqual([packets.question, packets.answer, packets.goodbye])
  })

  it('are what we send in the DNS-SD form', async () => {
    const all = await sent(service)
    expect([all.find(packet => packet.includes('00ff0001')), all.find(packet => packet.slice(4, 5) === '8'), all.at(-1)]).toEqual([packets.probe, packets.announcement, packets.serviceGoodbye])
  })

  it.each<[string, MdnsOptions, string, string, string[]]>([
    ['libp2p', {}, packets.answer, packets.goodbye, []],
    ['DNS-SD', { libp2p: false, service: { type: '_olocus._tcp' } }, packets.announcement, packets.serviceGoodbye, ['/example/1']]
  ])('are read as they are meant in the %s form', async (_form, options, announced, goodbye, protocols) => {
    const { events } = await hears(options, announced, goodbye)
    const [claim] = events
    if (claim?.kind !== 'claim') throw new Error('no claim')
    expect([String(claim.peerId), claim.multiaddrs.map(String), claim.ttl, claim.protocols ?? []]).toEqual([vectors.peerId, [vectors.address], 120_000, protocols])
    expect(withdrawalsOf(events, claim.peerId).map(({ multiaddrs }) => multiaddrs)).toEqual([undefined])
  })
})
