/** The process ends while a damaged log is being rebuilt: the next one takes what was salvaged from where it was moved. */
import { join } from 'node:path'
import { rmSync } from 'node:fs'
import { virtualClock, type Disk, type DiskLog } from '@peerweave/interface'
import { simDisk } from '@peerweave/simulator'
import { expect, it } from 'vitest'
import { openLog, type OpenedLog } from '../../src/disk/durable-log.ts'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { bytes, tempFolder, text } from './support.ts'

interface DyingDisk extends Disk {
  /** What it was asked for. */
  steps: string[]
  /** Lets go of what a process that ends lets go of. */
  bury: () => Promise<void>
}

/** Takes so many steps, and then not one more, as a process that was killed. */
function dyingDisk (disk: Disk, life: number): DyingDisk {
  const steps: string[] = []
  const open: DiskLog[] = []
  const step = async <T> (what: string, run: () => Promise<T>): Promise<T> => {
    if (steps.length >= life) throw new Error('the process is gone')
    steps.push(what)
    const result = await run()
    // After the last step nobody hears of what it did.
    if (steps.length >= life) throw new Error('the process is gone')
    return result
  }
  return {
    steps,
    open: async path => await step('open', async () => {
      const log = await disk.open(path)
      open.push(log)
      return { ...log, batch: async (writes, options) => { await step('batch', async () => { await log.batch(writes, options) }) } }
    }),
    setAside: async path => await step('setAside', async () => await disk.setAside(path)),
    writeFile: async (path, bytes) => { await step('writeFile', async () => { await disk.writeFile(path, bytes) }) },
    readFile: async path => await step('readFile', async () => await disk.readFile(path)),
    bury: async () => { for (const log of open) await log.close() }
  }
}

const RECORDS = 20

async function openOn (disk: Disk, path: string): Promise<OpenedLog> {
  return await openLog({ disk, path, clock: virtualClock() })
}

async function fill (disk: Disk, path: string): Promise<void> {
  const { log } = await openOn(disk, path)
  for (let i = 0; i < RECORDS; i++) log.put(`key ${i}`, bytes(`value ${i}`))
  await log.close()
}

/** Opens, and ends after so many steps. @returns the steps that it came to take */
async function openAndDie (disk: Disk, path: string, life: number): Promise<string[]> {
  const dying = dyingDisk(disk, life)
  await openOn(dying, path).catch(() => {}) // it may be open, with a disk that has failed: the test just leaves it
  await dying.bury()
  return dying.steps
}

it('at any step loses nothing of what was salvaged, and is told until the rebuilt log is there', async () => {
  let steps: string[] = []
  for (let life = 1; ; life++) {
    const disk = simDisk()
    await fill(disk, 'log')
    disk.damage('log', 'flip', 'key 7')
    steps = await openAndDie(disk, 'log', life)
    const { log, entries, report } = await openOn(disk, 'log')
    const where = `ends after ${steps.join(', ')}`
    expect(entries.size, where).toBe(RECORDS - 1)
    expect(text(entries.get('key 8')), where).toBe('value 8')
    if (!steps.includes('batch')) expect(report, where).toMatchObject({ kept: RECORDS - 1, movedTo: 'log.damaged-1' })
    await log.close()
    const again = await openOn(disk, 'log')
    expect([again.entries.size, again.report], where).toEqual([RECORDS - 1, undefined])
    await again.log.close()
    if (steps.length < life) break
  }
  expect(steps).toEqual([
    'readFile', 'readFile', 'open', 'writeFile', 'setAside', 'writeFile', 'open', 'open', 'batch', 'writeFile'
  ])
})

it('twice costs nothing either', async () => {
  // Where it is only when both end between the move and the note of it: then it starts empty, as it says, and the data stays.
  for (let first = 1; first < 12; first++) {
    for (let second = 1; second < 12; second++) {
      const disk = simDisk()
      await fill(disk, 'log')
      disk.damage('log', 'flip', 'key 7')
      const steps = [await openAndDie(disk, 'log', first), await openAndDie(disk, 'log', second)]
      if (steps.every(steps => steps.at(-1) === 'setAside')) continue
      const { log, entries } = await openOn(disk, 'log')
      expect(entries.size, `${first} and ${second} steps: ${steps.join('; ')}`).toBe(RECORDS - 1)
      await log.close()
    }
  }
})

it.each(['setAside', 'open'])('on a real disk, after the step %s', async last => {
  const path = join(tempFolder(), 'log')
  await fill(nodeDisk(), path)
  rmSync(join(path, 'CURRENT'))
  const life = last === 'setAside' ? 5 : 8
  expect((await openAndDie(nodeDisk(), path, life)).at(-1)).toBe(last)
  const { log, entries, report } = await openOn(nodeDisk(), path)
  expect(entries.size).toBe(RECORDS)
  expect(report?.reason).toContain('it was being rebuilt when the process ended')
  await log.close()
})

it('long ago is not taken for now: a log that is lost whole later brings no old records back', async () => {
  const disk = simDisk()
  await fill(disk, 'log')
  disk.damage('log', 'flip', 'key 7')
  const { log } = await openOn(disk, 'log')
  log.del('key 1')
  await log.close()
  await disk.setAside('log')
  const { entries, report } = await openOn(disk, 'log')
  expect(entries.size).toBe(0)
  expect(report).toMatchObject({ missing: RECORDS - 2, movedTo: undefined })
})

it('in the same process, while the disk is full, brings nothing back that was deleted meanwhile', async () => {
  const disk = simDisk()
  const clock = virtualClock()
  await fill(disk, 'log')
  disk.damage('log', 'flip', 'key 7')
  disk.capacity = disk.used + 200 // enough for the note, not for the records
  const recovered: string[] = []
  const { log, entries } = await openLog({
    disk, path: 'log', clock, onRecovery: ({ entries }) => recovered.push(...entries.keys())
  })
  expect([entries.size, log.state]).toEqual([RECORDS - 1, 'degraded'])
  log.del('key 1')
  disk.capacity = Infinity
  await clock.advance(10_000)
  expect([log.state, recovered]).toEqual(['open', []])
  await log.close()
  expect((await openOn(disk, 'log')).entries.has('key 1')).toBe(false)
})
