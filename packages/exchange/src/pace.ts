/** When to ask again: soon while answers bring news, ever later while they do not. */
import { jitter, type Rng } from '@peerweave/interface'
import { ASK_AGAIN, ASK_JITTER } from './constants.ts'

export interface Pace {
  /**
   * ms until the next question, after answers that brought so many new records; the longest wait when we have enough of them.
   */
  next: (learnt: number, isEnough?: boolean) => number
}

/** @param longest - ms, the wait when nothing has been new for a while */
export function askPace (rng: Rng, longest: number): Pace {
  const shortest = Math.min(ASK_AGAIN, longest)
  let wait = shortest / 2
  return {
    next (learnt, isEnough = false) {
      wait = isEnough ? longest : learnt > 0 ? Math.max(shortest, wait / 2) : Math.min(longest, wait * 2)
      return jitter(rng, wait, ASK_JITTER)
    }
  }
}
