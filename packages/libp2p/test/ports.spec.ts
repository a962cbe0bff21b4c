import { describe, expect, it } from 'vitest'
import { until } from '../../../test/support/until.ts'
import { portsFrom } from '../src/index.ts'
import { makeCanary, makeNode, makePorts } from './nodes.ts'

const PROTOCOL = '/peerweave-test/ports/1.0.0'
const LIMITS = { maxRequest: 16, timeout: 1_000 }
const echo = async (request: Uint8Array): Promise<Uint8Array> => request

describe('the ports of a node', () => {
  it('are the same for every service of it, and others for another node', async () => {
    const [a, b] = [await makeNode(), await makeNode()]
    expect(portsFrom(a.components)).toBe(portsFrom(a.components))
    expect(portsFrom(a.components)).not.toBe(portsFrom(b.components))
  })

  it('stay open until the last user has stopped, and then hold nothing', async () => {
    const { node, components, address } = await makeNode()
    const other = await makePorts()
    const ports = portsFrom(components)
    await Promise.all([ports.start(), ports.start()])
    await ports.rpc.handle(PROTOCOL, echo, LIMITS)
    let connects = 0
    ports.host.events.addEventListener('connect', () => { connects++ })
    await ports.stop()
    expect(node.getProtocols()).toContain(PROTOCOL)
    await other.ports.host.dial([address])
    await until(() => connects === 1)

    await ports.stop()
    expect(node.getProtocols()).not.toContain(PROTOCOL)
    await other.ports.host.close(node.peerId)
    await until(() => node.getConnections().length === 0)
    await other.ports.host.dial([address])
    await until(() => node.getConnections().length === 1)
    expect(connects).toBe(1)
    await ports.stop() // once too often is no harm
  })

  it('end what any of their users began, with the last stop', async () => {
    const { components } = await makeNode()
    const canary = await makeCanary()
    const ports = portsFrom(components)
    await ports.start()
    const dial = ports.host.dial([canary.address]).catch(error => error)
    await until(() => canary.connects() === 1)
    await ports.start()
    await ports.stop()
    await ports.stop()
    expect(await dial).toMatchObject({ name: 'AbortError', cause: { name: 'NotStartedError' } })
  })

  it('refuse work before start and after stop, and work again after another start', async () => {
    const [{ components }, other] = [await makeNode(), await makePorts()]
    const ports = portsFrom(components)
    const refusals = async (): Promise<string[]> => await Promise.all([
      ports.host.dial([other.address]),
      ports.rpc.handle(PROTOCOL, echo, LIMITS),
      ports.rpc.request(other.node.peerId, PROTOCOL, new Uint8Array(1), { maxAnswer: 16, signal: AbortSignal.timeout(1_000) })
    ].map(async work => await work.then(() => 'done', error => error.name)))
    const notStarted = ['NotStartedError', 'NotStartedError', 'NotStartedError']
    expect(await refusals()).toEqual(notStarted)

    await other.ports.rpc.handle(PROTOCOL, echo, LIMITS)
    for (let round = 0; round < 3; round++) {
      await ports.start()
      await ports.host.dial([other.address])
      await ports.rpc.handle(PROTOCOL, echo, LIMITS)
      const answer = await ports.rpc.request(other.node.peerId, PROTOCOL, Uint8Array.of(round), { maxAnswer: 16, signal: AbortSignal.timeout(1_000) })
      expect(answer).toEqual(Uint8Array.of(round))
      await ports.stop()
      expect(await refusals()).toEqual(notStarted)
    }
  })

  it('have no pubsub where the node has no such service', async () => {
    const { components, ports } = await makePorts()
    expect(ports.pubsub).toBeUndefined()
    expect(portsFrom({ ...(await makeNode()).components, connectionManager: components.connectionManager }).pubsub).toBeUndefined()
  })
})
