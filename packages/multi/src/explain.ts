/** Why a peer is, or is not, in the view. Nothing but evidence. */
import { safeText, type Evidence, type PeerInfo } from '@peerweave/interface'
import type { LoggedRefusal } from './refusal-log.ts'
import type { PeerId } from '@libp2p/interface'

/** A live claim. Times are wall-clock ms. */
export interface ExplainedClaim {
  source: string
  group: string
  reporter?: string | undefined
  addresses: string[]
  protocols: string[]
  metadata: Record<string, string>
  observedAt: number
  expiresAt: number
}

export interface Explanation {
  peerId: string
  /** `shown`: in the view. `unknown`: nothing live is claimed of it (refusals may tell why). */
  state: 'shown' | 'unknown'
  confidence?: number | undefined
  connectionStatus?: string | undefined
  lastSeen?: number | undefined
  claims: ExplainedClaim[]
  refusals: readonly LoggedRefusal[]
}

export function explanation (
  peerId: PeerId, peer: PeerInfo | undefined, evidence: readonly Evidence[], refusals: readonly LoggedRefusal[], toWall: (at: number) => number
): Explanation {
  return {
    peerId: peerId.toString(),
    state: peer == null ? 'unknown' : 'shown',
    confidence: peer?.confidence,
    connectionStatus: peer?.connectionStatus,
    lastSeen: peer?.lastSeen,
    claims: evidence.map(({ source, multiaddrs, protocols = [], metadata = new Map(), observedAt, expiresAt }) => ({
      source: source.path,
      group: source.group,
      reporter: source.reporter,
      addresses: multiaddrs.map(String),
      protocols: [...protocols],
      metadata: Object.fromEntries(metadata),
      observedAt: toWall(observedAt),
      expiresAt: toWall(expiresAt)
    })),
    refusals
  }
}

/** The explanation as lines for a person. Remote text in it is made safe. `now` is wall-clock ms. */
export function formatExplanation (explained: Explanation, now: number): string {
  const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`
  const lines = [`${safeText(explained.peerId)}: ${explained.state}${explained.confidence == null ? '' : `, confidence ${explained.confidence.toFixed(2)}`}`]
  if (explained.connectionStatus != null) lines.push(`  connection: ${explained.connectionStatus}`)
  for (const { source, group, reporter, addresses, observedAt, expiresAt } of explained.claims) {
    const by = reporter == null ? '' : `, told by ${safeText(reporter)}`
    lines.push(`  ${safeText(source)} said it ${seconds(now - observedAt)} ago, good for ${seconds(expiresAt - now)} more (group ${safeText(group)}${by})`)
    for (const address of addresses) lines.push(`    ${safeText(address)}`)
  }
  if (explained.claims.length === 0) lines.push('  nobody claims it now')
  for (const { source, reason, detail, at } of explained.refusals) {
    lines.push(`  refused ${seconds(now - at)} ago from ${safeText(source)}: ${reason}${detail == null ? '' : ` (${detail})`}`)
  }
  return lines.join('\n')
}
