/**
 * The peers that the store is measured with: distinct random ids, each with three addresses of its own, four protocols
 * and one metadata entry, each claimed by one source. Quota groups hold 32 peers each.
 */
import { randomFillSync } from 'node:crypto'
import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import { peerIdFromPublicKey } from '@libp2p/peer-id'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import type { PeerId } from '@libp2p/interface'
import type { Evidence, Source } from '@peerweave/interface'

/** ms. Long enough that nothing runs out while it is measured. */
export const TTL = 3_600_000

export const ADDRESSES_EACH = 3

const PER_GROUP = 32
const PROTOCOLS = ['/ipfs/id/1.0.0', '/ipfs/ping/1.0.0', '/ipfs/kad/1.0.0', '/meshsub/1.1.0']
const KEY_BYTES = 32

/** A peer by its number: everything but the id follows from that. */
export interface BenchPeer {
  readonly id: PeerId
  readonly number: number
}

/** New ids each time. Nobody has their private keys: no row needs them. */
export function benchPeers (count: number, first = 0): BenchPeer[] {
  const keys = randomFillSync(new Uint8Array(KEY_BYTES * count))
  return Array.from({ length: count }, (_, i) => {
    // A copy: a view would keep all keys alive.
    const key = publicKeyFromRaw(keys.slice(KEY_BYTES * i, KEY_BYTES * (i + 1)))
    if (key.type !== 'Ed25519') throw new Error(`32 bytes became a key of type ${key.type}`)
    return { id: peerIdFromPublicKey(key), number: first + i }
  })
}

export interface SightingInit {
  /** When it was observed, monotonic ms. @default now */
  at?: number
  /** ms. @default {@link TTL} */
  ttl?: number
  /** @default the one of the peer's group */
  source?: Source
}

/** A sighting as a mechanism makes it of what it read: every object in it but the id is new. */
export function sighting ({ id, number }: BenchPeer, init: SightingInit = {}): Evidence {
  const { at = performance.now(), ttl = TTL, source = sourceOf(number) } = init
  return {
    peerId: id,
    multiaddrs: addressesOf(number),
    source,
    observedAt: at,
    expiresAt: at + ttl,
    protocols: PROTOCOLS.map(fresh),
    metadata: new Map([[fresh('load'), `${number % 100}`]])
  }
}

export function sightings (peers: readonly BenchPeer[], init?: SightingInit): Evidence[] {
  return peers.map(peer => sighting(peer, init))
}

export interface Libp2pData {
  multiaddrs: Multiaddr[]
  protocols: string[]
  tags: Record<string, { value: number }>
}

/** What libp2p keeps of the same peer: the metadata entry as a tag. */
export function libp2pData ({ number }: BenchPeer): Libp2pData {
  return { multiaddrs: addressesOf(number), protocols: PROTOCOLS.map(fresh), tags: { load: { value: number % 100 } } }
}

export function addressesOf (number: number): Multiaddr[] {
  return addressTexts(number).map(text => multiaddr(text))
}

/** Distinct for each number below 2²⁴. */
export function addressTexts (number: number): string[] {
  const host = `10.${number >> 16 & 255}.${number >> 8 & 255}.${number & 255}`
  return [
    `/ip4/${host}/tcp/4001`,
    `/ip4/${host}/udp/4001/quic-v1`,
    `/ip6/2001:db8::${(number >> 16).toString(16)}:${(number & 65_535).toString(16)}/tcp/4001`
  ]
}

export function sourceOf (number: number): Source {
  const group = Math.floor(number / PER_GROUP)
  return { path: 'gossip', type: 'gossip', group: `net:${group}`, reporter: `reporter ${group}` }
}

/** The same text as another object: what comes from the wire is decoded anew each time. */
function fresh (text: string): string {
  return Buffer.from(text).toString()
}

/** All of them in random order. */
export function inRandomOrder<T> (all: readonly T[]): T[] {
  const result = [...all]
  for (let i = result.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [result[i], result[j]] = [result[j] as T, result[i] as T]
  }
  return result
}

/** `count` of them, drawn with repeats. */
export function drawn<T> (all: readonly T[], count: number): T[] {
  return Array.from({ length: count }, () => all[Math.floor(Math.random() * all.length)] as T)
}
