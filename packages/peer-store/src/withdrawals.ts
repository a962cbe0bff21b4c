/**
 * The goodbyes said of one peer: per source the time until which everything is taken back, and per (source, address) the
 * time for that address. Most peers have none.
 *
 * BOUNDED: `sourcesPerPeer` sources, as the ledger ranks them, and `withdrawalsPerSource` addresses per source; at the
 * bound of addresses the oldest counts for every address of the source, so that more is taken back and never less.
 */
import { limits, type KeyedHash } from '@peerweave/interface'
import { compareText } from './compare-text.ts'
import type { Press } from './held-clock.ts'

/** The times of one source's goodbyes, monotonic ms; `-Infinity` where there is none. */
export interface WithdrawnBySource {
  readonly all: number
  /** Of addresses that found no room. */
  readonly addresses: number
  readonly byAddress: ReadonlyMap<string, number>
}

interface OfSource {
  all: number
  addresses: number
  readonly byAddress: Map<string, number>
}

const NONE: ReadonlyMap<string, number> = new Map()

export class Withdrawals {
  readonly #hash: KeyedHash
  readonly #bySource = new Map<number, OfSource>()

  constructor (hash: KeyedHash) {
    this.#hash = hash
  }

  get isEmpty (): boolean {
    return this.#bySource.size === 0
  }

  /** All of them, by source. */
  get bySource (): ReadonlyMap<number, WithdrawnBySource> {
    return this.#bySource
  }

  /** The earliest time whose passing by R makes {@link lapse} forget something; `Infinity`: there is none. */
  get next (): number {
    let next = Infinity
    for (const { all, addresses, byAddress } of this.#bySource.values()) {
      next = Math.min(next, byAddress.size === 0 ? Math.max(all, addresses) : Math.min(...byAddress.values()))
    }
    return next
  }

  /** @returns true when this source had said none before */
  add (source: number, time: number, multiaddrs: readonly string[] | undefined): boolean {
    return this.merge(source, multiaddrs == null
      ? { all: time, addresses: -Infinity, byAddress: NONE }
      : { all: -Infinity, addresses: -Infinity, byAddress: new Map(multiaddrs.map(name => [name, time])) })
  }

  /** @returns true when this source had said none before */
  merge (source: number, said: WithdrawnBySource): boolean {
    const known = this.#bySource.get(source)
    const state = known ?? { all: -Infinity, addresses: -Infinity, byAddress: new Map<string, number>() }
    this.#bySource.set(source, state)
    state.all = Math.max(state.all, said.all)
    state.addresses = Math.max(state.addresses, said.addresses)
    for (const [name, time] of said.byAddress) {
      state.byAddress.set(name, Math.max(state.byAddress.get(name) ?? -Infinity, time))
    }
    if (state.byAddress.size > limits.withdrawalsPerSource) this.#fold(state)
    return known == null
  }

  /** The oldest count for every address. */
  #fold (state: OfSource): void {
    const oldest = [...state.byAddress].sort(([a, timeA], [b, timeB]) => timeA - timeB || this.#hash(a) - this.#hash(b) || compareText(a, b))
    for (const [name, time] of oldest.slice(0, -limits.withdrawalsPerSource)) {
      state.byAddress.delete(name)
      state.addresses = Math.max(state.addresses, time)
    }
  }

  /** What this source claimed until then does not count; for an address, with `name`. `-Infinity`: nothing is withdrawn. */
  timeFor (source: number, name: string | undefined): number {
    const state = this.#bySource.get(source)
    return state == null ? -Infinity : timeIn(state, name)
  }

  /** Moves the times that passed while time was held. @returns whether there are any */
  press (press: Press): boolean {
    let isMoved = false
    const moved = (time: number): number => {
      const pressed = press(time)
      isMoved ||= pressed !== time
      return pressed
    }
    for (const state of this.#bySource.values()) {
      state.all = moved(state.all)
      state.addresses = moved(state.addresses)
      for (const [name, time] of state.byAddress) state.byAddress.set(name, moved(time))
    }
    return isMoved
  }

  /** Forgets what was said at `time` or before; returns the sources of which nothing is left. */
  lapse (time: number): number[] {
    const gone: number[] = []
    for (const [source, state] of this.#bySource) {
      for (const [name, at] of state.byAddress) {
        if (at <= time) state.byAddress.delete(name)
      }
      if (state.byAddress.size > 0 || Math.max(state.all, state.addresses) > time) continue
      this.#bySource.delete(source)
      gone.push(source)
    }
    return gone
  }

  /**
   * Forgets those of the sources that `rank` puts last, beyond `sourcesPerPeer`.
   *
   * @returns what they had said
   */
  bound (rank: (sources: Iterable<number>) => ReadonlySet<number>): Array<[source: number, said: WithdrawnBySource]> {
    if (this.#bySource.size <= limits.reportersPerGroup) return []
    const kept = rank(this.#bySource.keys())
    const dropped = [...this.#bySource].filter(([source]) => !kept.has(source))
    for (const [source] of dropped) this.#bySource.delete(source)
    return dropped
  }
}

/** The time that counts for an address, with `name`, or for anything else. */
export function timeIn ({ all, addresses, byAddress }: WithdrawnBySource, name: string | undefined): number {
  return name == null ? all : Math.max(all, addresses, byAddress.get(name) ?? -Infinity)
}
