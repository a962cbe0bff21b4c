import { limits, systemClock, virtualClock } from '@peerweave/interface'
import { describe, expect, it } from 'vitest'
import { until } from '../../../test/support/until.ts'
import { makePair, makePorts, type PortsNode } from './nodes.ts'
import type { RequestOptions } from '@peerweave/interface'

const PROTOCOL = '/peerweave-test/echo/1.0.0'
/** The time is longer than any `until` here: nothing passes because it was over. */
const HANDLER_LIMITS = { maxRequest: 1_024, timeout: 60_000 }
const bytes = (size: number): Uint8Array => new Uint8Array(size).fill(7)
const asking = (options: Partial<RequestOptions> = {}): RequestOptions =>
  ({ maxAnswer: 1_024, signal: AbortSignal.timeout(10_000), ...options })

/** Streams of our protocol at either end, in any state. */
const streams = (...nodes: PortsNode[]): number =>
  nodes.flatMap(({ node }) => node.getConnections().flatMap(({ streams }) => streams)).filter(({ protocol }) => protocol === PROTOCOL).length

describe('a request', () => {
  it('is answered by the handler, which learns who asks, and leaves no stream behind', async () => {
    const [a, b] = await makePair()
    await b.ports.rpc.handle(PROTOCOL, async (request, from) => {
      expect(from.equals(a.node.peerId)).toBe(true)
      return request.map(byte => byte + 1)
    }, HANDLER_LIMITS)
    expect(await a.ports.rpc.request(b.node.peerId, PROTOCOL, Uint8Array.of(1, 2, 3), asking())).toEqual(Uint8Array.of(2, 3, 4))
    expect(await a.ports.rpc.request(b.node.peerId, PROTOCOL, bytes(0), asking())).toEqual(bytes(0))
    await until(() => streams(a, b) === 0)
  })

  it('takes a request and an answer of exactly the size allowed', async () => {
    const [a, b] = await makePair()
    await b.ports.rpc.handle(PROTOCOL, async request => request, { ...HANDLER_LIMITS, maxRequest: 50_000 })
    expect(await a.ports.rpc.request(b.node.peerId, PROTOCOL, bytes(50_000), asking({ maxAnswer: 50_000 }))).toHaveLength(50_000)
  })

  it('fails with LimitExceededError when the answer is larger than asked for', async () => {
    const [a, b] = await makePair()
    for (const size of [1_025, 200_000]) {
      await b.ports.rpc.handle(PROTOCOL, async () => bytes(size), HANDLER_LIMITS)
      await expect(a.ports.rpc.request(b.node.peerId, PROTOCOL, bytes(1), asking())).rejects.toMatchObject({ name: 'LimitExceededError' })
      await b.ports.rpc.unhandle(PROTOCOL)
    }
    await until(() => streams(a, b) === 0)
  })

  it('that is larger than the handler takes never reaches it', async () => {
    const [a, b] = await makePair()
    let calls = 0
    await b.ports.rpc.handle(PROTOCOL, async request => { calls++; return request }, HANDLER_LIMITS)
    await expect(a.ports.rpc.request(b.node.peerId, PROTOCOL, bytes(1_025), asking())).rejects.toMatchObject({ name: 'ConnectionClosedError' })
    expect(calls).toBe(0)
    await until(() => streams(a, b) === 0)
  })

  it('fails with NotFoundError when the peer does not speak the protocol', async () => {
    const [a, b] = await makePair()
    await expect(a.ports.rpc.request(b.node.peerId, PROTOCOL, bytes(1), asking())).rejects.toMatchObject({ name: 'NotFoundError' })
    await until(() => streams(a, b) === 0)
  })

  it('fails with ConnectionClosedError when there is no connection, and makes none', async () => {
    const [a, b] = [await makePorts(), await makePorts()]
    await a.components.peerStore.merge(b.node.peerId, { multiaddrs: [b.address] })
    await b.ports.rpc.handle(PROTOCOL, async request => request, HANDLER_LIMITS)
    await expect(a.ports.rpc.request(b.node.peerId, PROTOCOL, bytes(1), asking())).rejects.toMatchObject({ name: 'ConnectionClosedError' })
    expect(a.node.getConnections()).toEqual([])
  })

  it('fails with ConnectionClosedError when the handler throws or the connection goes away under it', async () => {
    const [a, b] = await makePair()
    const asked = Promise.withResolvers<void>()
    const told = Promise.withResolvers<void>()
    await b.ports.rpc.handle(PROTOCOL, async (request, _from, { signal }) => {
      if (request.length === 1) throw new Error('no')
      asked.resolve()
      await new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          told.resolve()
          reject(signal.reason)
        })
      })
      return request
    }, HANDLER_LIMITS)
    await expect(a.ports.rpc.request(b.node.peerId, PROTOCOL, bytes(1), asking())).rejects.toMatchObject({ name: 'ConnectionClosedError' })

    const cut = a.ports.rpc.request(b.node.peerId, PROTOCOL, bytes(2), asking()).catch(error => error)
    await asked.promise
    await b.ports.host.close(a.node.peerId)
    expect(await cut).toMatchObject({ name: 'ConnectionClosedError' })
    await told.promise
    await until(() => streams(a, b) === 0)
  })

  it('to a silent handler ends when the caller\'s signal fires', async () => {
    const [a, b] = await makePair()
    await b.ports.rpc.handle(PROTOCOL, async () => await new Promise(() => {}), HANDLER_LIMITS)
    const controller = new AbortController()
    const request = a.ports.rpc.request(b.node.peerId, PROTOCOL, bytes(1), asking({ signal: controller.signal })).catch(error => error)
    await until(() => streams(b) === 1)
    controller.abort(new Error('enough'))
    expect(await request).toMatchObject({ name: 'AbortError', cause: { message: 'enough' } })
    using late = systemClock().deadline(5)
    await expect(a.ports.rpc.request(b.node.peerId, PROTOCOL, bytes(1), asking({ signal: late.signal })))
      .rejects.toMatchObject({ name: 'TimeoutError' })
    await until(() => streams(a, b) === 0)
  })

  it('waits its turn: of many at once all are answered, requestsPerPeer at a time', async () => {
    const [a, b] = await makePair()
    let running = 0
    let most = 0
    await b.ports.rpc.handle(PROTOCOL, async request => {
      most = Math.max(most, ++running)
      await new Promise(resolve => setImmediate(resolve))
      running--
      return request
    }, HANDLER_LIMITS)
    const answers = await Promise.all(Array.from({ length: 60 }, async (_, i) =>
      await a.ports.rpc.request(b.node.peerId, PROTOCOL, Uint8Array.of(i), asking())))
    expect(answers.map(([byte]) => byte)).toEqual(Array.from({ length: 60 }, (_, i) => i))
    expect(most).toBeLessThanOrEqual(limits.requestsPerPeer)
    await until(() => streams(a, b) === 0)
  })

  it('fails with LimitExceededError when the queue is full, and those in it are still answered', async () => {
    const [a, b] = await makePair()
    const open = Promise.withResolvers<void>()
    await b.ports.rpc.handle(PROTOCOL, async request => {
      await open.promise
      return request
    }, HANDLER_LIMITS)
    const ask = async (): Promise<string> =>
      await a.ports.rpc.request(b.node.peerId, PROTOCOL, bytes(1), asking()).then(() => 'answered', error => error.name)
    const requests = Array.from({ length: limits.requestsPerPeer + limits.requestQueue }, ask)
    expect(await ask()).toBe('LimitExceededError')
    open.resolve()
    expect(new Set(await Promise.all(requests))).toEqual(new Set(['answered']))
  })
})

describe('requests on a connection that is new', () => {
  it('go one ahead, so that the other side does not drop it for too many early streams', async () => {
    const [a, b] = [await makePorts(), await makePorts()]
    await b.ports.rpc.handle(PROTOCOL, async request => request, HANDLER_LIMITS)
    // The other side is held in its upgrade: our connection is open, its is not.
    const held = Promise.withResolvers<void>()
    b.components.connectionGater.denyInboundUpgradedConnection = async () => {
      await held.promise
      return false
    }
    await a.ports.host.dial([b.address])
    const controller = new AbortController()
    const ask = async (signal?: AbortSignal): Promise<string> =>
      await a.ports.rpc.request(b.node.peerId, PROTOCOL, bytes(1), asking(signal && { signal })).then(() => 'answered', error => error.name)
    const quitter = ask(controller.signal)
    const requests = Array.from({ length: 20 }, async () => await ask())
    const outbound = (): number => a.node.getConnections().flatMap(({ streams }) => streams).filter(({ direction }) => direction === 'outbound').length
    await until(() => outbound() >= 2)
    expect(outbound()).toBe(2) // identify's and one of ours
    controller.abort() // the one ahead gives up: another takes its place
    expect(await quitter).toBe('AbortError')
    held.resolve()
    expect(new Set(await Promise.all(requests))).toEqual(new Set(['answered']))
  })
})

describe('a handler', () => {
  it('has its whole time by the clock that was given; then the stream is reset and its signal fires', async () => {
    const clock = virtualClock()
    const [a, b] = [await makePorts(), await makePorts({}, { clock })]
    await a.ports.host.dial([b.address])
    const began = Promise.withResolvers<AbortSignal>()
    await b.ports.rpc.handle(PROTOCOL, async (_request, _from, { signal }) => {
      began.resolve(signal)
      return await new Promise(() => {})
    }, HANDLER_LIMITS)
    const request = a.ports.rpc.request(b.node.peerId, PROTOCOL, bytes(1), asking()).catch(error => error)
    const signal = await began.promise
    await clock.advance(HANDLER_LIMITS.timeout - 1)
    expect(signal.aborted).toBe(false)
    await clock.advance(1)
    expect(signal.reason).toMatchObject({ name: 'TimeoutError' })
    expect(await request).toMatchObject({ name: 'ConnectionClosedError' })
    await until(() => streams(a, b) === 0)
    expect(clock.pending).toBe(0)
  })

  it('waits no longer than that for a request that never comes', async () => {
    const clock = virtualClock()
    const [a, b] = [await makePorts(), await makePorts({}, { clock })]
    await a.ports.host.dial([b.address])
    await b.ports.rpc.handle(PROTOCOL, async request => request, HANDLER_LIMITS)
    await a.node.getConnections()[0]?.newStream(PROTOCOL)
    await until(() => streams(b) === 1 && clock.pending > 0)
    await clock.advance(HANDLER_LIMITS.timeout)
    await until(() => streams(a, b) === 0)
  })

  it('is one per protocol; a second is a TypeError until the first is taken back', async () => {
    const { ports: { rpc } } = await makePorts()
    await rpc.handle(PROTOCOL, async request => request, HANDLER_LIMITS)
    await expect(rpc.handle(PROTOCOL, async request => request, HANDLER_LIMITS)).rejects.toThrow(TypeError)
    await rpc.unhandle(PROTOCOL)
    await rpc.unhandle(PROTOCOL)
    await rpc.handle(PROTOCOL, async request => request, HANDLER_LIMITS)
  })

  it('of the app is not replaced, nor taken back by us', async () => {
    const { node, ports: { rpc } } = await makePorts()
    await node.handle(PROTOCOL, () => {})
    await expect(rpc.handle(PROTOCOL, async request => request, HANDLER_LIMITS)).rejects.toMatchObject({ name: 'DuplicateProtocolHandlerError' })
    await rpc.unhandle(PROTOCOL)
    expect(node.getProtocols()).toContain(PROTOCOL)
  })
})
