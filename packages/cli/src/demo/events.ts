/** What the demo tells its output, in the order it happens. `at` is seconds since the start. */
import type { ChangeCause, PeerInfo } from '@peerweave/interface'
import type { Multi } from '@peerweave/multi'
import type { Summary } from './tally.ts'

export type DemoEvent =
  | { type: 'start', nodes: number, seed: number, observer: string, mechanisms: string[] }
  | { type: 'note', text: string }
  /** What we did to a node. */
  | { type: 'node', action: 'join' | 'leave' | 'crash', peer: string }
  /** What the observer saw. */
  | { type: 'peer:discovery' | 'peer:update' | 'peer:expire', peer: PeerInfo, previous?: PeerInfo | undefined, cause: ChangeCause }
  | Summary

export interface Output {
  /** The view to show, for an output that shows it all the time. */
  watch?: (multi: Multi) => void
  tell: (event: DemoEvent, at: number) => void
  /** Puts the terminal back as it was. */
  end: () => void
}
