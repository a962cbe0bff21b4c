/**
 * Bytes as text of one character each: 16 bytes of overhead where a `Uint8Array` has some 200, which for an envelope
 * in a store of a hundred thousand is as much as the envelope itself.
 */

/** At most a few thousand bytes: each is an argument of a call. By `apply`, for spreading them takes six times as long. */
export function packBytes (bytes: Uint8Array): string {
  return Reflect.apply(String.fromCharCode, undefined, bytes)
}

export function unpackBytes (text: string): Uint8Array {
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i)
  return bytes
}
