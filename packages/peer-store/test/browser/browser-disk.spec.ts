/** The log on IndexedDB and Web Locks, in a real browser. */
import { virtualClock } from '@peerweave/interface'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { browserDisk } from '../../src/browser.ts'
import { openLog } from '../../src/disk/durable-log.ts'
import { bytes, freshPath, openInBrowser, reason, text } from './support.ts'
import type { DiskLog } from '@peerweave/interface'

const RECORDS = 50

async function fill (path: string): Promise<void> {
  const { log } = await openInBrowser(path)
  for (let i = 0; i < RECORDS; i++) log.put(`key ${i}`, bytes(`value ${i}`))
  await log.close()
}

async function database (path: string): Promise<IDBDatabase> {
  const request = indexedDB.open(`peerweave/log/${path}`)
  return await new Promise((resolve, reject) => {
    request.addEventListener('success', () => { resolve(request.result) })
    request.addEventListener('error', () => { reject(request.error) })
  })
}

/** Changes what is stored, behind the back of the disk. */
async function tamper (path: string, change: (store: IDBObjectStore) => void): Promise<void> {
  const opened = await database(path)
  const transaction = opened.transaction(['entries'], 'readwrite')
  change(transaction.objectStore('entries'))
  await new Promise(resolve => { transaction.addEventListener('complete', resolve) })
  opened.close()
}

function flip (store: IDBObjectStore, key: string): void {
  const request = store.get(bytes(key) as Uint8Array<ArrayBuffer>) as IDBRequest<Uint8Array>
  request.addEventListener('success', () => {
    const value = request.result
    value[7] = (value[7] as number) ^ 1
    store.put(value, bytes(key) as Uint8Array<ArrayBuffer>)
  })
}

/** Another tab that has the log open. Ended after the test. */
async function otherTab (path: string, mode: 'hold' | 'write'): Promise<{ worker: Worker, said: unknown[] }> {
  const worker = new Worker(new URL('other-tab.ts', import.meta.url), { type: 'module' })
  onTestFinished(() => { worker.terminate() })
  const said: unknown[] = []
  worker.addEventListener('message', ({ data }) => { said.push(data) })
  worker.postMessage({ path, mode }, [])
  await vi.waitFor(() => { expect(said[0]).toBe('open') }, { timeout: 15_000 })
  return { worker, said }
}

async function contentsOf (log: DiskLog): Promise<string[]> {
  const keys: string[] = []
  for await (const [key] of log.entries()) keys.push(key)
  return keys
}

async function databases (path: string): Promise<string[]> {
  return (await indexedDB.databases()).map(({ name = '' }) => name).filter(name => name.startsWith(`peerweave/log/${path}`)).sort()
}

describe.skipIf(reason !== undefined)('a log in a browser', () => {
  it('keeps what was flushed, and is opened again', async () => {
    const path = freshPath()
    const { log, report } = await openInBrowser(path)
    expect([log.state, report]).toEqual(['open', undefined])
    log.put('a', bytes('1'))
    log.put('b', bytes('1'), { sync: true })
    await log.flush()
    log.put('b', bytes('2'))
    log.del('a')
    log.put('c', bytes(''))
    expect(log.pending).toBe(3)
    await log.close()
    const again = await openInBrowser(path)
    expect([...again.entries].map(([key, value]) => [key, text(value)])).toEqual([['b', '2'], ['c', '']])
    expect(again.report).toBeUndefined()
  })

  it('gives its entries in the order of their bytes, however many they are', async () => {
    const log = await browserDisk().open(freshPath())
    const keys = [...Array.from({ length: 2_500 }, (_, i) => `key ${String(i).padStart(4, '0')}`), 'z', 'é', '\uffee', '😀']
    await log.batch(keys.toReversed().map(key => ({ type: 'put', key, value: bytes(key) })))
    expect(await contentsOf(log)).toEqual(keys)
    await log.close()
  })

  it('writes a batch whole or not at all', async () => {
    const log = await browserDisk().open(freshPath())
    const notStorable = { byteLength: 1, buffer: { byteLength: 1 }, run: () => {} } as unknown as Uint8Array
    const batch = log.batch([{ type: 'put', key: 'a', value: bytes('1') }, { type: 'put', key: 'b', value: notStorable }])
    await expect(batch).rejects.toMatchObject({ name: 'DataCloneError' })
    expect(await contentsOf(log)).toEqual([])
    await log.close()
  })

  it('asks for a write that survives a power cut where the batch does, and not else', async () => {
    const log = await browserDisk().open(freshPath())
    const begin = vi.spyOn(IDBDatabase.prototype, 'transaction')
    onTestFinished(() => { begin.mockRestore() })
    await log.batch([{ type: 'put', key: 'a', value: bytes('1') }])
    await log.batch([{ type: 'put', key: 'b', value: bytes('1') }], { sync: true })
    await browserDisk().writeFile(freshPath(), bytes('1'))
    expect(begin.mock.calls.map(([, , options]) => options?.durability)).toEqual(['relaxed', 'strict', 'strict'])
    await log.close()
  })

  it('that the user deletes under us lets it happen, says what is gone and goes on', async () => {
    const path = freshPath()
    const clock = virtualClock()
    const reasons: Array<string | undefined> = []
    const { log } = await openInBrowser(path, { clock, onRecovery: ({ report }) => reasons.push(report?.reason) })
    log.put('a', bytes('1'))
    await log.flush()
    const request = indexedDB.deleteDatabase(`peerweave/log/${path}`)
    await new Promise(resolve => { request.addEventListener('success', resolve) })
    log.put('b', bytes('1'))
    await expect(log.flush()).rejects.toMatchObject({ name: 'InvalidStateError' })
    await clock.advance(1_000)
    await log.flush()
    expect([log.state, reasons]).toEqual(['open', [expect.stringContaining('1 records are missing')]])
  })

  it('is refused to a second opener in the same tab at once, and the first one goes on', async () => {
    const path = freshPath()
    const { log } = await openInBrowser(path)
    for (let i = 0; i < 10; i++) {
      const before = performance.now()
      await expect(openInBrowser(path)).rejects.toMatchObject({ name: 'PeerStoreLockedError', message: expect.stringContaining(path) })
      expect(performance.now() - before).toBeLessThan(1_000)
    }
    await expect(browserDisk().setAside(path)).rejects.toMatchObject({ name: 'PeerStoreLockedError' })
    log.put('a', bytes('1'))
    await log.close()
    expect((await openInBrowser(path)).entries.size).toBe(1)
  })

  it('is refused while another tab has it, and free when that one is gone', async () => {
    const path = freshPath()
    const { worker } = await otherTab(path, 'hold')
    await expect(openInBrowser(path)).rejects.toMatchObject({ name: 'PeerStoreLockedError' })
    worker.terminate()
    await vi.waitFor(async () => { await (await openInBrowser(path)).log.close() }, { timeout: 5_000 })
  })

  it('loses no acknowledged batch and tears none when its tab goes in the middle', async () => {
    for (let run = 1; run <= 5; run++) {
      const path = freshPath()
      const { worker, said } = await otherTab(path, 'write')
      await vi.waitFor(() => { expect(said.length).toBeGreaterThan(3 * run) }, { timeout: 10_000, interval: 1 })
      worker.terminate()
      const { entries, report } = await vi.waitFor(async () => await openInBrowser(path), { timeout: 5_000 })
      const last = Number(said.at(-1))
      expect(report).toBeUndefined()
      const rounds = [...entries.keys()].filter(key => key.startsWith('round/'))
      // What it said last may not have reached us.
      expect(rounds.length).toBeGreaterThanOrEqual(last)
      const values = Array.from({ length: 10 }, (_, i) => text(entries.get(`peer/${i}`)))
      expect(new Set(values)).toEqual(new Set([`${rounds.length} `.repeat(40)]))
    }
  })

  it('with a damaged record is set aside and built anew: that record goes, the rest stays', async () => {
    const path = freshPath()
    await fill(path)
    await tamper(path, store => { flip(store, 'key 7') })
    const { log, entries, report } = await openInBrowser(path)
    expect([entries.size, entries.has('key 7'), text(entries.get('key 8'))]).toEqual([RECORDS - 1, false, 'value 8'])
    expect(report).toMatchObject({ kept: RECORDS - 1, damaged: 1, missing: 0, movedTo: `${path}.damaged-1` })
    await log.close()
    const again = await openInBrowser(path)
    expect([again.entries.size, again.report]).toEqual([RECORDS - 1, undefined])
    expect(await databases(path)).toEqual([`peerweave/log/${path}`, `peerweave/log/${path}.damaged-1`])
    const aside = await browserDisk().open(`${path}.damaged-1`)
    expect(await contentsOf(aside)).toHaveLength(RECORDS + 1)
    await aside.close()
  })

  it('that lost records, or all of them, is reported', async () => {
    const path = freshPath()
    await fill(path)
    await tamper(path, store => { store.delete(bytes('key 7') as Uint8Array<ArrayBuffer>) })
    const { log, report } = await openInBrowser(path)
    expect(report).toMatchObject({ kept: RECORDS - 1, missing: 1 })
    await log.close()
    await tamper(path, store => { store.clear() })
    expect((await openInBrowser(path)).report).toMatchObject({ kept: 0, missing: RECORDS - 1 })
  })

  it('with entries that are not bytes goes on without them', async () => {
    const path = freshPath()
    await fill(path)
    await tamper(path, store => {
      store.put('text', bytes('key 7') as Uint8Array<ArrayBuffer>)
      store.put('text', 'a key of text')
    })
    expect((await openInBrowser(path)).report).toMatchObject({ kept: RECORDS - 1, damaged: 1 })
  })

  it.each(['a later version of', 'no store in'])('that something else made (%s the database) is set aside, and it starts anew', async what => {
    const path = freshPath()
    const request = indexedDB.open(`peerweave/log/${path}`, what === 'no store in' ? 1 : 7)
    await new Promise(resolve => { request.addEventListener('success', resolve) })
    request.result.close()
    await expect(browserDisk().open(path)).rejects.toMatchObject({ name: 'PeerStoreCorruptError' })
    const { log, report } = await openInBrowser(path)
    expect([log.state, report?.movedTo]).toEqual(['open', `${path}.damaged-1`])
    log.put('a', bytes('1'))
    await log.close()
    expect((await openInBrowser(path)).entries.size).toBe(1)
  })

  it('keeps the newest three damaged ones', async () => {
    const path = freshPath()
    for (let i = 0; i < 5; i++) {
      await fill(path)
      await tamper(path, store => { flip(store, 'key 0') })
    }
    await (await openInBrowser(path)).log.close()
    expect(await databases(path)).toEqual(['', '.damaged-3', '.damaged-4', '.damaged-5'].map(suffix => `peerweave/log/${path}${suffix}`))
  })

  it('that finds no space left waits in memory, and is written once there is', async () => {
    const path = freshPath()
    const clock = virtualClock()
    const { log } = await openInBrowser(path, { clock })
    log.put('before', bytes('1'))
    await log.flush()
    // As Chromium does: the transaction is aborted and names this error. Its real quota is known to it for 30 s, so it is
    // no use to a test.
    const { transaction } = IDBDatabase.prototype
    const full = vi.spyOn(IDBDatabase.prototype, 'transaction').mockImplementation(function (this: IDBDatabase, ...args) {
      const begun = transaction.apply(this, args)
      if (args[1] !== 'readwrite') return begun
      Object.defineProperty(begun, 'error', { value: new DOMException('no space', 'QuotaExceededError') })
      void Promise.resolve().then(() => { begun.abort() })
      return begun
    })
    onTestFinished(() => { full.mockRestore() })
    log.put('after', bytes('2'))
    await expect(log.flush()).rejects.toMatchObject({ code: 'ENOSPC' })
    expect([log.state, log.pending]).toEqual(['degraded', 1])
    full.mockRestore()
    await clock.advance(60_000)
    await vi.waitFor(() => { expect([log.state, log.pending]).toEqual(['open', 0]) })
    await log.close()
    expect([...(await openInBrowser(path)).entries.keys()]).toEqual(['after', 'before'])
  })

  it('without Web Locks is not opened: the records wait in memory, and it says why', async () => {
    const { locks } = navigator
    Object.defineProperty(navigator, 'locks', { value: undefined, configurable: true })
    onTestFinished(() => { Object.defineProperty(navigator, 'locks', { value: locks, configurable: true }) })
    const { log } = await openLog({ disk: browserDisk(), path: freshPath(), clock: virtualClock() })
    log.put('a', bytes('1'))
    expect([log.state, log.pending, log.error?.message]).toEqual(['degraded', 1, expect.stringContaining('secure context')])
    await log.close().catch(() => {})
  })
})

describe.skipIf(reason !== undefined)('a file in a browser', () => {
  it('is replaced whole: of many writers the last one stays', async () => {
    const path = freshPath()
    const disk = browserDisk()
    expect(await disk.readFile(path)).toBeUndefined()
    await Promise.all(Array.from({ length: 20 }, async (_, i) => { await disk.writeFile(path, bytes(String(i))) }))
    expect(text(await disk.readFile(path))).toBe('19')
    const view = bytes('a view of more').subarray(2, 6)
    await disk.writeFile(path, view)
    const read = await disk.readFile(path)
    expect([text(read), read?.buffer.byteLength]).toEqual(['view', 4])
  })
})
