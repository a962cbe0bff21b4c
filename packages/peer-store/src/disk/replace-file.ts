/** Small files that are there whole, the old one or the new one, whatever happens in between. */
import { constants } from 'node:fs'
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errorCode } from './error-code.ts'

/** Writes of one file wait for each other: they share the temporary name. BOUNDED by the files being written. */
const writing = new Map<string, Promise<void>>()

export async function replaceFile (path: string, bytes: Uint8Array): Promise<void> {
  const write = (writing.get(path) ?? Promise.resolve()).then(async () => { await replace(path, bytes) })
  const settled = write.catch(() => {})
  writing.set(path, settled)
  try {
    await write
  } finally {
    if (writing.get(path) === settled) writing.delete(path)
  }
}

/** @returns `undefined` when there is none */
export async function readWholeFile (path: string): Promise<Uint8Array | undefined> {
  try {
    return new Uint8Array(await readFile(path))
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

async function replace (path: string, bytes: Uint8Array): Promise<void> {
  const folder = dirname(path)
  await makeFolder(folder)
  const draft = `${path}.tmp`
  try {
    // Not through a link that somebody put there. Windows has no such flag.
    const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW = 0 } = constants as Partial<typeof constants> & typeof constants
    const file = await open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o600)
    try {
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(draft, path)
  } catch (error) {
    await rm(draft, { force: true }).catch(() => {})
    throw error
  }
  await syncFolder(folder)
}

/** For the owner alone, with those above it where they are missing. */
export async function makeFolder (path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 })
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return
    if (errorCode(error) !== 'ENOENT' || dirname(path) === path) throw error
    // Not `recursive`: on a read-only file system that says ENOENT.
    await makeFolder(dirname(path))
    await mkdir(path, { mode: 0o700 }).catch(again => {
      if (errorCode(again) !== 'EEXIST') throw again // another one was quicker
    })
  }
}

/** Without it a power cut may undo the rename. */
export async function syncFolder (path: string): Promise<void> {
  if (process.platform === 'win32') return // folders cannot be opened there
  const folder = await open(path, constants.O_RDONLY)
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
