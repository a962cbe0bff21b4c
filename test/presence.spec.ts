/**
 * Who is there and who is not, as whole nodes see it: `multi` with its defaults over bootstrap and exchange, in the
 * simulator, where a crash is silence without a close.
 */
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { bootstrap } from '@peerweave/bootstrap'
import { memory, MemoryHub, multi, type Multi } from '@peerweave/multi'
import { memoryPeerStore } from '@peerweave/peer-store'
import { simulate, type SimNode, type World } from '@peerweave/simulator'
import { describe, expect, it } from 'vitest'
import type { PeerId } from '@libp2p/interface'

interface App {
  /** Says what the test tells it to, as somebody who only repeats. */
  hub: MemoryHub
  multi: Multi
  expired: string[]
  stop: () => Promise<void>
}

/** Whom everybody is configured with. */
const SEEDS = 3

/** Nodes that have found each other. */
async function net (nodes: number, seed = 1): Promise<World<App>> {
  const seeds: Multiaddr[] = []
  const world: World<App> = simulate<App>({
    seed,
    nodes,
    async setup ({ index, address, peerId, context, clock, rng, hashKey }: SimNode) {
      const list = seeds.map(seed => seed.toString())
      if (index < SEEDS) seeds.push(address.encapsulate(`/p2p/${peerId}`))
      const hub = new MemoryHub()
      const made = multi({
        mechanisms: [bootstrap({ list, clock, rng }), memory({ hub, clock })], clock, rng, connect: { target: 8, maxPerGroup: Infinity }, store: memoryPeerStore({ clock, rng, hashKey })
      })(context)
      const expired: string[] = []
      made.addEventListener('peer:expire', ({ detail: { peer } }) => expired.push(peer.peerId.toString()))
      await made.start()
      return { hub, multi: made, expired, stop: async () => { await made.stop() } }
    }
  })
  await world.advance(120_000)
  return world
}

async function known (app: App): Promise<Set<string>> {
  return new Set((await Array.fromAsync(app.multi.peers())).map(({ peerId }) => peerId.toString()))
}

function appsOf (world: World<App>): App[] {
  return world.up().map(({ index }) => world.app(index) as App)
}

describe('a node that crashes', () => {
  it('has left the view of those connected to it within 8 s, and hearsay does not bring it back', async () => {
    const world = await net(20)
    for (const app of appsOf(world)) expect((await known(app)).size).toBe(19)
    const victim = world.node(10) as SimNode
    const neighbours = world.up().filter(({ host }) => host.connections().some(({ peer }) => peer.equals(victim.peerId))).map(({ index }) => world.app(index) as App)
    expect(neighbours.length).toBeGreaterThan(3)
    world.crash(10)
    await world.advance(8_500)
    for (const { expired, multi } of neighbours) {
      expect(expired).toContain(victim.peerId.toString())
      expect(multi.explain(victim.peerId)).toMatchObject({ state: 'quarantined', departed: { cause: 'silence' }, claims: [] })
    }
    for (const { hub } of neighbours) {
      hub.tell({ record: undefined, tell: () => {} }, () => ({
        kind: 'claim', peerId: victim.peerId, multiaddrs: [victim.address], ttl: 600_000, reporter: { configured: true }
      }))
    }
    await world.advance(240_000)
    for (const { multi } of neighbours) expect(multi.refusals().memory?.quarantined).toBe(1)
    for (const app of neighbours) expect(await known(app)).not.toContain(victim.peerId.toString())
  })
})

describe('a node whose network is gone for ten minutes', () => {
  it('forgets nobody, and is itself again within 10 s', async () => {
    const world = await net(12)
    const app = world.app(5) as App
    // Of whom nobody will say anything meanwhile.
    const node = world.node(5) as SimNode
    const source = { path: 'test', type: 'test', group: 'test' }
    const strangers = await Promise.all([60_000, 10_000].map(async ttl => {
      const peerId = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
      const [observedAt, multiaddrs] = [node.clock.now(), [multiaddr('/ip4/10.9.9.9/tcp/1')]]
      await app.multi.store.addPeer({ peerId, multiaddrs, source, observedAt, expiresAt: observedAt + ttl })
      return peerId
    }))
    const before = await known(app)
    world.network.cut(nameOf(world, 5))
    await world.advance(300_000)
    node.clock.stall(60_000)
    await world.advance(300_000)
    expect(app.expired).toEqual([])
    // Time that is taken back is taken back once.
    const [left] = app.multi.store.evidence(strangers[0] as PeerId)
    expect((left?.expiresAt ?? 0) - node.clock.now()).toBeLessThanOrEqual(60_000)
    expect(await known(app)).toEqual(before)
    world.network.heal(nameOf(world, 5))
    await world.advance(10_000)
    for (const id of [...before].filter(id => !strangers.some(stranger => stranger.toString() === id))) expect(await known(app)).toContain(id)
    expect(world.node(5)?.host.connections().length).toBeGreaterThan(0)
    expect(app.expired.filter(id => !strangers.some(stranger => stranger.toString() === id))).toEqual([])
  })
})

function nameOf (world: World<App>, index: number): string {
  return (world.node(index) as SimNode).name
}
