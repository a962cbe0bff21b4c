import { execFile } from 'node:child_process'
import {
  chmodSync, constants, copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { root } from './source-text.ts'

const isRoot = process.getuid?.() === 0
const NOBODY = 65_534

interface Run {
  code: number
  stdout: string
  stderr: string
}

/** A workspace with nothing but manifests, and the script. */
let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'peerweave-bootstrap-'))
  mkdirSync(join(folder, 'scripts'))
  mkdirSync(join(folder, 'packages', 'one'), { recursive: true })
  copyFileSync(join(root, 'scripts', 'bootstrap.mjs'), join(folder, 'scripts', 'bootstrap.mjs'))
  const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { packageManager: string }
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ packageManager }))
  writeFileSync(join(folder, 'pnpm-workspace.yaml'), 'packages: [packages/*]\n')
  writeFileSync(join(folder, 'pnpm-lock.yaml'), "lockfileVersion: '9.0'\n")
  writeFileSync(join(folder, 'packages', 'one', 'package.json'), '{}')
})

afterEach(() => {
  chmodSync(folder, 0o755)
  rmSync(folder, { recursive: true })
})

interface RunOptions {
  env?: Record<string, string>
  /** Goes before the script, as a module of its own. */
  preload?: string
  node?: string
  uid?: number
}

function bootstrap ({ env = {}, preload, node = process.execPath, uid }: RunOptions = {}): Promise<Run> {
  const imports = preload == null ? [] : ['--import', `data:text/javascript,${encodeURIComponent(preload)}`]
  const args = [...imports, join(folder, 'scripts', 'bootstrap.mjs')]
  const options = { cwd: folder, env: { PATH: process.env.PATH, ...env }, timeout: 20_000, ...uid == null ? {} : { uid } }
  return new Promise(resolve => {
    execFile(node, args, options, (error, stdout, stderr) => {
      resolve({ code: error == null ? 0 : Number(error.code ?? NaN), stdout, stderr })
    })
  })
}

/** Puts a stand-in for npx on PATH, which notes that it was called; the rest is the shell script's. */
function npx (script: string): { env: { PATH: string }, calls: () => string[] } {
  const bin = join(folder, 'bin')
  const log = join(folder, 'npx.log')
  mkdirSync(bin, { recursive: true })
  writeFileSync(join(bin, 'npx'), `#!/bin/sh\necho "$@" >> '${log}'\n${script}\n`, { mode: 0o755 })
  return {
    env: { PATH: `${bin}${delimiter}/usr/bin${delimiter}/bin` },
    calls: () => existsSync(log) ? readFileSync(log, 'utf8').trimEnd().split('\n') : []
  }
}

const INSTALL = 'mkdir -p node_modules/.bin && touch node_modules/.bin/node'
const sentences = (stderr: string): string[] => stderr.trimEnd().split('\n')

// The stand-in for npx is a shell script, and so is taking write access away.
describe.skipIf(process.platform === 'win32')('scripts/bootstrap.mjs', () => {
  it('installs once, and then does nothing while nothing changes', async () => {
    const { env, calls } = npx(INSTALL)
    expect(await bootstrap({ env })).toMatchObject({ code: 0, stdout: '', stderr: expect.stringContaining('Setting up Peerweave') })
    expect(calls()).toEqual([expect.stringMatching(/^--yes pnpm@[\d.]+ install --frozen-lockfile /)])
    expect(await bootstrap({ env })).toEqual({ code: 0, stdout: '', stderr: '' })
    expect(calls()).toHaveLength(1)
  })

  it.each([
    ['a manifest changed', 'packages/one/package.json'],
    ['the lock file changed', 'pnpm-lock.yaml'],
    ['a package was added', 'packages/two/package.json']
  ])('installs again when %s', async (_what, file) => {
    const { env, calls } = npx(INSTALL)
    await bootstrap({ env })
    mkdirSync(join(folder, dirname(file)), { recursive: true })
    writeFileSync(join(folder, file), '{ "private": true }')
    await bootstrap({ env })
    expect(calls()).toHaveLength(2)
  })

  it('installs again when its Node is gone', async () => {
    const { env, calls } = npx(INSTALL)
    await bootstrap({ env })
    rmSync(join(folder, 'node_modules', '.bin', 'node'))
    await bootstrap({ env })
    expect(calls()).toHaveLength(2)
  })

  it('keeps stdout for the job: what the install prints goes to stderr', async () => {
    const { env } = npx(`echo progress; echo trouble >&2; ${INSTALL}`)
    const { stdout, stderr } = await bootstrap({ env })
    expect(stdout).toBe('')
    expect(sentences(stderr).toSorted()).toEqual(expect.arrayContaining(['progress', 'trouble']))
  })

  it.each([
    ['npm error code ENOTFOUND', 'could not reach the npm registry'],
    ['ERR_PNPM_META_FETCH_FAIL', 'could not reach the npm registry'],
    ['npm error code EACCES', 'was refused write access'],
    ['ENOSPC: no space left on device', 'The disk is full'],
    ['ERR_PNPM_OUTDATED_LOCKFILE', 'pnpm-lock.yaml does not match'],
    ['something else', 'failed (exit code 7)']
  ])('ends with one sentence about %j, and tries again the next time', async (output, sentence) => {
    const { env, calls } = npx(`echo '${output}' >&2; exit 7`)
    const { code, stdout, stderr } = await bootstrap({ env })
    expect([code, stdout]).toEqual([1, ''])
    expect(sentences(stderr)).toHaveLength(3)
    expect(sentences(stderr).at(-1)).toContain(sentence)
    await bootstrap({ env })
    expect(calls()).toHaveLength(2)
  })

  it('says that there is no network, soon, when the registry does not answer', async () => {
    const { code, stdout, stderr } = await bootstrap({
      // Port 9 is discard: nothing listens there. The caches are empty, so nothing can come from them.
      env: { npm_config_registry: 'http://127.0.0.1:9', npm_config_cache: join(folder, 'cache'), HOME: join(folder, 'home') }
    })
    expect([code, stdout]).toEqual([1, ''])
    expect(sentences(stderr).at(-1)).toBe(
      'Peerweave could not reach the npm registry, which it needs once to install its tools: ' +
      'check the network (or npm\'s proxy settings) and run the command again.'
    )
  })

  it('says what to make writable when it may not write', async () => {
    const { env, calls } = npx(INSTALL)
    let options: RunOptions = { env }
    if (isRoot) {
      // Root may write everywhere. Somebody else may not even reach the Node that runs here, so they get a copy.
      const node = join(folder, 'bin', 'node')
      copyFileSync(process.execPath, node, constants.COPYFILE_FICLONE)
      chmodSync(node, 0o755)
      options = { ...options, node, uid: NOBODY }
    }
    chmodSync(folder, 0o555)
    const { code, stdout, stderr } = await bootstrap(options)
    expect([code, stdout]).toEqual([1, ''])
    expect(sentences(stderr)).toEqual([
      expect.stringMatching(/^Peerweave cannot write to .*: .*make the folder writable and run the command again\.$/)
    ])
    expect(stderr).toContain(folder)
    expect(calls()).toEqual([])
  })

  it.each([
    ['platform', 'sunos', /^Peerweave does not run on sunos-\w+: use one of linux-x64, /],
    ['arch', 'mips', /^Peerweave does not run on \w+-mips: use one of linux-x64, /]
  ])('says where it runs when this %s (%s) is none of them', async (property, value, sentence) => {
    const { env, calls } = npx(INSTALL)
    const preload = `Object.defineProperty(process, ${JSON.stringify(property)}, { value: ${JSON.stringify(value)} })`
    const { code, stdout, stderr } = await bootstrap({ env, preload })
    expect([code, stdout]).toEqual([1, ''])
    expect(sentences(stderr)).toEqual([expect.stringMatching(sentence)])
    expect(calls()).toEqual([])
    expect(readdirSync(folder)).not.toContain('node_modules')
  })
})
