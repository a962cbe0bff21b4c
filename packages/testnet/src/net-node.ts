/** One node of the net, through all its lives. */
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { addressScope, portOf, raceSignal, TimeoutError, Turns } from '@peerweave/interface'
import { createLibp2p } from 'libp2p'
import { keyOf, rngOf, seedOf } from './chance.ts'
import { START_DEADLINE, STOP_DEADLINE } from './constants.ts'
import { nodeOptions } from './node-options.ts'
import type { Libp2p, PeerId, PrivateKey } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Network, Plug, Traffic } from './network.ts'
import type { TestnetNode } from './node.ts'
import type { NodeServices, Place, Settings } from './options.ts'
import type { ComesFrom } from './transports.ts'

/** What the nodes of a net share. */
export interface Surroundings {
  readonly settings: Settings
  readonly network: Network
  /** Number of the net in this process. */
  readonly net: number
  readonly others: (index: number) => readonly TestnetNode[]
  readonly comesFrom: ComesFrom
}

interface Run {
  libp2p: Libp2p
  plug: Plug
}

export class NetNode implements TestnetNode<NodeServices> {
  readonly index: number
  readonly peerId: PeerId
  readonly #privateKey: PrivateKey
  readonly #surroundings: Surroundings
  readonly #turns = new Turns()
  #run: Run | undefined
  #runs = 0
  #isUp = false
  #addresses: Multiaddr[] = []

  /** Makes the node and its first libp2p, and starts nothing. */
  static async create (index: number, surroundings: Surroundings): Promise<NetNode> {
    const node = new NetNode(index, await keyOf(surroundings.settings.seed, index), surroundings)
    node.#run = await node.#build()
    return node
  }

  private constructor (index: number, privateKey: PrivateKey, surroundings: Surroundings) {
    this.index = index
    this.peerId = peerIdFromPrivateKey(privateKey)
    this.#privateKey = privateKey
    this.#surroundings = surroundings
  }

  get isUp (): boolean {
    return this.#isUp && !this.#current.plug.isPulled
  }

  get libp2p (): Libp2p<NodeServices> {
    return this.#current.libp2p as Libp2p<NodeServices>
  }

  get services (): NodeServices {
    return this.libp2p.services
  }

  get addresses (): Multiaddr[] {
    return [...this.#addresses]
  }

  get traffic (): Traffic {
    return { ...this.#surroundings.network.traffic(this.index) }
  }

  async start (): Promise<void> {
    await this.#turns.take(async () => await this.#start())
  }

  async stop (): Promise<void> {
    await this.#turns.take(async () => await this.#stop())
  }

  async crash (): Promise<void> {
    if (this.#isUp) this.#current.plug.pull()
    await this.stop()
  }

  async restart (): Promise<void> {
    await this.#turns.take(async () => {
      await this.#stop()
      await this.#start()
    })
  }

  get #current (): Run {
    if (this.#run == null) throw new Error(`node ${this.index} is not made yet`)
    return this.#run
  }

  async #start (): Promise<void> {
    if (this.#isUp) return
    // One that ran is spent: who restarts a process has nothing left of its memory.
    if (this.#runs > 0) this.#run = await this.#build()
    this.#runs++
    this.#isUp = true
    const { libp2p } = this.#current
    try {
      await this.#within(START_DEADLINE, 'start', libp2p.start())
    } catch (error) {
      await this.#stop().catch(() => {}) // why it did not start says more
      throw error
    }
    this.#addresses = libp2p.getMultiaddrs()
  }

  async #stop (): Promise<void> {
    if (!this.#isUp) return
    this.#isUp = false
    const { libp2p, plug } = this.#current
    try {
      await this.#within(STOP_DEADLINE, 'stop', libp2p.stop())
    } finally {
      plug.pull()
    }
  }

  async #within (ms: number, verb: string, work: Promise<unknown> | void): Promise<void> {
    using deadline = this.#surroundings.settings.clock.deadline(ms)
    try {
      await raceSignal(Promise.resolve(work), deadline.signal)
    } catch (error) {
      throw deadline.signal.aborted ? new TimeoutError(`node ${this.index} did not ${verb} within ${ms} ms`, { cause: error }) : error
    }
  }

  async #build (): Promise<Run> {
    const { settings, network, net, others, comesFrom } = this.#surroundings
    const { index, peerId } = this
    const place: Place = {
      index,
      peerId,
      seed: seedOf(settings.seed, 'node', index, this.#runs),
      rng: rngOf(settings.seed, 'place', index, this.#runs),
      nodes: others(index)
    }
    const plug = network.plug(index)
    const libp2p = await createLibp2p(nodeOptions({
      settings,
      privateKey: this.#privateKey,
      plug,
      net,
      port: portOf('tcp', this.#addresses.filter(address => addressScope(address) === 'loopback')) ?? 0,
      comesFrom,
      mechanisms: settings.mechanisms(place),
      overrides: settings.libp2p(place)
    }))
    return { libp2p, plug }
  }
}
