/** The network between the nodes: who is where, who can reach whom, and how well. */
import { ConnectionFailedError, type MultiaddrConnection } from '@libp2p/interface'
import { endpointOf, raceSignal, throwIfAborted, type Clock } from '@peerweave/interface'
import { rngOf } from './chance.ts'
import { RETRANSMISSION } from './constants.ts'
import { createLink, type Link, type Weather } from './link.ts'
import type { Listener } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { ResolvedFaults, Span } from './faults.ts'

export interface Traffic {
  /** Bytes on connections to nodes of the net, as they go over the wire, without TCP's own. */
  sent: number
  received: number
}

interface Cut {
  separates: (a: number, b: number) => boolean
  isSilent: boolean
}

type Reach = 'open' | 'refused' | 'silent'

export class Network {
  readonly #seed: number
  readonly #clock: Clock
  #faults: ResolvedFaults
  readonly #traffic = new Map<number, Traffic>()
  /** Which node listens at an endpoint, or did last. */
  readonly #places = new Map<string, number>()
  readonly #plugs = new Set<Plug>()
  #cuts: Cut[] = []
  /** Dials so far, by pair: each draws its own chance, whatever the others do meanwhile. */
  readonly #dials = new Map<string, number>()
  readonly #latencies = new Map<string, number>()
  #healed = Promise.withResolvers<void>()

  constructor (seed: number, clock: Clock, faults: ResolvedFaults) {
    this.#seed = seed
    this.#clock = clock
    this.#faults = faults
  }

  set faults (faults: ResolvedFaults) {
    this.#faults = faults
    this.#latencies.clear()
  }

  /** A run of node `index` gets its connection to the network. */
  plug (index: number): Plug {
    const plug = new Plug(this, index)
    this.#plugs.add(plug)
    return plug
  }

  unplug (plug: Plug): void {
    this.#plugs.delete(plug)
  }

  traffic (index: number): Traffic {
    const traffic = this.#traffic.get(index) ?? { sent: 0, received: 0 }
    this.#traffic.set(index, traffic)
    return traffic
  }

  settle (index: number, addresses: readonly Multiaddr[]): void {
    for (const address of addresses) this.#places.set(endpointOf(address), index)
  }

  /** Connections across end, or hang where the cut is silent, and no new one is made until {@link heal}. */
  cut (separates: Cut['separates'], isSilent: boolean): void {
    this.#cuts.push({ separates, isSilent })
    for (const [from, to, link] of this.#links()) {
      const reach = this.#reach(from, to)
      if (reach === 'refused') link.sever(cutError(from, to))
      else if (reach === 'silent') link.hold()
    }
  }

  heal (): void {
    this.#cuts = []
    for (const [,, link] of this.#links()) link.release()
    this.#healed.resolve()
    this.#healed = Promise.withResolvers()
  }

  /** Resolves when a dial gets through, with the node that it reaches if it is one of the net. */
  async open (from: number, address: Multiaddr, signal: AbortSignal): Promise<Way | undefined> {
    const to = this.#places.get(endpointOf(address))
    if (to == null) return undefined
    const pair = `${from} ${to}`
    const attempt = (this.#dials.get(pair) ?? 0) + 1
    this.#dials.set(pair, attempt)
    if (rngOf(this.#seed, 'dial', pair, attempt).float() < this.#faults.failedDials) {
      throw new ConnectionFailedError(`the testnet failed dial ${attempt} of node ${from} to node ${to}`)
    }
    // The handshake of TCP: there and back.
    await this.#clock.sleep(2 * this.#latency(from, to), { signal })
    while (this.#reach(from, to) === 'silent') await raceSignal(this.#healed.promise, signal)
    if (this.#reach(from, to) === 'refused') throw cutError(from, to)
    throwIfAborted(signal)
    return { to, attempt }
  }

  link (from: number, { to, attempt }: Way, inner: MultiaddrConnection, remoteAddr: Multiaddr): Link {
    const reach = this.#reach(from, to)
    if (reach === 'refused') throw cutError(from, to)
    const [mine, theirs] = [this.traffic(from), this.traffic(to)]
    const link = createLink(inner, {
      remoteAddr,
      clock: this.#clock,
      weather: this.#weather(from, to, attempt),
      count (direction, bytes) {
        if (direction === 'sent') {
          mine.sent += bytes
          theirs.received += bytes
        } else {
          mine.received += bytes
          theirs.sent += bytes
        }
      }
    })
    if (reach === 'silent') link.hold()
    return link
  }

  #reach (a: number, b: number): Reach {
    const cuts = this.#cuts.filter(({ separates }) => separates(a, b))
    if (cuts.length === 0) return 'open'
    return cuts.every(({ isSilent }) => isSilent) ? 'silent' : 'refused'
  }

  /** Of a pair, whichever of the two dials. */
  #latency (a: number, b: number): number {
    const pair = `${Math.min(a, b)} ${Math.max(a, b)}`
    const known = this.#latencies.get(pair)
    if (known != null) return known
    const latency = within(this.#faults.latency, rngOf(this.#seed, 'latency', pair).float())
    this.#latencies.set(pair, latency)
    return latency
  }

  /** As the faults are when a chunk leaves, also when they were changed since the connection was made. */
  #weather (from: number, to: number, attempt: number): Weather {
    const rng = rngOf(this.#seed, 'loss', from, to, attempt)
    const { connectionLifetime } = this.#faults
    return {
      delay: () => this.#latency(from, to) + (this.#faults.loss > 0 && rng.float() < this.#faults.loss ? RETRANSMISSION : 0),
      lifetime: connectionLifetime && within(connectionLifetime, rngOf(this.#seed, 'lifetime', from, to, attempt).float())
    }
  }

  * #links (): Generator<[number, number, Link]> {
    for (const plug of this.#plugs) {
      for (const [link, to] of plug.links) yield [plug.index, to, link]
    }
  }
}

/** What a dial found out. */
export interface Way {
  to: number
  /** The how-manieth dial of this pair it is. */
  attempt: number
}

/** What connects one run of a node to the network: whoever pulls it ends all connections of that run for good. */
export class Plug {
  readonly index: number
  /** Connections that this node dialled, with the nodes that they lead to. */
  readonly links: Map<Link, number> = new Map()
  readonly #network: Network
  readonly #others = new Set<MultiaddrConnection>()
  readonly #listeners = new Set<Listener>()
  #isPulled = false

  constructor (network: Network, index: number) {
    this.#network = network
    this.index = index
  }

  get isPulled (): boolean {
    return this.#isPulled
  }

  async open (address: Multiaddr, signal: AbortSignal): Promise<Way | undefined> {
    this.#check()
    return await this.#network.open(this.index, address, signal)
  }

  /** The dialler's end of a new connection, as libp2p is to see it. */
  dialled (inner: MultiaddrConnection, way: Way | undefined, address: Multiaddr): MultiaddrConnection {
    this.#check()
    if (way == null) {
      this.#keep(inner)
      return inner
    }
    const link = this.#network.link(this.index, way, inner, address)
    this.links.set(link, way.to)
    // Until the transport has closed it: closed by libp2p it may still be on its way through a cut.
    inner.addEventListener('close', () => { this.links.delete(link) }, { once: true })
    return link
  }

  /** The listener's end. */
  accepted (inner: MultiaddrConnection): void {
    this.#check()
    this.#keep(inner)
  }

  listens (listener: Listener): void {
    this.#listeners.add(listener)
    listener.addEventListener('close', () => { this.#listeners.delete(listener) }, { once: true })
    listener.addEventListener('listening', () => this.#network.settle(this.index, listener.getAddrs()))
  }

  /** Ends every connection at once, as the kernel does when a process is killed, and allows no other. */
  pull (): void {
    if (this.#isPulled) return
    this.#isPulled = true
    this.#network.unplug(this)
    const error = new ConnectionFailedError(`the testnet took node ${this.index} off the network`)
    for (const [link] of this.links) link.sever(error)
    for (const connection of this.#others) connection.abort(error)
    for (const listener of this.#listeners) listener.close().catch(() => {}) // it is closed once more with its node
  }

  #check (): void {
    if (this.#isPulled) throw new ConnectionFailedError(`node ${this.index} is off the network`)
  }

  #keep (connection: MultiaddrConnection): void {
    this.#others.add(connection)
    connection.addEventListener('close', () => { this.#others.delete(connection) }, { once: true })
  }
}

function within ({ min, max }: Span, share: number): number {
  return min + share * (max - min)
}

function cutError (from: number, to: number): Error {
  return new ConnectionFailedError(`the testnet cut node ${from} from node ${to}`)
}
