/** A clock that a test or a simulator moves. Nothing here waits on the wall clock. */
import { createClock, nextTurn, type Clock } from './clock.ts'
import { offThreadDone } from './off-thread.ts'
import { numberOption } from './options.ts'

export interface VirtualClock extends Clock {
  /**
   * Moves time forward by `ms`, firing every timer on the way at its own moment, in order (equal moments: in the order
   * set). Between two timers all promise callbacks run, so code that awaits sees time as it would pass.
   */
  advance: (ms: number) => Promise<void>
  /** Lets promise callbacks and queued macrotasks run without moving time. */
  settle: () => Promise<void>
  /** Moves the wall clock alone, as NTP or a user does. */
  stepWall: (ms: number) => void
  /** Timers not yet fired or cancelled: 0 after everything stopped. */
  readonly pending: number
}

export interface VirtualClockInit {
  /** Monotonic start, ms. @default 0 */
  now?: number
  /** Wall-clock start, ms since 1970. @default 2026-01-01T00:00Z */
  wall?: number
}

export function virtualClock ({ now: start = 0, wall: wallStart = Date.UTC(2026, 0, 1) }: VirtualClockInit = {}): VirtualClock {
  interface Entry { at: number, order: number, fn: () => void }
  const timers = new Set<Entry>()
  let now = start
  let wallOffset = wallStart - start
  let order = 0

  const base = createClock({
    now: () => now,
    wall: () => now + wallOffset,
    setTimeout (fn, ms) {
      const entry = { at: now + (ms > 0 ? ms : 0), order: order++, fn }
      timers.add(entry)
      return { cancel: () => { timers.delete(entry) } }
    }
  })

  const next = (until: number): Entry | undefined => {
    let first: Entry | undefined
    for (const entry of timers) {
      if (entry.at > until) continue
      if (first == null || entry.at < first.at || (entry.at === first.at && entry.order < first.order)) first = entry
    }
    return first
  }

  return {
    ...base,
    settle,
    stepWall: ms => { wallOffset += ms },
    get pending () {
      return timers.size
    },
    async advance (ms) {
      const until = now + numberOption('ms', ms, 0)
      await settle()
      for (let entry = next(until); entry != null; entry = next(until)) {
        timers.delete(entry)
        now = Math.max(now, entry.at)
        entry.fn()
        await settle()
      }
      now = Math.max(now, until) // two may advance at once; time never goes back
    }
  }
}

/** A later turn comes after every promise callback that is ready; three of them also drain short chains of I/O callbacks. */
async function settle (): Promise<void> {
  do {
    for (let i = 0; i < 3; i++) await nextTurn()
  } while (await offThreadDone())
}
