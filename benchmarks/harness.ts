/** What all benchmarks share: repeats that alternate between ours and the baseline, and medians of them. */

export interface Measured {
  metric: string
  value: number | null
  unit: string
  /** What it is measured beside; `null`: nothing. */
  baseline: string | null
  baselineValue: number | null
  /** How many times better than the baseline, above 1 is better. */
  ratio: number | null
}

/** What cannot be measured on this machine. */
export interface Skipped {
  metric: string
  /** Why. */
  skipped: string
}

export type Result = Measured | Skipped

export interface BenchOptions {
  /** Everything in full size, however long it takes. Without it a slow baseline runs on a sample, and ours on the same. */
  full: boolean
}

export interface Benchmark {
  run: (progress: (text: string) => void, options: BenchOptions) => AsyncIterable<Result>
}

/** A measurement that may cost setting up: resolves with its value, and consumes what it computes. */
export interface Trial {
  (): Promise<number>
}

/** Medians that belong together. */
export interface Pair {
  ours: number
  baseline: number
}

/** ms. A phase that takes longer is not repeated. */
const LONG_PHASE = 30_000

/**
 * Runs both in turn, `repeats` times each, so that whatever else the machine does falls on both; the first one to go
 * alternates too. Where the first turn of one took {@link LONG_PHASE}, it stays at that one.
 *
 * @returns the median of each
 */
export async function alternate (ours: Trial, baseline: Trial, repeats: number): Promise<Pair> {
  const values = { ours: [] as number[], baseline: [] as number[] }
  let longest = 0
  for (let repeat = 0; repeat < repeats && longest < LONG_PHASE; repeat++) {
    for (const who of repeat % 2 === 0 ? ['ours', 'baseline'] as const : ['baseline', 'ours'] as const) {
      const started = performance.now()
      values[who].push(await (who === 'ours' ? ours : baseline)())
      longest = Math.max(longest, performance.now() - started)
    }
  }
  return { ours: median(values.ours), baseline: median(values.baseline) }
}

/** As {@link alternate}, of ours alone. */
export async function repeated (trial: Trial, repeats: number): Promise<number> {
  const values: number[] = []
  for (let repeat = 0; repeat < repeats; repeat++) values.push(await trial())
  return median(values)
}

/** A row of two times (or sizes): less is better. */
export function beside (metric: string, unit: string, baseline: string, values: Pair): Measured {
  return { metric, value: values.ours, unit, baseline, baselineValue: values.baseline, ratio: values.baseline / values.ours }
}

/** A row of ours alone. */
export function alone (metric: string, value: number, unit: string): Measured {
  return { metric, value, unit, baseline: null, baselineValue: null, ratio: null }
}

export function median (values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] as number : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2
}

/** The least value that a share of all is not above; `share` 0 to 1. */
export function quantile (values: readonly number[], share: number): number {
  return [...values].sort((a, b) => a - b)[Math.max(0, Math.ceil(share * values.length) - 1)] ?? NaN
}
