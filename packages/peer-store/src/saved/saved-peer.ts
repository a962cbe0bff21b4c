/** Everything that the store knows of one peer, as it goes to the disk and comes back. Times are monotonic ms. */
import type { Outcomes } from '../confidence.ts'
import type { SourceItems } from '../evidence-table.ts'
import type { SignedState } from '../signed-floor.ts'
import type { WithdrawnBySource } from '../withdrawals.ts'
import type { Reputation, Source } from '@peerweave/interface'

export interface SavedPeer extends SavedLedger {
  readonly id: string
  readonly firstSeen: number
  readonly contact: SavedContact | undefined
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
  readonly identity?: SavedIdentity | undefined
}

export interface SavedIdentity {
  readonly protocols: readonly string[]
  readonly agentVersion?: string | undefined
  readonly protocolVersion?: string | undefined
}

/** The goodbyes of one source. */
export interface SavedWithdrawal extends WithdrawnBySource {
  readonly source: Source
}
