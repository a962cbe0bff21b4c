/** What the tests of the store share: peers, addresses and evidence, small and readable. */
import { multiaddr } from '@multiformats/multiaddr'
import type { Evidence, PeerInfo, PeerStore, Source } from '@peerweave/interface'
import type { PeerId } from '@libp2p/interface'

export { peer } from '../../../test/support/peers.ts'

export function source (path: string, init: Partial<Source> = {}): Source {
  return { path, type: path, group: `group:${path}`, ...init }
}

export function claim (peerId: PeerId, init: { from?: Source, at?: number, ttl?: number, addresses?: string[] } & Partial<Evidence> = {}): Evidence {
  const { from = source('mdns'), at = 0, ttl = 10_000, addresses = ['/ip4/10.0.0.1/tcp/1'], ...rest } = init
  return { peerId, multiaddrs: addresses.map(text => multiaddr(text)), source: from, observedAt: at, expiresAt: at + ttl, ...rest }
}

export function addressesOf (info: PeerInfo | undefined): string[] {
  return (info?.addresses ?? []).map(({ multiaddr }) => multiaddr.toString()).sort()
}

export async function listed (store: PeerStore): Promise<PeerInfo[]> {
  return Array.fromAsync(store.getPeers())
}
