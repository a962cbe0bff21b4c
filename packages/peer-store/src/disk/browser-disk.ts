/**
 * The `Disk` port in a browser: IndexedDB, and Web Locks to have each log opened once, in whichever tab. On IndexedDB
 * itself: the `level` package would bring Node's `events` into the page, and does not let us say how durable a write is.
 *
 * What is stored belongs to the page's origin and may be evicted with all of it when space is short, unless the page was
 * granted `navigator.storage.persist()`; asking for that is up to the application.
 */
import { limits, PeerStoreCorruptError, PeerStoreLockedError, toError } from '@peerweave/interface'
import { deleteDatabase, openDatabase, readOne, readSome, write } from './indexed-db.ts'
import type { Disk, DiskLog, DiskWrite } from '@peerweave/interface'

/** Names of databases and locks begin so: other code of the same origin has its own. */
const LOGS = 'peerweave/log/'
const FILES = 'peerweave/files'

/** Entries read or copied in one transaction. Chosen. */
const CHUNK = 1_000

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/**
 * Current browsers in a secure context (https, or localhost), in a window or a worker. Elsewhere there are no Web Locks,
 * and two tabs would write over each other: no log opens then, with the code `ENOTSUP`, so a store goes on in memory and
 * says so.
 */
export function browserDisk (): Disk {
  return { open, setAside, writeFile, readFile }
}

async function open (path: string): Promise<DiskLog> {
  const release = await lock(path)
  try {
    return logOn(await openDatabase(LOGS + path), release)
  } catch (error) {
    await release()
    throw asSystemError(error)
  }
}

/** @returns lets go of it. The browser does so too when the tab goes. */
async function lock (path: string): Promise<() => Promise<void>> {
  // Where the context is not secure it is missing, whatever the type says.
  const { locks } = navigator as { locks?: LockManager }
  if (locks == null) {
    const message = `${path} needs Web Locks, which browsers have in secure contexts only (https, localhost)`
    throw Object.assign(new Error(message), { code: 'ENOTSUP' })
  }
  const { promise: held, resolve: letGo } = Promise.withResolvers<void>()
  const { promise: granted, resolve, reject } = Promise.withResolvers<boolean>()
  const done = locks.request(LOGS + path, { ifAvailable: true }, async lock => {
    resolve(lock != null)
    if (lock != null) await held
  })
  done.catch(reject)
  if (!await granted) throw new PeerStoreLockedError(`${path} is in use by another instance, in this tab or another one`)
  return async () => {
    letGo()
    await done
  }
}

/** Keys are bytes: so they have the order that they have in LevelDB. */
function logOn (database: IDBDatabase, release: () => Promise<void>): DiskLog {
  return {
    async batch (writes, { sync = false } = {}) {
      const changes = writes.map(change => [encoder.encode(change.key), change.type === 'put' ? change.value : undefined] as const)
      await write(database, changes, sync ? 'strict' : 'relaxed').catch(rethrow)
    },
    async * entries () {
      let after: IDBValidKey | undefined
      for (;;) {
        const entries = await readSome(database, after, CHUNK).catch(rethrow)
        for (const [key, value] of entries) {
          // What is no bytes is not ours; as an empty value it counts as damaged.
          if (key instanceof ArrayBuffer) yield [decoder.decode(key), value instanceof Uint8Array ? value : new Uint8Array()]
          after = key
        }
        if (entries.length < CHUNK) return
      }
    },
    async close () {
      database.close()
      await release()
    }
  }
}

/**
 * By copying: a database cannot be renamed. The old one goes when the copy is whole, so whatever happens in between, it
 * is still there.
 */
async function setAside (path: string): Promise<string> {
  const prefix = `${path}.damaged-`
  const release = await lock(path)
  try {
    const numbers = await numbersAfter(prefix)
    const target = `${prefix}${(numbers[0] ?? 0) + 1}`
    await copyTo(target, path)
    await deleteDatabase(LOGS + path)
    for (const old of numbers.slice(limits.damagedLogs - 1)) await deleteDatabase(`${LOGS}${prefix}${old}`)
    return target
  } catch (error) {
    throw asSystemError(error)
  } finally {
    await release()
  }
}

/** Of the logs that were set aside, newest first. */
async function numbersAfter (prefix: string): Promise<number[]> {
  const names = (await indexedDB.databases()).map(({ name = '' }) => name).filter(name => name.startsWith(LOGS + prefix))
  return names.map(name => Number(name.slice(LOGS.length + prefix.length))).filter(number => Number.isSafeInteger(number)).sort((a, b) => b - a)
}

/** What cannot be read ends it: nothing behind that could be read either. What cannot be written is an error. */
async function copyTo (targetPath: string, path: string): Promise<void> {
  const source = await openDatabase(LOGS + path).then(database => logOn(database, async () => {}), error => { // its lock is ours
    if (asSystemError(error) instanceof PeerStoreCorruptError) return undefined
    throw error
  })
  const target = await open(targetPath)
  try {
    let writes: DiskWrite[] = []
    for await (const [key, value] of readable(source)) {
      writes.push({ type: 'put', key, value })
      if (writes.length < CHUNK) continue
      await target.batch(writes)
      writes = []
    }
    await target.batch(writes, { sync: true })
    await target.close()
  } catch (error) {
    await target.close()
    await deleteDatabase(LOGS + targetPath)
    throw error
  } finally {
    await source?.close()
  }
}

async function * readable (source: DiskLog | undefined): AsyncGenerator<[string, Uint8Array]> {
  const entries = source?.entries()[Symbol.asyncIterator]()
  for (;;) {
    const next = await entries?.next().catch(() => undefined)
    if (next == null || next.done === true) return
    yield next.value
  }
}

async function writeFile (path: string, bytes: Uint8Array): Promise<void> {
  await withFiles(async files => { await write(files, [[path, bytes]], 'strict') })
}

async function readFile (path: string): Promise<Uint8Array | undefined> {
  const value = await withFiles(async files => await readOne(files, path))
  return value instanceof Uint8Array ? value : undefined
}

async function withFiles<T> (use: (files: IDBDatabase) => Promise<T>): Promise<T> {
  try {
    const files = await openDatabase(FILES)
    try {
      return await use(files)
    } finally {
      files.close()
    }
  } catch (error) {
    throw asSystemError(error)
  }
}

/** IndexedDB's word for it, in the words of a system. */
const CODES: Readonly<Record<string, string>> = {
  QuotaExceededError: 'ENOSPC',
  SecurityError: 'EACCES',
  NotAllowedError: 'EACCES',
  ReadOnlyError: 'EROFS',
  NotReadableError: 'EIO',
  UnknownError: 'EIO'
}

/** `UnknownError` is a full disk as often as a damaged one, so it never leads to anything being moved. */
function asSystemError (error: unknown): Error {
  const { name, message } = toError(error)
  // Something else made a database of this name, or one without the store.
  if (name === 'VersionError' || name === 'NotFoundError') return new PeerStoreCorruptError(message, { cause: error })
  const code = CODES[name]
  return code == null ? toError(error) : Object.assign(new Error(`${code}: ${message}`, { cause: error }), { code })
}

function rethrow (error: unknown): never {
  throw asSystemError(error)
}
