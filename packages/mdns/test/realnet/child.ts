/** A program on one host of a LAN that does what it is told: a JSON line for each command, each answer and each event. */
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { LanHost } from '../../../../test/support/namespaces.ts'

export interface Child<Event> {
  /** What it said by itself until now, oldest first. */
  readonly events: Event[]
  /**
   * Has `command` done.
   *
   * @returns its result
   * @throws Error with what it threw, or when the program has ended
   */
  ask: <Result = void>(command: string, ...args: unknown[]) => Promise<Result>
  /** As a crash or a power cut ends it. */
  kill: () => void
}

type Line<Event> = { event: Event } | { id: number, value?: unknown, error?: string }

/** @param script - beside this file: `*.py` is run by the system's Python, which has the system's libraries */
export function startChild<Event> (host: LanHost, script: string): Child<Event> {
  const path = fileURLToPath(new URL(script, import.meta.url))
  const child = host.spawn(script.endsWith('.py') ? '/usr/bin/python3' : process.execPath, [path], { stdio: ['pipe', 'pipe', 'inherit'] })
  const waiting = new Map<number, { resolve: (value: unknown) => void, reject: (error: Error) => void }>()
  const events: Event[] = []
  let lastId = 0
  let hasEnded = false
  createInterface({ input: child.stdout! }).on('line', text => {
    const line = JSON.parse(text) as Line<Event>
    if ('event' in line) {
      events.push(line.event)
      return
    }
    const asked = waiting.get(line.id)
    waiting.delete(line.id)
    if (line.error === undefined) asked?.resolve(line.value)
    else asked?.reject(new Error(`${script}: ${line.error}`))
  })
  child.on('close', (code, signal) => {
    hasEnded = true
    for (const { reject } of waiting.values()) reject(new Error(`${script} has ended: ${signal ?? code}`))
  })
  return {
    events,
    ask: async <Result>(command: string, ...args: unknown[]): Promise<Result> => {
      if (hasEnded) throw new Error(`${script} has ended`)
      const id = ++lastId
      child.stdin!.write(`${JSON.stringify({ id, command, args })}\n`)
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve: value => resolve(value as Result), reject })
      })
    },
    kill: () => { child.kill('SIGKILL') }
  }
}
