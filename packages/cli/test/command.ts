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
  /** Resolves when a line of stdout matches. */
  said: (pattern: RegExp) => Promise<void>
  kill: (signal: NodeJS.Signals) => void
}

export function run (...args: string[]): Running {
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NO_COLOR: '1' } })
  let stdout = ''
  let stderr = ''
  let killedAt = performance.now()
  child.stdout.setEncoding('utf8').on('data', (text: string) => { stdout += text })
  child.stderr.setEncoding('utf8').on('data', (text: string) => { stderr += text })
  return {
    child,
    finished: new Promise(resolve => child.on('close', code => resolve({ code, stdout, stderr, took: performance.now() - killedAt }))),
    said: pattern => new Promise((resolve, reject) => {
      const look = (): void => { if (pattern.test(stdout)) resolve() }
      child.stdout.on('data', look)
      child.on('close', () => reject(new Error(`ended without saying ${pattern}: ${stderr}`)))
      look()
    }),
    kill (signal) {
      killedAt = performance.now()
      child.kill(signal)
    }
  }
}
