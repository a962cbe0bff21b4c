/** Why a peer is, or is not, in the view. Nothing but evidence. */
import { safeText, type Evidence, type PeerInfo } from '@peerweave/interface'
import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Departure } from './departures.ts'
import type { LoggedEndpoint } from './endpoint-log.ts'
import type { Quarantined } from './quarantine.ts'
import type { LoggedRefusal } from './refusal-log.ts'

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

/**
 * - `shown`: in the view
 * - `quarantined`: it was found dead, and hearsay of it is not believed for a while
 * - `denied`: the user wants to know nothing of it
 * - `expired`: it was in the view
 * - `refused`: it was told of, and nothing of that was taken
 * - `endpoint`: an address of which no peer is known
 * - `unknown`: nobody told of it
 */
export type ExplainedState = 'shown' | 'quarantined' | 'denied' | 'expired' | 'refused' | 'endpoint' | 'unknown'

export interface Explanation {
  /** A peer id, or an address of which no peer was known. */
  about: string
  state: ExplainedState
  confidence?: number | undefined
  connectionStatus?: string | undefined
  /** It is connected, and has fallen silent. */
  isSuspected?: boolean | undefined
  lastSeen?: number | undefined
  claims: ExplainedClaim[]
  refusals: readonly LoggedRefusal[]
  /** When it left the view, wall-clock ms, and why. */
  departed?: { at: number, cause: string, source?: string | undefined } | undefined
  quarantined?: { since: number, until: number } | undefined
  endpoint?: LoggedEndpoint | undefined
  /** What would bring it into the view, or take it out. */
  wouldChange: string[]
}

/** What is known of a peer. */
export interface Known {
  peerId: PeerId
  peer: PeerInfo | undefined
  evidence: readonly Evidence[]
  refusals: readonly LoggedRefusal[]
  departure: Departure | undefined
  quarantined: Quarantined | undefined
  isDenied: boolean
  isSuspected: boolean
  /** From the store's clock to wall-clock ms. */
  toWall: (at: number) => number
}

export function explanation (known: Known): Explanation {
  const { peerId, peer, evidence, refusals, departure, quarantined, isSuspected, toWall } = known
  const state = stateOf(known)
  return {
    about: peerId.toString(),
    state,
    confidence: peer?.confidence,
    connectionStatus: peer?.connectionStatus,
    isSuspected,
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
    refusals,
    departed: departure == null ? undefined : { at: departure.at, cause: departure.cause.kind, source: departure.cause.source },
    quarantined: quarantined == null ? undefined : { since: quarantined.since, until: quarantined.until },
    wouldChange: wouldChange(state, known)
  }
}

export function endpointExplanation (address: Multiaddr, endpoint: LoggedEndpoint | undefined): Explanation {
  const wouldChange = endpoint == null
    ? ['a mechanism that tells of it']
    : endpoint.found === 'asking' ? ['the answer of whoever is there'] : ['a mechanism that tells of it again, when it may be dialled again']
  return { about: address.toString(), state: endpoint == null ? 'unknown' : 'endpoint', claims: [], refusals: [], endpoint, wouldChange }
}

function stateOf ({ peer, isDenied, quarantined, departure, refusals }: Known): ExplainedState {
  if (peer != null) return 'shown'
  if (isDenied) return 'denied'
  if (quarantined != null) return 'quarantined'
  if (departure != null) return 'expired'
  return refusals.length > 0 ? 'refused' : 'unknown'
}

function wouldChange (state: ExplainedState, { peer, refusals }: Known): string[] {
  switch (state) {
    case 'shown':
      return [peer?.connectionStatus === 'connected' ? 'the end of its connection, and of all claims' : 'the end of all claims', 'a goodbye by those who claim it']
    case 'denied':
      return ['allow()']
    case 'quarantined':
      return ['a connection to it', 'a record that it signed since', 'its own word', 'the end of its quarantine']
    case 'expired':
    case 'unknown':
    case 'endpoint':
      return ['a mechanism that tells of it']
    case 'refused':
      return [...new Set(refusals.map(({ reason }) => REMEDIES[reason]))]
  }
}

/** What a claim would have to be to be taken. */
const REMEDIES: Readonly<Record<LoggedRefusal['reason'], string>> = {
  'no-address': 'a claim with an address that may be believed of its reporter',
  'stale-evidence': 'a claim that comes in time',
  full: 'room in the store, or a reporter of another network',
  malformed: 'a claim of the right shape',
  'own-id': 'nothing: it is ourselves',
  'bad-ttl': 'a claim with a TTL above 0',
  'wrong-peer': 'a claim with addresses of this peer',
  'address-too-long': 'a claim with shorter addresses',
  'address-scope': 'a reporter who may report such addresses',
  'too-many-addresses': 'a claim with fewer addresses',
  'queue-full': 'a mechanism that says less at once',
  endpoint: 'somebody who answers there',
  'bad-record': 'a record with a sound signature',
  'store-failed': 'a store that works',
  denied: 'allow()',
  quarantined: 'a connection to it, or a record that it signed since'
}

/** The explanation as lines for a person. Remote text in it is made safe. `now` is wall-clock ms. */
export function formatExplanation (explained: Explanation, now: number): string {
  const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`
  const { about, state, confidence, connectionStatus, isSuspected, claims, refusals, departed, quarantined, endpoint } = explained
  const lines = [`${safeText(about)}: ${state}${confidence == null ? '' : `, confidence ${confidence.toFixed(2)}`}`]
  if (connectionStatus != null) lines.push(`  connection: ${connectionStatus}${isSuspected === true ? ', but it has fallen silent' : ''}`)
  for (const { source, group, reporter, addresses, observedAt, expiresAt } of claims) {
    const by = reporter == null ? '' : `, told by ${safeText(reporter)}`
    lines.push(`  ${safeText(source)} said it ${seconds(now - observedAt)} ago, good for ${seconds(expiresAt - now)} more (group ${safeText(group)}${by})`)
    for (const address of addresses) lines.push(`    ${safeText(address)}`)
  }
  if (claims.length === 0 && endpoint == null) lines.push('  nobody claims it now')
  if (departed != null && state !== 'shown') {
    lines.push(`  left the view ${seconds(now - departed.at)} ago: ${departed.cause}${departed.source == null ? '' : ` of ${safeText(departed.source)}`}`)
  }
  if (quarantined != null) {
    lines.push(`  found dead ${seconds(now - quarantined.since)} ago; hearsay of it is believed again in ${seconds(quarantined.until - now)}`)
  }
  if (endpoint != null) {
    const { source, at, found } = endpoint
    const who = typeof found === 'object' ? `${safeText(found.peerId)} is there` : found === 'asking' ? 'being dialled to learn who is there' : found
    lines.push(`  ${safeText(source)} told of this address ${seconds(now - at)} ago: ${who}`)
  }
  for (const { source, reason, detail, at } of refusals) {
    lines.push(`  refused ${seconds(now - at)} ago from ${safeText(source)}: ${reason}${detail == null ? '' : ` (${detail})`}`)
  }
  lines.push(`  would change it: ${explained.wouldChange.join('; ')}`)
  return lines.join('\n')
}
