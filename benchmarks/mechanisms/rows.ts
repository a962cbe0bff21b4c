/** Rows of ours beside baselines. */
import { beside, type Measured } from '../harness.ts'

/** Less is better, unless said otherwise. */
export function row (metric: string, unit: string, baseline: string, ours: number = NaN, theirs: number, more = false): Measured {
  const measured = beside(metric, unit, baseline, { ours, baseline: theirs })
  return more ? { ...measured, ratio: ours / theirs } : measured
}

/** The end of a metric's name that says beside whom. The first baseline is what users get, and is not said. */
export function andBeside (index: number, name: string): string {
  return index === 0 ? '' : `, beside ${name}`
}
