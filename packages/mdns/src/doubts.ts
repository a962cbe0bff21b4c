/** Newcomers that were told something once and have not shown yet that they heard it: each is told once more. */
import { limits } from '@peerweave/interface'

interface Doubt {
  /** Not told yet. BOUNDED, as `told`: `limits.mdnsSources`; who comes later asks again. */
  fresh: Set<string>
  /** Told once. */
  told: Set<string>
  /** When to tell them again. */
  again: number
}

export class Doubts {
  /** By key of the set. As many as we have sets. */
  readonly #doubts = new Map<string, Doubt>()

  add (source: string, key: string): void {
    const doubt = this.#doubts.get(key) ?? { fresh: new Set(), told: new Set(), again: Infinity }
    this.#doubts.set(key, doubt)
    if (doubt.fresh.size < limits.mdnsSources) doubt.fresh.add(source)
  }

  /** It has heard. */
  settle (source: string, key: string): void {
    const doubt = this.#doubts.get(key)
    if (doubt == null) return
    doubt.fresh.delete(source)
    doubt.told.delete(source)
    if (doubt.told.size === 0) doubt.again = Infinity
    if (doubt.fresh.size === 0 && doubt.told.size === 0) this.#doubts.delete(key)
  }

  /** The set was multicast. */
  said (key: string, again: number): void {
    const doubt = this.#doubts.get(key)
    if (doubt == null) return
    if (doubt.fresh.size === 0) this.#doubts.delete(key)
    else this.#doubts.set(key, { fresh: new Set(), told: doubt.fresh, again })
  }

  forget (key: string): void {
    this.#doubts.delete(key)
  }

  isDue (key: string, now: number): boolean {
    return (this.#doubts.get(key)?.again ?? Infinity) <= now
  }

  /** When the next is due; `Infinity` when none is. */
  get next (): number {
    let next = Infinity
    for (const { again } of this.#doubts.values()) next = Math.min(next, again)
    return next
  }

  clear (): void {
    this.#doubts.clear()
  }
}
