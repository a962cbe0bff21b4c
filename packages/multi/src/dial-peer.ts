/**
 * The dials of `multi`: one count of the connections that are ours, whoever asked for them, and one way to dial a peer at
 * what the store knows of it.
 */
import {
  LimitExceededError, limits, targetPeer, toError, withPeer, type DialOptions, type Host, type HostConnection, type Logger, type PeerInfo, type PeerStore
} from '@peerweave/interface'
import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'

export interface DiallerInit {
  host: Host
  store: PeerStore
  log: Logger
  /** Peers that may be connected by dials of ours. @default Infinity */
  maxOutbound?: number | undefined
  /** Whether a peer may be dialled at all. @default everybody */
  mayDial?: ((id: PeerId) => boolean) | undefined
}

/** How a dial of a peer ended. */
export type Dialled =
  | { outcome: 'connected', connection: HostConnection }
  /** `count` remembers it in the store, for whoever is sure that the fault is not ours. */
  | { outcome: 'failed', count: () => Promise<void> }
  /** Nobody was dialled. `retryAfter` is ms, where something is known. */
  | { outcome: 'postponed', retryAfter: number | undefined }
  | { outcome: 'given up' }

export class Dialler {
  readonly #init: DiallerInit
  /** Peers, or addresses where no peer is known. BOUNDED by whoever dials: warm start, connection policy and endpoints, each by its own. */
  readonly #underWay = new Set<string>()
  /** Peers that we are closing. BOUNDED by the connections. */
  readonly #closing = new Set<string>()

  constructor (init: DiallerInit) {
    this.#init = init
  }

  /** Peers that are connected by a dial of ours, and dials under way. */
  get outbound (): number {
    const peers = this.#init.host.connections().filter(({ direction }) => direction === 'outbound').map(({ peer }) => peer.toString())
    return new Set([...peers, ...this.#underWay]).size
  }

  get isFull (): boolean {
    return this.outbound >= (this.#init.maxOutbound ?? Infinity)
  }

  mayDial (id: PeerId): boolean {
    return !this.#init.host.self.equals(id) && this.#init.mayDial?.(id) !== false
  }

  isUnderWay (id: PeerId): boolean {
    return this.#underWay.has(id.toString())
  }

  /** Whether a connection that ends is ended by {@link close}: then that says nothing of the peer. */
  isClosing (id: PeerId): boolean {
    return this.#closing.has(id.toString())
  }

  /** Never rejects. */
  async close (id: PeerId, reason: string): Promise<void> {
    const { host, log } = this.#init
    this.#closing.add(id.toString())
    try {
      await host.close(id, reason)
    } catch (error) {
      log('%p could not be closed - %e', id, toError(error))
    } finally {
      this.#closing.delete(id.toString())
    }
  }

  /**
   * As the host's `dial`, and counted.
   *
   * @throws LimitExceededError besides, when as many connections of ours are open or under way as may be
   */
  async open (targets: Multiaddr[], options: DialOptions): Promise<HostConnection> {
    const { host, maxOutbound } = this.#init
    const [first] = targets
    if (this.isFull) throw new LimitExceededError(`${maxOutbound} connections of ours are open or under way`)
    const name = first == null ? '' : targetPeer(first) ?? first.toString()
    const isFirst = !this.#underWay.has(name)
    this.#underWay.add(name)
    try {
      return await host.dial(targets, options)
    } finally {
      if (isFirst) this.#underWay.delete(name)
    }
  }

  /** At the first `limits.addressesPerDial` addresses: the store has the certified ones first. Never rejects. */
  async dial ({ peerId, addresses }: Pick<PeerInfo, 'peerId' | 'addresses'>, { signal, isHearsay }: { signal: AbortSignal, isHearsay: boolean }): Promise<Dialled> {
    const { store, log } = this.#init
    const targets = addresses.slice(0, limits.addressesPerDial).map(({ multiaddr }) => withPeer(multiaddr, peerId))
    try {
      return { outcome: 'connected', connection: await this.open(targets, { signal, isHearsay }) }
    } catch (error) {
      if (signal.aborted) return { outcome: 'given up' }
      // Not dialled is no failure.
      if (error instanceof LimitExceededError) return { outcome: 'postponed', retryAfter: error.retryAfter }
      log('%p does not answer - %e', peerId, toError(error))
      const [first] = addresses
      return { outcome: 'failed', count: async () => { if (first != null) await store.recordOutcome(peerId, first.multiaddr, 'failure') } }
    }
  }
}
