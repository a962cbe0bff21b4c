/**
 * Who owns a folder, as a file beside it. LevelDB's own lock is not enough: a second open in one process, though it
 * fails, lets go of the first one's (POSIX drops all of a process's record locks with any of its descriptors), and the
 * lock does not say who has it.
 */
import { randomUUID } from 'node:crypto'
import { link, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises'
import { PeerStoreLockedError } from '@peerweave/interface'
import { errorCode } from './error-code.ts'

interface Owner {
  readonly pid: number
  /** When the process started, in a form that only equality means something for: a pid is used again. */
  readonly startTime?: string | undefined
  /** After a restart of the machine every process is another one. */
  readonly bootId?: string | undefined
  /** Tells two locks of one process apart. */
  readonly token: string
}

/**
 * A lock that nobody alive holds is taken over. Where two take over at once, LevelDB's lock below decides.
 *
 * @returns lets go of it
 * @throws PeerStoreLockedError naming the process that has it
 */
export async function acquireLock (path: string): Promise<() => Promise<void>> {
  const file = `${path}.lock`
  const owner: Owner = { pid: process.pid, startTime: await startTimeOf(process.pid), bootId: await bootId(), token: randomUUID() }
  for (let attempt = 0; attempt < 3; attempt++) {
    if (await create(file, owner)) return async () => { await release(file, owner.token) }
    const holder = await read(file)
    if (holder === undefined) continue // gone meanwhile
    if (holder != null && await isAlive(holder, owner)) throw lockedError(path, holder.pid)
    await reclaim(file, holder?.token)
  }
  throw new PeerStoreLockedError(`${path} is in use: its lock changes hands`)
}

export function lockedError (path: string, pid?: number, options?: ErrorOptions): Error {
  return new PeerStoreLockedError(`${path} is in use by ${pid == null ? 'another process' : `process ${pid}`}`, options)
}

/** A link is made whole or not at all, so that nobody reads half an owner. */
async function create (file: string, owner: Owner): Promise<boolean> {
  const text = JSON.stringify(owner)
  const draft = `${file}.${owner.token}`
  await writeFile(draft, text, { mode: 0o600, flag: 'wx' })
  try {
    await link(draft, file)
    return true
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(errorCode(error) ?? '')) throw error
    return await createWithoutLink(file, text)
  } finally {
    await rm(draft, { force: true })
  }
}

async function createWithoutLink (file: string, text: string): Promise<boolean> {
  try {
    await writeFile(file, text, { mode: 0o600, flag: 'wx' })
    return true
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false
    throw error
  }
}

/** @returns `undefined` when there is none, `null` when it says nothing (a crash of the machine while it was written) */
async function read (file: string): Promise<Owner | null | undefined> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
  try {
    const owner = JSON.parse(text) as Partial<Owner> | null
    return Number.isSafeInteger(owner?.pid) && Number(owner?.pid) > 0 && typeof owner?.token === 'string' ? owner as Owner : null
  } catch {
    return null
  }
}

async function isAlive (holder: Owner, self: Owner): Promise<boolean> {
  if (holder.bootId != null && self.bootId != null && holder.bootId !== self.bootId) return false
  try {
    process.kill(holder.pid, 0)
  } catch (error) {
    if (errorCode(error) === 'ESRCH') return false // EPERM: it is there, and another user's
  }
  const startTime = await startTimeOf(holder.pid)
  if (startTime === 'dead') return false
  return startTime == null || holder.startTime == null || startTime === holder.startTime
}

/** Takes a lock away, unless it is no longer the one that was judged. */
async function reclaim (file: string, token: string | undefined): Promise<void> {
  const aside = `${file}.${randomUUID()}`
  try {
    await rename(file, aside)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return
    throw error
  }
  const taken = await read(aside)
  if (taken != null && taken.token !== token) await link(aside, file).catch(() => {}) // a living one came between: it goes back
  await rm(aside, { force: true })
}

async function release (file: string, token: string): Promise<void> {
  const holder = await read(file).catch(() => undefined)
  if (holder?.token === token) await unlink(file).catch(() => {})
}

/** Linux only; elsewhere the pid alone decides. */
async function bootId (): Promise<string | undefined> {
  return await readFile('/proc/sys/kernel/random/boot_id', 'utf8').then(text => text.trim(), () => undefined)
}

/** Fields 3 and 22 of proc(5) stat, counted after the name, which may hold spaces and brackets. Linux only, as above. */
async function startTimeOf (pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
  // A zombie holds nothing; its parent has only not asked for it yet.
  return /^[ZX]/.test(fields?.[0] ?? '') ? 'dead' : fields?.[19]
}
