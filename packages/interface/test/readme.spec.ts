import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import * as exported from '../src/index.ts'

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
const examples = [...readme.matchAll(/```ts\n([\s\S]*?)```\n\n```text\n([\s\S]*?)```/g)].map(([, code = '', output = '']) => [code, output] as const)

describe('the README', () => {
  it.each(examples)('has an example that prints what it says (%#)', async (code, output) => {
    const run = await promisify(execFile)(process.execPath, ['--input-type=module-typescript', '--eval', code], {
      cwd: fileURLToPath(new URL('..', import.meta.url))
    })
    expect(run.stdout).toBe(output)
  })

  it('shows no code that is not run', () => {
    expect(examples).toHaveLength(readme.match(/```ts/g)?.length ?? 0)
  })

  it('names every function and constant of the package', () => {
    const internal = ['abortError', 'throwIfAborted', 'toError', 'createClock', 'MAX_TIMEOUT', 'DEFAULT_PREFIX']
    const missing = Object.keys(exported).filter(name => !name.endsWith('Error') && !internal.includes(name) && !readme.includes(`\`${name}\``))
    expect(missing).toEqual([])
  })
})
