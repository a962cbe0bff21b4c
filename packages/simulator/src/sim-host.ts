/** The `Host` port of one life of a simulated node: dials, connections, identify, and an end that others see or do not. */
import {
  ConnectionClosedError, LimitExceededError, limits, NetworkError, NotStartedError, raceSignal, show, Slots, targetPeer, throwIfAborted, toError,
  UnauthenticatedError
} from '@peerweave/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { setMaxListeners, TypedEventEmitter } from 'main-event'
import { SimRpc, type RpcHost, type RpcEnd } from './sim-rpc.ts'
import type { DialOptions, Host, HostConnection, HostEvents, Identified, Ports, Rpc, Signer } from '@peerweave/interface'
import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { NodeClock } from './sim-clock.ts'
import type { Machine, Presence, Wires } from './wires.ts'

export interface SimHostInit {
  /** Unique in the network. The node's lives share it. */
  name: string
  signer: Signer
  clock: NodeClock
  /** Where it can be dialled; none for a node that only dials. */
  addresses: Multiaddr[]
  /** Its signed peer record, which identify carries. */
  envelope?: Uint8Array | undefined
  /**
   * ms between two pings of each connection, by each side; a connection whose ping is not answered is closed, and `rtt`
   * comes from them. `Infinity`: a peer that crashed is noticed when something is sent to it. @default {@link KEEP_ALIVE}
   */
  keepAlive?: number | undefined
}

/** libp2p's connection monitor pings as often. */
export const KEEP_ALIVE = 10_000

/** Where inbound connections seem to come from: an ephemeral port, never one that can be dialled (RFC 6335 §6). */
const EPHEMERAL = 49_152

/** Dials that wait; at the bound a dial fails with `LimitExceededError`. Chosen: eight turns of `limits.parallelDials`. */
const WAITING_DIALS = 64

const AGENT = 'peerweave-simulator'

/** A ping on its way, and how many wait for it. */
interface Ping {
  readonly answered: Promise<number>
  waiting: number
}

/** Our end of a connection. */
interface End extends RpcEnd {
  readonly connection: HostConnection
  readonly closed: AbortController
  rtt: number | undefined
}

export class SimHost implements Host, Machine, RpcHost {
  readonly name: string
  readonly signer: Signer
  readonly clock: NodeClock
  readonly events: TypedEventEmitter<HostEvents> = new TypedEventEmitter<HostEvents>()
  readonly rpc: Rpc
  /** These ports as mechanisms take them. */
  readonly ports: Ports
  readonly #wires: Wires<SimHost>
  readonly #rpc: SimRpc
  readonly #addresses: Multiaddr[]
  readonly #envelope: Uint8Array | undefined
  readonly #keepAlive: number
  readonly #budget = new Slots(limits.parallelDials, WAITING_DIALS)
  readonly #life = new AbortController()
  /** BOUNDED by `limits.connections`. */
  readonly #ends = new Map<number, End>()
  /** Dials that the other side may have taken already. BOUNDED by `limits.parallelDials`. */
  readonly #opening = new Map<number, (peer: PeerId) => End>()
  /** By connection. BOUNDED by `limits.connections`. */
  readonly #pings = new Map<number, Ping>()
  #presence: Presence = 'up'

  constructor (wires: Wires<SimHost>, { name, signer, clock, addresses, envelope, keepAlive = KEEP_ALIVE }: SimHostInit) {
    this.#wires = wires
    this.name = name
    this.signer = signer
    this.clock = clock
    this.#addresses = addresses
    this.#envelope = envelope
    this.#keepAlive = keepAlive
    this.#rpc = new SimRpc(this, (node, what, serve) => wires.exchange(this, node, what, host => serve(host.#rpc)))
    this.rpc = this.#rpc
    setMaxListeners(Infinity, this.#life.signal)
    this.ports = { host: this, rpc: this.rpc, pubsub: undefined, start: async () => {}, stop: async () => {} }
  }

  get self (): PeerId {
    return this.signer.peerId
  }

  get presence (): Presence {
    return this.#presence
  }

  /** Fires when this life ends. */
  get ended (): AbortSignal {
    return this.#life.signal
  }

  addresses (): Multiaddr[] {
    return [...this.#addresses]
  }

  connections (): HostConnection[] {
    return [...this.#ends.values()].map(({ connection }) => connection)
  }

  async dial (targets: Multiaddr[], { signal, timeout = limits.dialTimeout }: DialOptions = {}): Promise<HostConnection> {
    if (this.#presence !== 'up') throw new NotStartedError(`${this.name} has ended`)
    throwIfAborted(signal)
    const peer = this.#peerOf(targets)
    const open = this.endTo(peer)
    if (open != null) return open.connection

    using cancel = this.clock.deadline(Infinity, signal, this.#life.signal)
    const release = await this.#budget.take(cancel.signal)
    using deadline = this.clock.deadline(timeout, cancel.signal)
    try {
      const { connection } = await raceSignal(this.#connect(targets, peer, deadline.signal), deadline.signal)
      return connection
    } catch (error) {
      throwIfAborted(cancel.signal)
      if (error instanceof UnauthenticatedError) throw error
      throw new NetworkError(`could not reach ${targets.join(', ')}: ${toError(error).message}`, { cause: error })
    } finally {
      release()
    }
  }

  async close (peer: PeerId): Promise<void> {
    for (const end of [...this.#ends.values()]) {
      if (!end.peer.equals(peer)) continue
      this.#wires.tell(this, end.node, 'close', host => host.#drop(end.id, 'the other side closed it'))
      this.#drop(end.id, 'it was closed')
    }
  }

  async ping (peer: PeerId, { signal }: { signal: AbortSignal }): Promise<number> {
    throwIfAborted(signal)
    const end = this.#newestEndTo(peer)
    if (end == null) throw new ConnectionClosedError(`no connection to ${peer}`)
    let ping = this.#pings.get(end.id)
    if (ping == null) {
      ping = { answered: this.#ping(end), waiting: 0 }
      this.#pings.set(end.id, ping)
      const forget = (): void => this.#forget(end.id, ping)
      ping.answered.then(forget, forget)
    }
    ping.waiting++
    using until = this.clock.deadline(Infinity, signal, end.closed.signal, this.#life.signal)
    try {
      return await raceSignal(ping.answered, until.signal)
    } catch (error) {
      throwIfAborted(signal)
      if (end.closed.signal.aborted) throw end.closed.signal.reason
      throw error
    } finally {
      // What nobody waits for any more, nobody joins: the next one is sent.
      if (--ping.waiting === 0) this.#forget(end.id, ping)
    }
  }

  /** Ends this life in order: every connection is closed, and whoever dials from now on is refused. */
  stop (): void {
    if (this.#presence !== 'up') return
    for (const { peer } of [...this.#ends.values()]) this.close(peer).catch(() => {})
    this.#end('down')
  }

  /** Ends this life without a word: others learn of it when something that they sent is never answered. */
  crash (): void {
    this.#end('silent')
  }

  /** The open connection to a peer. */
  endTo (peer: PeerId | undefined): Readonly<End> | undefined {
    if (peer == null) return undefined
    for (const end of this.#ends.values()) {
      if (end.peer.equals(peer)) return end
    }
    return undefined
  }

  /**
   * Our end of connection `id`, for something that `from` sent over it. Data may overtake the answer to our dial, which
   * then is as good as answered.
   *
   * @throws ConnectionClosedError when we do not know it: the other side is told that it is over
   */
  endOf (id: number, from: PeerId): Readonly<End> {
    const end = this.#ends.get(id) ?? this.#opening.get(id)?.(from)
    if (end == null) throw new ConnectionClosedError(`${this.name} knows nothing of this connection`)
    return end
  }

  /** The connection is over for us, whatever the other side thinks. */
  lose (id: number, reason: string): void {
    this.#drop(id, reason)
  }

  #end (presence: 'down' | 'silent'): void {
    if (this.#presence !== 'up') return
    this.#presence = presence
    this.#wires.note(presence === 'down' ? 'stop' : 'crash', this.name)
    this.#ends.clear()
    this.#pings.clear()
    this.#life.abort(new NotStartedError(`${this.name} has ended`))
    this.clock.kill()
  }

  /** The one peer that all targets name, if they name one. */
  #peerOf (targets: Multiaddr[]): PeerId | undefined {
    if (targets.length === 0 || targets.length > limits.addressesPerDial) {
      throw new TypeError(`dial takes 1 to ${limits.addressesPerDial} addresses, got ${targets.length}`)
    }
    const [peer, ...others] = new Set(targets.map(targetPeer))
    if (others.length > 0) throw new TypeError(`dial takes addresses of one peer, got ${targets.join(', ')}`)
    if (peer === this.self.toString()) throw new TypeError('dial got our own peer id')
    for (const target of targets) {
      const [first] = target.getComponents()
      if (first == null || first.name === 'p2p') throw new TypeError(`dial takes addresses, got ${show(target.toString())}`)
    }
    return peer == null ? undefined : peerIdFromString(peer)
  }

  /** Knocks at all addresses at once, and shakes hands with the first that answers. */
  async #connect (targets: Multiaddr[], peer: PeerId | undefined, signal: AbortSignal): Promise<End> {
    this.#wires.note('dial', this.name, targets.join(' '))
    const { node, target } = await Promise.any(targets.map(async target => {
      const node = this.#wires.nameAt(target)
      // Nobody has this address: nothing ever comes back, as from most of the internet.
      if (node == null) return await new Promise<never>(() => {})
      await this.#wires.exchange(this, node, 'knock', () => {})
      return { node, target }
    }))
    throwIfAborted(signal)
    if (node === this.name) throw new NetworkError('that is our own address')

    const id = this.#wires.nextId()
    this.#opening.set(id, peer => this.#open(id, node, peer, target, 'outbound'))
    try {
      const answered = await this.#wires.exchange(this, node, 'handshake', host => host.#accept(id, this, peer))
      const isLate = signal.aborted
      const end = this.#ends.get(id) ?? this.#open(id, node, answered, target, 'outbound')
      if (isLate) await this.close(end.peer)
      return end
    } finally {
      this.#opening.delete(id)
    }
  }

  /** The answering side of a handshake. Who is asked for under another name does not open, as with Noise. */
  #accept (id: number, from: SimHost, expected: PeerId | undefined): PeerId {
    if (expected != null && !expected.equals(this.self)) throw new UnauthenticatedError(`${this.self} answered in place of ${expected}`)
    if (this.#ends.size >= limits.connections) throw new LimitExceededError(`${this.name} has ${limits.connections} connections already`)
    const ip = from.#addresses[0]?.getComponents()[0]?.value ?? '10.0.0.0'
    this.#open(id, from.name, from.self, multiaddr(`/ip4/${ip}/tcp/${EPHEMERAL + id % (65_536 - EPHEMERAL)}`), 'inbound')
    return this.self
  }

  #open (id: number, node: string, peer: PeerId, remoteAddr: Multiaddr, direction: HostConnection['direction']): End {
    const closed = new AbortController()
    setMaxListeners(Infinity, closed.signal)
    const end: End = {
      id, node, peer, closed, rtt: undefined, connection: { peer, remoteAddr, direction, limited: false, get rtt () { return end.rtt } }
    }
    this.#ends.set(id, end)
    this.#wires.note('connect', this.name, `${node} ${direction}`)
    this.events.safeDispatchEvent<HostConnection>('connect', { detail: end.connection })
    this.#identify(end)
    this.#pingLater(end)
    return end
  }

  /** Says who we are; the other side does the same. */
  #identify ({ id, node }: End): void {
    const said = { listenAddrs: this.addresses(), protocols: this.#rpc.protocols(), agentVersion: AGENT, envelope: this.#envelope?.slice() }
    this.#wires.tell(this, node, 'identify', host => {
      const end = host.#ends.get(id) ?? host.#opening.get(id)?.(this.self)
      if (end == null) return
      const { peer, connection: { remoteAddr } } = end
      host.events.safeDispatchEvent<Identified>('identify', { detail: { peer, remoteAddr, ...said } })
    })
  }

  /** The one that opened last: an older one may be left over from a life of the peer that has ended. */
  #newestEndTo (peer: PeerId): End | undefined {
    let newest: End | undefined
    for (const end of this.#ends.values()) {
      if (end.peer.equals(peer)) newest = end
    }
    return newest
  }

  #forget (id: number, ping: Ping | undefined): void {
    if (this.#pings.get(id) === ping) this.#pings.delete(id)
  }

  /** One ping and its round trip. A connection that carries none any more, or that the other side does not know, is over. */
  async #ping (end: End): Promise<number> {
    const sentAt = this.clock.now()
    try {
      await this.#wires.exchange(this, end.node, 'ping', host => { host.endOf(end.id, this.self) })
    } catch (error) {
      const { message } = toError(error)
      this.#drop(end.id, message)
      throw new ConnectionClosedError(`ping of ${end.peer}: ${message}`, { cause: error })
    }
    end.rtt = this.clock.now() - sentAt
    return end.rtt
  }

  #pingLater (end: End): void {
    if (this.#keepAlive === Infinity) return
    const timer = this.clock.setTimeout(() => {
      this.#ping(end).then(() => { if (!end.closed.signal.aborted) this.#pingLater(end) }, () => {})
    }, this.#keepAlive)
    end.closed.signal.addEventListener('abort', () => timer.cancel(), { once: true })
  }

  #drop (id: number, reason: string): void {
    const end = this.#ends.get(id)
    if (end == null || this.#presence !== 'up') return
    this.#ends.delete(id)
    this.#wires.note('disconnect', this.name, end.node)
    end.closed.abort(new ConnectionClosedError(`the connection to ${end.peer} is over: ${reason}`))
    if (this.endTo(end.peer) == null) this.events.safeDispatchEvent<PeerId>('disconnect', { detail: end.peer })
  }
}
