/** Byte arrays, as values. */

/** Parts that are `undefined` are left out. */
export function concat (...parts: ReadonlyArray<Uint8Array | undefined>): Uint8Array {
  let length = 0
  for (const part of parts) length += part?.length ?? 0
  const result = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    if (part == null) continue
    result.set(part, at)
    at += part.length
  }
  return result
}

/** Not in constant time: nothing compared here is a secret. */
export function equal (a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i]) return false
  }
  return true
}
