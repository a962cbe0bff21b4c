/** The `Crypto` port on real keys: libp2p's verification and the platform's SHA-256. */
import { sha256 } from 'multiformats/hashes/sha2'
import type { Crypto } from '@peerweave/interface'

/** Verifies Ed25519, secp256k1 and RSA signatures with `@libp2p/crypto`. Has no state. */
export function systemCrypto (): Crypto {
  return system
}

const system: Crypto = {
  async verify ({ publicKey }, data, signature) {
    try {
      return await publicKey?.verify(data, signature) ?? false
    } catch {
      return false // libp2p throws on a signature of the wrong length or shape
    }
  },
  digest: data => sha256.encode(data)
}
