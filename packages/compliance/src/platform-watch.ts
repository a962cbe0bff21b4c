/**
 * Watches what code asks of the platform's clock and chance instead of its own. The one file that must touch
 * `Date.now`, `performance.now` and `Math.random`: it stands in for them while a test runs.
 *
 * What belongs to the code under test is told by its async context, not by when it happens: a test runner's timers run
 * at the same moments. Timers are seen through async_hooks, so it does not matter how they were imported.
 */
import { AsyncLocalStorage, createHook } from 'node:async_hooks'

const watched = new AsyncLocalStorage<PlatformWatch>()

/** Runs `fn` as if nobody watched: for the suite's own waiting in real time. */
export function unwatched<T> (fn: () => T): T {
  return watched.exit(fn)
}

export class PlatformWatch implements Disposable {
  readonly #timers = new Map<number, string>()
  readonly #calls = new Set<string>()
  readonly #restore: Array<() => void> = []

  constructor () {
    const hook = createHook({
      // AbortSignal.timeout and node:timers/promises come by here as well.
      init: (id, type) => {
        const call = type === 'Timeout' ? this.#note('a platform timer') : undefined
        if (call != null) this.#timers.set(id, call)
      },
      destroy: id => { this.#timers.delete(id) }
    }).enable()
    this.#restore.push(() => hook.disable())
    this.#spy(Date, 'now', 'Date.now')
    this.#spy(performance, 'now', 'performance.now')
    this.#spy(Math, 'random', 'Math.random')
    this.#replace(globalThis, 'Date', new Proxy(Date, {
      apply: target => {
        this.#note('Date()')
        return target()
      },
      construct: (target, args, newTarget) => {
        if (args.length === 0) this.#note('new Date()')
        return Reflect.construct(target, args, newTarget) as object
      }
    }))
  }

  /** Runs the code under test: what it does, also later, is noted. */
  run<T> (fn: () => T): T {
    return watched.run(this, fn)
  }

  /** Calls made outside dependencies, each as "what, where", without repetition. */
  get calls (): string[] {
    return [...this.#calls]
  }

  /** Platform timers that are pending now, also those of dependencies. */
  get timers (): string[] {
    return [...this.#timers.values()]
  }

  [Symbol.dispose] (): void {
    for (const restore of this.#restore.splice(0).reverse()) restore()
  }

  #spy (owner: object, key: string, name: string): void {
    const real: unknown = Reflect.get(owner, key)
    if (typeof real !== 'function') throw new TypeError(`${name} is not a function`)
    this.#replace(owner, key, (...args: unknown[]): unknown => {
      this.#note(name)
      return Reflect.apply(real, owner, args)
    })
  }

  #replace (owner: object, key: string, value: unknown): void {
    const original = Object.getOwnPropertyDescriptor(owner, key)
    Object.defineProperty(owner, key, { configurable: true, writable: true, value })
    this.#restore.push(() => {
      if (original == null) Reflect.deleteProperty(owner, key)
      else Object.defineProperty(owner, key, original)
    })
  }

  #note (what: string): string | undefined {
    if (watched.getStore() !== this) return undefined
    const where = caller()
    const call = `${what}, ${where}`
    if (!isDependency(where)) this.#calls.add(call)
    return call
  }
}

/** The first frame that is neither the platform's nor this file's. */
function caller (): string {
  const frame = new Error().stack?.split('\n').slice(1).find(line => !/platform-watch\.[jt]s|\(?node:|<anonymous>/.test(line))
  return frame?.trim().replace(/^at /, '') ?? 'node:'
}

/** A dependency's own use of time is its own affair, but Peerweave's packages answer for theirs wherever they are installed. */
function isDependency (frame: string): boolean {
  if (frame === 'node:') return true
  const inModules = frame.lastIndexOf('node_modules/')
  return inModules !== -1 && !frame.startsWith('node_modules/@peerweave/', inModules)
}
