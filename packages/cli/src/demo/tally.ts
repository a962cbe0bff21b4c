/** Counts what the observer's `multi` said, and nothing else. */
import type { Multi, PeerChange } from '@peerweave/multi'

export interface Summary {
  type: 'summary'
  /** Nodes started, other than the observer. */
  started: number
  /** Distinct peers ever seen. */
  peers: number
  /** In the view at the end. */
  live: number
  /** Times that a peer went out of the view. */
  expired: number
  /** Distinct peers ever found, by mechanism. */
  bySource: Record<string, number>
  /** Times that a further mechanism found a peer that was known already, and no second entry came of it. */
  duplicatesMerged: number
}

export class Tally {
  readonly #found = new Map<string, Set<string>>()
  readonly #live = new Set<string>()
  #expired = 0
  #merged = 0

  listen (multi: Multi): void {
    multi.addEventListener('peer:discovery', ({ detail }) => {
      this.#live.add(detail.peer.peerId.toString())
      this.#count(detail)
    })
    multi.addEventListener('peer:update', ({ detail }) => this.#count(detail))
    multi.addEventListener('peer:expire', ({ detail }) => {
      if (this.#live.delete(detail.peer.peerId.toString())) this.#expired++
    })
  }

  summary (started: number, sources: readonly string[]): Summary {
    const seen = new Set([...this.#found.values()].flatMap(peers => [...peers]))
    return {
      type: 'summary',
      started,
      peers: seen.size,
      live: this.#live.size,
      expired: this.#expired,
      bySource: Object.fromEntries(sources.map(source => [source, this.#found.get(source)?.size ?? 0])),
      duplicatesMerged: this.#merged
    }
  }

  #count ({ peer, previous }: PeerChange): void {
    const id = peer.peerId.toString()
    const before = new Set(previous?.sources.map(({ path }) => path))
    for (const { path } of peer.sources) {
      if (!this.#found.has(path)) this.#found.set(path, new Set())
      this.#found.get(path)?.add(id)
      if (before.size > 0 && !before.has(path)) this.#merged++
    }
  }
}
