/** Everything that the store knows of one peer, as it goes to the disk and comes back. Times are monotonic ms. */
import type { TriedEntry } from '../admission/tried-table.ts'
import type { Outcomes } from '../confidence.ts'
import type { Identity } from '../contact.ts'
import type { Dormant } from '../dormant.ts'
import type { SourceItems } from '../claims.ts'
import type { SignedState } from '../signed-floor.ts'
import type { WithdrawnBySource } from '../withdrawals.ts'
import type { Reputation, Source } from '@peerweave/interface'

export interface SavedPeer extends SavedLedger {
  readonly id: string
  readonly firstSeen: number
  readonly contact: SavedContact | undefined
  readonly tried: TriedEntry | undefined
  readonly dormant: Dormant | undefined
}

/** What is claimed of it. */
export interface SavedLedger {
  readonly signed: SignedState | undefined
  readonly withdrawals: readonly SavedWithdrawal[]
  readonly sources: readonly SourceItems[]
}

/** Our own dealings with it. Connections do not outlive the process. */
export interface SavedContact {
  readonly lastSeen?: number | undefined
  readonly outcomes: Outcomes
  readonly addressOutcomes: ReadonlyMap<string, Outcomes>
  readonly reputation: Reputation
  readonly identity?: Identity | undefined
  readonly provenAddress?: string | undefined
}

/** The goodbyes of one source. */
export interface SavedWithdrawal extends WithdrawnBySource {
  readonly source: Source
}
