/** Pings between real nodes, and at peers that end, garble or never answer them. */
import { ping as pingService } from '@libp2p/ping'
import { NotStartedError, TimeoutError, virtualClock } from '@peerweave/interface'
import { describe, expect, it } from 'vitest'
import { until } from '../../../test/support/until.ts'
import { PING_PROTOCOL } from '../src/ping.ts'
import { makeNode, makePair, makePorts, type PortsNode, type TestNode } from './nodes.ts'
import type { Connection, Stream } from '@libp2p/interface'

const never = new AbortController().signal

const speaking = { services: { ping: pingService() } }

/** A node with ports, connected to one that answers pings by `handler`. */
async function asking (handler: (stream: Stream) => void): Promise<[PortsNode, TestNode]> {
  const [a, b] = [await makePorts(), await makeNode()]
  await b.node.handle(PING_PROTOCOL, handler)
  await a.ports.host.dial([b.address])
  return [a, b]
}

const echo = (stream: Stream): void => stream.addEventListener('message', ({ data }) => { stream.send(data) })

function pings ({ node }: TestNode): Stream[] {
  return node.getConnections().flatMap(({ streams }) => streams).filter(({ protocol }) => protocol === PING_PROTOCOL)
}

function connectionOf ({ node }: TestNode): Connection {
  const [connection] = node.getConnections()
  if (connection == null) throw new Error('not connected')
  return connection
}

describe('a ping', () => {
  it('has the round trip, of both sides, over one stream that stays open', async () => {
    const [a, b] = await makePair(speaking)
    for (let i = 0; i < 5; i++) {
      const rtt = await a.ports.host.ping(b.node.peerId, { signal: never })
      expect(rtt).toBeGreaterThan(0)
      expect(rtt).toBeLessThan(5_000)
      expect(a.ports.host.connections()[0]?.rtt).toBe(rtt)
    }
    expect(pings(a).length).toBe(1)
    await b.ports.host.ping(a.node.peerId, { signal: never })
    expect(pings(a).map(({ direction }) => direction).sort()).toEqual(['inbound', 'outbound'])
  })

  it('never dials', async () => {
    const [a, b] = [await makePorts(), await makePorts(speaking)]
    await a.node.peerStore.merge(b.node.peerId, { multiaddrs: [b.address] })
    await expect(a.ports.host.ping(b.node.peerId, { signal: never })).rejects.toMatchObject({ name: 'ConnectionClosedError' })
    expect(a.node.getConnections()).toEqual([])
  })

  it('is not found at a peer that does not speak it', async () => {
    const [a, b] = await makePair()
    await expect(a.ports.host.ping(b.node.peerId, { signal: never })).rejects.toMatchObject({ name: 'NotFoundError' })
    expect(a.node.getConnections().length).toBe(1)
  })

  it('is joined by whoever asks while it is in flight, and ends when nobody waits any more', async () => {
    const held: Array<() => void> = []
    const [a, b] = await asking(stream => stream.addEventListener('message', ({ data }) => { held.push(() => { stream.send(data) }) }))
    const [first, second] = [new AbortController(), new AbortController()]
    const one = a.ports.host.ping(b.node.peerId, { signal: first.signal })
    await until(() => held.length === 1)
    const two = a.ports.host.ping(b.node.peerId, { signal: second.signal })
    const three = a.ports.host.ping(b.node.peerId, { signal: never })
    first.abort()
    await expect(one).rejects.toMatchObject({ name: 'AbortError' })
    second.abort(new TimeoutError('enough'))
    await expect(two).rejects.toMatchObject({ name: 'TimeoutError' })
    held[0]?.()
    await three
    expect(held.length).toBe(1)

    const gone = new AbortController()
    const given = a.ports.host.ping(b.node.peerId, { signal: gone.signal })
    await until(() => held.length === 2)
    gone.abort()
    await expect(given).rejects.toMatchObject({ name: 'AbortError' })
    expect(pings(a)).toEqual([])
    const next = a.ports.host.ping(b.node.peerId, { signal: never })
    await until(() => held.length === 3)
    held[2]?.()
    await next
  })

  it('does not begin when its signal has fired, or before the ports are started', async () => {
    const [a, b] = await makePair(speaking)
    await expect(a.ports.host.ping(b.node.peerId, { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' })
    expect(pings(a)).toEqual([])
    await a.ports.stop()
    await expect(a.ports.host.ping(b.node.peerId, { signal: never })).rejects.toBeInstanceOf(NotStartedError)
    await a.ports.start()
    await a.ports.host.ping(b.node.peerId, { signal: never })
  })
})

describe('the stream of pings', () => {
  it.each([
    ['is closed', (stream: Stream) => { stream.close().catch(() => {}) }],
    ['is reset', (stream: Stream) => { stream.abort(new Error('its time is up')) }]
  ])('is opened anew when it %s between pings', async (_, end) => {
    const opened: Stream[] = []
    const [a, b] = await asking(stream => {
      opened.push(stream)
      echo(stream)
    })
    await a.ports.host.ping(b.node.peerId, { signal: never })
    for (const stream of opened) end(stream)
    await until(() => pings(a).length === 0)
    await a.ports.host.ping(b.node.peerId, { signal: never })
    expect([opened.length, pings(a).length]).toEqual([2, 1])
  })

  it.each([
    ['closed', (stream: Stream) => { stream.close().catch(() => {}) }],
    ['reset', (stream: Stream) => { stream.abort(new Error('its time is up')) }]
  ])('may be %s under a ping, which then goes over the next', async (_, end) => {
    let opened = 0
    const [a, b] = await asking(stream => {
      opened++
      const last = opened === 1 ? 1 : Infinity
      let count = 0
      stream.addEventListener('message', ({ data }) => {
        if (count++ < last) stream.send(data)
        else end(stream)
      })
    })
    await a.ports.host.ping(b.node.peerId, { signal: never })
    await a.ports.host.ping(b.node.peerId, { signal: never })
    expect(opened).toBe(2)
  })

  it.each([
    ['closes', (stream: Stream) => { stream.close().catch(() => {}) }],
    ['resets', (stream: Stream) => { stream.abort(new Error('no pings here')) }]
  ])('that the peer %s each time is a refusal, not the end of the connection', async (_, end) => {
    const [a, b] = await asking(end)
    await expect(a.ports.host.ping(b.node.peerId, { signal: never })).rejects.toMatchObject({ name: 'NetworkError' })
    expect([a.node.getConnections().length, pings(a).length]).toEqual([1, 0])
  })

  it.each([
    ['another byte', (data: Uint8Array) => [data.map((byte, i) => i === 31 ? byte ^ 1 : byte)]],
    ['too much', (data: Uint8Array) => [data, data]],
    ['a part twice', (data: Uint8Array) => [data.subarray(0, 16), data.subarray(0, 16)]]
  ])('with %s in an answer is ended, and the ping fails', async (what, garble) => {
    const [a, b] = await asking(stream => stream.addEventListener('message', ({ data }) => {
      for (const part of garble(data.subarray().slice())) stream.send(part)
    }))
    const asked = a.ports.host.ping(b.node.peerId, { signal: never })
    if (what === 'too much') await asked.catch(() => {})
    else await expect(asked).rejects.toMatchObject({ name: 'SerializationError' })
    await until(() => pings(a).length === 0)
    expect(a.node.getConnections().length).toBe(1)
  })

  it('may bring an answer in parts', async () => {
    const [a, b] = await asking(stream => stream.addEventListener('message', ({ data }) => {
      for (const byte of data.subarray().slice()) stream.send(Uint8Array.of(byte))
    }))
    await a.ports.host.ping(b.node.peerId, { signal: never })
    await a.ports.host.ping(b.node.peerId, { signal: never })
    expect(pings(a).length).toBe(1)
  })

  it('ends with the ports', async () => {
    const [a, b] = await asking(() => {})
    const asked = a.ports.host.ping(b.node.peerId, { signal: never })
    await until(() => pings(b).length === 1)
    await a.ports.stop()
    await expect(asked).rejects.toMatchObject({ name: 'AbortError' })
    await until(() => pings(a).length === 0 && pings(b).length === 0)
  })

  it.each([
    ['closed by us', (a: PortsNode, b: TestNode) => a.ports.host.close(b.node.peerId)],
    ['cut', async (_: PortsNode, b: TestNode) => { connectionOf(b).abort(new Error('gone')) }]
  ])('ends with its connection, %s, and the ping fails', async (_, close) => {
    const [a, b] = await asking(() => {})
    const asked = a.ports.host.ping(b.node.peerId, { signal: never })
    const failed = expect(asked).rejects.toMatchObject({ name: 'ConnectionClosedError' })
    await until(() => pings(b).length === 1)
    await close(a, b)
    await failed
    await expect(a.ports.host.ping(b.node.peerId, { signal: never })).rejects.toMatchObject({ name: 'ConnectionClosedError' })
  })

  it('goes over the connection that opened last', async () => {
    const [a, b] = await makePair(speaking)
    await a.ports.host.ping(b.node.peerId, { signal: never })
    await until(() => Date.now() > connectionOf(a).timeline.open)
    await b.node.dial(a.address, { force: true })
    await until(() => a.node.getConnections().length === 2)
    await a.ports.host.ping(b.node.peerId, { signal: never })
    const counts = a.node.getConnections().sort((x, y) => x.timeline.open - y.timeline.open)
      .map(({ streams }) => streams.filter(({ protocol }) => protocol === PING_PROTOCOL).length)
    expect(counts).toEqual([1, 1])
  })
})

it('leaves libp2p\'s connection monitor its own stream, beside a ping service that allows one', async () => {
  // The monitor takes "too many streams" for a dead connection and aborts it.
  const [a, b] = await makePair({ ...speaking, connectionMonitor: { pingInterval: 200 } })
  await a.ports.host.ping(b.node.peerId, { signal: never })
  const connection = connectionOf(a)
  let measured = 0
  for (let last = connection.rtt; measured < 3;) {
    await until(() => connection.rtt !== last || connection.status !== 'open')
    expect(connection.status).toBe('open')
    connection.rtt = last = -1 - measured++
  }
  expect(pings(a).some(({ direction }) => direction === 'outbound')).toBe(true)
})

it('runs by the ports\' clock', async () => {
  const clock = virtualClock()
  const [a, b] = [await makePorts({}, { clock }), await makeNode(speaking)]
  await a.ports.host.dial([b.address])
  expect(await a.ports.host.ping(b.node.peerId, { signal: never })).toBe(0)
})
