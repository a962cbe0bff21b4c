/** What all wrappers share: what is passed on, and what a mechanism inside cannot do to them. */
import { contentRoutingSymbol, peerDiscoverySymbol, peerRoutingSymbol, serviceCapabilities, serviceDependencies, type PeerInfo } from '@libp2p/interface'
import { limits, type DiscoveryMechanism, type LifecycleHook, type MechanismFactory, type MechanismStatus } from '@peerweave/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { afterEach, describe, expect, it } from 'vitest'
import { until } from '../../../test/support/until.ts'
import { withBackoff } from '../src/with-backoff.ts'
import { withCache } from '../src/with-cache.ts'
import { withFilter } from '../src/with-filter.ts'
import { bench, claim, failure, peer, round, texts, type Bench } from './wrapper-support.ts'
import type { WrapperOptions } from '../src/wrap-mechanism.ts'

const [a, b] = [await peer(1), await peer(2)]
const forever = new Promise<never>(() => {})

type Wrapper = <Made extends DiscoveryMechanism>(factory: MechanismFactory<Made>, options: WrapperOptions) => MechanismFactory<DiscoveryMechanism & { inner: Made }>
const WRAPPERS: Array<[string, Wrapper]> = [
  ['withBackoff', withBackoff],
  ['withCache', withCache],
  ['withFilter', (factory, options) => withFilter(factory, { ...options, accept: () => true })],
  ['withCache over withBackoff', (factory, options) => withCache(withBackoff(factory, options), options) as unknown as MechanismFactory<DiscoveryMechanism & { inner: never }>]
]

/** Errors that reached the event loop. */
const strays: unknown[] = []
process.on('uncaughtException', error => strays.push(error))
afterEach(() => { expect(strays.splice(0)).toEqual([]) })

describe.each(WRAPPERS)('%s', (_name, wrapper) => {
  const wrap = (made: Bench): DiscoveryMechanism => wrapper(made.factory, made.seams)(made.context)

  it('forwards every life cycle hook by itself, in libp2p’s order, and starts again', async () => {
    const called: LifecycleHook[] = []
    const made = await bench()
    const mechanism = wrap(made)
    const inner = made.inner()
    for (const hook of ['beforeStart', 'start', 'afterStart', 'beforeStop', 'stop', 'afterStop'] as const) {
      inner[hook] = () => { called.push(hook) }
    }
    const order: LifecycleHook[] = ['beforeStart', 'start', 'afterStart', 'beforeStop', 'stop', 'afterStop']
    for (let i = 0; i < 2; i++) {
      for (const hook of order) {
        await mechanism[hook]?.()
        expect(called.splice(0)).toEqual([hook])
      }
    }
  })

  it('says goodbye also when it is only stopped', async () => {
    const called: string[] = []
    const made = await bench({ beforeClose: () => { called.push('beforeStop') }, close: () => { called.push('stop') } })
    const mechanism = wrap(made)
    await mechanism.start()
    await mechanism.stop()
    expect(called).toEqual(['beforeStop', 'stop'])
  })

  it('has the name, the type, the capabilities, the routing objects and the needs of what is inside', async () => {
    const [peerRouting, contentRouting] = [{}, {}]
    const made = await bench({ peerRouting, contentRouting, announceSelf: async () => ({ ttl: 1_000 }), withdrawSelf: async () => {}, name: 'own', type: 'special' })
    const factory: MechanismFactory = context => Object.assign(made.factory(context), { [serviceDependencies]: ['@libp2p/ping'], [serviceCapabilities]: ['@libp2p/x'] })
    const mechanism = wrapper(factory, made.seams)(made.context)
    expect(mechanism).toMatchObject({ name: 'own', type: 'special' })
    expect(mechanism.capabilities).toEqual({ announce: true, peerRouting: true, contentRouting: true, passive: true })
    expect(mechanism[peerRoutingSymbol]).toBe(peerRouting)
    expect(mechanism[contentRoutingSymbol]).toBe(contentRouting)
    expect(mechanism).toMatchObject({ [serviceDependencies]: ['@libp2p/ping'], [serviceCapabilities]: ['@libp2p/x'] })
    expect((mechanism as { [Symbol.toStringTag]?: string })[Symbol.toStringTag]).toBe('@peerweave/own')

    const plain = wrapper((await bench({ passive: false })).factory, made.seams)(made.context)
    expect(plain.capabilities).toEqual({ announce: false, peerRouting: false, contentRouting: false, passive: false })
    expect([plain.announceSelf, plain.withdrawSelf, plain.findPeer]).toEqual([undefined, undefined, undefined])
    expect(plain[peerRoutingSymbol]).toBeUndefined()
  })

  it('hands on announcements, goodbyes and look-ups with what they were called with', async () => {
    const calls: unknown[][] = []
    const made = await bench({
      announceSelf: async (self, { namespace }) => {
        calls.push(['announce', self, namespace])
        return { ttl: 5_000 }
      },
      withdrawSelf: async ({ namespace }) => { calls.push(['withdraw', namespace]) },
      async * findPeer (id) {
        calls.push(['find', id])
        yield claim(id)
      }
    })
    const mechanism = wrap(made)
    await mechanism.start()
    const self = { peerId: made.context.ports.host.self, multiaddrs: [multiaddr('/ip4/10.0.0.1/tcp/1')] }
    expect(await mechanism.announceSelf?.(self, { namespace: 'n' })).toEqual({ ttl: 5_000 })
    await mechanism.withdrawSelf?.({ namespace: 'n' })
    expect(texts(await Array.fromAsync(mechanism.findPeer?.(b) ?? []))).toEqual([`claim ${b} 60000`])
    expect(calls).toEqual([['announce', self, 'n'], ['withdraw', 'n'], ['find', b]])
    await mechanism.stop()
  })

  it('is degraded while what is inside is, says why, and tells when', async () => {
    let recover = (): void => {}
    let degrade = (_error: Error): void => {}
    const made = await bench({ open: session => { degrade = error => { recover = session.degrade(error) } } })
    const mechanism = wrap(made)
    const states: string[] = []
    mechanism.addEventListener('status', ({ detail }) => states.push(detail.state))
    await mechanism.start()
    degrade(new Error('no interface'))
    expect(mechanism.status()).toMatchObject({ state: 'degraded', lastError: { message: 'no interface' } })
    recover()
    expect(mechanism.status().state).toBe('running')
    await mechanism.stop()
    expect(states).toEqual(['starting', 'running', 'degraded', 'running', 'stopping', 'stopped'])
  })

  it('tells that it is degraded also where what is inside tells nobody', async () => {
    const made = await bench()
    const mechanism = wrap(made)
    const states: string[] = []
    mechanism.addEventListener('status', ({ detail }) => states.push(detail.state))
    made.inner().start = async () => {}
    made.inner().status = () => ({ state: 'degraded', sightings: 0, rounds: 0, failures: 0, dropped: {}, lastError: new Error('no link') })
    await mechanism.start()
    expect(states).toEqual(['starting', 'degraded'])
    expect(mechanism.status().lastError?.message).toBe('no link')
    made.inner().status = () => ({ state: 'running', sightings: 0, rounds: 0, failures: 0, dropped: {} })
    made.inner().dispatchEvent(new Event('status'))
    expect(states).toEqual(['starting', 'degraded', 'running'])
    await mechanism.stop()
  })

  it('adds up what was dropped, and shows what else the status inside says', async () => {
    const made = await bench({ dropped: { malformed: 2, 'too-old': 1 } })
    const mechanism = wrap(made)
    const { status } = made.inner()
    made.inner().status = () => ({ ...status.call(made.inner()), tableSize: 7 }) as MechanismStatus
    await mechanism.start()
    made.answers.push(null, claim(a))
    await round(mechanism)
    expect(mechanism.status()).toMatchObject({ tableSize: 7, sightings: 1, rounds: 1 })
    const { malformed = 0, 'too-old': old } = mechanism.status().dropped
    expect([malformed, old]).toEqual([3, 1])
    await mechanism.stop()
  })

  it('a start that fails fails it, and it can be started again', async () => {
    let isDown = true
    const made = await bench({ open: () => { if (isDown) throw new Error('no socket') } })
    const mechanism = wrap(made)
    await expect(mechanism.start()).rejects.toThrow('no socket')
    expect(mechanism.status()).toMatchObject({ state: 'stopped', lastError: { message: 'no socket' } })
    isDown = false
    await mechanism.start()
    expect(mechanism.status().state).toBe('running')
    await mechanism.stop()
  })

  const NONSENSE: unknown[] = [
    undefined, null, 7, 'claim', [], {}, { kind: 'claim' }, { kind: 'withdraw' }, { kind: 'endpoint' }, { kind: 'other', peerId: a },
    { kind: 'claim', peerId: 'x', multiaddrs: [], ttl: 1 }, { kind: 'claim', peerId: a, multiaddrs: 'x', ttl: 1 }, { ...claim(a), metadata: { a: 1 } },
    { get kind (): string { throw new Error('not to be read') } }, new Proxy({}, { get (_, key) { if (key !== 'then') throw new Error('no') } })
  ]

  it('nonsense of whatever kind, asked for or not, is counted and harms nobody', async () => {
    const made = await bench()
    made.answers.push(...NONSENSE, claim(a))
    const mechanism = wrap(made)
    await mechanism.start()
    expect(texts(await round(mechanism))).toEqual([`claim ${a} 60000`])
    const heard: string[] = []
    mechanism.addEventListener('sighting', ({ detail }) => heard.push(...texts([detail])))
    made.say(...NONSENSE, claim(b))
    made.inner().dispatchEvent(new Event('sighting'))
    expect(heard).toEqual([`claim ${b} 60000`])
    expect(mechanism.status().dropped['malformed']).toBe(2 * NONSENSE.length + 1)
    await mechanism.stop()
  })

  it.each([
    ['throws', () => { throw new Error('no status') }],
    ['gives nothing', () => undefined],
    ['gives a getter that throws', () => ({ get state (): string { throw new Error('no status') } })],
    ['gives no state', () => ({})],
    ['lies about everything', () => ({ state: 5, dropped: { a: 'many', b: NaN, c: -1 }, lastError: 'text', sightings: -5, rounds: 'x' })]
  ])('a status that %s makes it degraded, and its own counters stay true', async (_what, status) => {
    const made = await bench()
    made.answers.push(claim(a))
    const mechanism = wrap(made)
    const honest = made.inner().status
    await mechanism.start()
    await round(mechanism)
    made.inner().status = status as () => MechanismStatus
    made.inner().dispatchEvent(new Event('status'))
    const said = mechanism.status()
    expect(said).toMatchObject({ state: 'degraded', sightings: 1, rounds: 1, failures: 0 })
    expect(Object.values(said.dropped)).toEqual([])
    expect(said.lastError === undefined || said.lastError instanceof Error).toBe(true)
    made.inner().status = honest
    await mechanism.stop()
    expect(mechanism.status().state).toBe('stopped')
  })

  it('a status with a million reasons shows a bounded number of them', async () => {
    const made = await bench()
    const mechanism = wrap(made)
    const dropped = Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`reason ${i}`, 1]))
    made.inner().status = () => ({ state: 'running', sightings: 0, rounds: 0, failures: 0, dropped })
    await mechanism.start()
    expect(Object.keys(mechanism.status().dropped)).toHaveLength(limits.dropReasons)
    await mechanism.stop()
  })

  it.each([
    ['nothing', () => undefined],
    ['a list', () => [claim(a)]],
    ['an iterator without promises', () => ({ [Symbol.asyncIterator]: () => ({ next: () => ({ done: true }) }) })],
    ['a throw', () => { throw new Error('no round') }]
  ])('a round that gives %s in place of a round fails, and is counted', async (_what, discoverPeers) => {
    const made = await bench()
    const mechanism = wrap(made)
    made.inner().discoverPeers = discoverPeers as unknown as DiscoveryMechanism['discoverPeers']
    await mechanism.start()
    expect(await failure(round(mechanism))).toBeInstanceOf(Error)
    expect(mechanism.status()).toMatchObject({ failures: 1 })
    await mechanism.stop()
  })

  it('a round that hangs, and ignores its signal and its return, ends by the deadline, and a stop is not held for long', async () => {
    const made = await bench()
    const mechanism = wrap(made)
    made.inner().discoverPeers = () => ({ [Symbol.asyncIterator]: () => ({ next: () => forever, return: () => forever }) })
    await mechanism.start()
    const asked = round(mechanism)
    await made.clock.advance(limits.roundDeadline)
    expect(await asked).toEqual([])
    let isStopped = false
    const stopping = Promise.resolve(mechanism.stop()).then(() => { isStopped = true })
    await made.clock.advance(limits.lifecycleDeadline)
    expect(isStopped).toBe(true)
    await stopping
    expect(made.clock.pending).toBe(0)
  })

  it.each([
    ['nothing', () => undefined],
    ['no number', async () => ({ ttl: 'long' })],
    ['no time', async () => ({ ttl: -1 })],
    ['for ever', async () => ({ ttl: Infinity })]
  ])('an announcement that grants %s fails', async (_what, announceSelf) => {
    const made = await bench()
    const factory: MechanismFactory = context => Object.assign(made.factory(context), { announceSelf, withdrawSelf: async () => {} }) as DiscoveryMechanism
    const mechanism = wrapper(factory, made.seams)(made.context)
    await mechanism.start()
    const announcing = mechanism.announceSelf?.({ peerId: made.context.ports.host.self, multiaddrs: [] }) ?? Promise.resolve()
    expect((await failure(announcing)).message).toContain('granted')
    await mechanism.stop()
  })

  it('getters that give another object each time give one', async () => {
    const made = await bench()
    const factory: MechanismFactory = context => Object.defineProperty(made.factory(context), peerRoutingSymbol, { get: () => ({}) })
    const mechanism = wrapper(factory, made.seams)(made.context)
    expect(mechanism[peerRoutingSymbol]).toBe(mechanism[peerRoutingSymbol])
    expect(mechanism.capabilities.peerRouting).toBe(true)
  })

  it('what is heard after a stop, or of ourselves, is no news', async () => {
    const made = await bench()
    const mechanism = wrap(made)
    const heard: unknown[] = []
    mechanism.addEventListener('sighting', ({ detail }) => heard.push(detail))
    await mechanism.start()
    made.say(claim(made.context.ports.host.self))
    await mechanism.stop()
    made.say(claim(a))
    expect(heard).toEqual([])
  })

  it('is a plain libp2p service: it tells libp2p of the peers that it finds', async () => {
    const made = await bench()
    made.answers.push(claim(a))
    const found: PeerInfo[] = []
    const node = await createLibp2p({ start: false, services: { wrapped: wrapper(made.factory, {}) } })
    node.addEventListener('peer:discovery', ({ detail }) => found.push(detail))
    expect(peerDiscoverySymbol in node.services.wrapped).toBe(true)
    await node.start()
    await until(() => found.some(({ id }) => id.equals(a)), 'libp2p was told of what a round found')
    made.say(claim(b))
    await until(() => found.some(({ id }) => id.equals(b)), 'libp2p was told of news')
    await node.stop()
    expect(made.inner().status().state).toBe('stopped')
  })

  it.each([
    ['no factory', undefined, 'wraps the factory of a mechanism, such as mdns(), got undefined'],
    ['a mechanism without a name', () => ({}), 'a mechanism has a name and a type, got undefined and undefined']
  ])('refuses %s', async (_what, factory, message) => {
    const made = await bench()
    expect(() => wrapper(factory as unknown as MechanismFactory, made.seams)(made.context)).toThrow(message)
  })
})
