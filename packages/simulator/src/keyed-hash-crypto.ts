/**
 * Signatures for simulated peers: a keyed hash in place of Ed25519. It is done when the call returns (the platform's
 * `crypto.subtle` answers from a thread, when it pleases), and 1,000 nodes can sign all day.
 *
 * Who holds a {@link Signer} can sign as that peer, who does not cannot: the key stays inside. So an attacker of a
 * simulation is given signers of its own and nothing else.
 */
import { createHash, createHmac } from 'node:crypto'
import { peerIdFromMultihash } from '@libp2p/peer-id'
import { seededBytes } from './chance.ts'
import type { Crypto, Signer } from '@peerweave/interface'
import type { PeerId } from '@libp2p/interface'

export interface KeyedHashCrypto extends Crypto {
  /** Signatures are 64 bytes, as Ed25519's are. */
  signerOf: (peerId: PeerId) => Signer
}

export function keyedHashCrypto (seed: number): KeyedHashCrypto {
  const key = seededBytes(seed, 'signatures', 32)
  const signature = (peerId: PeerId, data: Uint8Array): Uint8Array => {
    return new Uint8Array(createHmac('sha512', key).update(peerId.toMultihash().bytes).update(data).digest())
  }
  return {
    signerOf: peerId => ({ peerId, sign: async data => signature(peerId, data) }),
    verify: async (signer, data, claimed) => {
      const expected = signature(signer, data)
      return claimed.length === expected.length && expected.every((byte, i) => byte === claimed[i])
    },
    digest: data => new Uint8Array(createHash('sha256').update(data).digest())
  }
}

/** What an Ed25519 public key is wrapped in: protobuf field 1 = key type 1, field 2 = 32 bytes (libp2p specs, peer-ids). */
const ED25519_KEY = [0x08, 0x01, 0x12, 0x20]

/** The same seed and name give the same id. It looks like an Ed25519 one, but nobody has a private key to it. */
export function simPeerId (seed: number, name: string): PeerId {
  const digest = Uint8Array.from([...ED25519_KEY, ...seededBytes(seed, `id of ${name}`, 32)])
  return peerIdFromMultihash({ code: 0, size: digest.length, digest, bytes: Uint8Array.from([0, digest.length, ...digest]) })
}
