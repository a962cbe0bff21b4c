/**
 * What was turned away, counted for all and remembered for some, so that `explain` can say why a peer is not there.
 *
 * BOUNDED: `limits.refusedPeers` peers with `limits.refusalsPerPeer` refusals each; the peer unheard for longest goes.
 */
import { limits, setLatest } from '@peerweave/interface'
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

  /** Refusals of nobody in particular. */
  count (source: string, reason: RefusalReason, count = 1): void {
    // The paths are the mechanisms' names, which the user gave: they do not grow with the input.
    const counts = this.#counts.get(source) ?? new Map<RefusalReason, number>()
    this.#counts.set(source, counts.set(reason, (counts.get(reason) ?? 0) + count))
  }

  add ({ peerId, ...refusal }: LoggedRefusal): void {
    this.count(refusal.source, refusal.reason)
    if (peerId == null) return
    const id = peerId.toString()
    const known = this.#byPeer.get(id) ?? []
    setLatest(this.#byPeer, id, [...known, refusal].slice(-limits.refusalsPerPeer), limits.refusedPeers)
  }

  of (peerId: PeerId): readonly LoggedRefusal[] {
    return this.#byPeer.get(peerId.toString()) ?? []
  }

  forget (peerId: PeerId): void {
    this.#byPeer.delete(peerId.toString())
  }

  /** The peers; the counts are of nobody. */
  clear (): void {
    this.#byPeer.clear()
  }

  /** How often each reason was given, per source path. */
  counts (): Record<string, Partial<Record<RefusalReason, number>>> {
    return Object.fromEntries([...this.#counts].map(([source, counts]) => [source, Object.fromEntries(counts)]))
  }
}
