/**
 * How long something takes, drawn anew each time. Only +, −, ×, ÷ are used, which IEEE 754 fixes to the last bit:
 * `Math.exp` and `Math.log` may differ between engines and with them the run of a seed.
 */
import { show, type Rng } from '@peerweave/interface'

/** Milliseconds: always the same; evenly between two bounds; or log-normal, as round trips on the internet are. */
export type Distribution = number | { readonly uniform: readonly [min: number, max: number] } | { readonly lognormal: LogNormal }

export interface LogNormal {
  /** Half of the draws are below, ms. */
  readonly median: number
  /** Standard deviation of the logarithm; 0.5 puts 95 % of the draws within a factor of 2.7. At most 3. */
  readonly sigma: number
}

/** @throws TypeError naming `name` when it is no distribution of times */
export function checkDistribution (name: string, distribution: Distribution): Distribution {
  if (isTime(distribution)) return distribution
  if (typeof distribution === 'object' && distribution !== null) {
    if ('uniform' in distribution) {
      const [min, max] = distribution.uniform
      if (isTime(min) && isTime(max) && min <= max) return distribution
    } else if ('lognormal' in distribution) {
      const { median, sigma } = distribution.lognormal
      if (isTime(median) && isTime(sigma) && sigma <= 3) return distribution
    }
  }
  const wanted = 'ms, { uniform: [min, max] } or { lognormal: { median, sigma ≤ 3 } }'
  throw new TypeError(`${name} must be ${wanted}, got ${show(JSON.stringify(distribution))}`)
}

export function sample (distribution: Distribution, rng: Rng): number {
  if (typeof distribution === 'number') return distribution
  if ('uniform' in distribution) {
    const [min, max] = distribution.uniform
    return min + (max - min) * rng.float()
  }
  const { median, sigma } = distribution.lognormal
  return median * exp(sigma * normal(rng))
}

/** Irwin–Hall: twelve even draws have variance 1. Nothing beyond ± 6 comes, which bounds every latency. */
function normal (rng: Rng): number {
  let sum = -6
  for (let i = 0; i < 12; i++) sum += rng.float()
  return sum
}

/** eˣ by (e^(x/64))^64, the inner one as a Taylor series: exact to 13 digits for |x| ≤ 18, which is all that comes. */
function exp (x: number): number {
  const small = x / 64
  let term = 1
  let result = 1
  for (let n = 1; n <= 12; n++) {
    term *= small / n
    result += term
  }
  for (let i = 0; i < 6; i++) result *= result
  return result
}

function isTime (value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && Number.isFinite(value)
}
