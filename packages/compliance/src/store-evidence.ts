/** Peers, sources and claims of the store suite. */
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import type { Evidence, Source } from '@peerweave/interface'
import type { PeerId } from '@libp2p/interface'

// Making a key costs more than most checks. BOUNDED by the peers of the largest check.
const known = new Map<number, Promise<PeerId>>()

/** The same number gives the same id in every run. */
export async function peer (number: number): Promise<PeerId> {
  const made = known.get(number) ?? makePeer(number)
  known.set(number, made)
  return made
}

/** As many ids, from `first` on. */
export async function peers (count: number, first = 0): Promise<PeerId[]> {
  return Promise.all(Array.from({ length: count }, async (_, i) => peer(first + i)))
}

async function makePeer (number: number): Promise<PeerId> {
  const seed = new Uint8Array(32)
  new DataView(seed.buffer).setUint32(0, number)
  return peerIdFromPrivateKey(await generateKeyPairFromSeed('Ed25519', seed))
}

export function source (path: string, init: Partial<Source> = {}): Source {
  return { path, type: path, group: `group:${path}`, ...init }
}

export interface ClaimInit extends Partial<Evidence> {
  /** @default mdns */
  from?: Source
  /** Monotonic ms. @default 0 */
  at?: number
  /** ms. @default 10 s */
  ttl?: number
  /** @default one */
  addresses?: readonly string[]
}

export function claim (peerId: PeerId, init: ClaimInit = {}): Evidence {
  const { from = source('mdns'), at = 0, ttl = 10_000, addresses = [address(1)], ...rest } = init
  return { peerId, multiaddrs: addresses.map(text => multiaddr(text)), source: from, observedAt: at, expiresAt: at + ttl, ...rest }
}

/** The same number gives the same address. */
export function address (number: number): string {
  return `/ip4/192.0.2.${number & 255}/tcp/${1 + (number >> 8)}`
}

export function addresses (count: number, first = 1): string[] {
  return Array.from({ length: count }, (_, i) => address(first + i))
}
