/** A whole simulated network: nodes that run real code, on one clock, one network and one disk each, all from one seed. */
import { defaultLogger } from '@libp2p/logger'
import { knownOptions, numberOption, toError, type Clock, type MechanismContext, type Ports, type Rng } from '@peerweave/interface'
import { addressIn, groupOf, GROUPS, HOSTS_PER_GROUP } from './addresses.ts'
import { seededBytes, streamOf } from './chance.ts'
import { Coverage } from './coverage.ts'
import { keyedHashCrypto, simPeerId, type KeyedHashCrypto } from './keyed-hash-crypto.ts'
import { simClock, type NodeClock, type SimClock } from './sim-clock.ts'
import { simDisk, type SimDisk } from './sim-disk.ts'
import { simNetwork, type SimNetwork } from './sim-network.ts'
import { TraceHash } from './trace-hash.ts'
import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { LinkOptions } from './links.ts'
import type { SimHost } from './sim-host.ts'
import type { ChurnTrace } from './traces.ts'

/** The most nodes of one world. */
export const MAX_NODES = 1_000

export interface SimulationOptions<App extends object> {
  /** All chance in the world comes from it. A whole number; 32 bits of it count. */
  seed: number
  /** At most {@link MAX_NODES}. */
  nodes: number
  /**
   * Starts whatever the node runs, in each life of it. When what it returns has a `stop()`, that is called before the
   * node leaves in order. A failure is the failure of `advance` or `run`.
   */
  setup: (node: SimNode) => App | Promise<App>
  /** When each node is there. @default all of them from the first moment on */
  trace?: ChurnTrace | undefined
  links?: LinkOptions | undefined
  /** The /16 that the node lives in, 0 … {@link GROUPS} − 1. @default each in one of its own */
  group?: ((index: number) => number) | undefined
  /** How many of those that leave by the trace do so without a word, 0 … 1. @default 1: the harder case */
  crashes?: number | undefined
  /** Wall clocks are off by up to this, each way, ms. @default 0 */
  wallSkew?: number | undefined
  /** As of `SimHostInit`. @default 10_000 */
  keepAlive?: number | undefined
}

/** One life of a node, as its `setup` sees it. A node that comes back has the same id, address and disk, and a new clock. */
export interface SimNode {
  readonly index: number
  /** `n0`, `n1`, … */
  readonly name: string
  /** 1 for its first life. */
  readonly life: number
  readonly peerId: PeerId
  readonly address: Multiaddr
  /** Its /16. */
  readonly group: string
  readonly clock: NodeClock
  /** Of this life. */
  readonly rng: Rng
  /** 8 bytes that only this node knows: the `hashKey` of its peer store. */
  readonly hashKey: Uint8Array
  readonly host: SimHost
  readonly ports: Ports
  /** What `multi` and every mechanism take. */
  readonly context: MechanismContext
  readonly crypto: KeyedHashCrypto
  readonly disk: SimDisk
}

export interface World<App extends object = object> {
  readonly seed: number
  /** The world's own time: for what the test itself does at some moment. */
  readonly clock: Clock
  readonly network: SimNetwork
  readonly crypto: KeyedHashCrypto
  /** A stream of chance for the test's own use. */
  rng: (name: string) => Rng
  advance: (ms: number) => Promise<void>
  /**
   * Moves time forward until `isDone`, asked after each event. Resolves with the ms that it took.
   *
   * @throws TimeoutError when it has not come true `within` ms
   */
  run: (isDone: () => boolean, within: number) => Promise<number>
  /** The nodes that are there, in order. */
  up: () => SimNode[]
  /** The present life of a node. */
  node: (index: number) => SimNode | undefined
  /** What its `setup` returned, once it has. */
  app: (index: number) => App | undefined
  /** A node comes (back). @throws TypeError when it is there */
  join: (index: number) => void
  /** A node stops its app, closes its connections and is gone. Time must move for it. */
  leave: (index: number) => Promise<void>
  /** A node is gone without a word. What its disk did not sync is kept, unless the power is cut too. */
  crash: (index: number, options?: { powerCut?: boolean | undefined }) => void
  /** SHA-256 of all that happened, in hex: equal for equal seeds and equal code, on every version of Node. */
  readonly trace: string
  /** How many events `trace` is of. */
  readonly events: number
  /** @throws InvariantError with the seed and the moment */
  invariant: (holds: boolean, what: string) => void
  /** Counts how often something rare happened. */
  sometimes: (name: string, happens?: boolean) => void
  coverage: () => ReadonlyMap<string, number>
}

const KNOWN = ['seed', 'nodes', 'setup', 'trace', 'links', 'group', 'crashes', 'wallSkew', 'keepAlive'] as const

/**
 * Nothing happens before time moves.
 *
 * @throws TypeError naming a wrong option
 */
export function simulate<App extends object> (options: SimulationOptions<App>): World<App> {
  knownOptions('simulate', options, KNOWN)
  return new SimWorld(options)
}

/** What outlasts a node's lives. */
interface Place {
  readonly index: number
  readonly name: string
  readonly peerId: PeerId
  readonly address: Multiaddr
  readonly wallOffset: number
  readonly hashKey: Uint8Array
  readonly disk: SimDisk
  lives: number
}

class SimWorld<App extends object> implements World<App> {
  readonly seed: number
  readonly clock: SimClock
  readonly network: SimNetwork
  readonly crypto: KeyedHashCrypto
  readonly #options: SimulationOptions<App>
  readonly #hash = new TraceHash()
  readonly #coverage: Coverage
  readonly #places: Place[]
  readonly #lives = new Map<number, SimNode>()
  readonly #apps = new Map<number, App>()
  #failure: Error | undefined

  constructor (options: SimulationOptions<App>) {
    const { trace } = options
    this.seed = numberOption('seed', options.seed, 0, { min: -(2 ** 31), max: 2 ** 32 - 1, integer: true })
    const most = Math.min(MAX_NODES, trace?.peers.length ?? MAX_NODES)
    const nodes = numberOption('nodes', options.nodes, 0, { min: 1, max: most, integer: true })
    numberOption('crashes', options.crashes, 1, { max: 1 })
    this.#options = options
    const note = (kind: string, node: string, detail: string): void => this.#hash.add(`${this.clock.now()} ${kind} ${node} ${detail}`)
    this.clock = simClock({ onFire: (node, order) => note('timer', node, `${order}`) })
    this.network = simNetwork({ seed: this.seed, clock: this.clock, links: options.links, onEvent: note })
    this.crypto = keyedHashCrypto(this.seed)
    this.#coverage = new Coverage(() => `seed ${this.seed}, ${this.clock.now()} ms`)
    this.#places = this.#layOut(nodes, note)
    this.#schedule(trace)
  }

  get trace (): string {
    return this.#hash.digest()
  }

  get events (): number {
    return this.#hash.events
  }

  rng (name: string): Rng {
    return streamOf(this.seed, `test ${name}`)
  }

  async advance (ms: number): Promise<void> {
    await this.clock.advance(ms)
    this.#assertWell()
  }

  async run (isDone: () => boolean, within: number): Promise<number> {
    const took = await this.clock.run(() => this.#failure != null || isDone(), within)
    this.#assertWell()
    return took
  }

  up (): SimNode[] {
    return [...this.#lives.values()].sort((a, b) => a.index - b.index)
  }

  node (index: number): SimNode | undefined {
    return this.#lives.get(index)
  }

  app (index: number): App | undefined {
    return this.#apps.get(index)
  }

  join (index: number): void {
    const place = this.#place(index)
    if (this.#lives.has(index)) throw new TypeError(`${place.name} is there already`)
    const node = this.#begin(place)
    this.#lives.set(index, node)
    Promise.resolve(node).then(this.#options.setup).then(
      app => { if (this.#lives.get(index) === node) this.#apps.set(index, app) },
      // A life that ended meanwhile may fail as it likes.
      error => {
        if (this.#lives.get(index) === node) this.#failure ??= new Error(`the setup of ${node.name} failed`, { cause: toError(error) })
      }
    )
  }

  async leave (index: number): Promise<void> {
    const node = this.#lives.get(index)
    if (node == null) return
    await (this.#apps.get(index) as { stop?: () => unknown } | undefined)?.stop?.()
    if (this.#lives.get(index) !== node) return // it crashed meanwhile
    node.host.stop()
    this.#gone(index)
  }

  crash (index: number, { powerCut = false }: { powerCut?: boolean | undefined } = {}): void {
    const node = this.#lives.get(index)
    if (node == null) return
    node.host.crash()
    if (powerCut) node.disk.powerCut()
    this.#gone(index)
  }

  invariant (holds: boolean, what: string): void {
    this.#coverage.invariant(holds, what)
  }

  sometimes (name: string, happens?: boolean): void {
    this.#coverage.sometimes(name, happens)
  }

  coverage (): ReadonlyMap<string, number> {
    return this.#coverage.counts()
  }

  #layOut (count: number, note: (kind: string, node: string, detail: string) => void): Place[] {
    const { seed } = this
    const { group = (index: number) => index, wallSkew } = this.#options
    const skew = numberOption('wallSkew', wallSkew, 0)
    const taken = new Map<number, number>()
    return Array.from({ length: count }, (_, index): Place => {
      const name = `n${index}`
      const home = numberOption('group', group(index), 0, { max: GROUPS - 1, integer: true })
      const host = numberOption('hosts of one group', (taken.get(home) ?? 0) + 1, 1, { max: HOSTS_PER_GROUP })
      taken.set(home, host)
      const address = addressIn(home, host)
      this.network.reserve(name, [address])
      return {
        index,
        name,
        peerId: simPeerId(seed, name),
        address,
        wallOffset: skew * (2 * streamOf(seed, `wall ${name}`).float() - 1),
        hashKey: seededBytes(seed, `hash key ${name}`, 8),
        disk: simDisk({ rng: streamOf(seed, `disk ${name}`), onEvent: (kind, detail) => note(`disk ${kind}`, name, detail) }),
        lives: 0
      }
    })
  }

  #schedule (trace: ChurnTrace | undefined): void {
    const { crashes = 1 } = this.#options
    const at = (ms: number, fn: () => void): void => { this.clock.setTimeout(fn, ms) }
    for (const { index, name } of this.#places) {
      const rng = streamOf(this.seed, `leaves ${name}`)
      for (const [join, leave] of trace?.peers[index] ?? [[0, Infinity]]) {
        const isSilent = rng.float() < crashes
        // The test may have moved it already.
        at(join, () => { if (!this.#lives.has(index)) this.join(index) })
        if (leave >= (trace?.duration ?? Infinity)) continue
        at(leave, () => {
          if (isSilent) this.crash(index)
          else this.leave(index).catch(error => { this.#failure ??= toError(error) })
        })
      }
    }
    for (const { from, to, share } of trace?.cuts ?? []) {
      const side = this.#places.slice(0, Math.round(this.#places.length * share)).map(({ name }) => name)
      at(from, () => this.network.partition(side))
      at(to, () => this.network.heal())
    }
  }

  #begin (place: Place): SimNode {
    const { index, name, peerId, address, wallOffset, hashKey, disk } = place
    const life = ++place.lives
    const clock = this.clock.clockOf(name, { wallOffset })
    const { crypto } = this
    const host = this.network.join({ name, signer: crypto.signerOf(peerId), clock, addresses: [address], keepAlive: this.#options.keepAlive })
    const ports: Ports = { ...host.ports, crypto }
    const context: MechanismContext = { ports, records: { get: () => undefined, sample: () => [] }, logger: defaultLogger() }
    const rng = streamOf(this.seed, `life ${life} of ${name}`)
    disk.powerOn()
    return { index, name, life, peerId, address, group: groupOf(address), clock, rng, hashKey, host, ports, context, crypto, disk }
  }

  #gone (index: number): void {
    this.#lives.get(index)?.disk.kill()
    this.#lives.delete(index)
    this.#apps.delete(index)
  }

  #place (index: number): Place {
    const place = this.#places[index]
    if (place == null) throw new TypeError(`there are nodes 0 to ${this.#places.length - 1}, not ${index}`)
    return place
  }

  #assertWell (): void {
    const failure = this.#failure
    this.#failure = undefined
    if (failure != null) throw failure
  }
}
