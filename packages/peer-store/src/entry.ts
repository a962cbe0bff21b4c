/** One peer in the working set. */
import { peerIdFromString } from '@libp2p/peer-id'
import { EMPTY_LEDGER, type Ledger } from './evidence-table.ts'
import { newContact, type Contact } from './contact.ts'
import type { Dormant } from './dormant.ts'
import type { Expiring } from './expiry-queue.ts'
import type { LiveClaims } from './live-claims.ts'
import type { PeerView } from './view.ts'
import type { PeerAddress, PeerInfo } from '@peerweave/interface'

export interface Entry extends Ledger, Expiring {
  readonly id: string
  /** Monotonic ms. */
  firstSeen: number
  /** Our own dealings with it, once there were any. */
  contact: Contact | undefined
  /** Whether it is in the view. What is not, and not forgotten yet, is a ghost, or rests. */
  isShown: boolean
  /** Where it was when it left the view, for a start without better. */
  dormant: Dormant | undefined
  /** What counts, as snapshots show it, until it changes. */
  live: LiveClaims | undefined
  /** The last snapshot of that. */
  view: PeerView | undefined
  /** Addresses as they were shown last: what is parsed is used again. */
  shownBefore: readonly PeerAddress[] | undefined
  /** Where its hash stands in the index, once somebody asked for distances. */
  slot: number | undefined
  /** What readers of the feed were told last. Kept only while there are readers. */
  told: Told | undefined
}

export interface Told {
  readonly peer: PeerInfo
  readonly fingerprint: string
}

/** @throws TypeError for an id that is none: it would show only when somebody reads it */
export function newEntry (id: string, now: number): Entry {
  if (!ED25519_ID.test(id)) peerIdFromString(id)
  return {
    ...EMPTY_LEDGER, id, firstSeen: now, contact: undefined, isShown: false, dormant: undefined, live: undefined, view: undefined,
    shownBefore: undefined, slot: undefined, told: undefined
  }
}

/** Nearly all ids: what has this form is one. Parsing costs more than the rest of a merge. */
const ED25519_ID = /^12D3KooW[A-S][1-9A-HJ-NP-Za-km-z]{43}$/

export function contactOf (entry: Entry): Contact {
  return entry.contact ??= newContact()
}

export function isConnected (entry: Entry): boolean {
  return entry.contact?.connection === 'connected'
}
