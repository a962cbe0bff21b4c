/** Real nodes over TCP on loopback. */
import process from 'node:process'
import { gossipsub, type GossipSub } from '@libp2p/gossipsub'
import { createTestnet, type Testnet, type TestnetOptions } from '@peerweave/testnet'
import { describe, expect, it } from 'vitest'
import { until } from '../../../test/support/until.ts'
import { gossip, gossipsubPreset, type Gossip, type GossipOptions } from '../src/index.ts'
import { encodeAnnouncement } from '../src/message.ts'
import { announcement, standing, TOPIC } from './support.ts'
import type { Sighting } from '@peerweave/interface'
import type { PeerId } from '@libp2p/interface'

const NODES = process.env.PEERWEAVE_TIER == null ? 20 : 50

interface Net {
  net: Testnet<{ gossip: Gossip, pubsub: GossipSub }>
  /** What each node's gossip said unasked. */
  said: Sighting[][]
  /** Whom each node's libp2p told its app of. */
  told: Array<Set<string>>
}

/** Plain libp2p nodes with gossip as a service. */
async function create (count: number, options: GossipOptions = {}, rest: Omit<TestnetOptions, 'mechanisms'> = {}): Promise<Net & AsyncDisposable> {
  const said: Sighting[][] = []
  const told: Array<Set<string>> = []
  const net = await createTestnet(count, {
    seed: 1,
    ...rest,
    mechanisms ({ index }) {
      return {
        gossip (components: { events: EventTarget }) {
          const made = gossip(options)(components)
          const heard: Sighting[] = said[index] = []
          made.addEventListener('sighting', ({ detail }) => heard.push(detail))
          const ids = told[index] = new Set<string>()
          components.events.addEventListener('peer:discovery', event => ids.add((event as CustomEvent<{ id: PeerId }>).detail.id.toString()))
          return made
        }
      }
    }
  })
  return { net: net as unknown as Net['net'], said, told, [Symbol.asyncDispose]: async () => await net.stop() }
}

describe('real nodes with gossip alone', () => {
  it(`${NODES} that each dialled three others converge: each tells its app of all, and who stops is withdrawn everywhere within 2 s`, async () => {
    await using made = await create(NODES, {}, { wiring: { links: 3 } })
    const { net, said, told } = made
    await until(() => told.every(ids => ids.size === NODES - 1), 'everybody knows everybody', 20_000)
    const leaver = net.node(7)
    const others = net.nodes.filter(({ index }) => index !== 7)
    const claims = (index: number): string[] => standing(said[index] ?? []).filter(key => key.startsWith(`${leaver.peerId} `))
    await until(() => others.every(({ index }) => claims(index).length > 0), 'all claim the one that will go')
    await leaver.stop()
    await until(() => others.every(({ index }) => claims(index).length === 0), 'all take it back', 2_000)
  })

  it('who crashes stays until its TTL, and nobody else can say its goodbye', async () => {
    await using made = await create(6, {}, { wiring: { links: 3 } })
    const { net, said, told } = made
    await until(() => told.every(ids => ids.size === 5))
    const [victim, liar, leaver] = [net.node(0), net.node(1), net.node(2)]
    const rest = [3, 4, 5]
    const withdrawn = (id: PeerId): number => rest.filter(index => said[index]?.some(({ kind, peerId }: Partial<Sighting> & { peerId?: PeerId }) => kind === 'withdraw' && peerId?.equals(id) === true)).length

    // What is rejected goes no further, so each neighbour must get it of the liar itself.
    const neighbours = net.nodes.filter(({ libp2p }) => libp2p.getConnections(liar.peerId).length > 0)
    await until(() => liar.services.pubsub.getSubscribers(TOPIC).length === neighbours.length)
    const forged = encodeAnnouncement(new Uint8Array(150))
    const foreign = await announcement(1, 2n ** 60n)
    for (const data of [forged, foreign]) await liar.services.pubsub.publish(TOPIC, data)
    await until(() => neighbours.every(({ services }) => (services.gossip.status().dropped['not-its-own'] ?? 0) >= 2), 'both are refused by all neighbours')

    await victim.crash()
    await until(() => net.nodes.every(({ libp2p, isUp }) => !isUp || libp2p.getConnections(victim.peerId).length === 0))
    await leaver.stop()
    await until(() => withdrawn(leaver.peerId) === rest.length, 'the one that said goodbye is taken back')
    expect(withdrawn(victim.peerId)).toBe(0)
    for (const index of rest) {
      const claim = said[index]?.find(sighting => sighting.kind === 'claim' && sighting.peerId.equals(victim.peerId))
      if (claim != null) expect(claim).toMatchObject({ ttl: expect.closeTo(1_200_000, -5) })
    }
  })

  it('peers are added while it runs, and answer a ping', async () => {
    await using made = await create(3, { interval: 300_000 }, { wiring: [[2, 1]] })
    const { net, told } = made
    const { gossip } = net.node(0).services
    const [address] = net.node(1).addresses
    if (address == null) throw new Error('no address')
    await gossip.addPeer(address)
    await until(() => told[0]?.size === 2, 'the added one, and whom that one knows')
    expect(await gossip.ping(net.node(1).peerId)).toBeGreaterThan(0)
  })

  it('leave nothing behind when they stop', async () => {
    const held = (): string[] => process.getActiveResourcesInfo().filter(type => type !== 'Immediate' && type !== 'TickObject')
    const before = held().length
    {
      await using made = await create(6, {}, { wiring: { links: 3 } })
      await until(() => made.told.every(ids => ids.size === 5))
      expect(held().length).toBeGreaterThan(before)
    }
    await until(() => held().length <= before, 'timers and sockets are gone', 5_000)
  })
})

describe('a libp2p node', () => {
  it('may name its services in any order', async () => {
    const pubsub = (): ReturnType<typeof gossipsub> => gossipsub(gossipsubPreset({ colocation: 'lan' }))
    await using net = await createTestnet(2, { seed: 1, pubsub: false, wiring: [[0, 1]], mechanisms: ({ index }) => index === 0 ? { gossip: gossip(), pubsub: pubsub() } : { pubsub: pubsub(), gossip: gossip() } })
    for (const { services } of net.nodes) {
      await until(() => services.gossip.status().sightings > 0)
      expect(services.gossip.status().state).toBe('running')
    }
  })

  it('without gossipsub does not start, and says what to add', async () => {
    await using net = await createTestnet(1, { seed: 1, pubsub: false, start: false, mechanisms: { gossip: gossip() } })
    await expect(net.node(0).start()).rejects.toMatchObject({
      name: 'GossipError', message: 'gossip needs gossipsub: add it to the node\'s services as "pubsub", with identify'
    })
  })

  it('may call its gossipsub otherwise', async () => {
    await using net = await createTestnet(1, { seed: 1, pubsub: false, mechanisms: { gossip: gossip({ pubsub: 'rumours' }), rumours: gossipsub() } })
    expect(net.node(0).services.gossip.status().state).toBe('running')
  })
})
