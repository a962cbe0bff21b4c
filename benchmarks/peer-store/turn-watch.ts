/**
 * How long this thread itself was busy in one turn of the event loop. Collections and the time that other processes had
 * the core do not count.
 */
import { PerformanceObserver } from 'node:perf_hooks'
import { setImmediate as nextTurn } from 'node:timers/promises'

/** ms, all of them. */
interface Turn {
  readonly began: number
  readonly ended: number
  readonly cpu: number
}

/** Shorter turns are not remembered, ms. */
const WORTH_A_LOOK = 0.2

export class TurnWatch {
  readonly #turns: Turn[] = []
  readonly #collections: Array<{ began: number, ended: number }> = []
  readonly #observer = new PerformanceObserver(list => {
    for (const { startTime, duration } of list.getEntries()) this.#collections.push({ began: startTime, ended: startTime + duration })
  })

  /** Watches turn by turn for as long as `isWanted` holds, and does `each` in every turn. */
  async watch (isWanted: () => boolean, each: () => Promise<void>): Promise<void> {
    this.#observer.observe({ entryTypes: ['gc'] })
    let [began, busy] = [performance.now(), cpuTime()]
    while (isWanted()) {
      await each()
      await nextTurn()
      const [ended, busyNow] = [performance.now(), cpuTime()]
      if (ended - began > WORTH_A_LOOK) this.#turns.push({ began, ended, cpu: busyNow - busy });
      [began, busy] = [ended, busyNow]
    }
    // The last collections are told in a later turn.
    for (let i = 0; i < 3; i++) await nextTurn()
    this.#observer.disconnect()
  }

  /** Of the turns that ended after `since`, ms. */
  longest (since: number): number {
    let longest = 0
    for (const { began, ended, cpu } of this.#turns) {
      if (ended < since) continue
      let collecting = 0
      for (const collection of this.#collections) {
        collecting += Math.max(0, Math.min(ended, collection.ended) - Math.max(began, collection.began))
      }
      // Both are bounds from above: CPU time has the collections in it, the rest of the turn has the waiting.
      longest = Math.max(longest, Math.min(cpu, ended - began - collecting))
    }
    return longest
  }
}

/** Of this thread, ms. */
function cpuTime (): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1_000
}
