/** What is known of one bootstrap node. */
import type { Claim, Timer } from '@peerweave/interface'
import type { ListedNode } from './node-list.ts'

export interface Node extends ListedNode {
  /** Wall-clock ms. */
  lastAttempt?: number | undefined
  successes: number
  failures: number
  failuresInRow: number
  lastError?: Error | undefined
  /** The attempt under way; everybody who wants the node waits for the same. */
  attempt?: Promise<Claim> | undefined
  /** Rounds that wait for it: with none, its success is news. */
  waiting: number
  retry?: { timer: Timer, at: number } | undefined
  /** It is asked for its peers from time to time, until this fires: when it goes. */
  follow?: AbortController | undefined
  /** It said that it does not speak the exchange. */
  isMute: boolean
}

export function newNode (node: ListedNode): Node {
  return { ...node, successes: 0, failures: 0, failuresInRow: 0, waiting: 0, isMute: false }
}
