/** A child process that is told in lines and answers in JSON lines. */
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { ChildProcess } from 'node:child_process'
import type { Place } from './stage.ts'

export class Child {
  readonly #process: ChildProcess
  #isStopped = false

  /**
   * @param file - beside this one
   * @param onMessage - takes each line of its stdout, parsed
   */
  constructor (place: Place, file: string, args: readonly string[], onMessage: (message: unknown) => void) {
    const path = fileURLToPath(new URL(file, import.meta.url))
    this.#process = place.spawn(process.execPath, [path, ...place.flags, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
    createInterface({ input: this.#process.stdout! }).on('line', line => onMessage(JSON.parse(line)))
    // A measurement without one of its processes measures nothing: this is not to be caught.
    this.#process.on('exit', (code, signal) => {
      if (!this.#isStopped) throw new Error(`${file} ended by itself (${code ?? signal})`)
    })
  }

  tell (command: string): void {
    this.#process.stdin!.write(`${command}\n`)
  }

  /** At once, whatever it is at. */
  async stop (): Promise<void> {
    this.#isStopped = true
    if (this.#process.exitCode != null || !this.#process.kill('SIGKILL')) return
    await once(this.#process, 'exit')
  }
}
