/** Filters and orders views. */
import { show } from '@peerweave/interface'
import { compareText } from './compare-text.ts'
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

const RANKS: Readonly<Record<string, (peer: PeerInfo) => number>> = {
  confidence: peer => peer.confidence,
  reputation: peer => peer.reputation.lower,
  lastSeen: peer => peer.lastSeen ?? 0
}

/**
 * Best first; ties by peer id, so that the order is total.
 *
 * @throws TypeError for an order that is not known
 */
export function compareBy (order: PeerQuery['order'] = 'confidence'): (a: PeerInfo, b: PeerInfo) => number {
  const rank = RANKS[order]
  if (rank == null) throw new TypeError(`order must be one of ${Object.keys(RANKS).join(', ')}, got ${show(order)}`)
  return (a, b) => rank(b) - rank(a) || compareText(a.peerId.toString(), b.peerId.toString())
}
