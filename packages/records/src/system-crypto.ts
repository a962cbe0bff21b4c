/** The `Crypto` port on real keys: libp2p's verification and the platform's SHA-256. */
import { offThread } from '@peerweave/interface'
import { sha256 } from 'multiformats/hashes/sha2'
import type { Crypto } from '@peerweave/interface'

/** Verifies Ed25519, secp256k1 and RSA signatures with `@libp2p/crypto`, on Node Ed25519 off the main thread. Has no state. */
export function systemCrypto (): Crypto {
  return system
}

/** Node's own, without an import that browsers would stumble over. `@libp2p/crypto` uses the same, on the main thread. */
const node = typeof process === 'undefined' ? undefined : process.getBuiltinModule?.('node:crypto')

type NodeCrypto = NonNullable<typeof node>

/** What comes before the 32 bytes of an Ed25519 key in DER (RFC 8410 §4), in base64: it has no rest. */
const SPKI = 'MCowBQYDK2VwAyEA'

const system: Crypto = {
  async verify ({ publicKey }, data, signature) {
    try {
      if (node != null && publicKey?.type === 'Ed25519') return await offThread(verifyAside(node, publicKey.raw, data, signature))
      return await publicKey?.verify(data, signature) ?? false
    } catch {
      return false // libp2p throws on a signature of the wrong length or shape
    }
  },
  digest: data => sha256.encode(data)
}

/**
 * 0.1 ms of another thread's: the event loop goes on meanwhile, and several at once use several cores. The key goes as PEM
 * text, of which the main thread makes a key in 20 µs; of the same as an object it takes three times that.
 */
async function verifyAside (node: NodeCrypto, raw: Uint8Array, data: Uint8Array, signature: Uint8Array): Promise<boolean> {
  const base64 = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength).toString('base64')
  const key = `-----BEGIN PUBLIC KEY-----\n${SPKI}${base64}\n-----END PUBLIC KEY-----\n`
  return await new Promise<boolean>((resolve, reject) => {
    node.verify(null, data, key, signature, (error, isValid) => {
      if (error == null) resolve(isValid)
      else reject(error)
    })
  })
}
