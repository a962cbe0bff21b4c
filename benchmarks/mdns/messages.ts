/** What a peer in a process of its own says on stdout, one JSON a line. Times are of {@link monotonic}. */

export type PeerMessage =
  | { kind: 'ready' }
  /** `at`: just before it was started. */
  | { kind: 'joined', id: string, at: number }
  | { kind: 'left' }
  /** A peer that it did not list before. */
  | { kind: 'seen', id: string, at: number }
  | { kind: 'list', ids: string[] }
  | { kind: 'load' }
  | { kind: 'loaded', load: Load }

/** What a stretch of time cost a process. */
export interface Load {
  /** Of one core, 0 to 1. */
  cpu: number
  /** 99th percentile, ms, of a timer of {@link LOAD_RESOLUTION}: not less than that. */
  delay: number
}

/** ms. A finer timer takes 2 % of a core itself. */
export const LOAD_RESOLUTION = 5

/** What passed an observer since it began. */
export interface Traffic {
  at: number
  queries: number
  answers: number
  /** Of UDP payload. */
  bytes: number
}

/** ms since the machine was started (`CLOCK_MONOTONIC`): the same in every process, unlike `performance.now()`. */
export function monotonic (): number {
  return Number(process.hrtime.bigint()) / 1e6
}

/** Per second. */
export const HOSTILE_RATE = 1_000

/** What a hostile process has sent, and in which time. */
export interface Sent {
  sent: number
  ms: number
}
