/** What gossipsub itself makes of the preset: real nodes on one address. */
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { createTestnet } from '@peerweave/testnet'
import { describe, expect, it } from 'vitest'
import { until } from '../../../test/support/until.ts'
import { gossip, gossipsubPreset } from '../src/index.ts'
import { encodeAnnouncement } from '../src/message.ts'
import { TOPIC } from './support.ts'
import type { GossipSub } from '@libp2p/gossipsub'
import type { PeerId, PrivateKey } from '@libp2p/interface'

/** Fourteen nodes around one, all at 127.0.0.1: it sees more of them at one address than gossipsub's own bound of ten. */
const AROUND = 14

/** What gossipsub has and its type does not tell. */
interface Scoring {
  peers: Map<string, unknown>
  score: { score: (id: string) => number }
  acceptFrom: (id: string) => boolean
  getMeshPeers: (topic: string) => string[]
}

function scoring (pubsub: GossipSub): Scoring {
  return pubsub as unknown as Scoring
}

/** The score of each peer at the node in the middle. */
function scores (pubsub: GossipSub): number[] {
  const { peers, score } = scoring(pubsub)
  return [...peers.keys()].map(id => score.score(id))
}

describe('fifteen nodes on one address', () => {
  const wiring = Array.from({ length: AROUND }, (_, i) => [i + 1, 0] as const)

  it('with "lan" keep their mesh', async () => {
    await using net = await createTestnet(AROUND + 1, { seed: 1, wiring, pubsub: gossipsubPreset({ colocation: 'lan' }), mechanisms: () => ({ gossip: gossip() }) })
    const { pubsub } = net.node(0).services
    await until(() => pubsub.getSubscribers(TOPIC).length === AROUND)
    await until(() => scoring(pubsub).getMeshPeers(TOPIC).length >= 4, 'a mesh', 10_000)
    expect(scores(pubsub).every(score => score >= 0)).toBe(true)
  })

  it('with "nat" too, up to the number given', async () => {
    await using net = await createTestnet(AROUND + 1, { seed: 1, wiring, pubsub: gossipsubPreset({ colocation: 'nat' }), mechanisms: () => ({ gossip: gossip() }) })
    const { pubsub } = net.node(0).services
    await until(() => pubsub.getSubscribers(TOPIC).length === AROUND)
    expect(scores(pubsub)).toEqual(Array(AROUND).fill(0))
  })

  it('with "internet", gossipsub\'s own default, take each other for an attack and have no mesh', async () => {
    const preset = gossipsubPreset({ colocation: 'internet' })
    await using net = await createTestnet(AROUND + 1, { seed: 1, wiring, pubsub: preset, mechanisms: () => ({ gossip: gossip() }) })
    const { pubsub } = net.node(0).services
    await until(() => scores(pubsub).length === AROUND)
    // -5 × (14 - 10)²
    await until(() => scores(pubsub).every(score => score <= -80), 'everybody has lost score')
    await until(() => scoring(pubsub).getMeshPeers(TOPIC).length === 0, 'the mesh is empty')
  })
})

it('who sends three invalid announcements is below -80 and heard no more, and nobody else is', async () => {
  await using net = await createTestnet(3, { seed: 1, wiring: [[1, 0], [2, 0]], pubsub: gossipsubPreset({ colocation: 'lan' }), mechanisms: () => ({ gossip: gossip() }) })
  const [judge, liar, honest] = [net.node(0), net.node(1), net.node(2)]
  const { pubsub, gossip: ours } = judge.services
  await until(() => [liar, honest].every(({ services }) => services.pubsub.getSubscribers(TOPIC).length === 1))
  for (let i = 0; i < 3; i++) await liar.services.pubsub.publish(TOPIC, encodeAnnouncement(new Uint8Array(100)))
  await until(() => scoring(pubsub).score.score(liar.peerId.toString()) < -80)
  // A peer that was good is heard for a second longer.
  await until(() => !scoring(pubsub).acceptFrom(liar.peerId.toString()))
  expect(scoring(pubsub).acceptFrom(honest.peerId.toString())).toBe(true)
  expect(scoring(pubsub).score.score(honest.peerId.toString())).toBeGreaterThanOrEqual(0)

  const ignored = ours.status().dropped
  await liar.services.pubsub.publish(TOPIC, encodeAnnouncement(new Uint8Array(101)))
  await honest.services.pubsub.publish(TOPIC, encodeAnnouncement(new Uint8Array(102)))
  await until(() => (ours.status().dropped['not-its-own'] ?? 0) > (ignored['not-its-own'] ?? 0))
  expect(ours.status().dropped['not-its-own']).toBe(4)
})

describe('copies of a message', () => {
  const { fastMsgIdFn } = gossipsubPreset({ colocation: 'lan' })
  const from = new Uint8Array(38).fill(1)
  const seqno = new Uint8Array(8).fill(2)

  it('are told by author and number', () => {
    const id = fastMsgIdFn({ from, seqno })
    expect(fastMsgIdFn({ from: from.slice(), seqno: seqno.slice() })).toBe(id)
    expect(fastMsgIdFn({ from: from.with(37, 3), seqno })).not.toBe(id)
    expect(fastMsgIdFn({ from, seqno: seqno.with(7, 3) })).not.toBe(id)
  })

  it.each([{}, { from }, { seqno }, { from, seqno: new Uint8Array(7) }, { from: new Uint8Array(1_000_000), seqno }])('not when it is not signed well: %#', message => {
    expect(fastMsgIdFn(message)).toBeUndefined()
  })

  it('are verified once, and a forged one that comes first hides nothing', async () => {
    await using net = await createTestnet(2, { seed: 1, pubsub: gossipsubPreset({ colocation: 'lan' }) })
    const { pubsub } = net.node(0).services
    const author = await generateKeyPair('Ed25519')
    let verified = 0
    const message = await signed(author)
    const receive = async (message: object): Promise<string> =>
      (await (pubsub as unknown as Receiving).validateReceivedMessage(net.node(1).peerId, message)).code
    const forged = { ...message, signature: new Uint8Array(64) }
    const counted = { ...message, get signature () { verified++; return message.signature } }
    expect(await receive(forged)).toBe('invalid')
    expect(await receive(counted)).toBe('valid')
    const once = verified
    expect(once).toBeGreaterThan(0)
    for (let i = 0; i < 5; i++) expect(await receive(counted)).toBe('duplicate')
    expect(verified).toBe(once)
  })
})

/** What gossipsub has and its type does not tell. */
interface Receiving {
  validateReceivedMessage: (source: PeerId, message: object) => Promise<{ code: string }>
}

/** As gossipsub signs (pubsub spec, "Message Signing"). */
async function signed (author: PrivateKey): Promise<{ from: Uint8Array, data: Uint8Array, seqno: Uint8Array, topic: string, signature: Uint8Array }> {
  const message = { from: peerIdFromPrivateKey(author).toMultihash().bytes, data: Uint8Array.of(1), seqno: new Uint8Array(8), topic: 'topic' }
  const field = (number: number, bytes: Uint8Array): Uint8Array[] => [Uint8Array.of(number << 3 | 2, bytes.length), bytes]
  const bytes = [
    new TextEncoder().encode('libp2p-pubsub:'), ...field(1, message.from), ...field(2, message.data), ...field(3, message.seqno),
    ...field(4, new TextEncoder().encode(message.topic))
  ]
  return { ...message, signature: await author.sign(Buffer.concat(bytes)) }
}
