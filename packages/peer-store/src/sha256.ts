/** XOR distance over SHA-256, as Kademlia measures it. */

/** @returns 32 bytes */
export async function hashKey (key: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', new Uint8Array(key)))
}

/** Negative when `a` is nearer to `target` than `b`. All are 32-byte hashes. */
export function compareDistance (target: Uint8Array, a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < target.length; i++) {
    const byte = target[i] as number
    const difference = (byte ^ (a[i] as number)) - (byte ^ (b[i] as number))
    if (difference !== 0) return difference
  }
  return 0
}
