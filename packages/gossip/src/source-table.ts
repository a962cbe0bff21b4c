/**
 * What each source made us claim. A source is a neighbour: the one that handed us an announcement, or that answered.
 *
 * Who can write into it: whoever is connected. No source claims more than `maxPeers` at a time, and beyond that its own
 * claims compete, the newcomer too, by keyed hash: a source that floods pushes out its own and nobody else's, and whoever
 * came first has no advantage.
 */
import { limits, setLatest, type Claim, type Clock, type KeyedHash, type Reporter, type Withdrawal } from '@peerweave/interface'
import type { PeerId } from '@libp2p/interface'

interface Made {
  readonly peerId: PeerId
  readonly reporter: Reporter | undefined
  readonly expiresAt: number
  readonly rank: number
}

interface Source {
  readonly claims: Map<string, Made>
  /** Announcements of new authors that it may hand us now. */
  allowance: number
  allowedAt: number
}

export interface SourceTableInit {
  clock: Clock
  maxPeers: number
  hash: KeyedHash
}

export class SourceTable {
  readonly #init: SourceTableInit
  /** BOUNDED by `limits.gossipSources`, the latest at the end. */
  readonly #sources = new Map<string, Source>()

  constructor (init: SourceTableInit) {
    this.#init = init
  }

  /**
   * Whether this neighbour may hand us one more announcement of an author who is new here.
   *
   * @param left - so many it must be able to hand us after it
   */
  mayAnnounce (via: PeerId, left: number = 0): boolean {
    const source = this.#of(via)
    const now = this.#init.clock.now()
    source.allowance = Math.min(limits.unsolicitedBurst, source.allowance + limits.unsolicitedPerMinute * (now - source.allowedAt) / 60_000)
    source.allowedAt = now
    if (source.allowance < 1 + left) return false
    source.allowance--
    return true
  }

  /**
   * Takes a claim to the account of its source.
   *
   * @returns what has to be taken back for it; the claim itself is among what is not made when `isMade` is false
   */
  add (via: PeerId, { peerId, reporter, ttl }: Claim): { isMade: boolean, withdrawn: Withdrawal[] } {
    const { clock, maxPeers, hash } = this.#init
    const { claims } = this.#of(via)
    const id = peerId.toString()
    const now = clock.now()
    claims.set(id, { peerId, reporter, expiresAt: now + ttl, rank: hash(`${via} ${id}`) })
    if (claims.size <= maxPeers) return { isMade: true, withdrawn: [] }
    for (const [other, { expiresAt }] of claims) {
      if (expiresAt <= now) claims.delete(other)
    }
    if (claims.size <= maxPeers) return { isMade: true, withdrawn: [] }
    const [victim, made] = [...claims].reduce((worst, entry) => entry[1].rank > worst[1].rank ? entry : worst)
    claims.delete(victim)
    return { isMade: victim !== id, withdrawn: victim === id ? [] : [withdrawal(made)] }
  }

  /** The peer said itself that it goes: what is to be taken back, of whatever source. */
  forget (id: PeerId): Withdrawal[] {
    const withdrawn: Withdrawal[] = []
    for (const { claims } of this.#sources.values()) {
      const made = claims.get(id.toString())
      if (made == null) continue
      claims.delete(id.toString())
      withdrawn.push(withdrawal(made))
    }
    return withdrawn
  }

  clear (): void {
    this.#sources.clear()
  }

  #of (via: PeerId): Source {
    const id = via.toString()
    const source = this.#sources.get(id) ?? this.#newSource()
    setLatest(this.#sources, id, source, limits.gossipSources)
    return source
  }

  #newSource (): Source {
    return { claims: new Map(), allowance: limits.unsolicitedBurst, allowedAt: this.#init.clock.now() }
  }
}

function withdrawal ({ peerId, reporter }: Made): Withdrawal {
  return { kind: 'withdraw', peerId, reporter }
}
