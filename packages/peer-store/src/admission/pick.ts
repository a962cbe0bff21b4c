/**
 * Peers drawn at random by group and never by entry: who fills a table from few networks is drawn as seldom as these
 * networks are, however many entries they have.
 *
 * What an attacker takes of the draws is its share of the *groups*: for one with entries in as many groups as everybody
 * else together, half of them (docs/admission.md). Then only `FirstDials` helps, which begins with elders.
 */
import { shuffle, type Rng } from '@peerweave/interface'

export interface PickOptions {
  /** The network of a peer's own address. At most one peer of each is picked while others are left. @default none is known */
  readonly networkOf?: ((id: string) => string | undefined) | undefined
  /** Networks that are taken already, by peers picked before. */
  readonly taken?: Iterable<string> | undefined
  /** Ids not to be picked. */
  readonly without?: ReadonlySet<string> | undefined
}

/**
 * In rounds: each group in random order gives one, drawn at random of those it has left, until there are `count`. First
 * only of networks that are not taken; when no group has such a one left, of the others.
 *
 * @param groups - ids by group; an id may be in several
 * @returns distinct ids in the order drawn; fewer than `count` when there are no more
 */
export function pick (groups: Iterable<readonly string[]>, count: number, rng: Rng, options: PickOptions = {}): string[] {
  const { networkOf, taken = [], without } = options
  const pools = [...groups].map(ids => without == null ? [...ids] : ids.filter(id => !without.has(id)))
  const networks = new Set(taken)
  const picked = new Set<string>()

  const draw = (pool: string[], isFresh: (network: string) => boolean): string | undefined => {
    // What does not fit now is put aside for the second pass, behind what may still be drawn.
    for (let left = pool.length; left > 0; left--) {
      const at = rng.int(left)
      const id = pool[at] as string
      pool[at] = pool[left - 1] as string
      pool[left - 1] = id
      const network = networkOf?.(id)
      if (picked.has(id) || (network != null && !isFresh(network))) continue
      pool.splice(left - 1, 1)
      if (network != null) networks.add(network)
      return id
    }
    return undefined
  }

  for (const isFresh of [(network: string) => !networks.has(network), () => true]) {
    let live = pools
    while (live.length > 0 && picked.size < count) {
      const next: string[][] = []
      for (const pool of shuffle(rng, live)) {
        if (picked.size >= count) break
        const id = draw(pool, isFresh)
        if (id == null) continue
        picked.add(id)
        next.push(pool)
      }
      live = next
    }
  }
  return [...picked]
}
