/** One peer in the working set. */
import { peerIdFromString } from '@libp2p/peer-id'
import { isEd25519Id } from './ed25519-id.ts'
import { EMPTY_LEDGER, type Ledger } from './evidence-table.ts'
import { newContact, type Contact } from './contact.ts'
import type { Dormant } from './dormant.ts'
import type { Expiring } from './expiry-queue.ts'
import type { LiveClaims } from './live-claims.ts'
import type { PeerView } from './view.ts'
import type { PeerAddress, PeerInfo } from '@peerweave/interface'

export interface Told {
  readonly peer: PeerInfo
  /** Made when something changed: most peers are told of once. The snapshot stays as it was. */
  fingerprint: string | undefined
}

/** A class, because its objects are half the size of a literal's. */
export class Entry implements Ledger, Expiring {
  readonly id: string
  // — the ledger, which is the evidence table's —
  firstRow: number = EMPTY_LEDGER.firstRow
  dueAt: number = EMPTY_LEDGER.dueAt
  withdrawals: Ledger['withdrawals'] = undefined
  signed: Ledger['signed'] = undefined
  /** Monotonic ms. */
  firstSeen: number
  /** Our own dealings with it, once there were any. */
  contact: Contact | undefined = undefined
  /** Whether it is in the view. What is not, and not forgotten yet, is a ghost, or rests. */
  isShown = false
  /** Where it was when it left the view, for a start without better. */
  dormant: Dormant | undefined = undefined
  /** What counts, as snapshots show it, until it changes. */
  live: LiveClaims | undefined = undefined
  /** The last snapshot of that. */
  view: PeerView | undefined = undefined
  /** Addresses as they were shown last: what is parsed is used again. */
  shownBefore: readonly PeerAddress[] | undefined = undefined
  /** Where its hash stands in the index, once somebody asked for distances. */
  slot: number | undefined = undefined
  /** What readers of the feed were told last. Kept only while there are readers. */
  told: Told | undefined = undefined

  /** @throws TypeError for an id that is none: it would show only when somebody reads it */
  constructor (id: string, now: number) {
    if (!isEd25519Id(id)) peerIdFromString(id)
    this.id = id
    this.firstSeen = now
  }

  get isConnected (): boolean {
    return this.contact?.connection === 'connected'
  }

  /** Made when there is something to keep in it. */
  get ownContact (): Contact {
    return this.contact ??= newContact()
  }
}
