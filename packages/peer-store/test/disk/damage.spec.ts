/** Ten kinds of damage to a log on a real disk: it always opens, says so when something was lost, and goes on. */
import { copyFileSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { seededRng, systemClock, type Rng } from '@peerweave/interface'
import { describe, expect, it } from 'vitest'
import { openLog } from '../../src/disk/durable-log.ts'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { flip, KINDS } from './damage-kinds.ts'
import { byTier, bytes, openReal, tempFolder, text } from './support.ts'

const SEEDS = byTier({ default: 2, ci: 10, long: 200 })
const RECORDS = 600

/** A log with tables and a tail, as it stands after some work, without its last owner. */
async function build (path: string, rng: Rng): Promise<Map<string, string>> {
  const expected = new Map<string, string>()
  for (let session = 0; session < 3; session++) {
    const { log } = await openLog({ disk: nodeDisk(), path, clock: systemClock() })
    for (let batch = 0; batch < 8; batch++) {
      for (let i = 0; i < RECORDS / 8; i++) {
        const key = `peer/${String(rng.int(RECORDS)).padStart(6, '0')}`
        const value = Array.from({ length: 40 }, () => rng.int(2 ** 32).toString(36)).join(' ')
        if (rng.int(10) === 0) {
          log.del(key)
          expected.delete(key)
        } else {
          log.put(key, bytes(value))
          expected.set(key, value)
        }
      }
      await log.flush()
    }
    await log.close()
  }
  return expected
}

describe.each(KINDS)('%s', (_, damage) => {
  it(`is survived and reported, ${SEEDS} seeds`, async () => {
    let lost = 0
    let records = 0
    for (let seed = 1; seed <= SEEDS; seed++) {
      const rng = seededRng(seed)
      const folder = tempFolder()
      const path = join(folder, 'log')
      const expected = await build(path, rng)
      damage(path, rng)

      const { log, entries, report } = await openReal(path)
      expect(log.state, `seed ${seed}`).toBe('open')
      const isChanged = entries.size !== expected.size || [...entries].some(([key, value]) => expected.get(key) !== text(value))
      if (isChanged) expect(report, `seed ${seed}`).toBeDefined()
      const missing = [...expected.keys()].filter(key => !entries.has(key)).length
      const back = [...entries.keys()].filter(key => !expected.has(key)).length
      if (report != null) {
        expect(report.kept).toBe(entries.size)
        expect(report.reason).not.toBe('')
        expect(report.missing + report.damaged, `seed ${seed}: ${report.reason}`).toBeGreaterThanOrEqual(Math.max(0, missing - back))
      }
      lost += missing
      records += expected.size

      // It goes on: what was readable is there again, without another complaint.
      log.put('peer/new', bytes('new'))
      await log.close()
      const again = await openReal(path)
      expect(again.report, `seed ${seed}`).toBeUndefined()
      expect(again.entries.size).toBe(entries.size + 1)
      await again.log.close()
      rmSync(folder, { recursive: true, force: true })
    }
    console.info(`${_}: ${lost} of ${records} records lost in ${SEEDS} runs`)
  }, 3_600_000)
})

it('a log that was lost whole is reported, because the file beside it still tells', async () => {
  const path = join(tempFolder(), 'log')
  const expected = await build(path, seededRng(1))
  rmSync(path, { recursive: true })
  const { entries, report } = await openReal(path)
  expect(entries.size).toBe(0)
  expect(report).toMatchObject({ kept: 0, missing: expected.size })
})

it('a damaged checkpoint file is reported and loses nothing', async () => {
  const path = join(tempFolder(), 'log')
  const expected = await build(path, seededRng(1))
  flip(`${path}.head`, seededRng(2), 1)
  const { entries, report } = await openReal(path)
  expect(entries.size).toBe(expected.size)
  expect(report).toMatchObject({ damaged: 0, missing: 0, reason: 'the checkpoint file is damaged' })
})

it('an old copy put in the place of the log is found by its generation', async () => {
  const folder = tempFolder()
  const path = join(folder, 'log')
  await build(path, seededRng(1))
  const copy = join(folder, 'copy')
  mkdirSync(copy)
  for (const name of readdirSync(path)) copyFileSync(join(path, name), join(copy, name))
  const { log } = await openReal(path)
  log.put('peer/000001', bytes('another value'))
  await log.close()
  rmSync(path, { recursive: true })
  mkdirSync(path)
  for (const name of readdirSync(copy)) copyFileSync(join(copy, name), join(path, name))
  expect((await openReal(path)).report?.reason).toContain('the last 1 batches are gone')
})

it('keeps the newest three damaged logs', async () => {
  const folder = tempFolder()
  const path = join(folder, 'log')
  for (let i = 0; i < 5; i++) {
    const { log } = await openReal(path)
    log.put('a', bytes(String(i)))
    await log.close()
    rmSync(join(path, 'CURRENT'))
  }
  await (await openReal(path)).log.close()
  expect(readdirSync(folder).filter(name => name.includes('damaged')).sort()).toEqual(['log.damaged-3', 'log.damaged-4', 'log.damaged-5'])
})
