/**
 * A network inside one process: real, small implementations of the ports, without loss or delay. Every dial, request
 * and message takes at least one turn of the event loop, so that callers meet their await points.
 */
import {
  ConnectionClosedError, LimitExceededError, NetworkError, nextTurn, NotFoundError, raceSignal, systemClock, throwIfAborted
} from '@peerweave/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { TypedEventEmitter } from 'main-event'
import type {
  Clock, HandlerLimits, Host, HostConnection, HostEvents, Identified, Ports, PubSub, RequestHandler, Rpc, Subscriber
} from '@peerweave/interface'
import type { PeerId, PrivateKey } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'

export interface MemoryNodeInit {
  privateKey: PrivateKey
  /** @default one private address, unique in the network */
  addresses?: Multiaddr[] | undefined
}

export interface MemoryPorts extends Ports {
  readonly pubsub: PubSub
  /** What users of these ports have not given back, a line each: listeners, handlers, subscriptions, starts. */
  leftovers: () => string[]
}

export interface MemoryNetwork {
  /** Joins one more node and returns its ports. Nodes never leave: the network is garbage with its last user. */
  join: (init: MemoryNodeInit) => MemoryPorts
}

/** @param clock - measures the time that request handlers may take */
export function memoryNetwork (clock: Clock = systemClock()): MemoryNetwork {
  const nodes: MemoryNode[] = []
  return {
    join ({ privateKey, addresses }) {
      // Private, not documentation addresses: an address policy refuses those from everybody.
      const place = nodes.length + 1
      const node = new MemoryNode(privateKey, addresses ?? [multiaddr(`/ip4/10.0.${place >> 8}.${place & 255}/tcp/4001`)], nodes, clock)
      nodes.push(node)
      return node
    }
  }
}

interface Handler {
  handler: RequestHandler
  limits: HandlerLimits
}

class MemoryNode implements MemoryPorts {
  readonly host: Host
  readonly rpc: Rpc
  readonly pubsub: PubSub
  readonly #self: PeerId
  readonly #addresses: Multiaddr[]
  readonly #nodes: readonly MemoryNode[]
  readonly #clock: Clock
  readonly #events = new TypedEventEmitter<HostEvents>()
  readonly #connections = new Map<string, HostConnection>()
  readonly #handlers = new Map<string, Handler>()
  readonly #subscribers = new Map<string, Subscriber>()
  #users = 0

  constructor (privateKey: PrivateKey, addresses: Multiaddr[], nodes: readonly MemoryNode[], clock: Clock) {
    this.#self = peerIdFromPrivateKey(privateKey)
    this.#addresses = addresses
    this.#nodes = nodes
    this.#clock = clock
    this.host = {
      self: this.#self,
      signer: { peerId: this.#self, sign: async data => privateKey.sign(data) },
      addresses: () => [...this.#addresses],
      connections: () => [...this.#connections.values()],
      dial: async (target, { signal } = {}) => this.#dial(target, signal),
      close: async peer => this.#disconnect(peer),
      ping: async (peer, { signal }) => await this.#ping(peer, signal),
      events: this.#events
    }
    this.rpc = {
      request: async (peer, protocol, body, options) => {
        throwIfAborted(options.signal)
        const answer = await raceSignal(this.#neighbour(peer).#answer(protocol, body, this.#self), options.signal)
        if (answer.byteLength <= options.maxAnswer) return answer
        throw new LimitExceededError(`${protocol}: the answer is longer than ${options.maxAnswer} bytes`)
      },
      handle: async (protocol, handler, limits) => { this.#handlers.set(protocol, { handler, limits }) },
      unhandle: async protocol => { this.#handlers.delete(protocol) }
    }
    this.pubsub = {
      publish: async (topic, data) => this.#publish(topic, data),
      subscribe: (topic, subscriber) => this.#subscribe(topic, subscriber),
      peers: topic => this.#neighbours(topic).map(node => node.#self)
    }
  }

  async start (): Promise<void> {
    this.#users++
  }

  async stop (): Promise<void> {
    this.#users--
  }

  leftovers (): string[] {
    return [
      ...(['connect', 'disconnect', 'identify', 'addresses'] as const)
        .flatMap(type => Array<string>(this.#events.listenerCount(type)).fill(`listener of host.events "${type}"`)),
      ...[...this.#handlers.keys()].map(protocol => `rpc handler of ${protocol}`),
      ...[...this.#subscribers.keys()].map(topic => `pubsub subscription to ${topic}`),
      ...Array<string>(Math.max(0, this.#users)).fill('ports started and not stopped')
    ]
  }

  async #dial (target: Multiaddr[], signal: AbortSignal | undefined): Promise<HostConnection> {
    throwIfAborted(signal)
    if (target.length === 0) throw new TypeError('dial needs at least one address')
    const ids = new Set(target.flatMap(address => address.getComponents()).filter(({ name }) => name === 'p2p').map(({ value }) => value))
    if (ids.size > 1) throw new TypeError(`dial needs addresses of one peer, got those of ${[...ids].join(', ')}`)
    await nextTurn()
    throwIfAborted(signal)
    for (const address of target) {
      const other = this.#nodes.find(node => node !== this && node.#isAt(address))
      if (other != null) return this.#connect(other, address)
    }
    throw new NetworkError(`nobody is at ${target.join(', ')}`)
  }

  #isAt (address: Multiaddr): boolean {
    return this.#addresses.some(own => address.equals(own) || address.equals(own.encapsulate(`/p2p/${this.#self}`)))
  }

  #connect (other: MemoryNode, remoteAddr: Multiaddr): HostConnection {
    const open = this.#connections.get(other.#self.toString())
    if (open != null) return open
    const connection: HostConnection = { peer: other.#self, remoteAddr, direction: 'outbound', limited: false }
    this.#connections.set(other.#self.toString(), connection)
    const observed = this.#addresses[0] ?? multiaddr('/ip4/10.0.0.0/tcp/4001')
    other.#connections.set(this.#self.toString(), { peer: this.#self, remoteAddr: observed, direction: 'inbound', limited: false })
    for (const [node, peer] of [[this, other], [other, this]] as const) {
      const established = node.#connections.get(peer.#self.toString()) as HostConnection
      node.#events.safeDispatchEvent<HostConnection>('connect', { detail: established })
      const { remoteAddr } = established
      node.#events.safeDispatchEvent<Identified>('identify', {
        detail: { peer: peer.#self, remoteAddr, listenAddrs: [...peer.#addresses], protocols: [...peer.#handlers.keys()] }
      })
      for (const topic of peer.#subscribers.keys()) node.#tellPeers(topic)
    }
    return connection
  }

  #disconnect (peer: PeerId): void {
    const other = this.#nodes.find(node => node.#self.equals(peer))
    if (other == null || !this.#connections.delete(peer.toString())) return
    other.#connections.delete(this.#self.toString())
    for (const [node, gone] of [[this, other], [other, this]] as const) {
      node.#events.safeDispatchEvent<PeerId>('disconnect', { detail: gone.#self })
      for (const topic of gone.#subscribers.keys()) node.#tellPeers(topic)
    }
  }

  async #ping (peer: PeerId, signal: AbortSignal): Promise<number> {
    throwIfAborted(signal)
    this.#neighbour(peer)
    const sentAt = this.#clock.now()
    await raceSignal(nextTurn(), signal)
    this.#neighbour(peer)
    return this.#clock.now() - sentAt
  }

  #neighbour (peer: PeerId): MemoryNode {
    const other = this.#connections.has(peer.toString()) ? this.#nodes.find(node => node.#self.equals(peer)) : undefined
    if (other == null) throw new ConnectionClosedError(`no connection to ${peer}`)
    return other
  }

  async #answer (protocol: string, request: Uint8Array, from: PeerId): Promise<Uint8Array> {
    await nextTurn()
    const found = this.#handlers.get(protocol)
    if (found == null) throw new NotFoundError(`${this.#self} does not speak ${protocol}`)
    if (request.byteLength > found.limits.maxRequest) throw new ConnectionClosedError(`${protocol}: the request was refused as too long`)
    using deadline = this.#clock.deadline(found.limits.timeout)
    try {
      // Copies: the two sides share no memory, as over a wire.
      return (await raceSignal(found.handler(request.slice(), from, { signal: deadline.signal }), deadline.signal)).slice()
    } catch (error) {
      throw new ConnectionClosedError(`${protocol}: closed without an answer`, { cause: error })
    }
  }

  #neighbours (topic: string): MemoryNode[] {
    return this.#connected().filter(node => node.#subscribers.has(topic))
  }

  #connected (): MemoryNode[] {
    return this.#nodes.filter(node => this.#connections.has(node.#self.toString()))
  }

  #tellPeers (topic: string): void {
    this.#subscribers.get(topic)?.onPeers?.(this.#neighbours(topic).map(node => node.#self))
  }

  #subscribe (topic: string, subscriber: Subscriber): ReturnType<PubSub['subscribe']> {
    if (this.#subscribers.has(topic)) throw new TypeError(`already subscribed to ${topic}`)
    this.#subscribers.set(topic, subscriber)
    const tell = (): void => { for (const node of this.#connected()) node.#tellPeers(topic) }
    tell()
    return {
      topic,
      unsubscribe: () => {
        // A second call must not end somebody else's later subscription.
        if (this.#subscribers.get(topic) !== subscriber) return
        this.#subscribers.delete(topic)
        tell()
      }
    }
  }

  /** One hop: to connected subscribers, who do not forward. */
  async #publish (topic: string, data: Uint8Array): Promise<{ recipients: number }> {
    await nextTurn()
    const recipients = this.#neighbours(topic)
    await Promise.all(recipients.map(async node => {
      const message = { topic, data: data.slice(), from: this.#self, via: this.#self }
      const subscriber = node.#subscribers.get(topic)
      try {
        if (await (subscriber?.validate?.(message) ?? 'accept') !== 'accept') return
      } catch {
        return // "a throw counts as `ignore`"
      }
      node.#subscribers.get(topic)?.onMessage(message)
    }))
    return { recipients: recipients.length }
  }
}
