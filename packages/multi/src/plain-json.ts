/** A copy of what should be plain JSON, within bounds: what is done with it afterwards meets no getter, cycle or class. */
import { limits, safeText, show, toError } from '@peerweave/interface'

export interface TellProblem {
  (path: string, message: string, cause?: Error): void
}

/** A longer text is a problem. Chosen: no key, name or address is nearly as long. */
const MAX_TEXT = 16_384

const IDENTIFIER = /^[A-Za-z_$][\w$]{0,63}$/

/** `a.b`, `a[0]`, or `a["odd key"]`. */
export function pathOf (parent: string, key: string | number): string {
  if (typeof key === 'number') return `${parent}[${key}]`
  if (!IDENTIFIER.test(key)) return `${parent}[${show(key)}]`
  return parent === '' ? key : `${parent}.${key}`
}

/** What is no JSON is told of and left out; `undefined` when nothing is left. */
export function plainCopy (value: unknown, tell: TellProblem): unknown {
  let left: number = limits.configValues
  const copy = (value: unknown, path: string, above: readonly object[]): unknown => {
    if (left-- <= 0) return undefined
    switch (typeof value) {
      case 'boolean':
      case 'number':
      case 'undefined':
        return value
      case 'string':
        if (value.length <= MAX_TEXT) return value
        tell(path, `must be a text of at most ${MAX_TEXT} characters, got ${value.length}`)
        return undefined
      case 'object':
        if (value === null) return null
        try {
          return copyObject(value, path, above)
        } catch (error) {
          tell(path, `cannot be read: ${safeText(toError(error).message)}`, toError(error))
          return undefined
        }
      default:
        tell(path, `must be plain JSON, got ${show(value)}`)
        return undefined
    }
  }
  const copyObject = (value: object, path: string, above: readonly object[]): unknown => {
    if (above.includes(value)) {
      tell(path, 'refers back to what it is part of')
      return undefined
    }
    if (above.length >= limits.configDepth) {
      tell(path, `is deeper than ${limits.configDepth} levels`)
      return undefined
    }
    const inside = [...above, value]
    if (Array.isArray(value)) {
      const { length } = value
      if (length > left) {
        left = 0
        return undefined
      }
      return Array.from({ length }, (_, i) => copy(value[i], pathOf(path, i), inside))
    }
    // Of another realm is as good: what has no class has a prototype without one, or none.
    const prototype = Object.getPrototypeOf(value) as object | null
    if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
      tell(path, `must be plain JSON, got ${show(value)}`)
      return undefined
    }
    const result: Record<string, unknown> = {}
    for (const key of Object.keys(value)) {
      if (left <= 0) break
      const own = pathOf(path, key)
      if (key === '__proto__') tell(own, 'is a key that means something else to JavaScript')
      else {
        const item = copy((value as Record<string, unknown>)[key], own, inside)
        if (item !== undefined) result[key] = item
      }
    }
    return result
  }
  const result = copy(value, '', [])
  if (left > 0) return result
  tell('', `must hold fewer than ${limits.configValues} values`)
  return undefined
}
