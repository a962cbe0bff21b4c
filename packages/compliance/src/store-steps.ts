/** Random claims and goodbyes, for the law of order: few sources, addresses and times, so that they meet often. */
import { shuffle, type Evidence, type PeerStore, type Rng, type Source } from '@peerweave/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { addresses, claim, source } from './store-evidence.ts'
import type { PeerId } from '@libp2p/interface'

export type StoreStep =
  | { kind: 'claim', evidence: Evidence }
  | { kind: 'withdraw', peerId: PeerId, from: Source, at: number, addresses: readonly string[] | undefined }

/** Stamps of steps are 0 to this, ms. */
export const LAST_STAMP = 16_000

const SECOND = 1_000
const SOURCES = [source('mdns'), source('dns'), source('gossip', { reporter: 'a' })]

/** 1 to 10 steps about one peer. */
export function randomSteps (rng: Rng, peerId: PeerId): StoreStep[] {
  return Array.from({ length: 1 + rng.int(10) }, () => randomStep(rng, peerId))
}

function randomStep (rng: Rng, peerId: PeerId): StoreStep {
  const from = SOURCES[rng.int(SOURCES.length)] as Source
  const at = rng.int(LAST_STAMP / SECOND + 1) * SECOND
  const some = shuffle(rng, addresses(4)).slice(rng.int(4))
  if (rng.int(3) === 0) return { kind: 'withdraw', peerId, from, at, addresses: rng.int(2) === 0 ? undefined : some }
  return {
    kind: 'claim',
    evidence: claim(peerId, {
      from,
      at,
      ttl: (1 + rng.int(8)) * SECOND,
      addresses: some,
      protocols: shuffle(rng, ['/a', '/b']).slice(rng.int(3)),
      metadata: new Map(rng.int(2) === 0 ? [] : [['note', 'xyz'.charAt(rng.int(3))]])
    })
  }
}

export async function take (store: PeerStore, step: StoreStep): Promise<void> {
  if (step.kind === 'claim') await store.addPeer(step.evidence)
  else await store.withdraw(step.peerId, step.from, step.at, step.addresses?.map(text => multiaddr(text)))
}

/** A step in a message. */
export function describeStep (step: StoreStep): string {
  if (step.kind === 'withdraw') return `withdraw(${step.from.path} at ${step.at}: ${step.addresses?.join(' ') ?? 'all'})`
  const { source: { path }, observedAt, expiresAt, multiaddrs, protocols = [], metadata } = step.evidence
  const note = metadata?.get('note')
  const items = [...multiaddrs, ...protocols, ...note == null ? [] : [`note=${note}`]]
  return `claim(${path} at ${observedAt} until ${expiresAt}: ${items.join(' ')})`
}
