/** Our own dealings with a peer, apart from what is claimed of it. Times are monotonic ms. */
import { limits, type ConnectionStatus, type Reputation } from '@peerweave/interface'
import type { Outcomes } from './confidence.ts'
import type { Press } from './held-clock.ts'

export interface Contact {
  lastSeen?: number | undefined
  connection: ConnectionStatus
  /** Since when it is connected, if it is. */
  connectedAt?: number | undefined
  outcomes: Outcomes
  /** Dial outcomes per address. BOUNDED: only addresses that are shown. */
  addressOutcomes: Map<string, Outcomes>
  reputation: Reputation
  identity?: Identity | undefined
  /** Where a dial of ours reached it last. */
  provenAddress?: string | undefined
}

/** What identify said. */
export interface Identity {
  readonly protocols: readonly string[]
  readonly agentVersion?: string | undefined
  readonly protocolVersion?: string | undefined
}

/** A stranger's reputation: unknown, and worth nothing in a ranking. */
export const STRANGER: Reputation = Object.freeze({ mean: 0.5, lower: 0, n: 0 })

export function newContact (): Contact {
  return { connection: 'unknown', outcomes: { failures: 0 }, addressOutcomes: new Map(), reputation: STRANGER }
}

/** @param shown - addresses that the peer has now: outcomes of others are forgotten */
export function recordDial (contact: Contact, address: string, outcome: 'success' | 'failure', shown: ReadonlySet<string>, now: number): void {
  for (const known of contact.addressOutcomes.keys()) {
    if (!shown.has(known)) contact.addressOutcomes.delete(known)
  }
  contact.outcomes = after(contact.outcomes, outcome, now)
  if (shown.has(address)) contact.addressOutcomes.set(address, after(contact.addressOutcomes.get(address), outcome, now))
  if (outcome === 'success') contact.lastSeen = now
}

export function connect (contact: Contact, status: ConnectionStatus, now: number): void {
  if (contact.connection === 'connected') contact.lastSeen = now
  if (status !== 'connected') contact.connectedAt = undefined
  else if (contact.connection !== 'connected') contact.connectedAt = now
  contact.connection = status
}

/** Moves the times that passed while time was held. */
export function pressContact (contact: Contact, press: Press): void {
  const { lastSeen, connectedAt, outcomes, addressOutcomes } = contact
  contact.lastSeen = lastSeen == null ? undefined : press(lastSeen)
  contact.connectedAt = connectedAt == null ? undefined : press(connectedAt)
  contact.outcomes = pressedOutcomes(outcomes, press)
  for (const [name, of] of addressOutcomes) addressOutcomes.set(name, pressedOutcomes(of, press))
}

function pressedOutcomes (outcomes: Outcomes, press: Press): Outcomes {
  const { lastSuccess, lastFailure } = outcomes
  return {
    ...outcomes, lastSuccess: lastSuccess == null ? undefined : press(lastSuccess), lastFailure: lastFailure == null ? undefined : press(lastFailure)
  }
}

export function boundedIdentity ({ protocols, agentVersion, protocolVersion }: Identity): Identity {
  return {
    protocols: Object.freeze(protocols.filter(({ length }) => length <= limits.protocolBytes).sort().slice(0, limits.protocolsPerPeer)),
    agentVersion: cut(agentVersion),
    protocolVersion: cut(protocolVersion)
  }
}

function after (before: Outcomes | undefined, outcome: 'success' | 'failure', now: number): Outcomes {
  return outcome === 'success' ? { lastSuccess: now, failures: 0 } : { ...before, failures: (before?.failures ?? 0) + 1, lastFailure: now }
}

/** To `agentBytes` of UTF-8, and no character in half. */
function cut (text: string | undefined): string | undefined {
  if (text == null || text.length * 3 <= limits.agentBytes) return text
  let bytes = 0
  let kept = ''
  for (const character of text) {
    bytes += encoder.encode(character).length
    if (bytes > limits.agentBytes) break
    kept += character
  }
  return kept
}

const encoder = new TextEncoder()
