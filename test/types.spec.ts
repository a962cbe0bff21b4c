import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { filesUnder, packageFolders, root } from './source-text.ts'

/** What the compiler says, one finding a line. */
async function tsc (...args: string[]): Promise<string[]> {
  const command = join(root, 'node_modules', '.bin', 'tsc')
  const { stdout } = await promisify(execFile)(command, [...args, '--pretty', 'false'], { cwd: root, maxBuffer: 64 * 1_024 * 1_024 })
    .catch((error: { stdout?: string }) => {
      if (error.stdout == null || error.stdout === '') throw error
      return { stdout: error.stdout }
    })
  return stdout.split('\n').filter(line => line !== '')
}

describe('the compiler', () => {
  it('finds nothing in the packages, their tests, the scripts and the benchmarks', async () => {
    expect(await tsc('-b')).toEqual([])
  }, 120_000)

  it('is shown every package and every test', async () => {
    const { references } = JSON.parse(readFileSync(join(root, 'tsconfig.json'), 'utf8')) as { references: Array<{ path: string }> }
    expect(new Set(references.map(({ path }) => path))).toEqual(new Set([...packageFolders().map(name => `packages/${name}`), 'test']))

    const shown = new Set((await tsc('-p', 'test', '--listFilesOnly')).map(file => file.replaceAll('\\', '/')))
    const tests = ['test', ...packageFolders().map(name => `packages/${name}/test`)].flatMap(folder => filesUnder(folder, /\.ts$/))
    expect(tests.filter(file => !shown.has(join(root, file).replaceAll('\\', '/')))).toEqual([])
  })

  it('would find an error in a test', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'peerweave-types-'))
    try {
      writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
      writeFileSync(join(folder, 'wrong.spec.ts'), "export const port: number = '4001'\n")
      writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({
        extends: join(root, 'test', 'tsconfig.json'), compilerOptions: { types: [], incremental: false }, include: ['.']
      }))
      expect(await tsc('-p', folder)).toEqual([expect.stringContaining('TS2322')])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
