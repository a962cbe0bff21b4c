// Installs what the workspace needs, once, before any npm script runs. Plain JavaScript for Node >= 18:
// it runs on whatever Node the machine has, and brings Node 24 and pnpm from the npm registry.
//
// npm puts node_modules/.bin first on PATH before the script proper starts, so after this file both `node`
// and every tool resolve to what was installed here. Everything it prints goes to stderr: stdout is the job's.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { accessSync, constants, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const modules = join(root, 'node_modules')
const stampFile = join(modules, '.bootstrap')
// The platforms that the npm package `node` ships a binary for and that we run on.
const platforms = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64', 'win32-x64']

const stamp = fingerprint()
if (!isCurrent(stamp)) await install(stamp)

/** What decides whether an install is needed: every manifest, the lock file and the platform. */
function fingerprint () {
  const hash = createHash('sha256').update(`${process.platform}-${process.arch}`)
  const packages = readdirSync(join(root, 'packages')).sort().map(name => join('packages', name, 'package.json'))
  for (const file of ['package.json', 'pnpm-workspace.yaml', 'pnpm-lock.yaml', ...packages]) {
    if (existsSync(join(root, file))) hash.update(file).update(readFileSync(join(root, file)))
  }
  return hash.digest('hex')
}

function isCurrent (stamp) {
  return existsSync(join(modules, '.bin', process.platform === 'win32' ? 'node.CMD' : 'node')) &&
    existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp
}

async function install (stamp) {
  const platform = `${process.platform}-${process.arch}`
  if (!platforms.includes(platform)) {
    fail(`Peerweave does not run on ${platform}: use one of ${platforms.join(', ')}.`)
  }
  try {
    accessSync(existsSync(modules) ? modules : root, constants.W_OK)
  } catch {
    fail(`Peerweave cannot write to ${root}: it installs its tools into node_modules there, so make the folder writable and run the command again.`)
  }

  const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  console.error('Setting up Peerweave (once, about 20 s on a fresh machine) …')
  const { code, output } = await run('npx', ['--yes', packageManager, 'install', '--frozen-lockfile', '--reporter=append-only'])
  if (code !== 0) fail(explain(code, output))
  writeFileSync(stampFile, stamp)
}

/** Runs a command with its output passed on to stderr, and kept (the last 64 KiB) so that a failure can be named. */
function run (command, args) {
  const key = Object.keys(process.env).find(name => name.toUpperCase() === 'PATH') ?? 'PATH'
  // npm's own patience without a network is more than a minute of silence. What the user has set comes after it.
  const patience = { npm_config_fetch_retries: '2', npm_config_fetch_retry_mintimeout: '1000', npm_config_fetch_retry_maxtimeout: '3000' }
  // `npm start --silent` hands its log level down; an install that prints nothing looks like one that hangs.
  const env = { ...patience, ...process.env, [key]: pathForNpx(process.env[key] ?? ''), npm_config_loglevel: 'error' }
  return new Promise(done => {
    let output = ''
    const child = spawn(command, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'], shell: process.platform === 'win32' })
    const pass = chunk => {
      output = (output + chunk).slice(-65_536)
      process.stderr.write(chunk)
    }
    child.stdout.on('data', pass)
    child.stderr.on('data', pass)
    child.on('error', error => done({ code: 1, output: `${output}${error.message}` }))
    child.on('close', code => done({ code, output }))
  })
}

/**
 * npm 9's npx dies when `node` is one that npm installed (it looks for that Node's global prefix), so npx must meet
 * the machine's own. Where the machine has no other, only our own folder is left out.
 */
function pathForNpx (path) {
  const isOurs = dir => resolve(dir) === join(modules, '.bin')
  const isNpms = dir => dir.endsWith(join('node_modules', '.bin'))
  const dirs = path.split(delimiter).filter(dir => !isOurs(dir))
  const own = dirs.filter(dir => !isNpms(dir))
  const has = dir => existsSync(join(dir, process.platform === 'win32' ? 'npx.cmd' : 'npx'))
  return (own.some(has) ? own : dirs).join(delimiter)
}

function explain (code, output) {
  if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ECONNRESET|ENETUNREACH|ERR_SOCKET_TIMEOUT|META_FETCH_FAIL|ENOTCACHED/.test(output)) {
    return 'Peerweave could not reach the npm registry, which it needs once to install its tools: check the network (or npm\'s proxy settings) and run the command again.'
  }
  if (/EACCES|EPERM|EROFS/.test(output)) {
    return 'Peerweave was refused write access while installing its tools (see the path above): make that folder writable and run the command again.'
  }
  if (/ENOSPC/.test(output)) return 'The disk is full: Peerweave needs about 500 MB for its tools.'
  if (/OUTDATED_LOCKFILE/.test(output)) return 'pnpm-lock.yaml does not match the manifests: run `npx pnpm install` and commit the lock file.'
  return `Installing Peerweave's tools failed (exit code ${code}); the lines above say why.`
}

function fail (sentence) {
  console.error(sentence)
  process.exit(1)
}
