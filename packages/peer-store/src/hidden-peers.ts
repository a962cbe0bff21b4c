/**
 * Peers that are not in the view and not forgotten. A *ghost* is there because goodbyes, late claims and replays may still
 * come; one that ran out is *dormant* for a while besides: it keeps its addresses, for a start without better. A *stranger*
 * is one of whom we heard nothing but goodbyes. A tried peer *rests* for as long as it is tried.
 */
import { limits } from '@peerweave/interface'
import { NONE } from './slab.ts'
import type { Entry } from './entry.ts'

export class HiddenPeers {
  /** BOUNDED by `limits.ghosts`; the oldest goes. */
  readonly #ghosts = new Map<string, Entry>()
  /** BOUNDED by `limits.strangers`, so that goodbyes to made-up peers push out no more than each other; the oldest goes. */
  readonly #strangers = new Map<string, Entry>()
  /** BOUNDED by `limits.triedPeers`. */
  readonly #resting = new Map<string, Entry>()

  get (id: string): Entry | undefined {
    return this.#ghosts.get(id) ?? this.#resting.get(id) ?? this.#strangers.get(id)
  }

  delete ({ id }: Entry): void {
    for (const peers of [this.#ghosts, this.#strangers, this.#resting]) peers.delete(id)
  }

  /** @returns who has to go for it */
  add (entry: Entry, isTried: boolean): Entry | undefined {
    this.delete(entry)
    if (isTried) {
      this.#resting.set(entry.id, entry)
      return undefined
    }
    const isStranger = entry.firstRow === NONE && entry.signed == null && entry.dormant == null
    const [peers, bound] = isStranger ? [this.#strangers, limits.strangers] : [this.#ghosts, limits.ghosts]
    peers.set(entry.id, entry)
    if (peers.size <= bound) return undefined
    const [oldest] = peers.values()
    if (oldest != null) peers.delete(oldest.id)
    return oldest
  }

  ids (): string[] {
    return [this.#ghosts, this.#strangers, this.#resting].flatMap(peers => [...peers.keys()])
  }

  values (): Entry[] {
    return [this.#ghosts, this.#strangers, this.#resting].flatMap(peers => [...peers.values()])
  }

  /** Never reached, and not forgotten. */
  dormantIds (): string[] {
    return [...this.#ghosts.values()].flatMap(({ id, dormant }) => dormant == null ? [] : id)
  }
}
