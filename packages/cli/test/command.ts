/** Runs the real command in a process of its own, as a user would. */
import { spawn, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))

export interface Finished {
  code: number | null
  stdout: string
  stderr: string
  /** ms from the last `kill` to the end. */
  took: number
}

export interface Running {
  child: ChildProcess
  finished: Promise<Finished>
  /** Resolves when what was written to stdout, or there, matches. */
  said: (pattern: RegExp, where?: 'stdout' | 'stderr') => Promise<void>
  kill: (signal: NodeJS.Signals) => void
}

export function run (...args: string[]): Running {
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NO_COLOR: '1' } })
  const text = { stdout: '', stderr: '' }
  let killedAt = performance.now()
  child.stdout.setEncoding('utf8').on('data', (data: string) => { text.stdout += data })
  child.stderr.setEncoding('utf8').on('data', (data: string) => { text.stderr += data })
  return {
    child,
    finished: new Promise(resolve => child.on('close', code => resolve({ code, ...text, took: performance.now() - killedAt }))),
    said: (pattern, where = 'stdout') => new Promise((resolve, reject) => {
      const look = (): void => { if (pattern.test(text[where])) resolve() }
      child[where].on('data', look)
      child.on('close', () => reject(new Error(`ended without saying ${pattern}: ${text.stderr}`)))
      look()
    }),
    kill (signal) {
      killedAt = performance.now()
      child.kill(signal)
    }
  }
}
