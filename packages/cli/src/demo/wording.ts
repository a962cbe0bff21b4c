/** The words for people, shared by the plain lines and the table. */
import { safeText, type PeerInfo } from '@peerweave/interface'
import type { DemoEvent } from './events.ts'

/** The end of an id tells peers apart; all begin alike. */
export function shortId (id: { toString: () => string }): string {
  return `…${safeText(id.toString().slice(-8))}`
}

export function foundBy (peer: PeerInfo): string {
  return peer.sources.map(({ path }) => safeText(path)).join(' + ') || 'nobody now'
}

/** One line, or `undefined` for what is not worth one. */
export function sentence (event: DemoEvent): string | undefined {
  switch (event.type) {
    case 'start':
      return `${shortId(event.observer)} looks for ${count(event.nodes, 'node')} by ${event.mechanisms.join(' and ')} (seed ${event.seed})`
    case 'note':
      return event.text
    case 'node':
      return { join: 'a node joins', leave: 'a node leaves, and says so', crash: 'a node crashes, without a word' }[event.action] +
        `: ${shortId(event.peer)}`
    case 'peer:discovery':
      return `found   ${shortId(event.peer.peerId)} by ${foundBy(event.peer)} at ${event.peer.addresses.map(({ multiaddr }) => safeText(multiaddr)).join(', ')}`
    case 'peer:update':
      return update(event.peer, event.previous)
    case 'peer:expire':
      return `expired ${shortId(event.peer.peerId)}, last known by ${foundBy(event.peer)} (${event.cause.kind})`
    case 'summary':
      return `${event.started} started, ${event.peers} seen, ${event.live} live, ${event.expired} expired; ` +
        `${Object.entries(event.bySource).map(([source, found]) => `${found} by ${safeText(source)}`).join(', ')}; ` +
        `${count(event.duplicatesMerged, 'duplicate')} merged`
  }
}

function count (n: number, word: string): string {
  return `${n} ${word}${n === 1 ? '' : 's'}`
}

function update (peer: PeerInfo, previous: PeerInfo | undefined): string | undefined {
  const now = foundBy(peer)
  if (previous != null && foundBy(previous) !== now) return `updated ${shortId(peer.peerId)}: ${foundBy(previous)} → ${now}`
  if (previous?.connectionStatus !== peer.connectionStatus) return `updated ${shortId(peer.peerId)}: ${peer.connectionStatus}`
  return undefined
}
