/** Under which keys peers are provided: docs/protocols/dht.md. */
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { sha256 } from 'multiformats/hashes/sha2'
import type { PeerId } from '@libp2p/interface'

/** `CIDv1(raw, sha2-256(key))`, of any bytes: the only multihash that every kad-dht server takes. */
export async function providerKey (key: Uint8Array): Promise<CID> {
  return CID.createV1(raw.code, await sha256.digest(key))
}

/**
 * Where the peers of a namespace are, as in go-libp2p's routing discovery.
 *
 * @see https://github.com/libp2p/go-libp2p/blob/v0.43.0/p2p/discovery/routing/routing.go nsToCid
 */
export async function namespaceKey (namespace: string): Promise<CID> {
  return providerKey(new TextEncoder().encode(namespace))
}

/**
 * Where one peer says that it is there, so that also a peer in nobody's routing table is found. Its multihash is hashed
 * once more: an Ed25519 id is an identity multihash, which kad-dht's servers refuse as a key.
 */
export async function peerKey (peer: PeerId): Promise<CID> {
  return providerKey(peer.toMultihash().bytes)
}
