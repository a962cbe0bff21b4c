/**
 * Who left the view, so that `explain` can say when and why.
 *
 * BOUNDED by `limits.departedPeers`; the one that left longest ago goes.
 */
import { limits, setLatest, type ChangeCause, type PeerInfo } from '@peerweave/interface'
import type { PeerId } from '@libp2p/interface'

export interface Departure {
  /** Wall-clock ms. */
  at: number
  cause: ChangeCause
  /** What was shown last. */
  peer: PeerInfo
}

export class Departures {
  readonly #byPeer = new Map<string, Departure>()

  add (departure: Departure): void {
    setLatest(this.#byPeer, departure.peer.peerId.toString(), departure, limits.departedPeers)
  }

  of (id: PeerId): Departure | undefined {
    return this.#byPeer.get(id.toString())
  }

  /** It is back, or is not to be remembered. */
  forget (id: PeerId): void {
    this.#byPeer.delete(id.toString())
  }

  clear (): void {
    this.#byPeer.clear()
  }
}
