/** Identities for tests. */
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import type { PeerId, PrivateKey } from '@libp2p/interface'

/** The same number gives the same key in every run. */
export async function peerKey (number: number): Promise<PrivateKey> {
  const seed = new Uint8Array(32)
  new DataView(seed.buffer).setUint32(0, number)
  return generateKeyPairFromSeed('Ed25519', seed)
}

/** The id of {@link peerKey}. */
export async function peer (number: number): Promise<PeerId> {
  return peerIdFromPrivateKey(await peerKey(number))
}
