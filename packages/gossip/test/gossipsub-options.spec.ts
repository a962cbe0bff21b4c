/** What gossipsub itself makes of the preset: real nodes on one address. */
import { createTestnet } from '@peerweave/testnet'
import { describe, expect, it } from 'vitest'
import { until } from '../../../test/support/until.ts'
import { gossip, gossipsubPreset } from '../src/index.ts'
import { encodeAnnouncement } from '../src/message.ts'
import { TOPIC } from './support.ts'
import type { GossipSub } from '@libp2p/gossipsub'

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
