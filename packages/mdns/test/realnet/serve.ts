/** The other end of `child.ts`: what a program on a host of the LAN is told, and what it tells. */
import { createInterface } from 'node:readline'

/** Does commands as they come, several at once, until stdin ends; then the process ends. */
// eslint-disable-next-line typescript/no-explicit-any -- what a command takes is agreed with the test that sends it
export function serve (commands: Record<string, (...args: any[]) => unknown>): void {
  const answer = async (line: string): Promise<void> => {
    const { id, command, args } = JSON.parse(line) as { id: number, command: string, args: unknown[] }
    try {
      const value = await commands[command]!(...args)
      write({ id, value })
    } catch (error) {
      write({ id, error: String(error) })
    }
  }
  createInterface({ input: process.stdin }).on('line', line => { void answer(line) }).on('close', () => process.exit())
}

/** Says something that nobody asked for. */
export function tell (event: unknown): void {
  write({ event })
}

function write (value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}
