/** Real libp2p nodes in one process. */
import { knownOptions, raceSignal, show, throwIfAborted, toError } from '@peerweave/interface'
import { rngOf } from './chance.ts'
import { CONNECT_DEADLINE, DIALS_AT_ONCE } from './constants.ts'
import { resolveFaults, type Faults } from './faults.ts'
import { Network } from './network.ts'
import { dialledFrom } from './node-options.ts'
import { NetNode, type Surroundings } from './net-node.ts'
import {
  resolveOptions, type Mechanisms, type NodeServices, type NoMechanisms, type PubSubOption, type Settings, type TestnetOptions
} from './options.ts'
import { wires, type Wire } from './wiring.ts'
import type { TestnetNode } from './node.ts'

/** A node, or its index. */
export type NodeRef = TestnetNode | number

export interface CutOptions {
  /**
   * Nobody is told: bytes and dials across wait until the net is healed or somebody's patience ends, as with a cable
   * that is pulled out. Otherwise connections across are reset and dials refused.
   *
   * @default false
   */
  silent?: boolean | undefined
}

// oxlint-disable-next-line typescript/no-explicit-any -- a net of any services
export interface Testnet<Services = any> extends AsyncDisposable {
  /** What its keys, wiring and faults were drawn from. */
  readonly seed: number
  readonly nodes: ReadonlyArray<TestnetNode<Services>>
  /** @throws RangeError where there is no such node */
  node: (index: number) => TestnetNode<Services>
  /** One more, with the next key of the seed; connected to nobody. @param options.start - `false` only makes it */
  add: (options?: { start?: boolean | undefined, signal?: AbortSignal | undefined }) => Promise<TestnetNode<Services>>
  /** Lets one dial the other. Resolves when both have the connection. */
  connect: (from: NodeRef, to: NodeRef, options?: { signal?: AbortSignal | undefined }) => Promise<void>
  /** Separates each of `a` from each of `b`; within each, and to the others, all is as before. */
  cut: (a: NodeRef | readonly NodeRef[], b: NodeRef | readonly NodeRef[], options?: CutOptions) => void
  /** Separates the groups from each other. Who is in none of them, newcomers too, is in one group more. */
  partition: (groups: ReadonlyArray<readonly NodeRef[]>, options?: CutOptions) => void
  /** Takes back every cut and partition. Nobody is connected again by that. */
  heal: () => void
  /** From now on; links that there are keep their lifetime. */
  setFaults: (faults: Faults) => void
  /** Stops every node. Nothing is left of the net after that. */
  stop: () => Promise<void>
}

const CONNECTION_EVENTS = ['connection:open', 'connection:close'] as const

/** Nets made in this process: they must not meet in its memory. */
let nets = 0

/**
 * `n` nodes, made and started one after the other, then wired. Each has identify, ping and, unless told otherwise,
 * gossipsub. Stop the net, or take it by `await using`.
 *
 * @throws TypeError naming a wrong option
 */
export async function createTestnet<M extends Mechanisms = NoMechanisms, P extends PubSubOption = true> (
  n: number, options: TestnetOptions<M, P> = {}
): Promise<Testnet<NodeServices<M, P>>> {
  const settings = resolveOptions(n, options)
  const net = new Net(settings)
  try {
    await net.open(n)
  } catch (error) {
    await net.stop().catch(() => {}) // why it could not be made says more
    throw error
  }
  return net as Testnet as Testnet<NodeServices<M, P>>
}

class Net implements Testnet<NodeServices> {
  /** By index. A node that could not be made leaves a gap. */
  readonly #nodes = new Map<number, NetNode>()
  readonly #settings: Settings
  readonly #network: Network
  readonly #surroundings: Surroundings
  /** Nodes that are being made. */
  readonly #underWay = new Set<Promise<unknown>>()
  #count = 0
  #dialled = 0
  #isStopped = false

  constructor (settings: Settings) {
    const { seed, clock } = settings
    this.#settings = settings
    // Faults begin when the net stands: a start that fails by chance tests nothing.
    this.#network = new Network(seed, clock, resolveFaults({ latency: settings.faults.latency }))
    this.#surroundings = {
      settings,
      network: this.#network,
      net: nets++,
      others: index => this.nodes.filter(node => node.index !== index),
      comesFrom: id => {
        const dialler = this.nodes.find(({ peerId }) => peerId.toString() === id)
        return dialler && dialledFrom(dialler.index, 49_152 + this.#dialled++ % 16_384)
      }
    }
  }

  get seed (): number {
    return this.#settings.seed
  }

  get nodes (): NetNode[] {
    return [...this.#nodes.values()].sort((a, b) => a.index - b.index)
  }

  async open (n: number): Promise<void> {
    const { signal, start, wiring, seed, faults } = this.#settings
    for (let i = 0; i < n; i++) await this.add({ start, signal })
    const waiting = wires(wiring, n, rngOf(seed, 'wiring'))
    const dialInTurn = async (): Promise<void> => {
      for (let wire: Wire | undefined; (wire = waiting.shift()) != null;) await this.connect(...wire, { signal })
    }
    await Promise.all(Array.from({ length: DIALS_AT_ONCE }, dialInTurn))
    this.#network.faults = faults
  }

  node (index: number): NetNode {
    const node = this.#nodes.get(index)
    if (node == null) throw new RangeError(`the net has nodes 0 to ${this.#count - 1}, got ${show(index)}`)
    return node
  }

  async add ({ start = true, signal }: { start?: boolean | undefined, signal?: AbortSignal | undefined } = {}): Promise<NetNode> {
    throwIfAborted(signal)
    if (this.#isStopped) throw new Error('the net was stopped')
    const { maxNodes } = this.#settings
    if (this.#count >= maxNodes) {
      throw new RangeError(`a net of ${[...this.#settings.transports].join(' and ')} has at most ${maxNodes} nodes`)
    }
    const index = this.#count++
    const making = (async () => {
      const node = await NetNode.create(index, this.#surroundings)
      this.#nodes.set(index, node)
      if (start) await node.start()
      throwIfAborted(signal)
      return node
    })()
    this.#underWay.add(making)
    try {
      return await making
    } finally {
      this.#underWay.delete(making)
    }
  }

  async connect (from: NodeRef, to: NodeRef, { signal }: { signal?: AbortSignal | undefined } = {}): Promise<void> {
    const [dialler, listener] = [this.#find(from), this.#find(to)]
    using deadline = this.#settings.clock.deadline(CONNECT_DEADLINE, signal)
    const ends = [[dialler.libp2p, listener.peerId], [listener.libp2p, dialler.peerId]] as const
    let news = Promise.withResolvers<void>()
    const onNews = (): void => news.resolve()
    for (const [libp2p] of ends) for (const event of CONNECTION_EVENTS) libp2p.addEventListener(event, onNews)
    try {
      while (!ends.every(([libp2p, peer]) => libp2p.getConnections(peer).length > 0)) {
        news = Promise.withResolvers()
        // The dialler may still have one that the other end has lost already: then libp2p answers with that.
        await dialler.libp2p.dial(listener.addresses, { signal: deadline.signal })
        if (listener.libp2p.getConnections(dialler.peerId).length === 0) await raceSignal(news.promise, deadline.signal)
      }
    } finally {
      for (const [libp2p] of ends) for (const event of CONNECTION_EVENTS) libp2p.removeEventListener(event, onNews)
    }
  }

  cut (a: NodeRef | readonly NodeRef[], b: NodeRef | readonly NodeRef[], options?: CutOptions): void {
    const [ours, theirs] = [this.#indexes([a].flat()), this.#indexes([b].flat())]
    const both = [...ours].find(index => theirs.has(index))
    if (both != null) throw new TypeError(`cut takes two groups that share no node, got ${both} in both`)
    this.#cut((x, y) => (ours.has(x) && theirs.has(y)) || (ours.has(y) && theirs.has(x)), options)
  }

  partition (groups: ReadonlyArray<readonly NodeRef[]>, options?: CutOptions): void {
    if (!Array.isArray(groups)) throw new TypeError(`partition takes a list of groups, got ${show(groups)}`)
    const groupOf = new Map<number, number>()
    for (const [group, nodes] of groups.entries()) {
      for (const index of this.#indexes(nodes)) {
        if (groupOf.has(index)) throw new TypeError(`partition takes groups that share no node, got ${index} in two`)
        groupOf.set(index, group)
      }
    }
    this.#cut((x, y) => groupOf.get(x) !== groupOf.get(y), options)
  }

  #cut (separates: (a: number, b: number) => boolean, options: CutOptions = {}): void {
    knownOptions('a cut', options, ['silent'])
    this.#network.cut(separates, options.silent === true)
  }

  heal (): void {
    this.#network.heal()
  }

  setFaults (faults: Faults): void {
    this.#network.faults = resolveFaults(faults)
  }

  async stop (): Promise<void> {
    this.#isStopped = true
    // Goodbyes need no bad weather.
    this.#network.faults = resolveFaults()
    this.heal()
    await Promise.allSettled(this.#underWay)
    const errors: Error[] = []
    const stop = async (node: NetNode): Promise<void> => {
      await node.stop().catch(error => errors.push(toError(error)))
    }
    // One by one: where both ends of a connection stop at once, libp2p waits half a second for a close that it missed.
    // But those that hang are not waited for one by one.
    const nodes = this.nodes
    for (let node: NetNode | undefined; errors.length === 0 && (node = nodes.shift()) != null;) await stop(node)
    await Promise.all(nodes.map(stop))
    const [error] = errors
    if (error != null) throw errors.length === 1 ? error : new AggregateError(errors, `${errors.length} nodes did not stop`)
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    await this.stop()
  }

  #find (ref: NodeRef): NetNode {
    return this.node(typeof ref === 'object' && ref !== null ? ref.index : ref)
  }

  #indexes (refs: readonly NodeRef[]): Set<number> {
    return new Set(refs.map(ref => this.#find(ref).index))
  }
}
