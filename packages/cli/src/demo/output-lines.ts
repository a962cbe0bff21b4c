/** Plain lines, for a pipe. */
import { sentence } from './wording.ts'
import type { Output } from './events.ts'

export function linesOutput (write: (line: string) => void): Output {
  return {
    tell (event, at) {
      const text = sentence(event)
      if (text != null) write(`${at.toFixed(1).padStart(6)} s  ${text}\n`)
    },
    end: () => {}
  }
}
