import { multiaddr } from '@multiformats/multiaddr'
import { virtualClock } from '@peerweave/interface'
import { memory, MemoryHub, multi } from '@peerweave/multi'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { until } from '../../../test/support/until.ts'
import { createTestnet, type Place, type Testnet, type TestnetNode } from '../src/index.ts'
import { connections, gone, ids, isConnected, testnet, timers } from './support.ts'
import type { GossipSub } from '@libp2p/gossipsub'
import type { Multi } from '@peerweave/multi'

describe.each(['tcp', 'memory'] as const)('a net on %s', transports => {
  it('has as many nodes as asked for, up and at addresses of their own', async () => {
    const net = await testnet(4, { transports })
    const states = net.nodes.map(({ index, isUp, libp2p }) => [index, isUp, libp2p.status])
    expect(states).toEqual([0, 1, 2, 3].map(index => [index, true, 'started']))
    const addresses = net.nodes.flatMap(node => node.addresses.map(String))
    expect(new Set(addresses).size).toBe(4)
    const form = transports === 'tcp' ? /^\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\/12D3/ : /^\/ip4\/10\.77\.0\.\d\/tcp\/4001\/p2p\/12D3/
    expect(addresses.filter(address => !form.test(address))).toEqual([])
    expect(connections(net)).toEqual([])
  })

  it('is the same for the same seed, and another one for another', async () => {
    const options = { transports, wiring: { links: 2 } } as const
    const [one, same] = [await testnet(6, { ...options, seed: 7 }), await testnet(6, { ...options, seed: 7 })]
    const other = await testnet(6, { ...options, seed: 8 })
    expect([ids(same), connections(same)]).toEqual([ids(one), connections(one)])
    expect(ids(other).filter(id => ids(one).includes(id))).toEqual([])
    expect(connections(other)).not.toEqual(connections(one))
  })

  it('connects nodes when told, and each sees the other where it is', async () => {
    const net = await testnet(2, { transports })
    await net.connect(0, net.node(1))
    expect(isConnected(net.node(1), net.node(0))).toBe(true)
    expect(net.node(0).libp2p.getConnections().map(({ remoteAddr }) => remoteAddr.toString())).toEqual(net.node(1).addresses.map(String))
    const [inbound] = net.node(1).libp2p.getConnections()
    const form = transports === 'tcp' ? /^\/ip4\/127\.0\.0\.1\/tcp\/\d+/ : /^\/ip4\/10\.77\.0\.1\/tcp\/\d{5}/
    expect(inbound?.remoteAddr.toString()).toMatch(form)
    expect(await net.node(0).services.ping.ping(net.node(1).peerId)).toBeGreaterThanOrEqual(0)
  })

  it('restarts a node with its key and its address, and nothing else', async () => {
    const net = await testnet(2, { transports, wiring: 'ring' })
    const node = net.node(1)
    const { addresses, peerId, libp2p } = node
    await until(async () => await libp2p.peerStore.has(net.node(0).peerId), 'it remembers the other')
    await node.restart()
    expect(node.libp2p).not.toBe(libp2p)
    expect(libp2p.status).toBe('stopped')
    expect([node.isUp, node.peerId, node.libp2p.peerId.toString()]).toEqual([true, peerId, peerId.toString()])
    expect(node.addresses.map(String)).toEqual(addresses.map(String))
    expect(await node.libp2p.peerStore.has(net.node(0).peerId)).toBe(false)
    await net.connect(0, 1)
    expect(isConnected(net.node(0), node)).toBe(true)
  })

  it('counts bytes at both ends alike', async () => {
    const net = await testnet(2, { transports, pubsub: false })
    await net.connect(0, 1)
    await net.node(0).services.ping.ping(net.node(1).peerId)
    await net.node(0).stop()
    const [one, two] = [net.node(0).traffic, net.node(1).traffic]
    expect([one.sent, one.received]).toEqual([two.received, two.sent])
    expect(Math.min(one.sent, one.received)).toBeGreaterThan(500)
  })

  it('leaves no handle behind, and no timer but one of libp2p\'s for a second', async () => {
    const timersBefore = timers()
    const net = await createTestnet(5, { transports, wiring: { links: 2 }, faults: { latency: 5, connectionLifetime: 60_000 } })
    await net.connect(0, 1)
    await net.node(0).crash()
    await net.node(1).restart()
    const spare = await net.add({ start: false })
    expect(spare.isUp).toBe(false)
    await net.stop()
    expect(net.nodes.filter(({ isUp }) => isUp)).toEqual([])
    await gone()
    await until(() => timers() <= timersBefore, 'no timers are left')
  })
})

describe('a net on both transports', () => {
  it('has each node at two addresses, and reaches it at either', async () => {
    const net = await testnet(2, { transports: ['tcp', 'memory'] })
    const [tcp, memory] = net.node(1).addresses
    for (const address of [tcp, memory]) {
      if (address == null) throw new Error('it has fewer than two')
      const connection = await net.node(0).libp2p.dial(address)
      expect(connection.remoteAddr.toString()).toBe(address.toString())
      await connection.close()
    }
    expect(net.node(1).addresses.map(String)).toEqual([expect.stringContaining('127.0.0.1'), expect.stringContaining('10.77.0.2')])
  })
})

describe('nets of one process', () => {
  it('do not meet in memory, though their nodes have the same addresses', async () => {
    const [one, two] = [await testnet(1, { transports: 'memory', seed: 1 }), await testnet(2, { transports: 'memory', seed: 2 })]
    const [address] = two.node(1).addresses
    if (address == null) throw new Error('it listens nowhere')
    await expect(one.node(0).libp2p.dial(address)).rejects.toThrow(/No memory listener/)
  })
})

describe('dials', () => {
  it('never leave the machine, whoever gives the address', async () => {
    const net = await testnet(1)
    const { libp2p } = net.node(0)
    const address = net.node(0).addresses[0]?.toString().replace('127.0.0.1', '8.8.8.8') ?? ''
    await expect(libp2p.dial(multiaddr(address.replace(/\/p2p.*/, '')))).rejects.toThrow(/no valid addresses|transport/i)
  })
})

describe('adding', () => {
  it('gives a newcomer the next key of the seed, connected to nobody', async () => {
    const [small, large] = [await testnet(2, { seed: 3, transports: 'memory' }), await testnet(3, { seed: 3, transports: 'memory' })]
    const newcomer = await small.add()
    expect(newcomer.peerId.toString()).toBe(ids(large)[2])
    expect([newcomer.index, newcomer.isUp, connections(small)]).toEqual([2, true, []])
    expect(small.nodes).toHaveLength(3)
  })

  it('makes one without starting it, when asked to', async () => {
    const net = await testnet(1, { transports: 'memory' })
    const newcomer = await net.add({ start: false })
    expect([newcomer.isUp, newcomer.libp2p.status, newcomer.addresses]).toEqual([false, 'stopped', []])
    const { libp2p } = newcomer
    await newcomer.start()
    expect([newcomer.isUp, newcomer.libp2p === libp2p, newcomer.addresses.length]).toEqual([true, true, 1])
  })

  it('has an end: a process is no place for more', async () => {
    const net = await testnet(100, { start: false })
    await expect(net.add({ start: false })).rejects.toThrow('a net of tcp has at most 100 nodes')
  })

  it('is refused by a net that was stopped', async () => {
    const net = await testnet(1, { transports: 'memory' })
    await net.stop()
    await expect(net.add()).rejects.toThrow('the net was stopped')
  })
})

describe('mechanisms', () => {
  it('appear as services, find each other and are typed', async () => {
    const hub = new MemoryHub()
    const net = await testnet(3, { mechanisms: () => ({ discovery: multi({ mechanisms: [memory({ hub })] }) }) })
    expectTypeOf(net.node(0).services.discovery).toEqualTypeOf<Multi>()
    expectTypeOf(net.node(0).services.pubsub).toEqualTypeOf<GossipSub>()
    for (const node of net.nodes) {
      const { discovery } = node.services
      await until(async () => (await Array.fromAsync(discovery.peers())).length === 2, `node ${node.index} finds the other two`)
    }
    const found = await Array.fromAsync(net.node(0).services.discovery.peers())
    expect(found.map(({ peerId }) => peerId.toString()).sort()).toEqual(ids(net).slice(1).sort())
  })

  it('may be told their place, with those before them up', async () => {
    const places: Place[] = []
    const before: string[][] = []
    const net = await testnet(3, {
      transports: 'memory',
      seed: 5,
      mechanisms: place => {
        places.push(place)
        before.push(place.nodes.flatMap(({ isUp, addresses }) => isUp ? addresses.map(String) : []))
        return { mine: () => ({ place: place.index }) }
      }
    })
    const [one = '', two = ''] = net.nodes.flatMap(({ addresses }) => addresses.map(String))
    expect(before).toEqual([[], [one], [one, two]])
    expect(places.map(({ peerId }) => peerId.toString())).toEqual(ids(net))
    expect(new Set(places.map(({ seed }) => seed)).size).toBe(3)
    expect(net.nodes.map(({ services }) => services.mine.place)).toEqual([0, 1, 2])

    await net.node(0).restart()
    expect(places[3]?.seed).not.toBe(places[0]?.seed)
    expect(places[3]?.nodes.map(({ index }: TestnetNode) => index)).toEqual([1, 2])
  })

  it('that fail at the start take the net down with them', async () => {
    const failing = ({ index }: Place) => ({
      mine: () => ({ start: () => { if (index === 2) throw new Error('no luck') }, stop: () => {} })
    })
    await expect(createTestnet(4, { mechanisms: failing })).rejects.toThrow('no luck')
    await gone()
  })
})

describe('pubsub', () => {
  it('reaches all of twenty nodes that share an address', async () => {
    const net = await testnet(20, { wiring: { links: 3 } })
    const heard = new Set<number>()
    for (const { index, services } of net.nodes) {
      services.pubsub.addEventListener('message', ({ detail }) => { if (detail.topic === 'news') heard.add(index) })
      services.pubsub.subscribe('news')
    }
    const first = net.node(0).services.pubsub
    await until(() => net.nodes.every(({ services }) => services.pubsub.getSubscribers('news').length > 0), 'everybody is in the mesh')
    await first.publish('news', Uint8Array.of(1))
    await until(() => heard.size === 19, 'all others hear it')
  })

  it('is left out, or has other options, when asked to', async () => {
    const without = await testnet(1, { transports: 'memory', pubsub: false })
    const other = await testnet(1, { transports: 'memory', pubsub: { D: 3 } })
    expect(Object.keys(without.node(0).services)).toEqual(['identify', 'ping'])
    expectTypeOf(without.node(0).services).not.toHaveProperty('pubsub')
    const { opts } = other.node(0).services.pubsub as unknown as { opts: object }
    expect(opts).toMatchObject({ D: 3, scoreParams: { IPColocationFactorWeight: 0 } })
  })
})

describe('libp2p\'s options', () => {
  it('are merged over ours, services and transports added', async () => {
    const net = await testnet(1, {
      libp2p: ({ index }) => ({
        nodeInfo: { name: `node-${index}` },
        connectionManager: { maxConnections: 7 },
        services: { own: () => ({ isOwn: true }) }
      })
    })
    const { libp2p } = net.node(0)
    const { components } = libp2p as unknown as {
      components: { connectionManager: { getMaxConnections: () => number }, nodeInfo: { name: string } }
    }
    expect(components.connectionManager.getMaxConnections()).toBe(7)
    expect(components.nodeInfo.name).toBe('node-0')
    expect(libp2p.services).toMatchObject({ own: { isOwn: true } })
    expect(net.node(0).addresses).toHaveLength(1)
  })

  it('turn on the monitor of connections, whose pings are traffic that nobody asked for', async () => {
    const isMonitored = (net: Testnet): boolean => {
      return 'connectionMonitor' in (net.node(0).libp2p as unknown as { components: { components: object } }).components.components
    }
    expect(isMonitored(await testnet(1, { transports: 'memory' }))).toBe(false)
    expect(isMonitored(await testnet(1, { transports: 'memory', libp2p: { connectionMonitor: { enabled: true } } }))).toBe(true)
  })
})

describe('giving up in the middle of making a net', () => {
  it('leaves nothing', async () => {
    const controller = new AbortController()
    const made: number[] = []
    const making = createTestnet(50, {
      signal: controller.signal,
      mechanisms: ({ index }) => {
        made.push(index)
        if (index === 3) controller.abort(new Error('enough'))
        return {}
      }
    })
    await expect(making).rejects.toMatchObject({ name: 'AbortError', cause: { message: 'enough' } })
    expect(made).toEqual([0, 1, 2, 3])
    await gone()
  })

  it('is heard also when the last one is made', async () => {
    const controller = new AbortController()
    const making = createTestnet(1, { signal: controller.signal, mechanisms: () => { controller.abort(); return {} } })
    await expect(making).rejects.toMatchObject({ name: 'AbortError' })
    await gone()
  })

  it('begins with nothing, if it is over before', async () => {
    let made = 0
    const making = createTestnet(1, { signal: AbortSignal.abort(), mechanisms: () => { made++; return {} } })
    await expect(making).rejects.toMatchObject({ name: 'AbortError' })
    expect(made).toBe(0)
  })
})

describe('stopping', () => {
  it('waits for a node that is being added', async () => {
    const net = await testnet(1)
    const adding = net.add()
    await net.stop()
    expect((await adding).isUp).toBe(false)
    await gone()
  })

  it('may be done twice, and by await using', async () => {
    let net
    {
      await using made = await createTestnet(2, { transports: 'memory', wiring: 'ring' })
      net = made
      await made.node(0).stop()
      await made.node(0).stop()
      await made.stop()
    }
    expect(net.nodes.map(({ isUp }) => isUp)).toEqual([false, false])
    await gone()
  })

  it('says which service hangs, and takes the others down', async () => {
    const clock = virtualClock()
    const net = await createTestnet(3, {
      clock,
      mechanisms: ({ index }) => ({
        mine: () => ({ start: () => {}, beforeStop: async () => { if (index === 1) await new Promise(() => {}) }, stop: () => {} })
      })
    })
    const stopping = expect(net.stop()).rejects.toThrow('node 1 did not stop within 10000 ms')
    await until(() => !net.node(0).isUp && !net.node(1).isUp)
    await clock.advance(10_000)
    await stopping
    expect(net.nodes.map(({ libp2p }) => libp2p.status)).toEqual(['stopped', 'stopping', 'stopped'])
    await gone()
  })
})
