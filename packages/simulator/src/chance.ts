/**
 * Chance for a whole world from one seed: every use has a stream of its own, so that one more draw by one node moves
 * nobody else's numbers.
 */
import { seededRng, type Rng } from '@peerweave/interface'

/** The stream `name` of the world `seed`. The same two give the same numbers, on every platform. */
export function streamOf (seed: number, name: string): Rng {
  return seededRng(mix(seed, name))
}

/** `count` bytes of the stream `name`: ids and keys of simulated nodes, never anything that must be secret. */
export function seededBytes (seed: number, name: string, count: number): Uint8Array {
  const rng = streamOf(seed, name)
  return Uint8Array.from({ length: count }, () => rng.int(256))
}

/** FNV-1a over the seed and the name, then murmur3's finaliser, so that names that differ in one letter share nothing. */
function mix (seed: number, name: string): number {
  let hash = Math.imul(0x811c9dc5 ^ seed, 0x01000193)
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}
