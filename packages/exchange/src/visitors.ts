/** How often each peer may ask us, and bring us what nobody asked for. */
import { limits, setLatest, tokenBucket, type Clock, type TokenBucket } from '@peerweave/interface'
import type { PeerId } from '@libp2p/interface'

interface Visitor {
  asks: TokenBucket
  brings: TokenBucket
}

export class Visitors {
  readonly #clock: Clock
  readonly #all: TokenBucket
  /** BOUNDED by `limits.exchangePeers`, the latest at the end. */
  readonly #visitors = new Map<string, Visitor>()

  constructor (clock: Clock) {
    this.#clock = clock
    this.#all = tokenBucket(limits.exchangeAsksTotal, 2 * limits.exchangeAsksTotal, clock.now())
  }

  mayAsk (peer: PeerId): boolean {
    const now = this.#clock.now()
    return this.#of(peer).asks(now) && this.#all(now)
  }

  mayBring (peer: PeerId): boolean {
    return this.#of(peer).brings(this.#clock.now())
  }

  #of (peer: PeerId): Visitor {
    const id = peer.toString()
    const now = this.#clock.now()
    const visitor = this.#visitors.get(id) ?? {
      asks: tokenBucket(limits.exchangeAsksPerSecond, limits.exchangeAsksBurst, now),
      brings: tokenBucket(limits.unsolicitedPerMinute / 60, limits.unsolicitedBurst, now)
    }
    setLatest(this.#visitors, id, visitor, limits.exchangePeers)
    return visitor
  }
}
