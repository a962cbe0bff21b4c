/** The log on the simulator's disk and clock: when it writes, what it does when the disk fails, formats, power cuts. */
import { seededRng, virtualClock, type Disk, type VirtualClock } from '@peerweave/interface'
import { simDisk, type SimDisk } from '@peerweave/simulator'
import { describe, expect, it } from 'vitest'
import { encodeCheckpoint } from '../../src/disk/checkpoint.ts'
import { crc32c } from '../../src/disk/crc32c.ts'
import { openLog, type DurableLogInit, type DurableLogState, type OpenedLog, type Recovery } from '../../src/disk/durable-log.ts'
import { byTier, bytes, text } from './support.ts'

const CUTS = byTier({ default: 60, ci: 200, long: 2_000 })

interface Setup {
  disk: SimDisk
  clock: VirtualClock
  open: (init?: Partial<DurableLogInit>) => Promise<OpenedLog>
}

function setup (disk: SimDisk = simDisk()): Setup {
  const clock = virtualClock()
  return { disk, clock, open: async init => await openLog({ disk, path: 'log', clock, ...init }) }
}

function shown ({ entries }: OpenedLog): Record<string, string> {
  return Object.fromEntries([...entries].map(([key, value]) => [key, String(text(value))]))
}

it('the checksum is the one of RFC 3720', () => {
  expect(crc32c(bytes('123456789'))).toBe(0xe3069283)
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa)
  expect(crc32c(bytes('6789'), crc32c(bytes('12345')))).toBe(0xe3069283)
})

describe('changes', () => {
  it('are written in one batch after a second, the last one of each key', async () => {
    const events: string[] = []
    const { clock, open } = setup(simDisk({ onEvent: (kind, detail) => events.push(`${kind} ${detail}`) }))
    const { log } = await open()
    for (let i = 0; i < 100; i++) log.put(`key ${i % 3}`, bytes(String(i)))
    log.put('gone', bytes(''))
    log.del('gone')
    expect(log.pending).toBe(3)
    await clock.advance(999)
    expect(events).toEqual([])
    await clock.advance(1)
    expect(events).toEqual(['batch log 4']) // three and the checkpoint
    await clock.advance(5_000)
    expect(events.slice(1)).toEqual(['batch log 1 sync', 'file log.head 29'])
    await log.close()
    expect(clock.pending).toBe(0)
    expect(shown(await open())).toEqual({ 'key 0': '99', 'key 1': '97', 'key 2': '98' })
  })

  it('that ask for it are synced with their batch, as all are by flush and close', async () => {
    const events: string[] = []
    const { clock, open } = setup(simDisk({ onEvent: (kind, detail) => events.push(`${kind} ${detail}`) }))
    const { log } = await open()
    log.put('tried', bytes('1'), { sync: true })
    await clock.advance(1_000)
    log.put('new', bytes('1'))
    await log.flush()
    await log.flush()
    log.del('new')
    await log.close()
    await log.close()
    expect(events.filter(event => event.startsWith('batch'))).toEqual(Array.from({ length: 3 }, () => 'batch log 2 sync'))
    expect(() => log.put('a', bytes(''))).toThrow(expect.objectContaining({ name: 'NotStartedError' }))
    await expect(log.flush()).rejects.toMatchObject({ name: 'NotStartedError' })
  })

  it('are copies: the caller’s buffer may change', async () => {
    const { open } = setup()
    const { log } = await open()
    const value = bytes('before')
    log.put('a', value)
    value.fill(0)
    await log.close()
    expect(shown(await open())).toEqual({ a: 'before' })
  })

  it('of the log’s own keys are refused', async () => {
    const { log } = await setup().open()
    expect(() => log.put('meta/checkpoint', bytes(''))).toThrow(TypeError)
  })
})

describe('a disk that fails', () => {
  it('is tried again after 1, 2, 4 … 60 s, and then works without a restart', async () => {
    const states: DurableLogState[] = []
    const { disk, clock, open } = setup()
    let opens = 0
    const counting: Disk = { ...bound(disk), open: async path => { opens++; return await disk.open(path) } }
    const { log } = await open({ disk: counting, onState: state => states.push(state) })
    log.put('a', bytes('1'))
    await log.flush()
    disk.capacity = 0
    log.put('b', bytes('2'))
    await expect(log.flush()).rejects.toMatchObject({ code: 'ENOSPC' })
    expect([log.state, opens]).toEqual(['degraded', 1])
    const at: number[] = []
    for (let second = 1; second <= 200; second++) {
      const before = opens
      log.put('b', bytes(String(second)))
      await clock.advance(1_000)
      if (opens > before) at.push(second)
    }
    expect(at).toEqual([1, 3, 7, 15, 31, 63, 123, 183])
    expect(log.pending).toBe(1)
    disk.capacity = Infinity
    await clock.advance(60_000)
    expect([log.state, log.error, log.pending]).toEqual(['open', undefined, 0])
    expect(states).toEqual(['degraded', 'open'])
    await log.close()
    expect(shown(await open())).toEqual({ a: '1', b: '200' })
  })

  it('by being read-only says so', async () => {
    const { disk, clock, open } = setup()
    const { log } = await open()
    disk.isReadOnly = true
    log.put('a', bytes('1'))
    await clock.advance(1_000)
    expect(log.state).toBe('read-only')
    await expect(log.close()).rejects.toMatchObject({ code: 'EROFS' })
    expect([log.state, clock.pending]).toEqual(['closed', 0])
    await (await open()).log.close() // the folder is free
  })

  it('at the start gives what it holds later, but nothing that was changed or deleted since', async () => {
    const { disk, clock, open } = setup()
    const first = await open()
    for (const key of ['a', 'b', 'c']) first.log.put(key, bytes('old'))
    await first.log.close()
    let isBroken = true
    const recoveries: Recovery[] = []
    const broken: Disk = {
      ...bound(disk),
      open: async path => {
        if (isBroken) throw Object.assign(new Error('EIO'), { code: 'EIO' })
        return await disk.open(path)
      }
    }
    const { log, entries } = await open({ disk: broken, onRecovery: recovery => recoveries.push(recovery) })
    expect([log.state, entries.size]).toEqual(['degraded', 0])
    log.put('b', bytes('new'))
    log.del('c')
    isBroken = false
    await clock.advance(1_000)
    expect(recoveries.map(({ entries }) => [...entries.keys()])).toEqual([['a']])
    await log.close()
    expect(shown(await open())).toEqual({ a: 'old', b: 'new' })
  })
})

describe('damage', () => {
  it.each(['flip', 'truncate', 'lose'] as const)('%s of one record: that one goes, it is reported, the rest is there', async damage => {
    for (let seed = 1; seed <= 50; seed++) {
      const { disk, open } = setup(simDisk({ rng: seededRng(seed) }))
      const first = await open()
      for (let i = 0; i < 20; i++) first.log.put(`key ${i}`, bytes(`value ${i}`))
      await first.log.close()
      const key = disk.damage('log', damage)
      const { log, entries, report } = await open()
      const isRecord = key?.startsWith('key') === true
      expect(entries.size).toBe(isRecord ? 19 : 20)
      expect(report?.kept).toBe(entries.size)
      if (isRecord) expect([report?.damaged, report?.missing]).toEqual(damage === 'lose' ? [0, 1] : [1, 0])
      expect(report?.movedTo).toBe(damage === 'lose' ? undefined : 'log.damaged-1')
      await log.close()
      const again = await open()
      expect([again.report, again.entries.size]).toEqual([undefined, entries.size])
    }
  })

  it.each([false, true])('found while the disk is full costs nothing of what was salvaged (opening fails too: %s)', async opensFail => {
    const { disk, clock, open } = setup()
    const first = await open()
    for (let i = 0; i < 20; i++) first.log.put(`key ${i}`, bytes(`value ${i}`))
    await first.log.close()
    disk.damage('log', 'flip', 'key 7')
    disk.capacity = 0
    let opens = 0
    const failing: Disk = {
      ...bound(disk),
      open: async path => {
        // The first two read the damaged log, before and after it was set aside.
        if (opensFail && disk.capacity === 0 && ++opens > 2) throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' })
        return await disk.open(path)
      }
    }
    const recoveries: Recovery[] = []
    const { log, entries, report } = await open({ disk: failing, onRecovery: recovery => recoveries.push(recovery) })
    expect([entries.size, report?.damaged, log.state, log.pending]).toEqual([19, 1, 'degraded', 19])
    await clock.advance(10_000)
    disk.capacity = Infinity
    await clock.advance(60_000)
    expect([log.state, log.pending, recoveries]).toEqual(['open', 0, []])
    await log.close()
    const again = await open()
    expect([again.entries.size, again.report]).toEqual([19, undefined])
  })

  it('does not come from a power cut: at any moment what was flushed is there, whole, without a report', async () => {
    let cuts = 0
    for (let crashAt = 0; crashAt < CUTS; crashAt++) {
      const { disk, clock, open } = setup(simDisk({ rng: seededRng(crashAt), crashAt }))
      const { log } = await open()
      let flushed = 0
      for (let round = 1; round <= 40 && log.state === 'open'; round++) {
        for (const key of ['a', 'b', 'c']) log.put(key, bytes(String(round)))
        if (round % 3 === 0) await log.flush().then(() => { flushed = round }, () => {})
        else await clock.advance(1_000)
      }
      if (log.state !== 'open') cuts++
      await log.close().catch(() => {})
      disk.powerOn()
      const { entries, report } = await open()
      expect(report, `cut at ${crashAt}`).toBeUndefined()
      const values = ['a', 'b', 'c'].map(key => Number(text(entries.get(key)) ?? 0))
      expect(new Set(values).size, `cut at ${crashAt}`).toBe(1)
      expect(values[0], `cut at ${crashAt}`).toBeGreaterThanOrEqual(flushed)
    }
    expect(cuts).toBeGreaterThan(40)
  })
})

describe('the format', () => {
  it.each(['file', 'log'])('newer, as the %s says, is refused clearly and left as it is', async where => {
    const { disk, open } = setup()
    const first = await open({ version: 2 })
    first.log.put('a', bytes('of the future'))
    await first.log.close()
    if (where === 'log') await disk.writeFile('log.head', encodeCheckpoint({ generation: 0, count: 0, sum: 0 }, 1))
    const { used } = disk
    await expect(open()).rejects.toMatchObject({
      name: 'PeerStoreVersionError',
      code: 'ERR_PEER_STORE_VERSION',
      message: expect.stringContaining('written by a newer version (format 2; this one reads up to 1)')
    })
    expect(disk.used).toBe(used)
    if (where === 'file') expect(shown(await open({ version: 2 }))).toEqual({ a: 'of the future' })
  })

  it('older is migrated, once', async () => {
    const { open } = setup()
    const first = await open()
    for (const key of ['a', 'b', 'c']) first.log.put(key, bytes(key))
    await first.log.close()
    const seen: string[] = []
    const migrate: DurableLogInit['migrate'] = (key, value, from) => {
      seen.push(`${key} ${from}`)
      if (key === 'a') return undefined
      return [key === 'b' ? 'new b' : key, bytes(`${text(value)}${text(value)}`)]
    }
    for (let i = 0; i < 2; i++) {
      const opened = await open({ version: 3, migrate })
      expect([shown(opened), opened.report]).toEqual([{ 'new b': 'bb', c: 'cc' }, undefined])
      await opened.log.close()
    }
    expect(seen).toEqual(['a 1', 'b 1', 'c 1'])
  })
})

function bound (disk: SimDisk): Disk {
  return {
    open: async path => await disk.open(path),
    setAside: async path => await disk.setAside(path),
    writeFile: async (path, bytes) => { await disk.writeFile(path, bytes) },
    readFile: async path => await disk.readFile(path)
  }
}
