/** Every TypeScript example of every README compiles; one that is followed by its output is run and prints just that. */
import { execFile } from 'node:child_process'
import { globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { read } from './source-text.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const run = promisify(execFile)
const files = ['README.md', ...globSync('packages/*/README.md', { cwd: root }).sort()]

const examples = files.flatMap(file => {
  return [...read(file).matchAll(/```ts\n([\s\S]*?)```(?:\n\n```text\n([\s\S]*?)```)?/g)].map(([, code = '', output], n) => ({ file, n, code, output }))
})

// Inside the workspace, so that our packages resolve as they do for tests.
let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(root, 'test', 'tmp-readme-'))
  for (const [i, { code }] of examples.entries()) writeFileSync(join(folder, `example-${i}.ts`), `${code}\nexport {}\n`)
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({
    extends: '../../tsconfig.base.json',
    compilerOptions: { noEmit: true, composite: false, isolatedDeclarations: false, allowImportingTsExtensions: true, rewriteRelativeImportExtensions: false },
    include: ['*.ts']
  }))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

it('there are examples, in every README of a library', () => {
  const without = files.filter(file => !file.includes('cli') && !examples.some(example => example.file === file))
  expect(without).toEqual([])
})

it('they all compile', async () => {
  const { stdout } = await run(join(root, 'node_modules', '.bin', 'tsc'), ['-p', folder]).catch(error => error as { stdout: string })
  const where = stdout.replaceAll(/example-(\d+)\.ts/g, (_, i) => `${examples[Number(i)]?.file} (example ${examples[Number(i)]?.n})`)
  expect(where).toBe('')
}, 60_000)

describe('those with an output print it', () => {
  it.each(examples.map((example, i) => ({ ...example, i })).filter(({ output }) => output != null))('$file ($n)', async ({ i, output }) => {
    const { stdout } = await run(process.execPath, [join(folder, `example-${i}.ts`)], { timeout: 20_000 })
    expect(stdout).toBe(output)
  }, 30_000)
})
