/** The `Disk` port on Node's file system and LevelDB. */
import { execFile } from 'node:child_process'
import { chmod, readdir, realpath, rename, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { limits, PeerStoreCorruptError, PeerStoreLockedError, toError } from '@peerweave/interface'
import { Level } from 'level'
import { errorCode, hasCode, systemCode } from './error-code.ts'
import { LEVEL_OPTIONS, levelLog, type LevelDatabase } from './level-log.ts'
import { assertWhole, salvageTables } from './leveldb-folder.ts'
import { acquireLock, lockedError } from './lock-file.ts'
import { makeFolder, readWholeFile, replaceFile, syncFolder } from './replace-file.ts'
import type { Disk, DiskLog } from '@peerweave/interface'

/** Folders that this process has open, by real path. Asked before LevelDB is: see `lock-file.ts`. */
const held = new Set<string>()

/** Folders are 0700, files that it writes itself 0600. Linux, macOS and Windows. */
export function nodeDisk (): Disk {
  return { open: openFolder, setAside, writeFile: replaceFile, readFile: readWholeFile }
}

async function openFolder (path: string): Promise<DiskLog> {
  await makeFolder(path)
  const folder = await realpath(path)
  const release = await hold(folder)
  try {
    await makePrivate(folder)
    await assertWhole(folder)
    return levelLog(await openLevel(folder), release, asSystemError)
  } catch (error) {
    await release()
    throw error
  }
}

/** A folder that another user lent us stays as that one made it. */
async function makePrivate (folder: string): Promise<void> {
  await chmod(folder, 0o700).catch(error => {
    if (errorCode(error) !== 'EPERM') throw error
  })
}

/** In this process first, then among processes. */
async function hold (folder: string): Promise<() => Promise<void>> {
  if (held.has(folder)) throw new PeerStoreLockedError(`${folder} is in use by this process (${process.pid})`)
  held.add(folder)
  try {
    const release = await acquireLock(folder)
    return async () => {
      await release()
      held.delete(folder)
    }
  } catch (error) {
    held.delete(folder)
    throw error
  }
}

async function openLevel (folder: string): Promise<LevelDatabase> {
  const level: LevelDatabase = new Level(folder, LEVEL_OPTIONS)
  try {
    await level.open()
    return level
  } catch (error) {
    await level.close().catch(() => {})
    if (hasCode(error, 'LEVEL_LOCKED')) throw lockedError(folder, undefined, { cause: error })
    if (systemCode(error) != null) throw asSystemError(error)
    const { message } = toError(toError(error).cause ?? error)
    throw new PeerStoreCorruptError(`${folder} cannot be opened: ${message}`, { cause: error })
  }
}

/** With the system's code, where it has one. */
function asSystemError (error: unknown): Error {
  const code = systemCode(error)
  return code == null ? toError(error) : Object.assign(new Error(`${code}: ${toError(error).message}`, { cause: error }), { code })
}

async function setAside (path: string): Promise<string> {
  const folder = await realpath(path)
  const release = await hold(folder)
  try {
    const parent = dirname(folder)
    const prefix = `${basename(folder)}.damaged-`
    const numbers = (await readdir(parent)).filter(name => name.startsWith(prefix))
      .map(name => Number(name.slice(prefix.length))).filter(number => Number.isSafeInteger(number)).sort((a, b) => b - a)
    const target = join(parent, `${prefix}${(numbers[0] ?? 0) + 1}`)
    await rename(folder, target)
    await syncFolder(parent)
    for (const old of numbers.slice(limits.damagedLogs - 1)) await rm(join(parent, `${prefix}${old}`), { recursive: true, force: true })
    await repair(target)
    return target
  } finally {
    await release()
  }
}

/**
 * LevelDB's own repair: it salvages every table and log, and moves what it cannot read to `lost`. In a process of its
 * own, because it reads the write-ahead log without its checksums, and an assertion of LevelDB ends the process it runs in.
 */
async function repair (folder: string): Promise<void> {
  await salvageTables(folder)
  const level = createRequire(import.meta.url).resolve('level')
  const script = 'require(process.argv[1]).Level.repair(process.argv[2]).catch(() => process.exit(1))'
  // What is still unreadable then shows when it is opened.
  await promisify(execFile)(process.execPath, ['-e', script, level, folder], { timeout: 60_000 }).catch(() => {})
}
