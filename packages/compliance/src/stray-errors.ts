/** Errors that reach the event loop because nobody caught them, held back from the test runner while a test runs. */
import process from 'node:process'

export class StrayErrors implements Disposable {
  readonly errors: unknown[] = []
  readonly #restore: Array<() => void> = []

  constructor () {
    for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
      // Runners listen too and would fail the run: theirs are put aside, and put back in their order.
      const others = process.rawListeners(event) as Array<(...args: unknown[]) => void>
      const onError = (error: unknown): void => { this.errors.push(error) }
      process.removeAllListeners(event)
      process.on(event, onError)
      this.#restore.push(() => {
        process.removeListener(event, onError)
        for (const listener of others) process.on(event, listener)
      })
    }
  }

  [Symbol.dispose] (): void {
    for (const restore of this.#restore.splice(0)) restore()
  }
}
