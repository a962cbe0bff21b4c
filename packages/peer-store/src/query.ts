/** Filters and orders views. */
import { compareText } from './ledger.ts'
import type { PeerInfo, PeerQuery } from '@peerweave/interface'

export function matches (peer: PeerInfo, query: PeerQuery): boolean {
  const { minConfidence = 0, protocols = [], connected, source, certified, metadata } = query
  return peer.confidence >= minConfidence &&
    protocols.every(protocol => peer.protocols.includes(protocol)) &&
    (connected == null || (peer.connectionStatus === 'connected') === connected) &&
    (source == null || peer.sources.some(({ path }) => path === source)) &&
    (certified !== true || peer.addresses.some(address => address.certified)) &&
    [...metadata ?? []].every(([key, value]) => peer.metadata.get(key) === value)
}

/** Best first; ties by peer id, so that the order is total. */
export function compareBy (order: PeerQuery['order'] = 'confidence'): (a: PeerInfo, b: PeerInfo) => number {
  const rank: (peer: PeerInfo) => number = {
    confidence: (peer: PeerInfo) => peer.confidence,
    reputation: (peer: PeerInfo) => peer.reputation.lower,
    lastSeen: (peer: PeerInfo) => peer.lastSeen ?? 0
  }[order]
  return (a, b) => rank(b) - rank(a) || compareText(a.peerId.toString(), b.peerId.toString())
}
