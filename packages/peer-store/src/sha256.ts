/** Kademlia measures distance between SHA-256 hashes, of peer ids (their multihash) and of keys. */

/** @returns 32 bytes */
export async function sha256 (key: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', new Uint8Array(key)))
}
