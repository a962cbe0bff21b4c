/**
 * Peers that we found dead, and whom hearsay does not bring back: others go on telling of them until they notice too, and
 * a table that believes them is never rid of the dead.
 *
 * BOUNDED: `limits.quarantinedPeers` peers, each for {@link QUARANTINE_TIME}; the one that died first goes first. Only our
 * own probes put somebody in.
 */
import { limits, setLatest, type Clock, type Reporter } from '@peerweave/interface'
import { QUARANTINE_TIME } from './constants.ts'
import type { PeerId } from '@libp2p/interface'

export interface Quarantined {
  /** When it was declared dead, wall-clock ms. */
  readonly since: number
  /** When hearsay counts again, wall-clock ms as of now. */
  readonly until: number
  /** Of the best signed record known then. */
  readonly seq: bigint | undefined
}

/** What there is to a claim, as far as it matters here. */
export interface ClaimFacts {
  peerId: PeerId
  /** Of the verified signed record that it carries. */
  seq?: bigint | undefined
  reporter?: Reporter | undefined
}

export interface QuarantineInit {
  clock: Clock
  /** ms. @default {@link QUARANTINE_TIME} */
  time?: number | undefined
}

interface Entry {
  readonly since: number
  /** Monotonic ms. */
  readonly ends: number
  readonly seq: bigint | undefined
}

export class Quarantine {
  readonly #clock: Clock
  readonly #time: number
  readonly #entries = new Map<string, Entry>()

  constructor ({ clock, time = QUARANTINE_TIME }: QuarantineInit) {
    this.#clock = clock
    this.#time = time
  }

  /** Those whose time has not run out. */
  get size (): number {
    this.#lapse()
    return this.#entries.size
  }

  /** It was declared dead. `seq`: of the best signed record known of it. */
  add (peerId: PeerId, { seq }: { seq?: bigint | undefined } = {}): void {
    this.#lapse()
    const entry = { since: this.#clock.wall(), ends: this.#clock.now() + this.#time, seq }
    setLatest(this.#entries, peerId.toString(), entry, limits.quarantinedPeers)
  }

  /** It connected, or answered a dial. @returns whether it was in */
  release (peerId: PeerId): boolean {
    return this.#entries.delete(peerId.toString())
  }

  clear (): void {
    this.#entries.clear()
  }

  get (peerId: PeerId): Quarantined | undefined {
    const entry = this.#of(peerId)
    if (entry == null) return undefined
    const { since, ends, seq } = entry
    return { since, until: this.#clock.wall() + ends - this.#clock.now(), seq }
  }

  /**
   * Whether a claim may be believed; otherwise it is refused as `quarantined`. A dead peer's claim may when the peer has
   * signed something newer than what was known at its death, or when nobody stands between it and us: it said so itself,
   * or the mechanism heard it on the local network. Believing does not release it.
   */
  mayBelieve ({ peerId, seq, reporter }: ClaimFacts): boolean {
    const entry = this.#of(peerId)
    if (entry == null || isFirstHand(peerId, reporter)) return true
    return seq != null && (entry.seq == null || seq > entry.seq)
  }

  #of (peerId: PeerId): Entry | undefined {
    const id = peerId.toString()
    const entry = this.#entries.get(id)
    if (entry == null || entry.ends > this.#clock.now()) return entry
    this.#entries.delete(id)
    return undefined
  }

  /** All have the same time, so the oldest run out first. */
  #lapse (): void {
    const now = this.#clock.now()
    for (const [id, { ends }] of this.#entries) {
      if (ends > now) return
      this.#entries.delete(id)
    }
  }
}

/** Who only forwards names himself as the reporter, or the domain; a packet on the local network has its sender alone. */
function isFirstHand (peerId: PeerId, reporter: Reporter | undefined): boolean {
  if (reporter?.peer != null) return reporter.peer.equals(peerId)
  return reporter?.interface != null && reporter.domain == null
}
