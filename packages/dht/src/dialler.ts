/** Connections for the DHT: what is open is used, and what is not is dialled at addresses that may be dialled. */
import {
  abortError, LimitExceededError, limits, NetworkError, raceSignal, shuffle, throwIfAborted, toError, withPeer, type Host, type Rng
} from '@peerweave/interface'
import type { Address, Connection, PeerId, PeerStore } from '@libp2p/interface'
import type { ConnectionManager } from '@libp2p/interface-internal'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Beliefs } from './beliefs.ts'

export interface DiallerInit {
  host: Host
  connectionManager: Pick<ConnectionManager, 'getConnections'>
  peerStore: Pick<PeerStore, 'get'>
  beliefs: Beliefs
  rng: Rng
  /** A peer could not be reached, though others can. */
  onUnreachable: (peer: PeerId) => void
}

export class Dialler {
  readonly #init: DiallerInit
  /** One dial of a peer at a time: kad-dht asks for the same one several times at once, and the host has eight places. */
  readonly #dials = new Map<string, Promise<void>>()
  #session: AbortSignal | undefined

  constructor (init: DiallerInit) {
    this.#init = init
  }

  start (session: AbortSignal): void {
    this.#session = session
  }

  /** An open connection, a direct one rather than a relayed one. */
  open (peer: PeerId): Connection | undefined {
    const open = this.#init.connectionManager.getConnections(peer).filter(({ status }) => status === 'open')
    return open.find(({ direct }) => direct) ?? open[0]
  }

  /**
   * What it may be dialled at: at most `limits.addressesPerDial`, each ending in its id. First what it said itself; of the
   * rest a random choice: libp2p's order is that of the alphabet, in which anybody can push its real ones out.
   */
  async addresses (peer: PeerId): Promise<Multiaddr[]> {
    const { peerStore, beliefs, rng } = this.#init
    const known = await Promise.resolve(peerStore.get(peer)).then(({ addresses }) => addresses, () => [])
    return shuffle(rng, known)
      .filter(({ multiaddr: address }) => beliefs.mayDial(peer, address))
      .sort((a, b) => rankOf(peer, b, beliefs) - rankOf(peer, a, beliefs))
      .slice(0, limits.addressesPerDial)
      .map(({ multiaddr: address }) => withPeer(address, peer))
  }

  /** @throws NetworkError when it cannot be reached at any address that may be dialled */
  async connect (peer: PeerId, signal: AbortSignal | undefined): Promise<Connection> {
    throwIfAborted(signal)
    const open = this.open(peer)
    if (open != null) return open
    const session = this.#session
    if (session == null || session.aborted) throw abortError(session?.reason)
    const id = peer.toString()
    let dial = this.#dials.get(id)
    if (dial == null) {
      // With its own time: whoever gives up first does not take it from the others.
      dial = this.#dial(peer, session).finally(() => this.#dials.delete(id))
      this.#dials.set(id, dial)
    }
    await raceSignal(dial, signal ?? session)
    const connection = this.open(peer)
    if (connection == null) throw new NetworkError(`${peer} hung up at once`)
    return connection
  }

  async #dial (peer: PeerId, session: AbortSignal): Promise<void> {
    const addresses = await this.addresses(peer)
    if (addresses.length === 0) throw new NetworkError(`no address of ${peer} may be dialled`)
    try {
      await this.#init.host.dial(addresses, { signal: session, isHearsay: true })
    } catch (error) {
      // Where nobody at all can be reached the fault is ours.
      const isNotNow = error instanceof LimitExceededError
      if (!session.aborted && !isNotNow && this.#init.connectionManager.getConnections().length > 0) this.#init.onUnreachable(peer)
      throw toError(error)
    }
  }
}

/** How good the grounds are on which a peer is said to be at an address: signed by it, said by it, said by others. */
export function rankOf (peer: PeerId, { multiaddr, isCertified }: Address, beliefs: Beliefs): number {
  if (isCertified) return 2
  return beliefs.isTheirs(peer, multiaddr) ? 1 : 0
}
