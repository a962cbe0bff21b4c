/** IndexedDB as promises, as little of it as the disk needs. Each database here has one store. */

/** How far down a write must be before it is told: `strict` survives a power cut, `relaxed` a crash of the browser. */
export type Durability = 'strict' | 'relaxed'

/** A `value` of `undefined` deletes. */
export type StoreWrite = readonly [key: IDBValidKey, value: Uint8Array | undefined]

const STORE = 'entries'

/** Made where it is not there. */
export async function openDatabase (name: string): Promise<IDBDatabase> {
  const request = indexedDB.open(name, 1)
  request.addEventListener('upgradeneeded', () => { request.result.createObjectStore(STORE) })
  const database = await settled(request)
  if (!database.objectStoreNames.contains(STORE)) {
    database.close()
    throw new DOMException(`${name} was made by something else`, 'NotFoundError')
  }
  // Our own code deletes only what it holds the lock of, but the user may, with all that the page has stored.
  database.addEventListener('versionchange', () => { database.close() })
  return database
}

export async function deleteDatabase (name: string): Promise<void> {
  await settled(indexedDB.deleteDatabase(name))
}

export async function readOne (database: IDBDatabase, key: IDBValidKey): Promise<unknown> {
  return await settled(database.transaction([STORE]).objectStore(STORE).get(key))
}

/** In key order, at most `count` of those behind `after`. */
export async function readSome (database: IDBDatabase, after: IDBValidKey | undefined, count: number): Promise<Array<[IDBValidKey, unknown]>> {
  const store = database.transaction([STORE]).objectStore(STORE)
  const range = after == null ? undefined : IDBKeyRange.lowerBound(after, true)
  const [keys, values] = await Promise.all([settled(store.getAllKeys(range, count)), settled<unknown[]>(store.getAll(range, count))])
  return keys.map((key, i) => [key, values[i]])
}

/** All or nothing. */
export async function write (database: IDBDatabase, writes: readonly StoreWrite[], durability: Durability): Promise<void> {
  const transaction = database.transaction([STORE], 'readwrite', { durability })
  const done = new Promise<void>((resolve, reject) => {
    transaction.addEventListener('complete', () => { resolve() })
    // A request that fails aborts its transaction, and so does a disk that is full when it commits.
    transaction.addEventListener('abort', () => { reject(transaction.error ?? new Error('IndexedDB gave up a write and does not say why')) })
  })
  const store = transaction.objectStore(STORE)
  try {
    for (const [key, value] of writes) {
      if (value == null) store.delete(key)
      else store.put(value.byteLength < value.buffer.byteLength ? value.slice() : value, key) // of a view it would store the whole buffer
    }
  } catch (error) {
    done.catch(() => {}) // it says only that it was given up
    transaction.abort() // else what came before is written
    throw error
  }
  await done
}

async function settled<T> (request: IDBRequest<T>): Promise<T> {
  return await new Promise((resolve, reject) => {
    request.addEventListener('success', () => { resolve(request.result) })
    request.addEventListener('error', () => { reject(request.error ?? new Error('IndexedDB failed and does not say why')) })
  })
}
