/** What the tests share: keys that are the same in every run, addresses, and a crypto without any cryptography. */
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { keySigner, sealPeerRecord, systemCrypto, type SealOptions } from '@peerweave/records'
import type { Crypto, Signer } from '@peerweave/interface'

export const numRuns = { ci: 10_000, long: 1_000_000 }[process.env.PEERWEAVE_TIER ?? ''] ?? 2_000

export const addresses: Multiaddr[] = ['/ip4/192.0.2.1/tcp/4001', '/ip6/2001:db8::1/udp/4001/quic-v1', '/dns4/example.org/tcp/443/tls/ws']
  .map(text => multiaddr(text))

/** The same number gives the same key in every run. */
export async function signer (number: number): Promise<Signer> {
  const seed = new Uint8Array(32)
  new DataView(seed.buffer).setUint32(0, number)
  return keySigner(await generateKeyPairFromSeed('Ed25519', seed))
}

export async function sealed (init: Partial<SealOptions> = {}): Promise<Uint8Array> {
  return sealPeerRecord({ signer: await signer(1), multiaddrs: addresses, seq: 1n, ...init })
}

/** The signature is the digest of the signer's id and the data: all that a simulation needs. */
export const toyCrypto: Crypto & { signer: (like: Signer) => Signer } = {
  async verify (signer, data, signature) {
    return Buffer.from(await toySignature(signer.toMultihash().bytes, data)).equals(signature)
  },
  digest: systemCrypto().digest,
  signer: ({ peerId }) => ({ peerId, sign: data => toySignature(peerId.toMultihash().bytes, data) })
}

async function toySignature (id: Uint8Array, data: Uint8Array): Promise<Uint8Array> {
  return systemCrypto().digest(Buffer.concat([id, data]))
}

/** Counts what reaches the signature. */
export function counting (crypto: Crypto): Crypto & { verified: number } {
  const counted = {
    ...crypto,
    verified: 0,
    verify: (...args: Parameters<Crypto['verify']>) => {
      counted.verified++
      return crypto.verify(...args)
    }
  }
  return counted
}
