/** The ports of one libp2p node. */
import { systemClock, Turns, type Clock, type Host, type Ports, type PubSub, type Rpc } from '@peerweave/interface'
import { NodeHost } from './host.ts'
import { optionalService, type NodeComponents } from './node-components.ts'
import { isPubSubService, NodePubSub } from './pubsub.ts'
import { addressResolver, defaultResolveName, type ResolveName } from './resolve-address.ts'
import { NodeRpc } from './rpc.ts'

export interface PortsOptions {
  /** @default systemClock() */
  clock?: Clock | undefined
  /**
   * Looks DNS names up before they are dialled.
   *
   * @default libp2p's `dns` where one was configured, otherwise the system's resolver
   */
  resolveName?: ResolveName | undefined
  /** Which of the node's services is gossipsub. @default 'pubsub' */
  pubsub?: string | undefined
}

/** By connection manager: every service of a node is given the same one. */
const nodes = new WeakMap<object, NodePorts>()

/**
 * The ports of the node that `components` belong to: the same object for every caller, so that the budget of dials and
 * the handlers are shared. The options of the first caller stand. Each caller starts and stops it once; it opens with
 * the first start and closes with the last stop, which takes every handler, subscription and listener back.
 *
 * @param components - libp2p's, as a service factory gets them
 */
export function portsFrom (components: NodeComponents, options: PortsOptions = {}): Ports {
  const { connectionManager } = components
  let ports = nodes.get(connectionManager)
  if (ports == null) {
    ports = new NodePorts(components, options)
    nodes.set(connectionManager, ports)
  }
  return ports
}

class NodePorts implements Ports {
  readonly #components: NodeComponents
  readonly #host: NodeHost
  readonly #rpc: NodeRpc
  readonly #pubsubName: string
  #pubsub: NodePubSub | undefined
  readonly #turns = new Turns()
  #users = 0

  constructor (components: NodeComponents, { clock = systemClock(), resolveName, pubsub = 'pubsub' }: PortsOptions) {
    this.#components = components
    this.#host = new NodeHost(components, {
      clock,
      resolve: addressResolver({ clock, resolveName: resolveName ?? defaultResolveName(components.dns) })
    })
    this.#rpc = new NodeRpc(components, { clock })
    this.#pubsubName = pubsub
  }

  get host (): Host {
    return this.#host
  }

  get rpc (): Rpc {
    return this.#rpc
  }

  /** Looked up when asked for: while the node is being built, the service may not be there yet. */
  get pubsub (): PubSub | undefined {
    if (this.#pubsub == null) {
      const service = optionalService(this.#components, this.#pubsubName)
      if (!isPubSubService(service)) return undefined
      this.#pubsub = new NodePubSub(service, this.#host, this.#components.logger.forComponent('peerweave:pubsub'))
      if (this.#users > 0) this.#pubsub.attach()
    }
    return this.#pubsub
  }

  async start (): Promise<void> {
    await this.#turns.take(async () => {
      if (this.#users++ > 0) return
      this.#host.attach()
      this.#rpc.attach()
      this.#pubsub?.attach()
    })
  }

  async stop (): Promise<void> {
    await this.#turns.take(async () => {
      if (this.#users === 0 || --this.#users > 0) return
      this.#pubsub?.detach()
      this.#host.detach()
      await this.#rpc.detach()
    })
  }
}
