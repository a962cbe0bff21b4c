/**
 * Checks of user options. A wrong one is a `TypeError` that names the option, what it may be and what it was; checked
 * once, where the option enters.
 */
import { safeText } from './safe-text.ts'

export interface NumberBounds {
  min?: number
  max?: number
  /** Whole numbers only. @default false */
  integer?: boolean
}

/** `value`, or `fallback` when it was left out. `Infinity` passes only where `max` is `Infinity`. */
export function numberOption (name: string, value: number | undefined, fallback: number, bounds: NumberBounds = {}): number {
  if (value === undefined) return fallback
  const { min = 0, max = Number.MAX_SAFE_INTEGER, integer = false } = bounds
  const isWhole = !integer || Number.isInteger(value) || value === Infinity
  if (typeof value !== 'number' || Number.isNaN(value) || value < min || value > max || !isWhole) {
    throw new TypeError(`${name} must be a ${integer ? 'whole ' : ''}number from ${min} to ${max}, got ${show(value)}`)
  }
  return value
}

/** Throws when `options` has a key that is not known, naming it and the ones that are. */
export function knownOptions (owner: string, options: object, known: readonly string[]): void {
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) {
      throw new TypeError(`${owner} has no option ${show(key)}; it knows ${known.join(', ')}`)
    }
  }
}

/** A wrong value as it goes into a message: one line, bounded. */
export function show (value: unknown): string {
  try {
    return safeText(typeof value === 'string' ? JSON.stringify(value) : value)
  } catch {
    return `a ${typeof value}` // an object whose toString throws or is missing
  }
}
