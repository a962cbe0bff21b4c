/**
 * What is known of each author: which of his announcements came last, for one that is not newer says nothing, however often
 * it is sent again (it is what keeps a replay from bringing a peer back that is gone); and how often he may announce
 * himself, once he has been there for a while.
 */
import { limits, setLatest, tokenBucket, type Clock, type TokenBucket } from '@peerweave/interface'
import type { PeerId } from '@libp2p/interface'

interface Author {
  last: bigint
  /** By the clock's `now`. */
  readonly since: number
  readonly announcements: TokenBucket
}

export interface HistoryInit {
  clock: Clock
  size: number
}

export class History {
  readonly #clock: Clock
  readonly #size: number
  /** BOUNDED by `size`: the author unheard for longest goes. The store remembers signed records for longer. */
  readonly #authors = new Map<string, Author>()

  constructor ({ clock, size }: HistoryInit) {
    this.#clock = clock
    this.#size = size
  }

  /**
   * Whether the author may be heard on his own account, whoever hands us his word. A new one may not yet: he costs the
   * neighbour that brings him.
   */
  mayAnnounce (author: PeerId): boolean {
    const known = this.#authors.get(author.toString())
    const now = this.#clock.now()
    return known != null && now - known.since >= limits.gossipAuthorAge && known.announcements(now)
  }

  has (author: PeerId): boolean {
    return this.#authors.has(author.toString())
  }

  /** Whether this is news; then it is what came last. */
  take (author: PeerId, seq: bigint): boolean {
    const id = author.toString()
    const known = this.#authors.get(id)
    if (known != null && seq <= known.last) return false
    const now = this.#clock.now()
    setLatest(this.#authors, id, {
      last: seq,
      since: known?.since ?? now,
      announcements: known?.announcements ?? tokenBucket(limits.gossipAuthorPerMinute / 60, limits.gossipAuthorBurst, now)
    }, this.#size)
    return true
  }
}
