/** The store follows the node's connections: who is connected, what identify said, and whom a dial of ours reached. */
import { limits, toError, type Host, type HostConnection, type Logger, type PeerStore } from '@peerweave/interface'
import type { PeerId } from '@libp2p/interface'
import type { AccessList } from './access-list.ts'

export interface ConnectionsInit {
  host: Host
  store: PeerStore
  log: Logger
  access: Pick<AccessList, 'isDenied'>
  /** Called before the store is told: time that was lost is to be taken back first. */
  check: () => void
}

export class Connections {
  readonly #init: ConnectionsInit

  constructor (init: ConnectionsInit) {
    this.#init = init
  }

  follow (signal: AbortSignal): void {
    const { host: { events }, store, access, check } = this.#init
    events.addEventListener('connect', ({ detail: connection }) => {
      check()
      if (access.isDenied(connection.peer)) void this.#refuse(connection.peer)
      else void this.#opened(connection)
    }, { signal })
    events.addEventListener('disconnect', ({ detail: peer }) => {
      check()
      store.setConnection(peer, 'disconnected')
    }, { signal })
    events.addEventListener('identify', ({ detail: { peer, protocols, agentVersion, protocolVersion } }) => {
      const known = protocols.filter(name => name.length <= limits.protocolBytes)
      store.setIdentity(peer, { protocols: known, agentVersion, protocolVersion })
    }, { signal })
  }

  /** A peer that has just come into the store: it may have been connected before anybody claimed it. */
  async recall (id: PeerId): Promise<void> {
    const open = this.#init.host.connections().filter(({ peer }) => peer.equals(id))
    const [best] = open.filter(({ direction }) => direction === 'outbound').concat(open)
    if (best != null) await this.#opened(best)
  }

  async #refuse (peer: PeerId): Promise<void> {
    const { host, log } = this.#init
    await host.close(peer, 'denied').catch(error => log('%p could not be closed - %e', peer, toError(error)))
  }

  /** A dial of ours that reached a peer proves it, and its address. */
  async #opened ({ peer, remoteAddr, direction, limited }: HostConnection): Promise<void> {
    const { store, log } = this.#init
    store.setConnection(peer, 'connected')
    if (direction === 'inbound' || limited) return
    try {
      await store.recordOutcome(peer, remoteAddr, 'success')
    } catch (error) {
      log.error('the store failed - %e', toError(error))
    }
  }
}
