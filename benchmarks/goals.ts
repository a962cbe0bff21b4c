/** What the issues ask of each metric. */
import { readFileSync } from 'node:fs'
import type { Measured } from './harness.ts'

/** The value itself may be no greater. `full`: measured with `--full` only, so it is not missed without. */
export interface Ceiling {
  readonly atMost: number
  readonly unit: string
  readonly full?: true
}

/** A number is the ratio to reach beside the baseline; `null` is where the issues state nothing, so it is only reported. */
export type Goal = number | Ceiling | null

/** Metric → goal, of one benchmark. */
export function goalsOf (bench: string): ReadonlyMap<string, Goal> {
  const all = JSON.parse(readFileSync(new URL('goals.json', import.meta.url), 'utf8')) as Record<string, Record<string, Goal>>
  return new Map(Object.entries(all[bench] ?? {}))
}

export function isReached (goal: Goal, { value, unit, ratio }: Measured): boolean {
  if (goal == null) return true
  if (typeof goal === 'number') return (ratio ?? NaN) >= goal
  return unit === goal.unit && (value ?? NaN) <= goal.atMost
}

export function isOnlyInFull (goal: Goal): boolean {
  return typeof goal === 'object' && goal?.full === true
}

export function describeGoal (goal: Goal): string {
  if (goal == null) return ''
  return typeof goal === 'number' ? ` (goal ${goal}×)` : ` (goal at most ${goal.atMost} ${goal.unit})`
}
