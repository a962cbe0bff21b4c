import { describe, expect, it } from 'vitest'
import { until } from '../../../test/support/until.ts'
import { connections, echo, goodbye, isConnected, testnet } from './support.ts'
import type { Place, TestnetNode } from '../src/index.ts'

const pings = (from: TestnetNode, to: TestnetNode, signal?: AbortSignal): Promise<number> => {
  return from.services.ping.ping(to.peerId, signal == null ? {} : { signal })
}

/** An event of a node, counted. */
function count (node: TestnetNode, event: 'peer:disconnect' | 'connection:open'): () => number {
  let times = 0
  node.libp2p.addEventListener(event, () => { times++ })
  return () => times
}

describe.each(['tcp', 'memory'] as const)('a crash on %s', transports => {
  it('disconnects everybody, whoever dialled, without a goodbye', async () => {
    const net = await testnet(4, { transports, mechanisms: () => ({ goodbye: goodbye() }) })
    await net.connect(0, 1)
    await net.connect(2, 0)
    await net.connect(0, 3)
    const disconnects = net.nodes.slice(1).map(node => count(node, 'peer:disconnect'))

    // Said when it stops in peace, so that the silence of the other means something.
    await net.node(3).stop()
    await until(() => net.node(0).services.goodbye.heardFrom.join() === net.node(3).peerId.toString(), 'its goodbye is heard')

    const sent = net.node(0).traffic.sent
    const crashing = net.node(0).crash()
    expect([net.node(0).isUp, net.node(0).libp2p.status]).toEqual([false, 'started']) // libp2p does not know yet
    await until(() => disconnects.slice(0, 2).every(times => times() === 1), 'both see it go')
    await crashing
    expect(net.node(0).traffic.sent).toBe(sent)
    expect(net.nodes.slice(1, 3).map(({ services }) => services.goodbye.heardFrom)).toEqual([[], []])
    expect([net.node(0).isUp, net.node(0).libp2p.status, connections(net)]).toEqual([false, 'stopped', []])
  })

  it('leaves nobody to dial, until it is restarted', async () => {
    const net = await testnet(2, { transports })
    await net.node(1).crash()
    await expect(net.connect(0, 1)).rejects.toThrow(/ECONNREFUSED|No memory listener/)
    await net.node(1).restart()
    await net.connect(0, 1)
  })
})

describe.each(['tcp', 'memory'] as const)('a crash on %s', transports => {
  it('happens at once, however long services take to stop', async () => {
    const gate = Promise.withResolvers<void>()
    const slow = ({ index }: Place) => ({
      slow: () => ({ start: () => {}, beforeStop: async () => { if (index === 0) await gate.promise }, stop: () => {} })
    })
    const net = await testnet(3, { transports, mechanisms: slow, wiring: [[0, 1], [2, 0]] })
    const foreign = await testnet(2, { transports: 'tcp' })
    const disconnects = [net.node(1), net.node(2), foreign.node(0)].map(node => count(node, 'peer:disconnect'))
    if (transports === 'tcp') await net.node(0).libp2p.dial(foreign.node(0).addresses)

    const crashing = net.node(0).crash()
    await until(() => disconnects[0]?.() === 1, 'whom it dialled sees it go')
    await until(() => disconnects[1]?.() === 1, 'who dialled it sees it go')
    if (transports === 'tcp') await until(() => disconnects[2]?.() === 1, 'whom it dialled elsewhere sees it go')
    await expect(net.connect(1, 0)).rejects.toThrow(/ECONNREFUSED|No memory listener/)
    await expect(net.node(0).libp2p.dial(net.node(1).addresses)).rejects.toThrow('node 0 is off the network')
    gate.resolve()
    await crashing
  })

  it('leaves nothing of the crashed node on its way', async () => {
    const net = await testnet(2, { transports, wiring: [[0, 1]] })
    const disconnects = count(net.node(1), 'peer:disconnect')
    net.setFaults({ latency: 5_000 })
    void net.node(0).crash()
    await until(() => disconnects() === 1, 'the reset does not wait in a queue', 4_000)
  })
})

describe.each(['tcp', 'memory'] as const)('a partition on %s', transports => {
  it('ends connections across and refuses new ones both ways, until it is healed', async () => {
    const net = await testnet(5, { transports, wiring: [[0, 1], [1, 2], [3, 2], [3, 4]] })
    net.partition([[0, 1], [net.node(2)]])
    await until(() => connections(net).join() === '0 1,3 4', 'those across are gone, those within are not')
    await expect(net.connect(1, 2)).rejects.toThrow(/cut node 1 from node 2/)
    await expect(net.connect(2, 1)).rejects.toThrow(/cut node 2 from node 1/)
    await expect(net.connect(2, 3)).rejects.toThrow(/cut/)
    const newcomer = await net.add()
    await net.connect(newcomer, 3) // in no group, like itself
    await expect(net.connect(newcomer, 0)).rejects.toThrow(/cut/)

    net.heal()
    expect(connections(net)).toEqual(['0 1', '3 4', '5 3'])
    await net.connect(1, 2)
    await net.connect(2, 3)
    await net.connect(newcomer, 0)
  })
})

describe('a cut', () => {
  it('separates two groups, and nobody else', async () => {
    const net = await testnet(3, { wiring: 'ring' })
    net.cut(0, [1])
    await until(() => connections(net).join() === '1 2,2 0')
    await expect(net.connect(0, 1)).rejects.toThrow(/cut/)
    await expect(net.connect(1, 0)).rejects.toThrow(/cut/)
    expect(await pings(net.node(0), net.node(2))).toBeGreaterThanOrEqual(0)
  })

  it('that is silent lets bytes and dials wait, and loses none', async () => {
    const net = await testnet(3, { mechanisms: () => ({ echo: echo() }), wiring: [[0, 1]] })
    const [a, b, c] = [net.node(0), net.node(1), net.node(2)]
    await pings(a, b)
    net.cut(b, [a, c], { silent: true })

    const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => i % 251)
    let answered = 0
    const answers = [a.services.echo.exchange(b, bytes), b.services.echo.exchange(a, bytes)]
      .map(answer => answer.finally(() => { answered++ }))
    let connected = 0
    const dials = [net.connect(c, b).then(() => { connected++ }), net.connect(b, c).catch(() => {})]
    await expect(pings(a, b, AbortSignal.timeout(50))).rejects.toThrow(/abort|timeout/i)
    await expect(a.libp2p.dial(c.addresses)).resolves.toBeDefined()
    expect([answered, connected, isConnected(a, b), isConnected(b, a)]).toEqual([0, 0, true, true])

    net.heal()
    expect((await Promise.all(answers)).map(answer => Buffer.compare(answer, bytes))).toEqual([0, 0])
    await Promise.all(dials)
    expect(connected).toBe(1)
  })

  it('that is silent lets nothing through either way', async () => {
    const net = await testnet(2, { mechanisms: () => ({ goodbye: goodbye() }), wiring: 'ring' })
    const [a, b] = [net.node(0), net.node(1)]
    const heard = (): number[] => [a, b].map(({ services }) => services.goodbye.heardFrom.length)
    const streams = [await a.services.goodbye.open(b), await b.services.goodbye.open(a)]
    for (const stream of streams) stream.send(Uint8Array.of(1))
    await until(() => heard().join() === '1,1', 'both hear the other')
    net.cut(a, b, { silent: true })
    for (const stream of streams) stream.send(Uint8Array.of(2))
    await expect(pings(a, b, AbortSignal.timeout(50))).rejects.toThrow(/abort|timeout/i)
    expect(heard()).toEqual([1, 1])
    net.heal()
    await until(() => heard().join() === '2,2', 'both hear the rest')
  })

  it('that is silent lets a connection be closed, for the one who closes it', async () => {
    const net = await testnet(2, { wiring: 'ring' })
    net.cut(0, 1, { silent: true })
    await net.node(0).libp2p.hangUp(net.node(1).peerId)
    expect([isConnected(net.node(0), net.node(1)), isConnected(net.node(1), net.node(0))]).toEqual([false, true])
    net.heal()
    await until(() => !isConnected(net.node(1), net.node(0)), 'the other hears of it')
  })

  it('that is silent hides a crash', async () => {
    const net = await testnet(2, { wiring: 'ring' })
    const disconnects = count(net.node(0), 'peer:disconnect')
    net.cut(0, 1, { silent: true })
    await net.node(1).crash()
    expect([isConnected(net.node(0), net.node(1)), disconnects()]).toEqual([true, 0])
    net.heal()
    await until(() => disconnects() === 1)
  })

  it('of a node from itself, or of nodes that are not there, is refused', async () => {
    const net = await testnet(2, { transports: 'memory' })
    expect(() => net.cut(0, [1, 0])).toThrow(new TypeError('cut takes two groups that share no node, got 0 in both'))
    expect(() => net.cut(0, 2)).toThrow(new RangeError('the net has nodes 0 to 1, got 2'))
    expect(() => net.partition([[0], [0]])).toThrow(new TypeError('partition takes groups that share no node, got 0 in two'))
    expect(() => net.cut(0, 1, { quiet: true } as object)).toThrow('a cut has no option "quiet"; it knows silent')
  })
})

describe.each(['tcp', 'memory'] as const)('latency on %s', transports => {
  it('delays both directions, for both ends', async () => {
    const net = await testnet(2, { transports, faults: { latency: 40 }, wiring: 'ring', pubsub: false })
    expect(await pings(net.node(0), net.node(1))).toBeGreaterThanOrEqual(80)
    expect(await pings(net.node(1), net.node(0))).toBeGreaterThanOrEqual(80)
  })

  it('keeps the order, and every byte of a long transfer', async () => {
    const faults = { latency: { min: 5, max: 15 } }
    const net = await testnet(2, { transports, faults, wiring: 'ring', mechanisms: () => ({ echo: echo() }) })
    const bytes = Uint8Array.from({ length: 3_000_000 }, (_, i) => i % 253)
    expect(Buffer.compare(await net.node(0).services.echo.exchange(net.node(1), bytes), bytes)).toBe(0)
  })
})

describe('latency', () => {
  it('takes a dial a round trip more, as TCP does', async () => {
    const net = await testnet(2, { transports: 'memory', faults: { latency: 30 } })
    const started = performance.now()
    await net.connect(0, 1)
    expect(performance.now() - started).toBeGreaterThanOrEqual(4 * 30) // TCP's handshake, and a round trip of libp2p's at the least
  })
})

describe('loss', () => {
  it('makes bytes late, and loses none', async () => {
    const net = await testnet(2, { faults: { loss: 1 }, wiring: 'ring', pubsub: false, mechanisms: () => ({ echo: echo() }) })
    expect(await pings(net.node(0), net.node(1))).toBeGreaterThanOrEqual(400)
    net.setFaults({ loss: 0.3 })
    const bytes = Uint8Array.from({ length: 300_000 }, (_, i) => i % 253)
    expect(Buffer.compare(await net.node(0).services.echo.exchange(net.node(1), bytes), bytes)).toBe(0)
  })
})

describe('failed dials', () => {
  it('are the share asked for, the same ones for the same seed, and none while the net is wired', async () => {
    const fates = async (seed: number): Promise<boolean[]> => {
      const net = await testnet(4, { transports: 'memory', seed, faults: { failedDials: 0.5 }, wiring: 'ring', pubsub: false })
      expect(connections(net)).toEqual(['0 1', '1 2', '2 3', '3 0'])
      const results: boolean[] = []
      for (let i = 0; i < 20; i++) {
        const connection = await net.node(0).libp2p.dial(net.node(2).addresses).catch(() => undefined)
        results.push(connection != null)
        await connection?.close()
      }
      return results
    }
    const [one, same, other] = [await fates(1), await fates(1), await fates(2)]
    expect(same).toEqual(one)
    expect(other).not.toEqual(one)
    const succeeded = one.filter(Boolean).length
    expect(succeeded).toBeGreaterThan(3)
    expect(succeeded).toBeLessThan(17)
  })
})

describe('a lifetime of connections', () => {
  it('breaks them, for both ends', async () => {
    const net = await testnet(2, { faults: { connectionLifetime: { min: 20, max: 50 } } })
    const disconnects = net.nodes.map(node => count(node, 'peer:disconnect'))
    await net.connect(0, 1)
    await until(() => disconnects.every(times => times() === 1))
    await net.connect(1, 0)
    await until(() => disconnects.every(times => times() === 2))
  })
})
