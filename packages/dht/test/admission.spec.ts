/** kad-dht's own routing table behind our stand-ins, with connections from anywhere: on loopback there are no public ones. */
import { generateKeyPair } from '@libp2p/crypto/keys'
import { complianceContext } from '@peerweave/compliance'
import { dropCounter, nextTurn, seededRng, systemClock } from '@peerweave/interface'
import { defaultLogger } from '@libp2p/logger'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { afterEach, describe, expect, it } from 'vitest'
import { Beliefs } from '../src/beliefs.ts'
import { resolveOptions, type DhtOptions } from '../src/options.ts'
import { OwnKad, type KadNode } from '../src/own-kad.ts'
import { fakeNode } from './support/fake-node.ts'
import type { PeerId } from '@libp2p/interface'

interface Table {
  size: number
  add: (peer: PeerId) => Promise<void>
  remove: (peer: PeerId) => Promise<void>
  find: (peer: PeerId) => Promise<PeerId | undefined>
}

interface Rig {
  table: Table
  /** Adds a peer that is connected from, or can only be dialled at, this address; resolves with whether it is in. */
  arrive: (address: string, isConnected?: boolean) => Promise<{ peer: PeerId, isIn: boolean }>
  dials: Multiaddr[][]
  dropped: Record<string, number>
  /** Peers that answer no ping. */
  silent: Set<string>
  /** What kad-dht asks of the connection manager. */
  isDialable: (addresses: Multiaddr[]) => Promise<boolean>
  beliefs: Beliefs
  failing: { tags: boolean }
  /** What libp2p was asked then. */
  judged: string[]
  /** Tags that were set on peers. */
  tags: ReadonlySet<string>
}

const stops: Array<() => Promise<void>> = []
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
})

async function rig (options: DhtOptions): Promise<Rig> {
  const context = await complianceContext()
  const connections = new Map<string, Multiaddr>()
  const dials: Multiaddr[][] = []
  const silent = new Set<string>()
  const judged: string[] = []
  const node = fakeNode(context, {
    connectionManager: {
      getConnections: (peer?: PeerId) => [...connections].filter(([id]) => peer == null || id === peer.toString())
        .map(([, remoteAddr]) => ({ status: 'open', direct: true, remoteAddr })),
      isDialable: async (addresses: Multiaddr[]) => {
        judged.push(...addresses.map(String))
        return true
      }
    },
    registrar: { register: async () => 'topology', unregister: () => {}, handle: async () => {}, unhandle: async () => {} },
    ping: { ping: async (peer: PeerId) => {
      if (silent.has(peer.toString())) throw new Error('no answer')
      return 1
    } }
  })
  const host = {
    ...context.ports.host,
    self: context.ports.host.self,
    dial: async (targets: Multiaddr[]) => {
      dials.push(targets)
      const [target] = targets
      connections.set(target!.getComponents().at(-1)!.value!, target!)
      return { peer: context.ports.host.self, remoteAddr: target!, direction: 'outbound' as const, limited: false }
    }
  }
  const failing = { tags: false }
  const { peerStore } = node as unknown as { peerStore: { merge: (id: PeerId, data: { tags?: object }) => Promise<void> } }
  const { merge } = peerStore
  peerStore.merge = async (id, data) => {
    if (failing.tags && data.tags != null) throw new Error('no place')
    await merge(id, data)
  }
  const { dropped, drop } = dropCounter()
  const { kad: resolved } = resolveOptions(options)
  const beliefs = new Beliefs({ policy: undefined, isPublicOnly: resolved.addresses === 'public', drop })
  const own = new OwnKad({
    node: node as unknown as KadNode, host, options: resolved, clock: systemClock(), rng: seededRng(1), drop, beliefs,
    log: defaultLogger().forComponent('test'), onPeer: () => {}
  })
  const controller = new AbortController()
  await own.start(controller.signal)
  stops.push(async () => {
    controller.abort()
    await own.stop()
  })
  const table = own.kad.routingTable as unknown as Table
  return {
    table,
    failing,
    dials,
    dropped,
    silent,
    tags: node.tags,
    judged,
    beliefs,
    isDialable: async addresses => await (own.kad as unknown as { components: KadNode }).components.connectionManager.isDialable(addresses),
    async arrive (address, isConnected = true) {
      const peer = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
      if (isConnected) connections.set(peer.toString(), multiaddr(address))
      else node.book.set(peer.toString(), [multiaddr(address)])
      await table.add(peer)
      return { peer, isIn: await table.find(peer) != null }
    }
  }
}

describe('kad-dht’s table', () => {
  it('takes three of a network with the preset for strangers, two of them at one distance, and all others', async () => {
    const { table, arrive, dropped } = await rig({ preset: 'internet' })
    for (let i = 0; i < 300; i++) await arrive(`/ip4/1.${1 + i % 10}.3.${i % 200}/tcp/4001`)
    expect(table.size).toBeLessThanOrEqual(30)
    expect(table.size).toBeGreaterThanOrEqual(20)
    expect(dropped['crowded-group']).toBe(300 - table.size)
    const honest = await Promise.all(Array.from({ length: 15 }, async (_, i) => await arrive(`/ip4/2.${1 + i}.3.4/tcp/4001`)))
    expect(honest.every(({ isIn }) => isIn)).toBe(true)
  })

  it('takes as many at once as one after the other', async () => {
    const { table, arrive } = await rig({ preset: 'internet', diversity: { perTable: 3, perPrefix: 3 } })
    await Promise.all(Array.from({ length: 50 }, async (_, i) => await arrive(`/ip4/1.2.3.${i + 1}/tcp/4001`)))
    expect(table.size).toBe(3)
  })

  it('gives a place to the next when one has gone, and none to who does not answer', async () => {
    const { table, arrive, silent } = await rig({ preset: 'internet', diversity: { perTable: 1, perPrefix: 1 } })
    const first = await arrive('/ip4/1.2.3.4/tcp/4001')
    expect(first.isIn).toBe(true)
    expect((await arrive('/ip4/1.2.3.5/tcp/4001')).isIn).toBe(false)
    await table.remove(first.peer)
    expect((await arrive('/ip4/1.2.3.6/tcp/4001')).isIn).toBe(true)
    const mute = await arrive('/ip4/1.3.3.4/tcp/4001')
    expect(mute.isIn).toBe(true)
    await table.remove(mute.peer)
    silent.add(mute.peer.toString())
    await table.add(mute.peer)
    expect(await table.find(mute.peer)).toBeUndefined()
    expect((await arrive('/ip4/1.3.3.5/tcp/4001')).isIn).toBe(true) // what it had taken for the ping is free
  })

  it('counts who is in it also when the peer store has no place or no time for the tag', async () => {
    const { table, arrive, failing } = await rig({ preset: 'internet', diversity: { perTable: 2, perPrefix: 2 } })
    failing.tags = true
    for (let i = 0; i < 20; i++) {
      await arrive(`/ip4/1.2.3.${i + 1}/tcp/4001`).catch(() => {})
      for (let turn = 0; turn < 4; turn++) await nextTurn()
    }
    expect(table.size).toBe(2)
  })

  it('dials nobody of whom it is known that there is no place, and tells by the connection, not by the claim', async () => {
    const { arrive, dials } = await rig({ preset: 'internet', diversity: { perTable: 1, perPrefix: 1 } })
    await arrive('/ip4/1.2.3.4/tcp/4001')
    expect((await arrive('/ip4/1.2.3.5/tcp/4001', false)).isIn).toBe(false)
    expect(dials).toEqual([])
    expect((await arrive('/ip4/1.9.3.5/tcp/4001', false)).isIn).toBe(true)
    expect(dials).toHaveLength(1)
  })

  it('dials nobody at a private address that stands in the peer store on nobody’s word', async () => {
    const { arrive, dials, table } = await rig({})
    for (const address of ['/ip4/192.168.1.1/tcp/22', '/ip4/127.0.0.1/tcp/22', '/ip4/169.254.169.254/tcp/80', '/unix/%2Frun%2Fsocket']) {
      expect((await arrive(address, false)).isIn).toBe(false)
    }
    expect([dials.length, table.size]).toEqual([0, 0])
    expect((await arrive('/ip4/1.2.3.4/tcp/22', false)).isIn).toBe(true)
    expect(dials.map(targets => targets.map(address => address.toString().replace(/\/p2p\/.*/, '')))).toEqual([['/ip4/1.2.3.4/tcp/22']])
  })

  it('is told of an address whose it is, which a gate that knows addresses by peer must know', async () => {
    const { isDialable, judged, beliefs } = await rig({})
    const peer = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
    const [theirs, other] = [multiaddr('/ip4/10.0.0.1/tcp/1'), multiaddr('/ip4/10.0.0.2/tcp/1')]
    beliefs.believe(peer, [theirs], { configured: true })
    await isDialable([theirs, other])
    expect(judged).toEqual([`${theirs}/p2p/${peer}`, `${other}`])
  })

  it('makes libp2p keep its nearest contacts, and not dial them by itself', async () => {
    const { table, arrive, tags } = await rig({})
    await arrive('/ip4/1.2.3.4/tcp/4001')
    await (table as unknown as { closestPeerTagger: { updatePeerTags: () => Promise<void> } }).closestPeerTagger.updatePeerTags()
    expect([...tags].sort()).toEqual(['kad-close', 'kad-peer'])
  })

  it('has half a bucket for the others where nothing is known of the network, and no bound on a LAN', async () => {
    const small = await rig({})
    for (let i = 0; i < 60; i++) await small.arrive(`/ip4/1.2.${i}.4/tcp/4001`)
    expect(small.table.size).toBeLessThanOrEqual(40)
    expect(small.table.size).toBeGreaterThan(15)
    const lan = await rig({ preset: 'lan' })
    for (let i = 0; i < 60; i++) await lan.arrive(`/ip4/1.2.${i}.4/tcp/4001`)
    expect(lan.table.size).toBe(60)
    const site = await rig({})
    for (let i = 0; i < 60; i++) await site.arrive(`/ip4/10.0.0.${i + 1}/tcp/4001`)
    expect(site.table.size).toBe(60)
  })
})
