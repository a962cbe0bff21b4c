/**
 * All mechanisms of a `multi`, each in its lane. They may come and go while it runs: one that comes late is taken through
 * the life cycle as far as the others are, one that goes says goodbye.
 */
import { settledOrAborted, show, type Clock, type LifecycleHook } from '@peerweave/interface'
import { LIFECYCLE } from './constants.ts'
import type { Lane } from './lane.ts'

export class Lanes implements Iterable<Lane> {
  readonly #clock: Clock
  /** By name, in the order in which they came. */
  readonly #lanes = new Map<string, Lane>()
  /** Hooks that all have been called with since the last stop. */
  #passed: LifecycleHook[] = []
  /** Whether they are asked and listened to at present. */
  #isOpen = false

  constructor (clock: Clock) {
    this.#clock = clock
  }

  [Symbol.iterator] (): Iterator<Lane> {
    return this.#lanes.values()
  }

  get (name: string): Lane | undefined {
    return this.#lanes.get(name)
  }

  /**
   * Resolves when it has been taken as far as the others are, or after `patience` ms.
   *
   * @throws TypeError when there is one of its name
   */
  async add (lane: Lane, patience: number): Promise<void> {
    this.addStopped(lane)
    // A lane calls them one after the other; it is opened behind them all, or it would start the mechanism by itself.
    const started = Promise.all(this.#passed.map(async hook => { await lane.hook(hook) }))
    if (this.#isOpen) lane.open()
    using deadline = this.#clock.deadline(patience)
    await settledOrAborted(started, deadline.signal)
  }

  /** Before the life cycle begins. @throws as {@link Lanes.add} */
  addStopped (lane: Lane): void {
    if (this.#lanes.has(lane.name)) throw new TypeError(`two mechanisms are named ${show(lane.name)}: give one of them another name`)
    this.#lanes.set(lane.name, lane)
  }

  /** Resolves when it has stopped, or after `patience` ms; whatever it is up to, it is not listened to any more. */
  async remove (lane: Lane, patience: number): Promise<void> {
    this.#lanes.delete(lane.name)
    lane.close()
    if (this.#passed.length === 0) return
    using deadline = this.#clock.deadline(patience)
    await settledOrAborted(Promise.all(LIFECYCLE.down.map(async hook => { await lane.hook(hook) })), deadline.signal)
  }

  /** Calls a hook of every mechanism at once, and waits for them only so long. */
  async hook (hook: LifecycleHook, patience: number): Promise<void> {
    if (hook === 'stop') this.#passed = []
    else if (LIFECYCLE.up.includes(hook) && !this.#passed.includes(hook)) this.#passed.push(hook)
    using deadline = this.#clock.deadline(patience)
    await settledOrAborted(Promise.all([...this].map(lane => lane.hook(hook))), deadline.signal)
  }

  /** From now on they are listened to, and asked at their intervals. */
  open (): void {
    this.#isOpen = true
    for (const lane of this) lane.open()
  }

  close (): void {
    this.#isOpen = false
    for (const lane of this) lane.close()
  }

  /** Everybody is asked now, where we were away for longer than an interval. */
  askNow (): void {
    for (const lane of this) lane.askNow()
  }

  resume (lane: Lane): void {
    lane.resume()
    if (this.#isOpen) lane.open()
  }
}
