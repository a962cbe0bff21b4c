/** What a process that dies leaves behind, and what a second one meets. */
import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { seededRng } from '@peerweave/interface'
import { describe, expect, it, onTestFinished } from 'vitest'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { byTier, bytes, openReal, tempFolder, text } from './support.ts'

const script = fileURLToPath(new URL('kill-main.ts', import.meta.url))
const RUNS = byTier({ default: 5, ci: 20, long: 200 })

function start (path: string, mode: 'write' | 'hold'): ChildProcess {
  // Node 22 strips types only when asked to.
  const child = spawn(process.execPath, ['--experimental-strip-types', '--no-warnings', script, path, mode], {
    stdio: ['ignore', 'pipe', mode === 'hold' ? 'ignore' : 'inherit']
  })
  onTestFinished(() => { child.kill('SIGKILL') })
  return child
}

/** Kills the child after so many lines and a little, and returns all that it said. */
async function killAfter (child: ChildProcess, lines: number, extra: number): Promise<string[]> {
  const said: string[] = []
  const closed = new Promise(resolve => child.once('close', resolve))
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
    said.push(line)
    if (said.length === lines) setTimeout(() => child.kill('SIGKILL'), extra)
  }
  await closed
  return said
}

function lockedBy (pid: number | undefined): object {
  return { name: 'PeerStoreLockedError', message: expect.stringMatching(new RegExp(`\\b${pid}\\b`)) }
}

async function untilOpen (child: ChildProcess): Promise<void> {
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) if (line === 'open') return
  throw new Error('it ended before it was open')
}

describe('a process that is killed', () => {
  it(`loses no acknowledged batch and tears none, in ${RUNS} runs`, async () => {
    const rng = seededRng(7)
    let acknowledged = 0
    for (let run = 0; run < RUNS; run++) {
      const path = join(tempFolder(), 'log')
      const said = await killAfter(start(path, 'write'), 2 + rng.int(60), rng.int(20))
      const last = Number(said.at(-1))
      expect(last).toBeGreaterThan(0)
      acknowledged += last

      const { log, entries, report } = await openReal(path)
      expect(report).toBeUndefined()
      const rounds = [...entries.keys()].filter(key => key.startsWith('round/')).map(key => Number(key.slice(6)))
      // The batch that was under way may be there too, but whole.
      expect([last, last + 1]).toContain(rounds.length)
      expect(rounds.at(-1)).toBe(rounds.length)
      const values = Array.from({ length: 10 }, (_, i) => text(entries.get(`peer/${i}`)))
      expect(new Set(values)).toEqual(new Set([`${rounds.length} `.repeat(40)]))
      await log.close()
    }
    console.info(`${RUNS} kills, ${acknowledged} acknowledged batches, none lost or torn`)
  }, 3_600_000)

  it('leaves a lock that the next one takes over', async () => {
    const path = join(tempFolder(), 'log')
    await killAfter(start(path, 'hold'), 1, 0)
    expect(existsSync(`${path}.lock`)).toBe(true)
    const { log } = await openReal(path)
    expect(log.state).toBe('open')
    expect(JSON.parse(readFileSync(`${path}.lock`, 'utf8'))).toMatchObject({ pid: process.pid })
  })
})

describe('a second opener', () => {
  it('in another process is refused with the pid within a second, and the first goes on', async () => {
    const path = join(tempFolder(), 'log')
    const child = start(path, 'write')
    await untilOpen(child)
    for (let i = 0; i < 10; i++) {
      const before = performance.now()
      await expect(openReal(path)).rejects.toMatchObject(lockedBy(child.pid))
      expect(performance.now() - before).toBeLessThan(1_000)
    }
    expect(child.exitCode).toBeNull()
    child.kill('SIGKILL')
    await new Promise(resolve => child.once('close', resolve))
    const { entries, report } = await openReal(path)
    expect(report).toBeUndefined()
    expect(entries.size).toBeGreaterThan(10)
  })

  it('in the same process is refused with the pid within a second, and the first keeps its lock and its records', async () => {
    const path = join(tempFolder(), 'log')
    const { log } = await openReal(path)
    log.put('a', bytes('1'))
    await log.flush()
    for (const name of [path, `${path}/../log`]) {
      const before = performance.now()
      await expect(openReal(name)).rejects.toMatchObject(lockedBy(process.pid))
      expect(performance.now() - before).toBeLessThan(1_000)
    }
    // F8: after that another process could open it, and both wrote.
    const child = start(path, 'hold')
    expect(await killAfter(child, 1, 0).catch(() => [])).toEqual([])
    log.put('b', bytes('2'))
    await log.flush()
    await log.close()
    const again = await openReal(path)
    expect([...again.entries.keys()]).toEqual(['a', 'b'])
  })
})

describe('a lock file', () => {
  const isLinux = process.platform === 'linux'
  const boot = isLinux ? readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim() : undefined

  it.each([
    ['of a process that is gone', JSON.stringify({ pid: 2 ** 22 + 1, bootId: boot, token: 'x' }), true],
    ['that says nothing, after a crash of the machine', '', true],
    ['with something else in it', '{"pid":"1"}', true],
    ['from before a restart of the machine', JSON.stringify({ pid: process.pid, bootId: 'another', token: 'x' }), isLinux],
    ['of a pid that is another process now', JSON.stringify({ pid: process.pid, bootId: boot, startTime: '1', token: 'x' }), isLinux],
    ['of this process, by another copy of the code', JSON.stringify({ pid: process.pid, bootId: boot, token: 'x' }), false]
  ])('%s: taken over or respected', async (_, content, isStale) => {
    const path = join(tempFolder(), 'log')
    writeFileSync(`${path}.lock`, content)
    const opening = nodeDisk().open(path)
    if (!isStale) {
      await expect(opening).rejects.toMatchObject({ name: 'PeerStoreLockedError' })
      expect(readFileSync(`${path}.lock`, 'utf8')).toBe(content)
      return
    }
    const log = await opening
    await log.close()
    expect(existsSync(`${path}.lock`)).toBe(false)
  })
})
