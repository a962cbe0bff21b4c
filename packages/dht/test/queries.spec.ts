/** Questions to a DHT in memory that hangs, fails, or speaks unasked. In virtual time. */
import { complianceContext } from '@peerweave/compliance'
import { DhtError, names, seededRng, virtualClock, type Claim, type VirtualClock } from '@peerweave/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { setMaxListeners } from 'main-event'
import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { peer } from '../../../test/support/peers.ts'
import { dht, namespaceKey, type DhtMechanism, type DhtOptions } from '../src/index.ts'
import { FakeDht, FakeKad } from './support/fake-kad.ts'
import { fakeNode } from './support/fake-node.ts'
import { all, bytes, collect } from './support/net.ts'

const other = { id: await peer(1), multiaddrs: [multiaddr('/ip4/1.2.3.4/tcp/4001')] }

interface Rig {
  mechanism: DhtMechanism
  clock: VirtualClock
  net: FakeDht
  kad: () => FakeKad
}

async function rig (options: DhtOptions = {}, given: boolean = false): Promise<Rig> {
  const clock = virtualClock()
  const net = new FakeDht()
  net.join(other)
  const context = await complianceContext()
  const kad = given ? new FakeKad(net, clock, fakeNode(context) as never, { clientMode: false }) : undefined
  const mechanism = dht({ clock, rng: seededRng(1), ...options, ...(given ? { service: 'kad' } : { kad: net.kad(clock) }) })({
    ...context, libp2p: fakeNode(context, kad == null ? {} : { kad })
  })
  await mechanism.start()
  return { mechanism, clock, net, kad: () => [...net.kads][0]! }
}

/** Makes every question hang, whatever its signal. */
function hang (kad: FakeKad): void {
  for (const method of ['findProviders', 'getClosestPeers', 'findPeer', 'provide', 'put', 'get'] as const) {
    Object.assign(kad, { [method]: async function * () { await new Promise(() => {}) } })
  }
}

const asks: Array<[string, (mechanism: DhtMechanism, signal: AbortSignal) => Promise<unknown>]> = [
  ['provide', async ({ dht }, signal) => await dht.provide(bytes('a'), { signal })],
  ['put', async ({ dht }, signal) => await dht.put(bytes('/test/a'), bytes('b'), { signal })],
  ['findProviders', async ({ dht }, signal) => await all(dht.findProviders(bytes('a'), { signal }))],
  ['getClosestPeers', async ({ dht }, signal) => await all(dht.getClosestPeers(bytes('a'), { signal }))],
  ['get', async ({ dht }, signal) => await all(dht.get(bytes('/test/a'), { signal }))]
]

/** Awaits what takes some time of the clock. */
async function passing<T> (clock: VirtualClock, work: Promise<T>): Promise<T> {
  work.catch(() => {}) // heard below
  await clock.advance(100)
  return await work
}

describe.each(asks)('%s, of a kad-dht that hangs', (_name, ask) => {
  it('ends by itself after the query’s time, with what there is', async () => {
    const { mechanism, clock, kad } = await rig({ queryTimeout: 1_000 })
    hang(kad())
    let isDone = false
    const asking = ask(mechanism, new AbortController().signal).finally(() => { isDone = true })
    await clock.advance(900)
    expect(isDone).toBe(false)
    await clock.advance(200)
    expect([[], { confirmations: 0 }]).toContainEqual(await asking)
    await mechanism.stop()
    expect(clock.pending).toBe(0)
  })

  it('ends when it is stopped, and when its signal fires, and leaves nothing on the signal', async () => {
    const { mechanism, clock, kad } = await rig()
    hang(kad())
    const { signal } = new AbortController()
    const stopped = ask(mechanism, signal).catch((error: Error) => error.name)
    await clock.settle()
    await mechanism.stop()
    await clock.settle()
    await stopped
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
    await mechanism.start()
    const controller = new AbortController()
    setMaxListeners(Infinity, controller.signal)
    const aborted = ask(mechanism, controller.signal).then(() => 'ended', (error: Error) => error.name)
    await clock.settle()
    controller.abort()
    expect(['AbortError', 'ended']).toContain(await aborted)
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
    await mechanism.stop()
    expect(clock.pending).toBe(0)
  })

  it('with a signal that has fired does nothing', async () => {
    const { mechanism } = await rig()
    await expect(ask(mechanism, AbortSignal.abort())).rejects.toMatchObject({ name: 'AbortError' })
    await mechanism.stop()
  })
})

describe('announcing', () => {
  it('grants what is renewed after twelve hours, and provides the namespace and our id', async () => {
    const { mechanism, net, clock } = await rig()
    const self = await peer(9)
    const { ttl } = await passing(clock, mechanism.announceSelf!({ peerId: self, multiaddrs: other.multiaddrs }))
    expect(ttl * 7 / 8).toBe(12 * 3_600_000)
    expect(net.providers.size).toBe(2)
    await mechanism.withdrawSelf!()
    expect([...net.providers.values()].every(({ size }) => size === 0)).toBe(true)
    await mechanism.stop()
  })

  it('in a namespace of the asker’s is taken back there alone', async () => {
    const { mechanism, net, clock } = await rig()
    const self = { peerId: await peer(9), multiaddrs: other.multiaddrs }
    for (const namespace of ['one', 'two']) await passing(clock, mechanism.announceSelf!(self, { namespace }))
    await mechanism.withdrawSelf!({ namespace: 'one' })
    const sizes = [...net.providers.values()].map(({ size }) => size)
    expect(sizes.filter(size => size === 1)).toHaveLength(2)
    await mechanism.withdrawSelf!({ namespace: 'two' })
    expect([...net.providers.values()].every(({ size }) => size === 0)).toBe(true)
    await mechanism.stop()
  })

  it('fails when nobody confirms it', async () => {
    const { mechanism, clock, kad } = await rig()
    Object.assign(kad(), { provide: async function * () { await clock.sleep(1) } })
    await expect(passing(clock, mechanism.announceSelf!({ peerId: await peer(9), multiaddrs: other.multiaddrs }))).rejects.toThrow(/nobody confirmed/)
    await mechanism.stop()
  })

  it('fails when the network does', async () => {
    const { mechanism, net, clock } = await rig()
    net.failing = true
    await expect(passing(clock, mechanism.announceSelf!({ peerId: await peer(9), multiaddrs: other.multiaddrs }))).rejects.toThrow(DhtError)
    await mechanism.stop()
  })
})

describe('a kad-dht of the app’s, inside multi', () => {
  it('is heard when nobody asks, and not while we do, with what its peers are worth: nobody’s word', async () => {
    const { mechanism, clock, net, kad } = await rig({}, true)
    const news: Claim[] = []
    mechanism.addEventListener('sighting', ({ detail }) => { if (detail.kind === 'claim') news.push(detail) })
    kad().safeDispatchEvent('peer', { detail: other })
    expect(news).toMatchObject([{ reporter: {} }])
    net.provide(await namespaceKey(names().namespaces.peers), other)
    const round = collect(mechanism.discoverPeers())
    await clock.settle()
    kad().safeDispatchEvent('peer', { detail: other })
    expect(news).toHaveLength(1)
    await clock.advance(1_000)
    expect((await round).length).toBeGreaterThan(0)
    await mechanism.stop()
    kad().safeDispatchEvent('peer', { detail: other })
    expect(news).toHaveLength(1)
    expect([kad().starts, kad().isStarted]).toEqual([0, false])
  })
})
