/** Nodes on a network in memory, with what the connection policy needs around it. */
import { multiaddr } from '@multiformats/multiaddr'
import { complianceContext, memoryNetwork, type ComplianceContext, type MemoryNetwork } from '@peerweave/compliance'
import { NetworkError, seededRng, virtualClock, type DialOptions, type Host, type PeerStore, type VirtualClock } from '@peerweave/interface'
import { memoryPeerStore } from '@peerweave/peer-store'
import { connectOptions, type ConnectOptions, type ConnectPreset } from '../src/connect-options.ts'
import { Connector } from '../src/connector.ts'
import { Dialler, type DiallerInit } from '../src/dial-peer.ts'
import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'

export interface Dial {
  /** By the clock's `now`. */
  at: number
  /** Who is there; `undefined`: nobody. */
  to: PeerNode | undefined
  options: DialOptions
}

export interface PeerNode {
  context: ComplianceContext
  host: Host
  id: PeerId
}

export class ConnectWorld {
  readonly clock: VirtualClock = virtualClock()
  readonly network: MemoryNetwork = memoryNetwork(this.clock)
  readonly store: PeerStore = memoryPeerStore({ clock: this.clock, rng: seededRng(1), hashKey: new Uint8Array(8) })
  readonly others: PeerNode[] = []
  readonly dials: Dial[] = []
  /** Whom nobody reaches any more. */
  readonly gone = new Set<PeerNode>()
  isCut = false
  #own: PeerNode | undefined
  readonly #follow = new AbortController()

  /** The node of the policy, and so many others; `place` says where one is. */
  static async of (count: number, place?: (i: number) => string): Promise<ConnectWorld> {
    const world = new ConnectWorld()
    world.#own = await world.join()
    for (let i = 0; i < count; i++) world.others.push(await world.join(place?.(i)))
    world.#spyOn(world.own.host)
    await world.store.start()
    return world
  }

  get own (): PeerNode {
    return this.#own as PeerNode
  }

  async join (at?: string): Promise<PeerNode> {
    const context = await complianceContext({ network: this.network, ...at != null && { addresses: [multiaddr(at)] } })
    return { context, host: context.ports.host, id: context.ports.host.self }
  }

  /** Somebody says where they are, or a dial of ours had proved it. */
  async know (nodes: readonly PeerNode[], how: 'heard' | 'tried' = 'heard'): Promise<void> {
    for (const { id, host } of nodes) {
      const now = this.clock.now()
      await this.store.addPeer({
        peerId: id, multiaddrs: host.addresses(), source: { path: 'one', type: 'one', group: `g:${id}` }, observedAt: now, expiresAt: now + 36_000_000
      })
      const [address] = host.addresses()
      if (how === 'tried' && address != null) await this.store.recordOutcome(id, address, 'success')
    }
  }

  dialler (init: Partial<DiallerInit> = {}): Dialler {
    const { host, context } = this.own
    return new Dialler({ host, store: this.store, log: context.logger.forComponent('test'), ...init })
  }

  /** A policy that is not started yet. */
  connector (
    options: ConnectOptions | ConnectPreset, { mayDial, isProtected }: { mayDial?: (id: PeerId) => boolean, isProtected?: (id: PeerId) => boolean } = {}
  ): { connector: Connector, dialler: Dialler } {
    const { host, context } = this.own
    const resolved = connectOptions(options)
    if (resolved == null) throw new Error('off')
    const dialler = this.dialler({ maxOutbound: resolved.maxOutbound, mayDial })
    const connector = new Connector({
      host, store: this.store, clock: this.clock, rng: seededRng(2), log: context.logger.forComponent('test'), options: resolved, dialler, isProtected
    })
    return { connector, dialler }
  }

  /** As `multi` follows the connections. */
  follow (): void {
    const { signal } = this.#follow
    const { events } = this.own.host
    events.addEventListener('connect', ({ detail: { peer, remoteAddr, direction } }) => {
      this.store.setConnection(peer, 'connected')
      if (direction === 'outbound') void this.store.recordOutcome(peer, remoteAddr, 'success')
    }, { signal })
    events.addEventListener('disconnect', ({ detail }) => this.store.setConnection(detail, 'disconnected'), { signal })
  }

  async end (): Promise<void> {
    this.#follow.abort()
    await this.store.stop()
  }

  connected (direction?: 'inbound' | 'outbound'): PeerNode[] {
    return this.own.host.connections().filter(one => direction == null || one.direction === direction)
      .flatMap(({ peer }) => this.others.find(({ id }) => id.equals(peer)) ?? [])
  }

  /** It goes without a word, and nobody is there any more. */
  async crash (node: PeerNode): Promise<void> {
    this.gone.add(node)
    await node.host.close(this.own.id)
  }

  #spyOn (host: Host): void {
    const { dial } = host
    host.dial = async (targets, options = {}) => {
      const to = this.others.find(node => node.host.addresses().some(own => targets.some(target => isAt(target, own, node.id))))
      this.dials.push({ at: this.clock.now(), to, options })
      if (this.isCut || (to != null && this.gone.has(to))) throw new NetworkError('no route to host')
      return await dial(targets, options)
    }
  }
}

function isAt (target: Multiaddr, own: Multiaddr, id: PeerId): boolean {
  return target.equals(own) || target.equals(own.encapsulate(`/p2p/${id}`))
}
