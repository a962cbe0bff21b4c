/** Views as plain data: to compare them, and to change a copy. */
import type { PeerInfo } from '@peerweave/interface'

/** A copy that shares nothing which can change. Field by field, because a view may derive its fields when asked. */
export function copyOf (peer: PeerInfo): PeerInfo {
  const { peerId, agentVersion, protocolVersion, firstSeen, lastSeen, expiresAt, connectionStatus, confidence } = peer
  return {
    peerId,
    addresses: peer.addresses.map(one => ({ ...one, sources: [...one.sources] })),
    protocols: [...peer.protocols],
    agentVersion,
    protocolVersion,
    services: [...peer.services],
    firstSeen,
    lastSeen,
    expiresAt,
    connectionStatus,
    confidence,
    reputation: { ...peer.reputation },
    sources: peer.sources.map(one => ({ ...one })),
    metadata: new Map(peer.metadata)
  }
}

/** The whole view as text; `undefined` for nobody. */
export function textOf (peer: PeerInfo | undefined): string | undefined {
  if (peer == null) return undefined
  const copy = copyOf(peer)
  return JSON.stringify({
    ...copy,
    peerId: peer.peerId.toString(),
    addresses: copy.addresses.map(one => ({ ...one, multiaddr: one.multiaddr.toString() })),
    metadata: [...copy.metadata]
  })
}

export function addressesOf (peer: PeerInfo | undefined): string[] {
  return (peer?.addresses ?? []).map(({ multiaddr }) => multiaddr.toString())
}

export function pathsOf (peer: PeerInfo | undefined): string[] {
  return (peer?.sources ?? []).map(({ path }) => path).sort()
}
