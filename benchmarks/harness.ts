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

export interface Row extends Measured {
  bench: string
  goal: number | null
  ok: boolean
}

export interface Benchmark {
  run: (progress: (text: string) => void) => AsyncIterable<Measured>
}

/** A measurement that may cost setting up: resolves with its value, and consumes what it computes. */
export interface Trial {
  (): Promise<number>
}

/**
 * Runs both in turn, `repeats` times each, so that whatever else the machine does falls on both; the first one to go
 * alternates too.
 *
 * @returns the median of each
 */
export async function alternate (ours: Trial, baseline: Trial, repeats: number): Promise<{ ours: number, baseline: number }> {
  const values = { ours: [] as number[], baseline: [] as number[] }
  for (let repeat = 0; repeat < repeats; repeat++) {
    for (const who of repeat % 2 === 0 ? ['ours', 'baseline'] as const : ['baseline', 'ours'] as const) {
      values[who].push(await (who === 'ours' ? ours : baseline)())
    }
  }
  return { ours: median(values.ours), baseline: median(values.baseline) }
}

export function median (values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] as number : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2
}
