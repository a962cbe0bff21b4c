import { TypedEventEmitter } from 'main-event'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerDiscoverySymbol, type PeerDiscovery, type PeerId, type PeerInfo } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { defineMechanism, limits, seededRng, virtualClock } from '@peerweave/interface'
import { describe, expect, it } from 'vitest'
import { until } from '../../../test/support/until.ts'
import { mechanismModule, peerweaveDefaults, portsFrom, type MechanismModuleOptions } from '../src/index.ts'
import { baseOptions, makeCanary, makeNode, makePorts, type TestNode } from './nodes.ts'
import type { DiscoveryMechanism, LifecycleHook, MechanismContext, MechanismEvents, Reporter, Session, Sighting } from '@peerweave/interface'
import type { Libp2pOptions } from 'libp2p'

const makePeer = async (): Promise<PeerId> => peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
const addresses = (...texts: string[]) => texts.map(text => multiaddr(text))
const claim = (peerId: PeerId, texts: string[], reporter?: Reporter): Sighting =>
  ({ kind: 'claim', peerId, multiaddrs: addresses(...texts), ttl: 60_000, reporter })

interface Told extends TestNode {
  mechanism: DiscoveryMechanism
  peers: PeerInfo[]
  contexts: MechanismContext[]
}

/** A node with one mechanism in its services, and what left it as `peer` events. */
async function makeService (
  build: (context: MechanismContext) => DiscoveryMechanism, moduleOptions?: MechanismModuleOptions, options: Libp2pOptions = {}
): Promise<Told> {
  const contexts: MechanismContext[] = []
  const factory = mechanismModule(context => {
    contexts.push(context)
    return build(context)
  }, moduleOptions)
  let mechanism: DiscoveryMechanism | undefined
  const peers: PeerInfo[] = []
  const made = await makeNode({
    ...options,
    services: {
      told: (components: object) => {
        const built = factory(components)
        mechanism = built
        discoveryOf(built).addEventListener('peer', ({ detail }) => peers.push(detail))
        return built
      }
    }
  })
  if (mechanism == null) throw new Error('not built')
  return Object.assign(made, { mechanism, peers, contexts })
}

const discoveryOf = (mechanism: DiscoveryMechanism): PeerDiscovery =>
  (mechanism as unknown as { [peerDiscoverySymbol]: PeerDiscovery })[peerDiscoverySymbol]

describe('a mechanism module', () => {
  it('inside multi is the mechanism as built, with multi\'s own context', async () => {
    const { ports, components } = await makePorts()
    const context: MechanismContext = { ports, records: { get: () => undefined, sample: () => [] }, logger: components.logger }
    let given: MechanismContext | undefined
    const mechanism = mechanismModule(context => {
      given = context
      return defineMechanism(context, { name: 'plain', type: 'plain', async * round () {} })
    })(context)
    expect(given).toBe(context)
    expect(discoveryOf(mechanism)).toBeUndefined()
  })

  it('in libp2p\'s services gets the node\'s ports, started before it and stopped after it', async () => {
    const order: string[] = []
    const { node, mechanism, contexts: [context], components } = await makeService(context => defineMechanism(context, {
      name: 'told',
      type: 'told',
      open: async () => {
        await context.ports.rpc.handle('/told/1', async request => request, { maxRequest: 1, timeout: 1_000 })
        order.push('open')
      },
      beforeClose: () => { order.push('beforeClose') },
      close: async () => {
        await context.ports.rpc.unhandle('/told/1')
        order.push('close')
      },
      async * round () {}
    }))
    expect(context?.ports).toBe(portsFrom(components))
    expect(context?.records.sample(1)).toEqual([])
    expect(context?.libp2p).toBe(components)
    expect(mechanism.status().state).toBe('running')
    expect(discoveryOf(mechanism)).toBe(discoveryOf(mechanism))
    expect(node.services).toMatchObject({ told: mechanism })

    await node.stop()
    expect(order).toEqual(['open', 'beforeClose', 'close'])
    await expect(context?.ports.rpc.handle('/told/1', async request => request, { maxRequest: 1, timeout: 1_000 }))
      .rejects.toMatchObject({ name: 'NotStartedError' })
    await node.start()
    expect(mechanism.status().state).toBe('running')
    await mechanism.start() // twice is once
    await node.stop()
    expect(order).toEqual(['open', 'beforeClose', 'close', 'open', 'beforeClose', 'close'])
    await expect(context?.ports.host.dial(addresses('/ip4/127.0.0.1/tcp/1'))).rejects.toMatchObject({ name: 'NotStartedError' })
  })

  it('has each lifecycle hook of its mechanism called once, in libp2p\'s order', async () => {
    const called: LifecycleHook[] = []
    const hooks: LifecycleHook[] = ['beforeStart', 'start', 'afterStart', 'beforeStop', 'stop', 'afterStop']
    const { node } = await makeService(() => Object.assign(new TypedEventEmitter<MechanismEvents>(), {
      name: 'hooks',
      type: 'hooks',
      capabilities: { announce: false, peerRouting: false, contentRouting: false, passive: false },
      async * discoverPeers () {},
      status: () => ({ state: 'running' as const, sightings: 0, rounds: 0, failures: 0, dropped: {} }),
      start: () => { called.push('start') },
      stop: () => { called.push('stop') },
      ...Object.fromEntries(hooks.filter(hook => hook !== 'start' && hook !== 'stop').map(hook => [hook, () => { called.push(hook) }]))
    }))
    await node.stop()
    expect(called).toEqual(hooks)
  })

  it('that is stopped while it starts stays stopped', async () => {
    const { components } = await makeNode()
    const mechanism = mechanismModule(context => defineMechanism(context, { name: 'told', type: 'told', async * round () {} }))(components)
    await Promise.all([mechanism.start(), mechanism.stop()])
    expect(mechanism.status().state).toBe('stopped')
    await expect(portsFrom(components).host.dial(addresses('/ip4/127.0.0.1/tcp/1'))).rejects.toMatchObject({ name: 'NotStartedError' })
    await mechanism.start()
    expect(mechanism.status().state).toBe('running')
    await mechanism.stop()
  })

  it('whose start fails gives the ports back', async () => {
    const { components } = await makeNode()
    const mechanism = mechanismModule(context => defineMechanism(context, {
      name: 'told',
      type: 'told',
      open: () => { throw new Error('no socket') },
      async * round () {}
    }))(components)
    await expect(mechanism.start()).rejects.toThrow('no socket')
    await expect(portsFrom(components).host.dial(addresses('/ip4/127.0.0.1/tcp/1'))).rejects.toMatchObject({ name: 'NotStartedError' })
  })

  it('reports only what its reporter may report, at most what one dial takes, and nothing when none is left', async () => {
    let session: Session | undefined
    const { node, peers } = await makeService(context => defineMechanism(context, {
      name: 'told',
      type: 'told',
      passive: true,
      open: opened => { session = opened },
      async * round () {}
    }))
    const lan = '/ip4/192.168.1.5/tcp/1'
    const loopback = '/ip4/127.0.0.1/tcp/1'
    const open = '/ip4/8.8.8.8/tcp/1'
    const all = [lan, loopback, open, '/unix/%2Ftmp%2Fsocket']
    const from = (text: string): Reporter => ({ remoteAddr: multiaddr(text) })
    const cases: Array<[string, Reporter | undefined, string[]]> = [
      ['nobody', undefined, [open]],
      ['a peer', { peer: await makePeer() }, [open]],
      ['a domain', { domain: 'example.org' }, [open]],
      ['afar', from('/ip4/9.9.9.9/udp/5353'), [open]],
      ['the site', from('/ip4/192.168.1.9/udp/5353'), [lan, open]],
      ['an interface', { interface: 'eth0' }, [lan, open]],
      ['this machine', from('/ip4/127.0.0.1/udp/5353'), [lan, loopback, open]],
      ['the user', { configured: true }, [lan, loopback, open]]
    ]
    for (const [, reporter] of cases) session?.sight(claim(await makePeer(), all, reporter))
    expect(peers.map(({ multiaddrs }) => multiaddrs.map(String))).toEqual(cases.map(([, , expected]) => expected))

    peers.length = 0
    session?.sight(claim(await makePeer(), [lan, loopback]))
    session?.sight({ kind: 'withdraw', peerId: await makePeer() })
    session?.sight({ kind: 'endpoint', multiaddr: multiaddr(open), ttl: 1_000 })
    session?.sight(claim(node.peerId, [open]))
    expect(peers).toEqual([])
    session?.sight(claim(await makePeer(), Array.from({ length: 30 }, (_, i) => `/ip4/8.8.8.8/tcp/${i + 1}`)))
    expect(peers[0]?.multiaddrs).toHaveLength(limits.addressesPerDial)
  })

  it('has libp2p discover the peer, and dial it by id where the gater is ours', async () => {
    const other = await makeNode()
    const { node } = await makeService(context => defineMechanism(context, {
      name: 'told',
      type: 'told',
      async * round () { yield claim(other.node.peerId, [other.address.decapsulateCode(421).toString()], { configured: true }) }
    }), {}, peerweaveDefaults(baseOptions()))
    await until(async () => await node.peerStore.has(other.node.peerId))
    await until(async () => (await node.peerStore.get(other.node.peerId)).addresses.length === 1)
    expect((await node.dial(other.node.peerId)).remotePeer.equals(other.node.peerId)).toBe(true)
  })

  it('has no name that the site tells of lead to this machine', async () => {
    const [canary, other] = [await makeCanary(), await makeNode()]
    const [told, own] = [await makePeer(), other.node.peerId]
    const name = (port: number): string => `/dns4/localhost/tcp/${port}`
    const { node } = await makeService(context => defineMechanism(context, {
      name: 'told',
      type: 'told',
      async * round () {
        yield claim(told, [name(canary.port)], { remoteAddr: multiaddr('/ip4/192.168.1.9/udp/5353') })
        yield claim(own, [name(Number(other.address.getComponents()[1]?.value))], { remoteAddr: multiaddr('/ip4/127.0.0.1/udp/5353') })
      }
    }), {}, peerweaveDefaults(baseOptions()))
    await until(async () => await node.peerStore.has(told) && await node.peerStore.has(own))
    await expect(node.dial(told)).rejects.toMatchObject({ name: 'DialDeniedError' })
    expect(canary.connects()).toBe(0)
    expect((await node.dial(own)).remotePeer.equals(own)).toBe(true)
  })

  it('runs a round when the node has started and one every interval, until it stops', async () => {
    const clock = virtualClock()
    const peer = await makePeer()
    let rounds = 0
    const { node, peers } = await makeService(context => defineMechanism(context, {
      name: 'told',
      type: 'told',
      clock,
      async * round () {
        rounds++
        if (rounds === 2) throw new Error('this round fails')
        yield claim(peer, ['/ip4/8.8.8.8/tcp/1'])
      }
    }), { clock, rng: seededRng(1), interval: 10_000 })
    await until(() => peers.length === 1)
    await clock.advance(12_000)
    expect([rounds, peers.length]).toEqual([2, 1])
    await clock.advance(12_000)
    expect([rounds, peers.length]).toEqual([3, 2])
    await node.stop()
    await clock.advance(100_000)
    expect([rounds, peers.length]).toEqual([3, 2])
    expect(clock.pending).toBe(0)
    await node.start()
    await until(() => peers.length === 3)
  })

  it('shares the ports with another one on the same node: the first to stop does not close them', async () => {
    const made: DiscoveryMechanism[] = []
    const service = (name: string) => (components: object): DiscoveryMechanism => {
      const mechanism = mechanismModule(context => defineMechanism(context, { name, type: name, async * round () {} }))(components)
      made.push(mechanism)
      return mechanism
    }
    const { components } = await makeNode({ services: { one: service('one'), two: service('two') } })
    const { rpc } = portsFrom(components)
    const handles = async (): Promise<string> => await rpc.handle('/told/1', async request => request, { maxRequest: 1, timeout: 1_000 })
      .then(async () => await rpc.unhandle('/told/1')).then(() => 'open', error => error.name)
    expect(await handles()).toBe('open')
    await made[0]?.stop()
    await made[0]?.stop() // twice is once
    expect(await handles()).toBe('open')
    await made[1]?.stop()
    expect(await handles()).toBe('NotStartedError')
  })

  it('refuses an interval that is none', () => {
    expect(() => mechanismModule(() => { throw new Error('not built') }, { interval: -1 })).toThrow(TypeError)
  })
})
