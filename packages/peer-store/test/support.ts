/** What the tests of the store share: peers, addresses and evidence, small and readable. */
import { multiaddr } from '@multiformats/multiaddr'
import { keySigner, openPeerRecord, sealPeerRecord } from '@peerweave/records'
import { peerKey } from '../../../test/support/peers.ts'
import type { Evidence, PeerInfo, Source, VerifiedRecord } from '@peerweave/interface'
import type { PeerId } from '@libp2p/interface'

export { peer } from '../../../test/support/peers.ts'

export function source (path: string, init: Partial<Source> = {}): Source {
  return { path, type: path, group: `group:${path}`, ...init }
}

export function claim (peerId: PeerId, init: { from?: Source, at?: number, ttl?: number, addresses?: string[] } & Partial<Evidence> = {}): Evidence {
  const { from = source('mdns'), at = 0, ttl = 10_000, addresses = ['/ip4/10.0.0.1/tcp/1'], ...rest } = init
  return { peerId, multiaddrs: addresses.map(text => multiaddr(text)), source: from, observedAt: at, expiresAt: at + ttl, ...rest }
}

/** A record that the peer of this number signed, opened. */
export async function record (number: number, seq: number, addresses: string[]): Promise<VerifiedRecord> {
  const envelope = await sealPeerRecord({
    signer: keySigner(await peerKey(number)), multiaddrs: addresses.map(text => multiaddr(text)), seq: BigInt(seq)
  })
  const opened = await openPeerRecord(envelope)
  if ('refused' in opened) throw new Error(opened.refused)
  return opened.record
}

export function addressesOf (info: PeerInfo | undefined): string[] {
  return (info?.addresses ?? []).map(({ multiaddr }) => multiaddr.toString()).sort()
}
