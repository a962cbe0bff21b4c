/** One JSON object per line. Remote text is escaped: a log viewer is a terminal too. */
import { safeText } from '@peerweave/interface'
import type { DemoEvent, Output } from './events.ts'
import type { PeerInfo } from '@peerweave/interface'

export function jsonOutput (write: (line: string) => void): Output {
  return {
    tell: (event, at) => write(`${JSON.stringify(event.type === 'summary' ? event : { ...toJson(event), at: Math.round(at * 1_000) / 1_000 })}\n`),
    end: () => {}
  }
}

function toJson (event: Exclude<DemoEvent, { type: 'summary' }>): object {
  if (!('cause' in event)) return event
  const { type, peer, cause } = event
  return { type, ...peerJson(peer), cause: cause.source == null ? cause.kind : `${cause.kind} of ${safeText(cause.source)}` }
}

function peerJson (peer: PeerInfo): object {
  return {
    peer: safeText(peer.peerId),
    addresses: peer.addresses.map(({ multiaddr }) => safeText(multiaddr)),
    foundBy: peer.sources.map(({ path }) => safeText(path)),
    connection: peer.connectionStatus,
    confidence: Math.round(peer.confidence * 100) / 100
  }
}
