/** The connection policy on real libp2p nodes. Its rules one by one are tested in virtual time, beside it. */
import { systemClock, systemRng, type Ports } from '@peerweave/interface'
import { portsFrom } from '@peerweave/libp2p'
import { memoryPeerStore } from '@peerweave/peer-store'
import { createTestnet, type Testnet, type TestnetNode } from '@peerweave/testnet'
import { defaultLogger } from '@libp2p/logger'
import { expect, it } from 'vitest'
import { connectOptions, type ConnectOptions } from '../packages/multi/src/connect-options.ts'
import { Connections } from '../packages/multi/src/connections.ts'
import { Connector } from '../packages/multi/src/connector.ts'
import { PEER_WAIT } from '../packages/multi/src/constants.ts'
import { Dialler } from '../packages/multi/src/dial-peer.ts'
import { until } from './support/until.ts'

type Components = Parameters<typeof portsFrom>[0]

/** What `multi` puts around the policy. */
class Policy {
  readonly store = memoryPeerStore()
  readonly ports: Ports
  readonly #connector: Connector
  readonly #connections: Connections
  #session = new AbortController()
  /** When, `performance.now()`. */
  readonly dials: number[] = []

  constructor (components: Components, options: ConnectOptions) {
    this.ports = portsFrom(components)
    const { host } = this.ports
    const dial = host.dial.bind(host)
    host.dial = async (...args) => {
      this.dials.push(performance.now())
      return await dial(...args)
    }
    const resolved = connectOptions(options)
    if (resolved == null) throw new Error('off')
    const [clock, rng, log, { store }] = [systemClock(), systemRng(), defaultLogger().forComponent('test:policy'), this]
    const dialler = new Dialler({ host, store, log, maxOutbound: resolved.maxOutbound })
    this.#connector = new Connector({ host, store, clock, rng, log, options: resolved, dialler })
    this.#connections = new Connections({ host, store, log, access: { isDenied: () => false }, check: () => {} })
  }

  async start (): Promise<void> {
    this.#session = new AbortController()
    await this.ports.start()
    await this.store.start()
    this.#connections.follow(this.#session.signal)
    this.#connector.start()
  }

  async know (nodes: readonly TestnetNode[]): Promise<void> {
    const now = performance.now()
    for (const { peerId, addresses } of nodes) {
      if (peerId.equals(this.ports.host.self)) continue
      await this.store.addPeer({
        peerId, multiaddrs: addresses, source: { path: 'test', type: 'test', group: `g:${peerId}` }, observedAt: now, expiresAt: now + 3_600_000
      })
    }
    this.#connector.found()
  }

  /** It has so many connections of its own choice, or one with each of `others`. */
  hasEnough (count: number, others: number): boolean {
    const open = this.ports.host.connections()
    return open.filter(({ direction }) => direction === 'outbound').length >= count || new Set(open.map(({ peer }) => peer.toString())).size >= others
  }

  async stop (): Promise<void> {
    this.#connector.stop()
    this.#session.abort()
    await this.store.stop()
    await this.ports.stop()
  }
}

type Net = Testnet<{ policy: Policy }>

async function net (count: number, options: (index: number) => ConnectOptions): Promise<Net> {
  return await createTestnet(count, {
    transports: 'memory',
    seed: 1,
    pubsub: false,
    mechanisms: ({ index }) => ({ policy: (components: Components) => new Policy(components, options(index)) })
  }) as Net
}

function up (made: Net): Array<TestnetNode<{ policy: Policy }>> {
  return made.nodes.filter(({ isUp }) => isUp)
}

async function allKnowAll (made: Net): Promise<void> {
  for (const { services: { policy } } of up(made)) await policy.know(made.nodes)
}

// Fifteen seconds, mostly of waiting for who is given up.
it.runIf(process.env.PEERWEAVE_TIER != null)('fourteen nodes that hear of each other have three connections of their own choice each, mostly one a pair, and come back to that when three crash', async () => {
  await using made = await net(14, () => ({ target: 3, feelers: Infinity }))
  await allKnowAll(made)
  await until(() => up(made).every(({ services: { policy } }) => policy.hasEnough(3, up(made).length - 1)), 'everybody has three', 15_000)
  const pairs = new Map<string, number>()
  for (const { peerId, libp2p } of up(made)) {
    for (const { remotePeer, direction } of libp2p.getConnections()) {
      const pair = [peerId, remotePeer].map(String).sort().join()
      if (direction === 'outbound') pairs.set(pair, (pairs.get(pair) ?? 0) + 1)
    }
  }
  const double = [...pairs.values()].filter(count => count > 1).length
  expect(double).toBeLessThanOrEqual(pairs.size / 10)
  await Promise.all(made.nodes.slice(0, 3).map(async node => node.crash()))
  await until(() => up(made).every(({ services: { policy } }) => policy.hasEnough(3, up(made).length - 1)), 'everybody left has three again', 30_000)
  // No storm: what was needed, and what three dead peers cost.
  for (const { services: { policy } } of up(made)) expect(policy.dials.length).toBeLessThan(25)
}, 60_000)

it.runIf(process.env.PEERWEAVE_TIER != null)('one inbound too many is refused, those who are there stay, and who was refused does not come again in a loop', async () => {
  await using made = await net(10, index => index === 0 ? { target: 0, maxInbound: 5, feelers: Infinity } : { target: 1, feelers: Infinity })
  const host = made.node(0)
  for (const { services: { policy } } of up(made).slice(1)) await policy.know([host])
  await until(() => host.libp2p.getConnections().length === 5 && up(made).slice(1).every(({ services }) => services.policy.dials.length > 0), 'five are in')
  const those = host.libp2p.getConnections().map(({ id }) => id).sort()
  const again = (): number[][] => up(made).map(({ services }) => services.policy.dials).filter(({ length }) => length > 1)
  await until(() => again().length > 0, 'somebody tries again', 20_000)
  expect(host.libp2p.getConnections().filter(({ status }) => status === 'open').map(({ id }) => id).sort()).toEqual(those)
  for (const [first = NaN, second = NaN] of again()) expect(second - first).toBeGreaterThan(PEER_WAIT.base / 2 - 100)
}, 30_000)
