/** How the suite waits: by moving the virtual clock, or in real time for code that has no `Clock`. */
import { systemClock, type VirtualClock } from '@peerweave/interface'
import { unwatched } from './platform-watch.ts'

export interface Pace {
  /** Lets everything that is ready run. */
  settle: () => Promise<void>
  /** Lets `ms` go by (real time: a short moment, whatever `ms` says). */
  pass: (ms: number) => Promise<void>
  /** Lets up to `ms` go by, until `condition` holds; resolves with whether it does. 0 ms: without any time passing. */
  until: (condition: () => boolean, ms: number) => Promise<boolean>
}

/** How long the suite waits for something that must happen, ms: many rounds, and the slowest back-off of a first query. */
export const PATIENCE = 60_000

/** Turns of the event loop in which work on other threads (signatures, files) may finish before time moves on. */
const SETTLE_TURNS = 20
/** Short enough that a timer due in one step does not wait for one due much later. */
const STEP = 50

export function virtualPace (clock: VirtualClock): Pace {
  return {
    settle: clock.settle,
    pass: clock.advance,
    async until (condition, ms) {
      for (let turn = 0; turn < SETTLE_TURNS; turn++) {
        if (condition()) return true
        await clock.settle()
      }
      for (let passed = 0; passed < ms && !condition(); passed += STEP) await clock.advance(Math.min(STEP, ms - passed))
      return condition()
    }
  }
}

/** Real milliseconds: what "without time passing", "a moment" and "patience" come to for a foreign module. */
const REAL = { settle: 10, pause: 200, patience: 3_000, promptly: 1_000 }

export function realPace (): Pace {
  const clock = systemClock()
  const sleep = async (ms: number): Promise<void> => unwatched(async () => clock.sleep(ms))
  return {
    settle: async () => sleep(REAL.settle),
    pass: async () => sleep(REAL.pause),
    async until (condition, ms) {
      const end = clock.now() + (ms === 0 ? REAL.promptly : REAL.patience)
      while (!condition() && clock.now() < end) await sleep(REAL.settle)
      return condition()
    }
  }
}
