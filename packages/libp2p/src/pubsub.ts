/** The pubsub port, on any service that looks like gossipsub. */
import {
  NotStartedError, safeText, type Host, type PubSub, type PubSubMessage, type Subscriber, type Subscription, type Verdict
} from '@peerweave/interface'
import type { Logger, PeerId } from '@libp2p/interface'

interface ServiceMessage {
  topic: string
  data: Uint8Array
  /** Absent on an unsigned message. */
  from?: PeerId
}

interface ServiceEvents {
  'gossipsub:message': CustomEvent<{ msg: ServiceMessage, propagationSource: PeerId }>
  'subscription-change': CustomEvent<{ subscriptions: Array<{ topic: string }> }>
}

/** What we use of `@libp2p/gossipsub` 17. */
export interface PubSubService {
  topicValidators: Map<string, (via: PeerId, message: ServiceMessage) => Promise<Verdict>>
  publish (topic: string, data: Uint8Array, options: { allowPublishToZeroTopicPeers: boolean }): Promise<{ recipients: PeerId[] }>
  subscribe (topic: string): void
  unsubscribe (topic: string): void
  getTopics (): string[]
  getSubscribers (topic: string): PeerId[]
  addEventListener<K extends keyof ServiceEvents> (type: K, listener: (event: ServiceEvents[K]) => void): void
  removeEventListener<K extends keyof ServiceEvents> (type: K, listener: (event: ServiceEvents[K]) => void): void
}

const METHODS = ['publish', 'subscribe', 'unsubscribe', 'getTopics', 'getSubscribers', 'addEventListener', 'removeEventListener'] as const

export function isPubSubService (service: unknown): service is PubSubService {
  const candidate = service as Partial<PubSubService> | null | undefined
  return candidate?.topicValidators instanceof Map && METHODS.every(method => typeof candidate[method] === 'function')
}

export class NodePubSub implements PubSub {
  readonly #service: PubSubService
  readonly #host: Host
  readonly #log: Logger
  readonly #subscriptions = new Map<string, Subscription>()
  #isAttached = false

  constructor (service: PubSubService, host: Host, log: Logger) {
    this.#service = service
    this.#host = host
    this.#log = log
  }

  attach (): void {
    this.#isAttached = true
  }

  detach (): void {
    this.#isAttached = false
    for (const subscription of this.#subscriptions.values()) subscription.unsubscribe()
  }

  async publish (topic: string, data: Uint8Array): Promise<{ recipients: number }> {
    const { recipients } = await this.#service.publish(topic, data, { allowPublishToZeroTopicPeers: true })
    // With `emitSelf` gossipsub counts us too.
    return { recipients: recipients.filter(peer => !peer.equals(this.#host.self)).length }
  }

  peers (topic: string): PeerId[] {
    return this.#service.getSubscribers(topic)
  }

  subscribe (topic: string, { validate, onMessage, onPeers }: Subscriber): Subscription {
    if (!this.#isAttached) throw new NotStartedError('subscribe before the ports were started')
    const service = this.#service
    const isTaken = this.#subscriptions.has(topic) || service.topicValidators.has(topic) || service.getTopics().includes(topic)
    if (isTaken) throw new TypeError(`${safeText(topic)} is subscribed already`)

    const validator = async (via: PeerId, message: ServiceMessage): Promise<Verdict> => {
      const received = toMessage(via, message)
      if (received == null) return 'reject'
      try {
        return await validate?.(received) ?? 'accept'
      } catch (error) {
        this.#log.error('validator of %s failed - %e', topic, error)
        return 'ignore'
      }
    }
    const receive = ({ detail: { msg, propagationSource } }: ServiceEvents['gossipsub:message']): void => {
      const message = msg.topic === topic ? toMessage(propagationSource, msg) : undefined
      if (message != null) onMessage(message)
    }
    let known = spell(service.getSubscribers(topic))
    const compare = (peers: PeerId[]): void => {
      const now = spell(peers)
      if (now === known) return
      known = now
      onPeers?.(peers)
    }
    const changed = ({ detail: { subscriptions } }: ServiceEvents['subscription-change']): void => {
      if (subscriptions.some(change => change.topic === topic)) compare(service.getSubscribers(topic))
    }
    // gossipsub says nothing when a subscriber disconnects, and forgets it only after we were told.
    const disconnected = ({ detail: gone }: CustomEvent<PeerId>): void => {
      compare(service.getSubscribers(topic).filter(peer => !peer.equals(gone)))
    }

    service.subscribe(topic)
    service.topicValidators.set(topic, validator)
    service.addEventListener('gossipsub:message', receive)
    service.addEventListener('subscription-change', changed)
    this.#host.events.addEventListener('disconnect', disconnected)

    const subscription: Subscription = {
      topic,
      unsubscribe: () => {
        if (this.#subscriptions.get(topic) !== subscription) return
        this.#subscriptions.delete(topic)
        this.#host.events.removeEventListener('disconnect', disconnected)
        service.removeEventListener('subscription-change', changed)
        service.removeEventListener('gossipsub:message', receive)
        service.topicValidators.delete(topic)
        try {
          service.unsubscribe(topic)
        } catch (error) {
          // Where the service stopped before us there is nobody left to tell.
          this.#log.trace('could not unsubscribe from %s - %e', topic, error)
        }
      }
    }
    this.#subscriptions.set(topic, subscription)
    return subscription
  }
}

function toMessage (via: PeerId, { topic, data, from }: ServiceMessage): PubSubMessage | undefined {
  return from == null ? undefined : { topic, data, from, via }
}

function spell (peers: PeerId[]): string {
  return peers.map(String).sort().join(' ')
}
