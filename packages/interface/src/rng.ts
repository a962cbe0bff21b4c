/**
 * Chance as an option. Keys, nonces and anything that an attacker must not guess come from the platform's secure
 * generator instead, never from here.
 */
import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'

export interface Rng {
  /** A number in [0, 1). */
  float: () => number
  /** A whole number in [0, below); `below` is a whole number from 1 to 2³². */
  int: (below: number) => number
}

/** Unseeded chance. */
export function systemRng (): Rng {
  return system
}

const system: Rng = {
  float: () => Math.random(),
  int: below => Math.floor(Math.random() * below)
}

/** The same seed gives the same numbers on every platform (xoroshiro128+). */
export function seededRng (seed: number): Rng {
  const generator = xoroshiro128plus(seed)
  const int = (below: number): number => uniformInt(generator, 0, below - 1)
  return { int, float: () => int(2 ** 32) / 2 ** 32 }
}

/** `ms` spread evenly over ± `ratio` of itself, so that timers set together do not fire together. */
export function jitter (rng: Rng, ms: number, ratio: number): number {
  return ms * (1 + ratio * (2 * rng.float() - 1))
}

/**
 * Full-jitter exponential back-off: a delay drawn from [0, min(cap, base · 2^attempt)], at least `base / 2` so that a
 * loop cannot spin, and never above `cap`.
 *
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export function backoff (rng: Rng, attempt: number, { base, cap }: { base: number, cap: number }): number {
  const ceiling = Math.min(cap, base * 2 ** Math.min(attempt, 30))
  return Math.min(cap, Math.max(base / 2, rng.float() * ceiling))
}

/** A new array in random order (Fisher–Yates). */
export function shuffle<T> (rng: Rng, items: Iterable<T>): T[] {
  const result = [...items]
  for (let i = result.length - 1; i > 0; i--) {
    const j = rng.int(i + 1)
    const kept = result[i] as T
    result[i] = result[j] as T
    result[j] = kept
  }
  return result
}
