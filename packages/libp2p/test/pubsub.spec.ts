import { gossipsub } from '@libp2p/gossipsub'
import { describe, expect, it } from 'vitest'
import { until } from '../../../test/support/until.ts'
import { makePorts, type PortsNode } from './nodes.ts'
import type { PubSub, PubSubMessage, Verdict } from '@peerweave/interface'

const TOPIC = '/peerweave-test/topic/1.0.0'
const text = (message: string): Uint8Array => new TextEncoder().encode(message)
const said = ({ data }: { data: Uint8Array }): string => new TextDecoder().decode(data)

const makeGossiper = async (): Promise<PortsNode & { pubsub: PubSub }> => {
  const made = await makePorts({ services: { pubsub: gossipsub({ heartbeatInterval: 100 }) } })
  const { pubsub } = made.ports
  if (pubsub == null) throw new Error('no pubsub')
  return Object.assign(made, { pubsub })
}

describe('pubsub', () => {
  it('delivers with who said it and who passed it on, also over a neighbour', async () => {
    const [a, b, c] = [await makeGossiper(), await makeGossiper(), await makeGossiper()]
    const heard: PubSubMessage[] = []
    a.pubsub.subscribe(TOPIC, { onMessage: () => {} })
    b.pubsub.subscribe(TOPIC, { onMessage: () => {} })
    c.pubsub.subscribe(TOPIC, { onMessage: message => heard.push(message) })
    await a.ports.host.dial([b.address])
    await b.ports.host.dial([c.address])
    await until(() => a.pubsub.peers(TOPIC).length === 1 && b.pubsub.peers(TOPIC).length === 2)
    expect(await a.pubsub.publish(TOPIC, text('hello'))).toEqual({ recipients: 1 })
    await until(() => heard.length === 1)
    expect(heard[0]?.from.equals(a.node.peerId)).toBe(true)
    expect(heard[0]?.via.equals(b.node.peerId)).toBe(true)
    expect(heard.map(said)).toEqual(['hello'])
  })

  it('asks the validator before delivering: accept delivers, ignore, reject and a throw do not', async () => {
    const [a, b] = [await makeGossiper(), await makeGossiper()]
    const asked: string[] = []
    const heard: string[] = []
    a.pubsub.subscribe(TOPIC, { onMessage: () => {} })
    b.pubsub.subscribe(TOPIC, {
      validate: async message => {
        asked.push(said(message))
        if (said(message) === 'throw') throw new Error('validator broke')
        return said(message) as Verdict
      },
      onMessage: message => { heard.push(said(message)) }
    })
    await a.ports.host.dial([b.address])
    await until(() => a.pubsub.peers(TOPIC).length === 1)
    for (const message of ['ignore', 'reject', 'throw', 'accept']) await a.pubsub.publish(TOPIC, text(message))
    await until(() => heard.length === 1 && asked.length === 4)
    expect(heard).toEqual(['accept'])
  })

  it('publishes to nobody without failing', async () => {
    const { pubsub } = await makeGossiper()
    expect(await pubsub.publish(TOPIC, text('anyone?'))).toEqual({ recipients: 0 })
    pubsub.subscribe(TOPIC, { onMessage: () => {} })
    expect(await pubsub.publish(TOPIC, text('anyone now?'))).toEqual({ recipients: 0 })
  })

  it('has one subscription per topic, whoever made it', async () => {
    const { node, pubsub } = await makeGossiper()
    const subscription = pubsub.subscribe(TOPIC, { onMessage: () => {} })
    expect(() => pubsub.subscribe(TOPIC, { onMessage: () => {} })).toThrow(TypeError)
    subscription.unsubscribe()
    subscription.unsubscribe()
    const app = (node.services as unknown as { pubsub: { subscribe: (topic: string) => void } }).pubsub
    app.subscribe(TOPIC)
    expect(() => pubsub.subscribe(TOPIC, { onMessage: () => {} })).toThrow(TypeError)
  })

  it('tells when subscribers come, go and disconnect, and nothing after unsubscribe', async () => {
    const [a, b] = [await makeGossiper(), await makeGossiper()]
    const told: number[] = []
    const heard: string[] = []
    const subscription = a.pubsub.subscribe(TOPIC, {
      onMessage: message => { heard.push(said(message)) },
      onPeers: peers => { told.push(peers.length) }
    })
    await a.ports.host.dial([b.address])
    const theirs = b.pubsub.subscribe(TOPIC, { onMessage: () => {} })
    await until(() => told.length === 1)
    theirs.unsubscribe()
    await until(() => told.length === 2)
    b.pubsub.subscribe(TOPIC, { onMessage: () => {} })
    await until(() => told.length === 3)
    await b.ports.host.close(a.node.peerId)
    await until(() => told.length === 4)
    expect(told).toEqual([1, 0, 1, 0])

    subscription.unsubscribe()
    const service = (a.node.services as unknown as { pubsub: { topicValidators: Map<string, unknown>, getTopics: () => string[] } }).pubsub
    expect([...service.topicValidators.keys(), ...service.getTopics()]).toEqual([])
    const heardAnew: string[] = []
    a.pubsub.subscribe(TOPIC, { onMessage: message => { heardAnew.push(said(message)) } })
    await a.ports.host.dial([b.address])
    await until(() => b.pubsub.peers(TOPIC).length === 1)
    await b.pubsub.publish(TOPIC, text('to the new subscription'))
    await until(() => heardAnew.length === 1)
    expect(told).toHaveLength(4)
    expect(heard).toEqual([])
  })

  it('is unsubscribed by the last stop of the ports, and can be used again after a start', async () => {
    const a = await makeGossiper()
    const service = (a.node.services as unknown as { pubsub: { getTopics: () => string[] } }).pubsub
    a.pubsub.subscribe(TOPIC, { onMessage: () => {} })
    await a.ports.stop()
    expect(service.getTopics()).toEqual([])
    expect(() => a.pubsub.subscribe(TOPIC, { onMessage: () => {} })).toThrow(expect.objectContaining({ name: 'NotStartedError' }))
    await a.ports.start()
    a.pubsub.subscribe(TOPIC, { onMessage: () => {} })
    expect(service.getTopics()).toEqual([TOPIC])
  })
})
