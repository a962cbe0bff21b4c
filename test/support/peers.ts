/** Identities for tests. */
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import type { PeerId } from '@libp2p/interface'

/** The same number gives the same id in every run. */
export async function peer (number: number): Promise<PeerId> {
  const seed = new Uint8Array(32)
  new DataView(seed.buffer).setUint32(0, number)
  return peerIdFromPrivateKey(await generateKeyPairFromSeed('Ed25519', seed))
}
