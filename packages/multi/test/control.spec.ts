/** What users change while it runs. */
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { contentRoutingSymbol, peerRoutingSymbol } from '@libp2p/interface'
import { complianceContext, memoryNetwork } from '@peerweave/compliance'
import { limits, NotFoundError, systemClock, virtualClock } from '@peerweave/interface'
import { keySigner, sealPeerRecord } from '@peerweave/records'
import { memoryPeerStore } from '@peerweave/peer-store'
import { multiaddr } from '@multiformats/multiaddr'
import { describe, expect, it } from 'vitest'
import { multi } from '../src/index.ts'
import { claim, handmade, ids, peer, record, started, world } from './support.ts'

const [a, b, c] = await Promise.all([peer(1), peer(2), peer(3)])

describe('a mechanism that comes late', () => {
  it('is started, asked, listened to and announced by, like the others', async () => {
    const w = await world([])
    await started(w)
    const announced: string[] = []
    const late = handmade('late', {
      announceSelf: async ({ multiaddrs }) => {
        announced.push(...multiaddrs.map(String))
        return { ttl: 60_000 }
      },
      withdrawSelf: async () => { announced.length = 0 }
    })
    late.answers.push(claim(a))
    expect(await w.multi.add(late.factory)).toBe('late')
    late.say(claim(b))
    await w.clock.advance(1_000)
    expect(await ids(w.multi.peers())).toEqual([a, b].map(String).sort())
    expect(w.multi.mechanisms().get('late')?.state).toBe('running')
    expect(announced).not.toEqual([])

    expect(await w.multi.remove('late')).toBe(true)
    expect(announced).toEqual([])
    expect(w.multi.mechanisms().size).toBe(0)
    late.say(claim(c))
    await w.clock.advance(1_000)
    // What it told stands as long as it was told to, and no more is taken of it.
    expect(await ids(w.multi.peers())).toEqual([a, b].map(String).sort())
    expect(await w.multi.remove('late')).toBe(false)
    await w.multi.stop()
  })

  it('is started once, and asked as soon as it is', async () => {
    const w = await world([])
    await started(w)
    let opened = 0
    const late = handmade('late', { open: () => { opened++ } })
    late.answers.push(claim(a))
    await w.multi.add(late.factory)
    await w.clock.settle()
    expect([opened, late.rounds]).toEqual([1, 1])
    await w.clock.advance(5_000)
    expect(opened).toBe(1)
    await w.multi.stop()
  })

  it('before the start waits for it, and its name must be new', async () => {
    const w = await world([handmade('one').factory])
    const late = handmade('two')
    await w.multi.add({ mechanism: late.factory, interval: Infinity })
    expect(late.rounds).toBe(0)
    await expect(w.multi.add(handmade('one').factory)).rejects.toThrow(/two mechanisms are named "one"/)
    await expect(w.multi.add({ mechanism: late.factory, intervall: 1 } as never)).rejects.toThrow(/intervall/)
    await expect(w.multi.add('mdns' as never)).rejects.toThrow(/mechanism factories/)
    await started(w)
    expect(w.multi.mechanisms().get('two')?.state).toBe('running')
    await w.multi.stop()
  })

  it('that hangs in its start does not hold the caller for more than a second, nor that it is removed', async () => {
    const w = await world([])
    await started(w)
    const adding = w.multi.add(handmade('bad', { open: async () => { await new Promise(() => {}) } }).factory)
    await w.clock.advance(1_000)
    expect(await adding).toBe('bad')
    const removing = w.multi.remove('bad')
    await w.clock.advance(2 * limits.lifecycleDeadline)
    expect(await removing).toBe(true)
    await w.multi.stop()
  })
})

it('each mechanism may be asked at an interval of its own, and for so many', async () => {
  const [often, seldom] = [handmade('often'), handmade('seldom')]
  for (const made of [often, seldom]) made.answers.push(claim(a), claim(b), claim(c))
  const w = await world([{ mechanism: often.factory, interval: 1_000, maxPeersPerRound: 2 }, { mechanism: seldom.factory, interval: 600_000 }])
  await started(w)
  await w.clock.advance(10_000)
  expect(often.rounds).toBeGreaterThan(seldom.rounds)
  expect(seldom.rounds).toBe(1)
  expect(await ids(w.multi.peers({ source: 'often' }))).toHaveLength(2)
  await w.multi.stop()
})

describe('a mechanism that is paused', () => {
  it('is neither asked nor listened to, until it is resumed', async () => {
    const made = handmade('mdns')
    const w = await world([made.factory])
    await started(w)
    expect(w.multi.pause('mdns')).toBe(true)
    const before = made.rounds
    made.say(claim(a))
    await w.clock.advance(300_000)
    expect(await ids(w.multi.discover({ deadline: 0 }))).toEqual([])
    expect(made.rounds).toBe(before)
    expect(w.multi.mechanisms().get('mdns')?.isPaused).toBe(true)
    expect(w.multi.resume('mdns')).toBe(true)
    made.say(claim(b))
    await w.clock.advance(1_000)
    expect(made.rounds).toBe(before + 1)
    expect(await ids(w.multi.peers())).toEqual([b.toString()])
    expect([w.multi.pause('x'), w.multi.resume('x')]).toEqual([false, false])
    await w.multi.stop()
  })

  it('announces us no more, until it is resumed', async () => {
    let announced = 0
    const made = handmade('mdns', { announceSelf: async () => { announced++; return { ttl: 10_000 } }, withdrawSelf: async () => {} })
    const w = await world([made.factory])
    await started(w)
    await w.clock.advance(1_000)
    w.multi.pause('mdns')
    await w.clock.advance(60_000)
    expect(announced).toBe(1)
    w.multi.resume('mdns')
    await w.clock.advance(1_000)
    expect(announced).toBe(2)
    await w.multi.stop()
  })

  it('and resumed at once loses nothing that it says from then on', async () => {
    const made = handmade('mdns')
    const w = await world([made.factory], { interval: Infinity })
    await started(w)
    made.say(claim(a))
    w.multi.pause('mdns')
    w.multi.resume('mdns')
    made.say(claim(b), claim(c))
    await w.clock.settle()
    expect(await ids(w.multi.peers())).toEqual(expect.arrayContaining([b, c].map(String)))
    await w.multi.stop()
  })

  it('before the start is not asked when it comes', async () => {
    const made = handmade('mdns')
    const w = await world([made.factory])
    w.multi.pause('mdns')
    await started(w)
    await w.clock.advance(60_000)
    expect(made.rounds).toBe(0)
    await w.multi.stop()
  })
})

it('after a sleep of the machine everybody is asked and told of us at once, and nothing that waits is lost', async () => {
  let announced = 0
  const made = handmade('mdns', { announceSelf: async () => { announced++; return { ttl: 3_600_000 } }, withdrawSelf: async () => {} })
  const w = await world([made.factory], { interval: 600_000 })
  await started(w)
  await w.clock.advance(1_000)
  const before = [made.rounds, announced]
  // Its monotonic clock stood still, as on Linux: no timer is due.
  w.clock.stepWall(3_600_000)
  made.say(claim(a))
  await w.clock.advance(1_000)
  expect([made.rounds, announced]).toEqual(before.map(count => count + 1))
  expect(await ids(w.multi.peers())).toEqual([a.toString()])
  await w.multi.stop()
})

describe('suspended', () => {
  it('nobody is asked, and no time passes for what is known', async () => {
    const made = handmade('mdns')
    const w = await world([made.factory])
    await started(w)
    const lost = record(w.multi, 'peer:expire')
    made.say(claim(a, { ttl: 60_000 }))
    await w.clock.advance(50_000)
    w.multi.suspend()
    w.multi.suspend()
    const before = made.rounds
    await w.clock.advance(3_600_000)
    expect(made.rounds).toBe(before)
    w.multi.wake()
    w.multi.wake()
    await w.clock.advance(9_000)
    expect(made.rounds).toBe(before + 1)
    expect(lost).toEqual([])
    expect(await ids(w.multi.peers())).toEqual([a.toString()])
    await w.clock.advance(2_000)
    expect(lost).toEqual([a.toString()])
    await w.multi.stop()
  })

  it('nothing is announced, and all of it when it wakes', async () => {
    let announced = 0
    const made = handmade('mdns', { announceSelf: async () => { announced++; return { ttl: 10_000 } }, withdrawSelf: async () => {} })
    const w = await world([made.factory])
    await started(w)
    await w.clock.advance(1_000)
    expect(announced).toBe(1)
    w.multi.suspend()
    await w.clock.advance(60_000)
    expect(announced).toBe(1)
    w.multi.wake()
    await w.clock.advance(1_000)
    expect(announced).toBe(2)
    await w.multi.stop()
  })

  it('one that comes meanwhile waits too', async () => {
    const w = await world([])
    await started(w)
    w.multi.suspend()
    const late = handmade('late')
    await w.multi.add(late.factory)
    await w.clock.advance(120_000)
    expect(late.rounds).toBe(0)
    w.multi.wake()
    await w.clock.settle()
    expect(late.rounds).toBe(1)
    await w.multi.stop()
  })

  it('a node can be stopped, and started again awake', async () => {
    const made = handmade('mdns')
    const w = await world([made.factory])
    expect(() => w.multi.suspend()).toThrow(/before start/)
    await started(w)
    w.multi.suspend()
    await w.multi.stop()
    await started(w)
    const before = made.rounds
    await w.clock.advance(120_000)
    expect(made.rounds).toBeGreaterThan(before)
    await w.multi.stop()
  })
})

describe('whom the user does not want', () => {
  it('is not taken, nor anybody\'s word by him, from the first or from now on', async () => {
    const made = handmade('gossip')
    const w = await world([made.factory], { deny: [a.toString()] })
    await started(w)
    made.say(claim(a), claim(b), claim(c, { reporter: { configured: true, peer: a } }))
    await w.clock.settle()
    expect(await ids(w.multi.peers())).toEqual([b.toString()])
    expect(w.multi.refusals().gossip?.denied).toBe(2)
    await w.multi.deny(b)
    made.say(claim(b))
    w.multi.allow(a)
    made.say(claim(a))
    await w.clock.settle()
    expect(await ids(w.multi.peers())).toEqual([a.toString()])
    await w.multi.stop()
  })

  it('is disconnected when he comes again, and libp2p\'s routers do not tell of him', async () => {
    const network = memoryNetwork()
    const [here, there] = [await complianceContext({ network }), await complianceContext({ network })]
    const { self } = there.ports.host
    const routing = handmade('dht', {
      peerRouting: { async * getClosestPeers () { for (const id of [self, a]) yield { id, multiaddrs: [] } } },
      contentRouting: { async * findProviders () { for (const id of [self, a]) yield { id, multiaddrs: [], routing: 'dht' } } }
    })
    const clock = virtualClock()
    const node = multi({ mechanisms: [routing.factory], clock, interval: Infinity, liveness: false })(Object.assign(here, { clock }))
    const starting = Promise.resolve(node.start())
    await clock.advance(1_000)
    await Promise.all([starting, there.ports.start()])
    await node.deny(self)
    await there.ports.host.dial(here.ports.host.addresses())
    await clock.settle()
    expect(here.ports.host.connections()).toEqual([])
    const told = async (peers: AsyncIterable<{ id: typeof a }> | undefined): Promise<string[]> => (await Array.fromAsync(peers ?? [])).map(({ id }) => id.toString())
    expect(await told(node[peerRoutingSymbol]?.getClosestPeers?.(new Uint8Array(1)))).toEqual([a.toString()])
    expect(await told(node[contentRoutingSymbol]?.findProviders?.({} as never))).toEqual([a.toString()])
    node.allow(self)
    await there.ports.host.dial(here.ports.host.addresses())
    await clock.settle()
    expect(here.ports.host.connections()).toHaveLength(1)
    await node.stop()
  })

  it('costs us no signature', async () => {
    let verified = 0
    const context = await complianceContext()
    const crypto = { verify: async () => { verified++; return true }, digest: (data: Uint8Array) => data.slice(0, 32) }
    const clock = virtualClock()
    const made = handmade('gossip')
    const node = multi({ mechanisms: [made.factory], clock, interval: Infinity, deny: [a] })(Object.assign(context, { clock, ports: Object.assign(context.ports, { crypto }) }))
    const starting = Promise.resolve(node.start())
    await clock.advance(1_000)
    await starting
    const privateKey = await generateKeyPair('Ed25519')
    const signedPeerRecord = await sealPeerRecord({ signer: keySigner(privateKey), multiaddrs: [multiaddr('/ip4/10.0.0.1/tcp/4001')], seq: 1n })
    made.say(claim(a, { signedPeerRecord }))
    await clock.settle()
    expect(verified).toBe(0)
    made.say(claim(b, { signedPeerRecord }))
    await clock.settle()
    expect(verified).toBe(1)
    await node.stop()
  })

  it('is not taken though his record was being checked when he was denied', async () => {
    const privateKey = await generateKeyPair('Ed25519')
    const id = peerIdFromPrivateKey(privateKey)
    const made = handmade('gossip')
    const w = await world([made.factory], { interval: Infinity })
    await started(w)
    const multiaddrs = [multiaddr('/ip4/10.0.0.1/tcp/4001')]
    made.say(claim(id, { signedPeerRecord: await sealPeerRecord({ signer: keySigner(privateKey), multiaddrs, seq: 1n }) }))
    await w.multi.deny(id)
    await w.clock.settle()
    expect(await ids(w.multi.peers())).toEqual([])
    expect(w.multi.refusals().gossip).toEqual({ denied: 1 })
    await w.multi.stop()
  })

  it('of one node is nothing to another that the same factory made, nor is what it knows', async () => {
    const clock = virtualClock()
    const made = [handmade('mdns'), handmade('mdns')]
    let count = 0
    const factory = multi({ mechanisms: [context => (made[count++] as typeof made[0]).factory(context)], clock, interval: Infinity })
    const nodes = [factory(Object.assign(await complianceContext(), { clock })), factory(Object.assign(await complianceContext(), { clock }))] as const
    const starting = Promise.all(nodes.map(async node => { await node.start() }))
    await clock.advance(1_000)
    await starting
    await nodes[0].deny(a)
    for (const one of made) one.say(claim(a))
    made[0]?.say(claim(b))
    await clock.settle()
    expect(await Promise.all(nodes.map(async node => await ids(node.peers())))).toEqual([[b.toString()], [a.toString()]])
    for (const node of nodes) await node.stop()
  })

  it('with a list of the wanted is everybody else', async () => {
    const made = handmade('gossip')
    const w = await world([made.factory], { allow: [a] })
    await started(w)
    made.say(claim(a), claim(b))
    await w.clock.settle()
    expect(await ids(w.multi.peers())).toEqual([a.toString()])
    await expect(world([], { allow: ['x'] })).rejects.toThrow(/allow must be a list of peer ids, got "x" in it/)
    await expect(world([], { deny: 'x' as never })).rejects.toThrow(/deny must be a list of peer ids/)
    await w.multi.stop()
  })
})

it('what is forgotten is gone, and comes back with the next word', async () => {
  const made = handmade('gossip')
  const w = await world([made.factory])
  await started(w)
  made.say(claim(a), claim(b), claim(c, { addresses: [] }))
  await w.clock.settle()
  expect(w.multi.explain(c).refusals).toHaveLength(1)
  await w.multi.forget(a)
  await w.multi.forget(c)
  expect(await ids(w.multi.peers())).toEqual([b.toString()])
  expect(w.multi.explain(c).refusals).toEqual([])
  made.say(claim(a))
  await w.clock.settle()
  expect(await ids(w.multi.peers())).toHaveLength(2)
  await w.multi.clear()
  expect(await ids(w.multi.peers())).toEqual([])
  await expect(w.multi.forget('x' as never)).rejects.toThrow(/forget takes a peer id/)
  await w.multi.stop()
})

describe('libp2p\'s routers', () => {
  it('find a peer by the mechanisms, and the closest ones by the view', async () => {
    const routing = handmade('dht', { async * findPeer (id) { yield claim(id) } })
    const w = await world([routing.factory], { interval: Infinity })
    await started(w)
    const router = w.multi[peerRoutingSymbol]
    expect((await router?.findPeer?.(a))?.multiaddrs.map(String)).toEqual(['/ip4/10.0.0.1/tcp/4001'])
    expect((await Array.fromAsync(router?.getClosestPeers?.(b.toMultihash().bytes) ?? [])).map(({ id }) => id.toString())).toEqual([a.toString()])
    expect(w.multi[peerRoutingSymbol]).toBe(router)
    await w.multi.stop()
  })

  it('ask for a peer that nobody knows once a minute, and for so many a second', async () => {
    const asked: string[] = []
    const routing = handmade('dht', { async * findPeer (id) { asked.push(id.toString()) } })
    const w = await world([routing.factory], { interval: Infinity })
    await started(w)
    const find = async (id: typeof a): Promise<unknown> => w.multi[peerRoutingSymbol]?.findPeer?.(id)
    for (let i = 0; i < 5; i++) await expect(find(a)).rejects.toThrow(NotFoundError)
    expect(asked).toEqual([a.toString()])
    await w.clock.advance(60_001)
    await expect(find(a)).rejects.toThrow(NotFoundError)
    expect(asked).toHaveLength(2)
    const many = await Promise.all(Array.from({ length: 50 }, async (_, i) => peer(700 + i)))
    for (const id of many) await expect(find(id)).rejects.toThrow(NotFoundError)
    expect(asked.length).toBeLessThanOrEqual(2 + limits.routedBurst)
    // What the view knows costs nothing.
    routing.say(claim(b))
    await w.clock.settle()
    expect(await find(b)).toMatchObject({ multiaddrs: [expect.anything()] })
    await w.multi.stop()
  })

  it('route content only where a mechanism does, or will', async () => {
    const content = { provide: async () => {}, async * findProviders () { yield { id: a, multiaddrs: [], routing: 'dht' } } }
    const dht = handmade('dht', { contentRouting: content })
    expect((await world([handmade('mdns').factory])).multi[contentRoutingSymbol]).toBeUndefined()
    const w = await world([handmade('mdns').factory], { routing: true })
    await started(w)
    const router = w.multi[contentRoutingSymbol]
    await expect(router?.provide?.({} as never)).rejects.toThrow(NotFoundError)
    await expect(router?.put?.(new Uint8Array(), new Uint8Array())).rejects.toThrow(/no mechanism can store a value/)
    await w.multi.add(dht.factory)
    await router?.provide?.({} as never)
    expect(await Array.fromAsync(router?.findProviders?.({} as never) ?? [])).toHaveLength(1)
    await w.multi.stop()
    expect((await world([dht.factory])).multi.capabilities.contentRouting).toBe(true)
  })
})

it('a peer that is about to expire is looked for again', async () => {
  const asked: string[] = []
  const dht = handmade('dht', {
    async * findPeer (id) {
      asked.push(id.toString())
      if (id.equals(a)) yield claim(a, { ttl: 400_000 })
    }
  })
  const w = await world([dht.factory], { interval: Infinity, refreshInterval: 300_000, peerTimeout: Infinity })
  await started(w)
  dht.say(claim(a, { ttl: 400_000 }), claim(b, { ttl: 400_000 }), claim(c, { ttl: 7_200_000 }))
  await w.clock.advance(390_000)
  expect(asked.sort()).toEqual([a, b].map(String).sort())
  await w.clock.advance(300_000)
  expect(await ids(w.multi.peers())).toEqual([a, c].map(String).sort())
  await w.multi.stop()
})

it('hearsay is believed for the peer timeout at most; what the user named, and of whom we met, for as long as it is said', async () => {
  const made = handmade('dns')
  const w = await world([made.factory], { peerTimeout: 10_000, interval: Infinity })
  await started(w)
  const stranger = { addresses: ['/ip4/1.2.3.4/tcp/4001'], reporter: {}, ttl: 3_600_000 }
  made.say(claim(a, stranger), claim(b, { ttl: 3_600_000 }), claim(c, stranger))
  await w.clock.advance(1_000)
  await w.multi.store.updatePeerSeen(c)
  made.say(claim(c, stranger))
  await w.clock.advance(8_998)
  expect(await ids(w.multi.peers())).toHaveLength(3)
  await w.clock.advance(4)
  expect(await ids(w.multi.peers())).toEqual([b, c].map(String).sort())
  await w.multi.stop()
})

it('a mechanism that holds the event loop is named in its status', async () => {
  const made = handmade('blocking', {
    clock: systemClock(),
    round () {
      for (const end = performance.now() + 80; performance.now() < end;) { /* as a plug-in that computes */ }
      return { async * [Symbol.asyncIterator] () {} } as never
    }
  })
  const { multi } = await world([made.factory], { clock: systemClock(), store: memoryPeerStore(), interval: Infinity })
  await multi.start()
  await ids(multi.discover())
  expect(multi.mechanisms().get('blocking')?.blocked).toBeGreaterThanOrEqual(80)
  await multi.stop()
})

describe('a listener that throws', () => {
  it('harms nobody: the others hear the event, and what comes afterwards', async () => {
    const made = handmade('mdns')
    const w = await world([made.factory], { interval: Infinity })
    const heard: string[] = []
    const bad = (): void => { throw new Error('a bug of the app') }
    const failsLater: () => unknown = async () => { throw new Error('another one') }
    w.multi.addEventListener('peer:discovery', bad)
    w.multi.addEventListener('peer:discovery', failsLater)
    w.multi.addEventListener('peer:discovery', { handleEvent: bad })
    w.multi.addEventListener('mechanism:status', bad)
    w.multi.addEventListener('peer:discovery', ({ detail: { peer } }) => heard.push(peer.peerId.toString()))
    await started(w)
    made.say(claim(a), claim(b))
    await w.clock.settle()
    expect(heard).toEqual([a, b].map(String))
    expect(await ids(w.multi.peers())).toHaveLength(2)
    await w.multi.stop()
  })

  it('is removed as any other, and is called once where that was asked', async () => {
    const made = handmade('mdns')
    const w = await world([made.factory], { interval: Infinity })
    await started(w)
    let calls = 0
    const listener = (): void => { calls++ }
    w.multi.addEventListener('peer:discovery', listener)
    w.multi.addEventListener('peer:discovery', listener)
    w.multi.addEventListener('peer:expire', listener)
    made.say(claim(a))
    await w.clock.settle()
    expect(calls).toBe(1)
    w.multi.removeEventListener('peer:discovery', listener)
    w.multi.addEventListener('peer:discovery', listener, { once: true })
    made.say(claim(b), claim(c))
    await w.clock.settle()
    expect(calls).toBe(2)
    made.say({ kind: 'withdraw', peerId: c, reporter: { configured: true } })
    await w.clock.settle()
    expect(calls).toBe(3)
    await w.multi.stop()
  })
})

describe('limits of an answer', () => {
  it('none, one and as many as there are', async () => {
    const made = handmade('mdns')
    made.answers.push(claim(a), claim(b), claim(c))
    const w = await world([made.factory], { interval: Infinity })
    await started(w)
    expect(await ids(w.multi.discover({ need: 0 }))).toEqual([])
    expect(made.rounds).toBe(0)
    expect(await ids(w.multi.discover({ need: 1 }))).toHaveLength(1)
    expect(await ids(w.multi.discover({ need: Infinity }))).toHaveLength(3)
    expect(await Array.fromAsync(w.multi.discoverPeers({ limit: 0 }))).toEqual([])
    expect(await Array.fromAsync(w.multi.discoverPeers({ limit: 1 }))).toHaveLength(1)
    expect(await Array.fromAsync(w.multi.discoverPeers({ limit: Infinity }))).toHaveLength(3)
    expect(await ids(w.multi.peers({ limit: 0 }))).toEqual([])
    expect(await ids(w.multi.peers({ limit: 1 }))).toHaveLength(1)
    await w.multi.stop()
  })
})

it('with room for a hundred peers the next one is not kept, and the reason is told', async () => {
  const made = handmade('gossip')
  const { clock, context } = await world([])
  const node = multi({ mechanisms: [made.factory], clock, maxPeers: 100, interval: Infinity })(context)
  const starting = Promise.resolve(node.start())
  await clock.advance(1_000)
  await starting
  const many = await Promise.all(Array.from({ length: 120 }, async (_, i) => peer(500 + i)))
  // Each by a party of its own.
  for (const [i, id] of many.entries()) {
    made.say(claim(id, { addresses: [`/ip4/45.${i}.1.1/tcp/1`], reporter: { remoteAddr: multiaddr(`/ip4/46.${i}.1.1/tcp/1`) } }))
  }
  await clock.settle()
  expect((await ids(node.peers())).length).toBe(100)
  const left = many.find(id => node.explain(id).state !== 'shown')
  expect(node.explain(left as never).state).toMatch(/refused|expired/)
  await node.stop()
  expect(() => multi({ mechanisms: [], store: node.store, maxPeers: 5 })).toThrow(/maxPeers is of the default store/)
  expect(() => multi({ mechanisms: [], maxPeers: 0 })).toThrow(/maxPeers must be/)
})
