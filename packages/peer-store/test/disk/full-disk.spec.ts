/**
 * A disk that is full, or may not be written, on file systems of their own. Without the right to mount this is skipped,
 * and fails where REQUIRE_REALNET=1.
 */
import { execFileSync } from 'node:child_process'
import { chmodSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { bytes, mountTmpfs, openReal, tempFolder, text, whyNoMount } from './support.ts'

const reason = whyNoMount()
if (reason !== undefined && process.env.REQUIRE_REALNET === '1') throw new Error(`REQUIRE_REALNET=1, but ${reason}`)
afterAll(() => { if (reason !== undefined) console.warn(`skipped, full and read-only disks: ${reason}`) })

const until = { timeout: 15_000, interval: 50 }

describe.skipIf(reason !== undefined)('a full disk', () => {
  it('loses nothing that was acknowledged, and takes writes again once there is space, without a restart', async () => {
    const folder = mountTmpfs('3m')
    const path = join(folder, 'log')
    const ballast = join(folder, 'ballast')
    writeFileSync(ballast, new Uint8Array(1_500_000))
    const { log } = await openReal(path)
    const memory = new Map<string, string>()
    let acknowledged = 0
    let failure: unknown
    for (let round = 0; failure === undefined && round < 2_000; round++) {
      for (let i = 0; i < 10; i++) {
        const [key, value] = [`peer/${round % 20}/${i}`, `${round} `.repeat(100)]
        memory.set(key, value)
        log.put(key, bytes(value))
      }
      await log.flush().then(() => { acknowledged++ }, error => { failure = error })
    }
    expect(failure).toMatchObject({ code: 'ENOSPC' })
    expect(acknowledged).toBeGreaterThan(10)
    expect(log.state).toBe('degraded')
    expect(log.error).toBe(failure)
    expect(log.pending).toBeGreaterThanOrEqual(10)

    // Changes are still taken, and wait as one for each key.
    for (let i = 0; i < 1_000; i++) log.put('peer/late', bytes(String(i)))
    expect(log.pending).toBeLessThanOrEqual(memory.size + 1)
    memory.set('peer/late', '999')

    rmSync(ballast)
    await vi.waitFor(() => { expect(log.state).toBe('open') }, until)
    expect(log.pending).toBe(0)
    log.put('peer/after', bytes('after'))
    memory.set('peer/after', 'after')
    await log.flush()
    await log.close()

    const again = await openReal(path)
    expect(again.report).toBeUndefined()
    expect(new Map([...again.entries].map(([key, value]) => [key, text(value)]))).toEqual(memory)
    console.info(`${acknowledged} batches before the disk was full, none lost`)
  }, 60_000)

  it('at the start costs no start, and what is on disk comes when there is space', async () => {
    const folder = mountTmpfs('1m')
    const path = join(folder, 'log')
    const first = await openReal(path)
    first.log.put('a', bytes('1'))
    first.log.put('b', bytes('1'))
    await first.log.close()
    const ballast = join(folder, 'ballast')
    expect(() => { writeFileSync(ballast, new Uint8Array(2_000_000)) }).toThrow('ENOSPC')

    const late: string[] = []
    const { log, entries } = await openReal(path, { onRecovery: ({ entries }) => late.push(...entries.keys()) })
    expect([entries.size, log.state]).toEqual([0, 'degraded'])
    log.put('b', bytes('2'))
    rmSync(ballast)
    await vi.waitFor(() => { expect(log.state).toBe('open') }, until)
    expect(late).toEqual(['a'])
    await log.close()
    const again = await openReal(path)
    expect([...again.entries].map(([key, value]) => [key, text(value)])).toEqual([['a', '1'], ['b', '2']])
  }, 30_000)
})

describe.skipIf(reason !== undefined)('a disk that may not be written', () => {
  it.each([true, false])('is flagged, and memory goes on (a log is there: %s)', async hasLog => {
    const folder = mountTmpfs('3m')
    const path = join(folder, 'log')
    if (hasLog) {
      const { log } = await openReal(path)
      log.put('a', bytes('1'))
      await log.close()
    }
    execFileSync('mount', ['-o', 'remount,ro', folder])
    const { log } = await openReal(path)
    expect(log.state).toBe('read-only')
    log.put('b', bytes('2'))
    await expect(log.flush()).rejects.toMatchObject({ code: 'EROFS' })
    expect(log.pending).toBe(1)
    execFileSync('mount', ['-o', 'remount,rw', folder])
    await vi.waitFor(() => { expect(log.state).toBe('open') }, until)
    await log.close()
    expect([...(await openReal(path)).entries.keys()]).toEqual(hasLog ? ['a', 'b'] : ['b'])
  }, 30_000)
})

describe.skipIf(process.platform === 'win32')('files and folders', () => {
  it('are the owner’s alone, also a folder that was not', async () => {
    const folder = tempFolder()
    const path = join(folder, 'deep', 'log')
    await (await nodeDisk().open(path)).close()
    chmodSync(path, 0o755)
    const log = await nodeDisk().open(path)
    expect(statSync(path).mode & 0o777).toBe(0o700)
    expect(statSync(join(folder, 'deep')).mode & 0o777).toBe(0o700)
    expect(statSync(`${path}.lock`).mode & 0o777).toBe(0o600)
    await log.close()
    await nodeDisk().writeFile(join(folder, 'deep', 'anchors.json'), bytes('{}'))
    expect(statSync(join(folder, 'deep', 'anchors.json')).mode & 0o777).toBe(0o600)
  })

  it.skipIf(process.getuid?.() === 0)('without the right to write make the log read-only (root has it always)', async () => {
    const folder = tempFolder()
    chmodSync(folder, 0o500)
    const { log } = await openReal(join(folder, 'log'))
    expect([log.state, log.error]).toEqual(['read-only', expect.objectContaining({ code: 'EACCES' })])
    log.put('a', bytes('1'))
    chmodSync(folder, 0o700)
    await log.flush()
    expect([log.state, log.pending]).toEqual(['open', 0])
  })

  it('are replaced whole: of many writers at once the last one stays, and no draft', async () => {
    const path = join(tempFolder(), 'anchors.json')
    expect(await nodeDisk().readFile(path)).toBeUndefined()
    await Promise.all(Array.from({ length: 20 }, async (_, i) => { await nodeDisk().writeFile(path, bytes(String(i))) }))
    expect(text(await nodeDisk().readFile(path))).toBe('19')
    expect(() => statSync(`${path}.tmp`)).toThrow('ENOENT')
  })
})
