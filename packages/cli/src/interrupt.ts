/** Ctrl-C and SIGTERM as an abort signal. */
import { constants } from 'node:os'

const SIGNALS = ['SIGINT', 'SIGTERM'] as const

export interface Interrupt extends Disposable {
  readonly signal: AbortSignal
  /** What a shell shows for a process that the signal ended: 130 for SIGINT, 143 for SIGTERM. */
  readonly exitCode: number
}

/** Listens until it is disposed. The first signal aborts, a second one ends the process at once. */
export function listenForInterrupt (): Interrupt {
  const controller = new AbortController()
  let exitCode = 0
  const onSignal = (name: typeof SIGNALS[number]): void => {
    exitCode = 128 + constants.signals[name]
    if (controller.signal.aborted) process.exit(exitCode)
    controller.abort()
  }
  for (const name of SIGNALS) process.on(name, onSignal)
  return {
    signal: controller.signal,
    get exitCode () {
      return exitCode
    },
    [Symbol.dispose] () {
      for (const name of SIGNALS) process.off(name, onSignal)
    }
  }
}
