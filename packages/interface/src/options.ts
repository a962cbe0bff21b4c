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

/** A mechanism's name: no `/`, which separates the names of nested mechanisms in a source's path. */
const NAME = /^[A-Za-z0-9._-]{1,64}$/

/** The name of a mechanism: `value`, or `fallback` when it was left out. */
export function nameOption (name: string, value: string | undefined, fallback: string): string {
  if (value === undefined) return fallback
  if (typeof value !== 'string' || !NAME.test(value)) {
    throw new TypeError(`${name} must be 1 to 64 letters, digits, ".", "_" or "-", got ${show(value)}`)
  }
  return value
}

/**
 * Throws when `options` is no object, or has a key that is not known, naming it and the ones that are. A factory that
 * was handed over uncalled is told so: its options then are what it should have been called with later.
 */
export function knownOptions (owner: string, options: object, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new TypeError(`${owner} takes an object of options, got ${show(options)}`)
  }
  if (CONTEXT_KEYS.some(key => key in options && !known.includes(key))) {
    throw new TypeError(`${owner} got the parts of a node in place of its options; call it first: \`${owner}()\`, not \`${owner}\``)
  }
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) {
      throw new TypeError(`${owner} has no option ${show(key)}; it knows ${known.join(', ')}`)
    }
  }
}

/** Every mechanism context has `ports`; libp2p's components are a proxy whose one field of its own is `components`. */
const CONTEXT_KEYS: readonly string[] = ['ports', 'components']

/** A wrong value as it goes into a message: one line, bounded. */
export function show (value: unknown): string {
  try {
    if (typeof value === 'string') return safeText(JSON.stringify(value))
    if (typeof value === 'function') return safeText(value.name === '' ? 'a function' : `the function ${value.name}`)
    if (Array.isArray(value)) return value.length === 0 ? '[]' : `an array of ${value.length}`
    const text = String(value)
    return safeText(text === '[object Object]' ? showKeys(value as object) : text)
  } catch {
    return typeof value === 'object' ? 'an object' : `a ${typeof value}` // its toString throws or is missing
  }
}

/** What a plain object is called: its keys tell which one it is, its values may be anything. */
function showKeys (value: object): string {
  const keys = Object.keys(value)
  return keys.length === 0 ? '{}' : `an object with ${keys.slice(0, 8).join(', ')}${keys.length > 8 ? ', …' : ''}`
}
