/**
 * Kademlia measures distance between SHA-256 hashes, of peer ids (their multihash) and of keys. In plain code: for so few
 * bytes the platform's promise costs more than the hash.
 */
import { sha256 as hash } from '@noble/hashes/sha2.js'

/** @returns 32 bytes */
export function sha256 (key: Uint8Array): Uint8Array {
  return hash(key)
}
