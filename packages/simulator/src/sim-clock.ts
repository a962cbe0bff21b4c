/**
 * The time of a simulated world, and each node's own view of it. Nothing waits on the platform's clock: time stands
 * still while code runs and jumps to the next timer when all of it waits.
 */
import { createClock, nextTurn, numberOption, TimeoutError, type Clock, type Timer } from '@peerweave/interface'
import { EventHeap, type HeapEntry } from './event-heap.ts'

export interface SimClock extends Clock {
  /**
   * The clock of one life of a node. Its monotonic time starts at 0 with the call, as that of a process does: a node
   * that comes back gets a new one.
   */
  clockOf: (node: string, init?: NodeClockInit) => NodeClock
  /** Moves time forward by `ms`, firing every timer on the way at its own moment. */
  advance: (ms: number) => Promise<void>
  /**
   * Moves time forward until `isDone`, asked after each event. Resolves with the ms that it took.
   *
   * @param within - ms; later is a failure
   * @throws TimeoutError when it does not come true
   */
  run: (isDone: () => boolean, within: number) => Promise<number>
  /** Timers of the world and of all nodes that are neither fired nor cancelled, those of sleeping nodes apart. */
  readonly pending: number
}

export interface NodeClockInit {
  /** What the node's wall clock is ahead of the world's, ms. @default 0 */
  wallOffset?: number | undefined
}

export interface NodeClock extends Clock {
  /** Moves this node's wall clock alone, as NTP or a user does. */
  stepWall: (ms: number) => void
  /** The lid closes: monotonic time stops and no timer fires, while the wall clock goes on (as `CLOCK_MONOTONIC` on Linux). */
  suspend: () => void
  /** The lid opens: timers go on with what they had left. */
  resume: () => void
  /** Blocks the node's event loop for `ms`: timers and messages that fall due come late, in the order that they were due. */
  stall: (ms: number) => void
  /** Ends this life: pending timers are gone and new ones never fire. */
  kill: () => void
  /**
   * Hands the node something from outside, such as a message: runs it now, or when the event loop is free again.
   *
   * @returns false when nobody is there to take it: asleep or dead
   */
  post: (fn: () => void) => boolean
  readonly isAsleep: boolean
  /** Timers and posts not yet fired or cancelled. */
  readonly pending: number
}

export interface SimClockInit {
  /** Wall-clock start, ms since 1970. @default 2026-01-01T00:00Z */
  wall?: number | undefined
  /** Told of every timer that fires: whose it is (`''`: the world's), and which, by its running number. */
  onFire?: ((node: string, order: number) => void) | undefined
}

export function simClock ({ wall = Date.UTC(2026, 0, 1), onFire }: SimClockInit = {}): SimClock {
  return new WorldClock(wall, onFire)
}

interface Entry extends HeapEntry {
  readonly fn: () => void
  readonly owner: SimNodeClock | undefined
}

/** Turns of the event loop before time moves on: enough for short chains of macrotasks (`virtualClock` grants as many). */
const TURNS = 3

class WorldClock implements SimClock {
  readonly setTimeout: Clock['setTimeout']
  readonly sleep: Clock['sleep']
  readonly deadline: Clock['deadline']
  readonly heap: EventHeap<Entry> = new EventHeap<Entry>()
  readonly #wallStart: number
  readonly #onFire: SimClockInit['onFire']
  #time = 0
  #order = 0
  #isRunning = false

  constructor (wallStart: number, onFire: SimClockInit['onFire']) {
    this.#wallStart = wallStart
    this.#onFire = onFire
    const { setTimeout, sleep, deadline } = createClock({
      now: () => this.#time,
      wall: () => this.wall(),
      setTimeout: (fn, ms) => {
        const entry = this.schedule(fn, this.#time + (ms > 0 ? ms : 0), undefined)
        return { cancel: () => this.heap.remove(entry) }
      }
    })
    this.setTimeout = setTimeout
    this.sleep = sleep
    this.deadline = deadline
  }

  get pending (): number {
    return this.heap.size
  }

  now (): number {
    return this.#time
  }

  wall (): number {
    return this.#wallStart + this.#time
  }

  clockOf (node: string, { wallOffset = 0 }: NodeClockInit = {}): NodeClock {
    return new SimNodeClock(node, this, wallOffset)
  }

  /** An entry that is in the heap already. */
  schedule (fn: () => void, due: number, owner: SimNodeClock | undefined): Entry {
    const entry = this.entry(fn, due, owner)
    this.heap.push(entry)
    return entry
  }

  entry (fn: () => void, due: number, owner: SimNodeClock | undefined): Entry {
    return { at: due, due, order: this.#order++, index: -1, fn, owner }
  }

  async advance (ms: number): Promise<void> {
    await this.#runTo(this.#time + numberOption('ms', ms, 0), () => false)
  }

  async run (isDone: () => boolean, within: number): Promise<number> {
    const start = this.#time
    const isTrue = await this.#runTo(start + numberOption('within', within, 0), isDone)
    if (!isTrue) throw new TimeoutError(`it has not come true within ${within} ms`)
    return this.#time - start
  }

  async #runTo (until: number, isDone: () => boolean): Promise<boolean> {
    // Two runners would take turns by the platform's order, and one inside a timer would wait for itself.
    if (this.#isRunning) throw new TypeError('time is moving already: wait for the advance() or run() before')
    this.#isRunning = true
    try {
      await settle(TURNS)
      while (!isDone()) {
        const entry = this.heap.peek()
        if (entry == null || entry.at > until) {
          this.#time = until
          return isDone()
        }
        this.heap.pop()
        this.#time = entry.at
        const freeAt = entry.owner?.blockedUntil ?? 0
        if (freeAt > this.#time) {
          entry.at = freeAt
          this.heap.push(entry)
          continue
        }
        entry.owner?.forget(entry)
        this.#onFire?.(entry.owner?.node ?? '', entry.order)
        entry.fn()
        // Promises run between any two timers; macrotasks have theirs before time moves.
        await settle(this.heap.peek()?.at === this.#time ? 1 : TURNS)
      }
      return true
    } finally {
      this.#isRunning = false
    }
  }
}

async function settle (turns: number): Promise<void> {
  for (let i = 0; i < turns; i++) await nextTurn()
}

class SimNodeClock implements NodeClock {
  readonly node: string
  readonly setTimeout: Clock['setTimeout']
  readonly sleep: Clock['sleep']
  readonly deadline: Clock['deadline']
  /** World time when the event loop is free again, ms. */
  blockedUntil = 0
  readonly #world: WorldClock
  readonly #entries = new Set<Entry>()
  readonly #born: number
  #wallOffset: number
  #slept = 0
  #asleepSince: number | undefined
  #isDead = false

  constructor (node: string, world: WorldClock, wallOffset: number) {
    this.node = node
    this.#world = world
    this.#born = world.now()
    this.#wallOffset = wallOffset
    const { setTimeout, sleep, deadline } = createClock({
      now: () => this.now(),
      wall: () => this.wall(),
      setTimeout: (fn, ms) => this.#setTimeout(fn, ms > 0 ? ms : 0)
    })
    this.setTimeout = setTimeout
    this.sleep = sleep
    this.deadline = deadline
  }

  get isAsleep (): boolean {
    return this.#asleepSince != null
  }

  get pending (): number {
    return this.#entries.size
  }

  now (): number {
    return (this.#asleepSince ?? this.#world.now()) - this.#born - this.#slept
  }

  wall (): number {
    return this.#world.wall() + this.#wallOffset
  }

  stepWall (ms: number): void {
    this.#wallOffset += ms
  }

  suspend (): void {
    if (this.#isDead) return
    this.#asleepSince ??= this.#world.now()
    for (const entry of this.#entries) this.#world.heap.remove(entry)
  }

  resume (): void {
    if (this.#asleepSince == null) return
    const slept = this.#world.now() - this.#asleepSince
    this.#asleepSince = undefined
    this.#slept += slept
    for (const entry of this.#entries) {
      entry.due += slept
      entry.at = entry.due
      this.#world.heap.push(entry)
    }
  }

  stall (ms: number): void {
    this.blockedUntil = Math.max(this.blockedUntil, this.#world.now() + numberOption('ms', ms, 0))
  }

  kill (): void {
    this.#isDead = true
    for (const entry of this.#entries) this.#world.heap.remove(entry)
    this.#entries.clear()
  }

  post (fn: () => void): boolean {
    if (this.#isDead || this.isAsleep) return false
    if (this.blockedUntil > this.#world.now()) this.#setTimeout(fn, 0)
    else fn()
    return true
  }

  /** It is about to fire. */
  forget (entry: Entry): void {
    this.#entries.delete(entry)
  }

  #setTimeout (fn: () => void, ms: number): Timer {
    if (this.#isDead) return { cancel: () => {} }
    const entry = this.#world.entry(fn, (this.#asleepSince ?? this.#world.now()) + ms, this)
    this.#entries.add(entry)
    if (!this.isAsleep) this.#world.heap.push(entry)
    return {
      cancel: () => {
        this.#entries.delete(entry)
        this.#world.heap.remove(entry)
      }
    }
  }
}
