/** How often hearsay makes us dial one target. */
import { defaultLogger } from '@libp2p/logger'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { limits, virtualClock, type VirtualClock } from '@peerweave/interface'
import { beforeEach, describe, expect, it } from 'vitest'
import { peer } from '../../../test/support/peers.ts'
import { until } from '../../../test/support/until.ts'
import { DialTargets } from '../src/dial-targets.ts'
import { NodeHost } from '../src/host.ts'
import { cleanUp, deadAddress, makeCanary, makePorts, withPeer } from './nodes.ts'
import type { NodeComponents } from '../src/index.ts'

const at = (...texts: string[]): Multiaddr[] => texts.map(text => multiaddr(text))
let clock: VirtualClock
let targets: DialTargets

beforeEach(() => {
  clock = virtualClock()
  targets = new DialTargets(clock)
})

/** The turns of one dial. */
const take = (addresses: Multiaddr[], held = new Set<string>()): Multiaddr[] => addresses.filter(address => targets.take(address, held))

describe('a target', () => {
  it('has one turn a minute', async () => {
    const victim = at('/ip4/1.2.3.4/tcp/80')
    expect(take(victim)).toHaveLength(1)
    expect(take(victim)).toHaveLength(0)
    await clock.advance(limits.dialTargetPause - 1)
    expect([take(victim).length, targets.wait(victim)]).toEqual([0, 1])
    await clock.advance(1)
    expect(take(victim)).toHaveLength(1)
  })

  it('is a machine on the internet whatever the port, and elsewhere a port of it', () => {
    take(at('/ip4/1.2.3.4/tcp/80', '/ip4/10.0.0.1/tcp/80', '/ip6/2001:4860::1/tcp/80'))
    expect(take(at('/ip4/1.2.3.4/udp/81/quic-v1', '/ip4/10.0.0.1/tcp/81', '/ip6/2001:4860::1/tcp/81', '/ip4/1.2.3.5/tcp/80')).map(String))
      .toEqual(['/ip4/10.0.0.1/tcp/81', '/ip4/1.2.3.5/tcp/80'])
  })

  it('may be tried at two ports in one dial', () => {
    expect(take(at('/ip4/1.2.3.4/tcp/80', '/ip4/1.2.3.4/tcp/81'))).toHaveLength(2)
  })

  it('is left alone for an hour after three failures, if it is on the internet', async () => {
    const victim = at('/ip4/1.2.3.4/tcp/80')
    for (let i = 0; i < limits.dialTargetFailures; i++) {
      expect(take(victim)).toHaveLength(1)
      targets.failed(victim[0]!)
      await clock.advance(limits.dialTargetPause)
    }
    expect(take(victim)).toHaveLength(0)
    await clock.advance(limits.dialTargetQuarantine - limits.dialTargetPause)
    expect(take(victim)).toHaveLength(1)
    const colleague = at('/ip4/10.0.0.1/tcp/80')
    for (let i = 0; i < 9; i++) {
      expect(take(colleague)).toHaveLength(1)
      targets.failed(colleague[0]!)
      await clock.advance(limits.dialTargetPause)
    }
  })

  it('that was reached is free again', () => {
    const [address] = at('/ip4/1.2.3.4/tcp/80') as [Multiaddr]
    take([address])
    targets.reached(multiaddr('/ip4/1.2.3.4/tcp/80'))
    expect(take([address])).toHaveLength(1)
  })

  it('has its turn taken when it is dialled, not when somebody else lists it', () => {
    const others = at('/ip4/1.2.3.4/tcp/80', '/ip4/1.2.3.5/tcp/80')
    expect(targets.free(others)).toHaveLength(2)
    expect(take(others)).toHaveLength(2)
    expect(targets.free(others)).toHaveLength(0)
  })

  it('that was found there keeps its own turn, whoever else is said to be there', async () => {
    const [honest, liar] = [await peer(1), await peer(2)]
    const [real, fake] = at(`/ip4/1.2.3.4/tcp/80/p2p/${honest}`, `/ip4/1.2.3.4/tcp/80/p2p/${liar}`) as [Multiaddr, Multiaddr]
    targets.reached(multiaddr('/ip4/1.2.3.4/tcp/80'), honest)
    for (let i = 0; i < limits.dialTargetFailures; i++) {
      expect(take([fake])).toHaveLength(1)
      targets.failed(fake)
      await clock.advance(limits.dialTargetPause)
    }
    expect([take([fake]).length, take([real]).length, take([real]).length]).toEqual([0, 1, 0])
    // Gone from there it is left alone like everybody.
    for (let i = 0; i < limits.dialTargetFailures; i++) targets.failed(real)
    await clock.advance(limits.dialTargetPause)
    expect(take([real])).toHaveLength(0)
  })

  it('from which somebody connects is there', () => {
    const victim = at('/ip4/1.2.3.4/tcp/80')
    for (let i = 0; i < limits.dialTargetFailures; i++) targets.failed(victim[0]!)
    expect(take(victim)).toHaveLength(0)
    targets.reached(multiaddr('/ip4/1.2.3.4/tcp/50123'))
    expect(take(victim)).toHaveLength(1)
  })

  it('is forgotten when there are too many, the oldest first', () => {
    const nth = (i: number): Multiaddr[] => at(`/ip4/1.${i >> 16 & 255}.${i >> 8 & 255}.${i & 255}/tcp/80`)
    for (let i = 0; i <= limits.dialTargets; i++) take(nth(i))
    expect(take(nth(limits.dialTargets))).toHaveLength(0)
    expect(take(nth(0))).toHaveLength(1)
  })
})

const IDS = process.env.PEERWEAVE_TIER == null ? 1_000 : 10_000

it(`an address that is announced under ${IDS} ids is dialled once a minute`, async () => {
  const { ports: { host } } = await makePorts()
  const canary = await makeCanary()
  const errors = new Map<string, number>()
  for (let i = 0; i < IDS; i++) {
    const target = canary.address.encapsulate(`/p2p/${await peer(i)}`)
    const error = await host.dial([target], { isHearsay: true, reporter: 'loopback', timeout: 200 }).then(() => undefined, error => error)
    errors.set(error?.code, (errors.get(error?.code) ?? 0) + 1)
    if (i === 1) expect(error.retryAfter).toBeGreaterThan(50_000)
  }
  expect(canary.connects()).toBe(1)
  expect([...errors]).toEqual([['ERR_NETWORK', 1], ['ERR_LIMIT_EXCEEDED', IDS - 1]])
}, 60_000)

it('what is not hearsay is dialled again at once', async () => {
  const { ports: { host } } = await makePorts()
  const dead = await deadAddress()
  for (let i = 0; i < 3; i++) await expect(host.dial([dead])).rejects.toMatchObject({ code: 'ERR_NETWORK' })
})

it('a peer that hearsay led to and that answered may be dialled again', async () => {
  const [a, b] = [await makePorts(), await makePorts()]
  for (let i = 0; i < 3; i++) {
    await a.ports.host.dial([b.address], { isHearsay: true })
    await a.ports.host.close(b.node.peerId)
  }
})

it('who lists the addresses of others behind his own takes no turn of theirs', async () => {
  const [a, liar, honest] = [await makePorts(), await makePorts(), await makePorts()]
  await a.ports.host.dial([liar.address, withPeer(honest.address, liar.node.peerId)], { isHearsay: true })
  await a.ports.host.dial([honest.address], { isHearsay: true })
})

it('who lists the address of another before his own has it count as a failure of that address', async () => {
  const clock = virtualClock()
  const [own, liar] = [await peer(1), await peer(2)]
  const dialled: string[] = []
  const host = new NodeHost({
    peerId: own,
    logger: defaultLogger(),
    events: new EventTarget(),
    connectionGater: {},
    addressManager: { getAddresses: () => [] },
    connectionManager: {
      getConnections: () => [],
      openConnection: async ([address]: [Multiaddr]) => {
        dialled.push(address.toString())
        if (address.toString().includes('/1.2.3.4/')) throw new Error('nobody there')
        return { remotePeer: liar, remoteAddr: address, direction: 'outbound', status: 'open', direct: true }
      }
    }
  } as unknown as NodeComponents, { clock, resolve: async () => [] })
  host.attach()
  cleanUp(() => host.detach())
  for (let i = 0; i <= limits.dialTargetFailures; i++) {
    await host.dial(at(`/ip4/1.2.3.4/tcp/80/p2p/${liar}`, `/ip4/1.2.3.5/tcp/80/p2p/${liar}`), { isHearsay: true })
    await clock.advance(limits.dialTargetPause)
  }
  expect(dialled.filter(text => text.includes('/1.2.3.4/'))).toHaveLength(limits.dialTargetFailures)
})

it('a thousand silent addresses leave places for the dials that somebody chose', async () => {
  const [a, b] = [await makePorts(), await makePorts()]
  const canaries = await Promise.all(Array.from({ length: limits.parallelDials }, makeCanary))
  const hearsay = canaries.map(({ address }) => a.ports.host.dial([address], { isHearsay: true, timeout: 3_000 }).catch(() => {}))
  await until(() => canaries.filter(({ connects }) => connects() > 0).length >= limits.parallelDials / 2)
  await a.ports.host.dial([b.address], { signal: AbortSignal.timeout(1_000) })
  await Promise.all(hearsay)
}, 20_000)
