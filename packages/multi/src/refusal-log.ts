/**
 * What was turned away, counted for all and remembered for some, so that `explain` can say why a peer is not there.
 *
 * BOUNDED: `limits.refusedPeers` peers with `limits.refusalsPerPeer` refusals each; the peer unheard for longest goes.
 */
import { limits } from '@peerweave/interface'
import type { PeerId } from '@libp2p/interface'
import type { Refusal, RefusalReason } from './pipeline.ts'

export interface LoggedRefusal extends Refusal {
  /** Path of the mechanism that said it. */
  source: string
  /** Wall-clock ms. */
  at: number
}

export class RefusalLog {
  readonly #counts = new Map<string, Map<RefusalReason, number>>()
  readonly #byPeer = new Map<string, LoggedRefusal[]>()

  add ({ peerId, ...refusal }: LoggedRefusal): void {
    // The paths are the mechanisms' names, which the user gave: they do not grow with the input.
    const counts = this.#counts.get(refusal.source) ?? new Map<RefusalReason, number>()
    this.#counts.set(refusal.source, counts.set(refusal.reason, (counts.get(refusal.reason) ?? 0) + 1))
    if (peerId == null) return
    const id = peerId.toString()
    const known = this.#byPeer.get(id) ?? []
    this.#byPeer.delete(id)
    this.#byPeer.set(id, [...known, refusal].slice(-limits.refusalsPerPeer))
    if (this.#byPeer.size > limits.refusedPeers) {
      for (const oldest of this.#byPeer.keys()) {
        this.#byPeer.delete(oldest)
        break
      }
    }
  }

  of (peerId: PeerId): readonly LoggedRefusal[] {
    return this.#byPeer.get(peerId.toString()) ?? []
  }

  /** How often each reason was given, per source path. */
  counts (): Record<string, Partial<Record<RefusalReason, number>>> {
    return Object.fromEntries([...this.#counts].map(([source, counts]) => [source, Object.fromEntries(counts)]))
  }
}
