/** The story: who joins, leaves and crashes when. A pure function of the seed, so that a run can be told again. */
import { jitter, seededRng, type Rng } from '@peerweave/interface'
import { CRASH_AT, EVENT_EVERY, JOIN_AT, LAST_JOIN_BEFORE_END, LEAVE_AT, NOTICED_WITHIN } from './constants.ts'

export type Action = 'join' | 'join-process' | 'leave' | 'crash'

export interface Scene {
  /** ms after the opening. */
  at: number
  action: Action
}

/** How many of `nodes` are there from the beginning, besides the process that will crash: one joins later. */
export function opening (nodes: number): number {
  return Math.max(0, nodes - (nodes > 2 ? 2 : 1))
}

/**
 * The scenes in order. With an end (ms), every node of it is started before the last seconds and no node crashes that
 * could not be noticed any more; without one the story goes on for ever.
 */
export function * scenes (nodes: number, seed: number, end: number = Infinity): Generator<Scene> {
  const rng = seededRng(seed)
  // A short run is told faster, so that what crashes still expires in it.
  const pace = Math.min(1, Math.max(0.1, (end - NOTICED_WITHIN - 500) / CRASH_AT))
  if (nodes > 2) yield { at: pace * jitter(rng, JOIN_AT, 0.2), action: 'join' }
  const crashAt = pace * jitter(rng, CRASH_AT, 0.1)
  if (crashAt + NOTICED_WITHIN <= end) yield { at: crashAt, action: 'crash' }
  if (nodes > 1) yield { at: pace * jitter(rng, LEAVE_AT, 0.2), action: 'leave' }
  yield * after(rng, pace * LEAVE_AT * 1.2, end)
}

/** Two go and two come, in turn, so that the number of nodes stays what it was. */
function * after (rng: Rng, start: number, end: number): Generator<Scene> {
  const turns: Action[] = ['join-process', 'join', 'crash', 'leave']
  let at = start
  for (let turn = 0; ; turn++) {
    at += jitter(rng, EVENT_EVERY, 0.3)
    const action = turns[turn % turns.length] as Action
    if (at >= end) return
    if (action.startsWith('join') && at > end - LAST_JOIN_BEFORE_END) return
    if (action === 'crash' && at + NOTICED_WITHIN > end) continue
    yield { at, action }
  }
}
