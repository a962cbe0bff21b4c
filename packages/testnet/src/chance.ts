/** Many independent streams of chance out of one seed. */
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { seededRng, type Rng } from '@peerweave/interface'
import type { PrivateKey } from '@libp2p/interface'

/**
 * The seed of what `parts` name: whatever else draws, and when, it stays the same. FNV-1a, with the finalizer of
 * MurmurHash3 so that neighbours do not resemble each other.
 */
export function seedOf (seed: number, ...parts: ReadonlyArray<string | number>): number {
  let hash = 0x811c9dc5
  for (const character of [seed, ...parts].join(' ')) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193)
  hash = Math.imul(hash ^ hash >>> 16, 0x85ebca6b)
  hash = Math.imul(hash ^ hash >>> 13, 0xc2b2ae35)
  return (hash ^ hash >>> 16) >>> 0
}

export function rngOf (seed: number, ...parts: ReadonlyArray<string | number>): Rng {
  return seededRng(seedOf(seed, ...parts))
}

/** A key that everybody who knows the seed knows too: an identity for tests, and for nothing else. */
export async function keyOf (seed: number, index: number): Promise<PrivateKey> {
  const rng = rngOf(seed, 'key', index)
  return await generateKeyPairFromSeed('Ed25519', Uint8Array.from({ length: 32 }, () => rng.int(256)))
}
