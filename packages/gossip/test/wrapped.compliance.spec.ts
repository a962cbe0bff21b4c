/** `@libp2p/pubsub-peer-discovery`, as libp2p has it, passes what it declares: it announces by itself and says no goodbye. */
import { pubsubPeerDiscovery, type PubSub as ModulePubSub, type PubSubEvents } from '@libp2p/pubsub-peer-discovery'
import { mechanismCompliance, type WorldNode } from '@peerweave/compliance'
import { fromLibp2p } from '@peerweave/multi'
import { publicKeyToProtobuf } from '@libp2p/crypto/keys'
import { bytesField, concat } from '@peerweave/records/protobuf'
import { TypedEventEmitter } from 'main-event'
import { describe, it } from 'vitest'
import type { PeerId } from '@libp2p/interface'
import type { PubSub, Subscription } from '@peerweave/interface'

const TOPIC = '_peer-discovery._p2p._pubsub'
/** ms between two of its broadcasts: it cannot be told to make one. */
const INTERVAL = 10

/** The pubsub that it wants, on our port. */
class PortPubSub extends TypedEventEmitter<PubSubEvents> implements ModulePubSub {
  readonly #port: PubSub
  readonly #subscriptions = new Map<string, Subscription>()

  constructor (port: PubSub) {
    super()
    this.#port = port
  }

  subscribe (topic: string): void {
    this.#subscriptions.set(topic, this.#port.subscribe(topic, {
      onMessage: ({ data }) => { this.dispatchEvent(new CustomEvent('message', { detail: { topic, data } })) }
    }))
  }

  unsubscribe (topic: string): void {
    this.#subscriptions.get(topic)?.unsubscribe()
  }

  getSubscribers (topic: string): PeerId[] {
    return this.#port.peers(topic)
  }

  publish (topic: string, message: Uint8Array): void {
    void this.#port.publish(topic, message)
  }
}

function components ({ context: { ports, logger } }: WorldNode): Parameters<ReturnType<typeof pubsubPeerDiscovery>>[0] {
  return {
    peerId: ports.host.self,
    pubsub: new PortPubSub(ports.pubsub),
    addressManager: { getAddresses: () => ports.host.addresses() } as never,
    logger
  }
}

mechanismCompliance({ describe, it }, {
  name: 'wrapped @libp2p/pubsub-peer-discovery',
  supports: { virtualClock: false, announce: false, goodbye: false, hostile: false, failure: false }, // it drops what it cannot read, and counts nothing
  async create (world) {
    const other = await world.node()
    const { pubsub, host } = other.context.ports
    await host.dial(world.context.ports.host.addresses())
    const module = pubsubPeerDiscovery({ interval: INTERVAL })(components(other)) as unknown as Record<'afterStart' | 'beforeStop' | 'stop', () => void>
    module.afterStart()
    const make = fromLibp2p(pubsubPeerDiscovery({ interval: INTERVAL }), { name: 'pubsub', type: 'gossip', reporter: { interface: 'eth0' } })
    return {
      mechanism: () => make({ ...world.context, libp2p: components(world) }),
      provoke: () => other.self,
      async echo () {
        const { publicKey } = world.self
        if (publicKey == null) throw new Error('no key')
        await pubsub.publish(TOPIC, concat(bytesField(1, publicKeyToProtobuf(publicKey)), bytesField(2, host.addresses()[0]?.bytes ?? new Uint8Array())))
      },
      hostile: async () => { await pubsub.publish(TOPIC, Uint8Array.of(0xff)) },
      dispose () {
        module.beforeStop()
        module.stop()
      }
    }
  }
})
