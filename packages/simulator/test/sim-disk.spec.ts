import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { simDisk, streamOf, type SimDisk, type SimDiskInit } from '../src/index.ts'
import type { DiskLog, DiskWrite } from '@peerweave/interface'

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)
const put = (key: string, ...values: number[]): DiskWrite => ({ type: 'put', key, value: bytes(...values) })

async function contents (log: DiskLog): Promise<Record<string, number[]>> {
  return Object.fromEntries((await Array.fromAsync(log.entries())).map(([key, value]) => [key, [...value]]))
}

async function reopened (disk: SimDisk): Promise<Record<string, number[]>> {
  disk.powerOn()
  return await contents(await disk.open('store'))
}

/** Three batches of two entries that belong together; the middle one is synced. Says which were acknowledged. */
async function workload (disk: SimDisk, acknowledged: string[]): Promise<void> {
  const log = await disk.open('store')
  for (const [name, sync] of [['a', false], ['b', true], ['c', false]] as const) {
    await log.batch([put(`${name}1`, 1), put(`${name}2`, 2)], { sync })
    acknowledged.push(name)
  }
  await disk.writeFile('anchors', bytes(1))
  acknowledged.push('file 1')
  await disk.writeFile('anchors', bytes(2, 2))
  acknowledged.push('file 2')
}

describe('at every crash point, with ten seeds each,', () => {
  const total = async (): Promise<number> => {
    const disk = simDisk()
    await workload(disk, [])
    return disk.crashPoints().length
  }

  const cut = async (crashAt: number, seed: number, init: SimDiskInit = {}): Promise<{ acknowledged: string[], found: Record<string, number[]>, file: number[] | undefined }> => {
    const disk = simDisk({ ...init, crashAt, rng: streamOf(seed, 'disk') })
    const acknowledged: string[] = []
    await expect(workload(disk, acknowledged)).rejects.toMatchObject({ code: 'EIO' })
    const found = await reopened(disk)
    const file = await disk.readFile('anchors')
    return { acknowledged, found, file: file == null ? undefined : [...file] }
  }

  it('what was synced and acknowledged survives, batches are whole, and a file is the old or the new one', async () => {
    const points = await total()
    expect(points).toBe(13) // two for a batch, three for one that is synced and for a file
    const lost = new Set<string>()
    for (let point = 0; point < points; point++) {
      for (let seed = 0; seed < 10; seed++) {
        const { acknowledged, found, file } = await cut(point, seed)
        if (acknowledged.includes('b')) expect(found).toMatchObject({ a1: [1], a2: [2], b1: [1], b2: [2] })
        for (const name of ['a', 'b', 'c']) {
          expect(found[`${name}1`] == null).toBe(found[`${name}2`] == null)
          if (acknowledged.includes(name) && found[`${name}1`] == null) lost.add(name)
        }
        if (acknowledged.includes('file 2')) expect(file).toEqual([2, 2])
        else if (acknowledged.includes('file 1')) expect([[1], [2, 2]]).toContainEqual(file)
        else expect([undefined, [1]]).toContainEqual(file)
      }
    }
    expect(lost).toEqual(new Set(['a', 'c'])) // and what was not synced may go
  })

  it('a disk that tears leaves parts of batches', async () => {
    let torn = 0
    for (let seed = 0; seed < 30; seed++) {
      const { found } = await cut(1, seed, { tears: true })
      if ((found['a1'] == null) !== (found['a2'] == null)) torn++
    }
    expect(torn).toBeGreaterThan(0)
  })
})

describe('a disk', () => {
  it('is a sorted map with atomic batches, while nothing goes wrong', async () => {
    const key = fc.constantFrom('a', 'b', 'c', 'd')
    const write: fc.Arbitrary<DiskWrite> = fc.oneof(
      fc.record({ type: fc.constant('put' as const), key, value: fc.uint8Array({ maxLength: 3 }) }), fc.record({ type: fc.constant('del' as const), key })
    )
    await fc.assert(fc.asyncProperty(fc.array(fc.tuple(fc.array(write), fc.boolean())), async batches => {
      const disk = simDisk()
      const log = await disk.open('store')
      const model = new Map<string, number[]>()
      for (const [batch, sync] of batches) {
        await log.batch(batch, { sync })
        for (const change of batch) {
          if (change.type === 'put') model.set(change.key, [...change.value])
          else model.delete(change.key)
        }
      }
      expect((await Array.fromAsync(log.entries())).map(([key, value]) => [key, [...value]])).toEqual([...model].sort(([a], [b]) => a < b ? -1 : 1))
      expect(disk.used).toBe([...model].reduce((sum, [key, { length }]) => sum + key.length + length, 0))
    }))
  })

  it('keeps through the end of the process what it took, synced or not', async () => {
    const disk = simDisk()
    const log = await disk.open('store')
    await log.batch([put('a', 1)])
    disk.kill()
    await expect(log.batch([put('b', 1)])).rejects.toMatchObject({ code: 'EIO' })
    expect(await reopened(disk)).toEqual({ a: [1] })
  })

  it('refuses whole what does not fit, reads on, and takes more once there is room', async () => {
    const disk = simDisk({ capacity: 10 })
    const log = await disk.open('store')
    await log.batch([put('a', 1, 2, 3, 4)])
    await expect(log.batch([put('b', 1), put('c', 1, 2, 3, 4)])).rejects.toMatchObject({ code: 'ENOSPC' })
    await expect(disk.writeFile('anchors', new Uint8Array(6))).rejects.toMatchObject({ code: 'ENOSPC' })
    expect(await contents(log)).toEqual({ a: [1, 2, 3, 4] })
    await log.batch([put('a', 1), put('b', 1)]) // replaced, it is smaller
    disk.capacity = 100
    await log.batch([put('c', 1, 2, 3, 4)])
    expect(Object.keys(await contents(log))).toEqual(['a', 'b', 'c'])
  })

  it('that is read-only can be read', async () => {
    const disk = simDisk()
    const log = await disk.open('store')
    await log.batch([put('a', 1)])
    disk.isReadOnly = true
    await expect(log.batch([put('a', 2)])).rejects.toMatchObject({ code: 'EROFS' })
    await expect(disk.writeFile('anchors', bytes(1))).rejects.toMatchObject({ code: 'EROFS' })
    expect(await contents(log)).toEqual({ a: [1] })
  })

  it('has a log opened once at a time, by this process or another', async () => {
    const disk = simDisk()
    const first = await disk.open('store')
    await expect(disk.open('store')).rejects.toMatchObject({ name: 'PeerStoreLockedError' })
    await first.batch([put('a', 1)]) // unharmed
    await first.close()
    const unlock = disk.lock('store')
    await expect(disk.open('store')).rejects.toMatchObject({ name: 'PeerStoreLockedError' })
    unlock()
    expect(await contents(await disk.open('store'))).toEqual({ a: [1] })
    await expect(first.batch([put('a', 2)])).rejects.toMatchObject({ code: 'EBADF' })
  })

  it('shares no memory with who writes and who reads', async () => {
    const disk = simDisk()
    const log = await disk.open('store')
    const value = bytes(1)
    await log.batch([{ type: 'put', key: 'a', value }])
    value[0] = 9
    for await (const [, read] of log.entries()) read[0] = 8
    expect(await contents(log)).toEqual({ a: [1] })
  })

  it.each([
    ['flip', (damaged: number[] | undefined) => damaged?.length === 4 && damaged.join() !== '1,2,3,4'],
    ['truncate', (damaged: number[] | undefined) => damaged != null && damaged.length < 4],
    ['lose', (damaged: number[] | undefined) => damaged == null]
  ] as const)('is damaged on purpose, and stays so through a power cut: %s', async (damage, isDamaged) => {
    const disk = simDisk()
    const log = await disk.open('store')
    await log.batch([put('a', 1, 2, 3, 4), put('b', 1, 2, 3, 4)])
    await disk.writeFile('anchors', bytes(1, 2, 3, 4))
    const key = disk.damage('store', damage) ?? ''
    expect(['a', 'b']).toContain(key)
    expect(disk.damage('anchors', damage)).toBe('anchors')
    disk.powerCut()
    const found = await reopened(disk)
    expect(isDamaged(found[key])).toBe(true)
    expect(found[key === 'a' ? 'b' : 'a']).toEqual([1, 2, 3, 4])
    const file = await disk.readFile('anchors')
    expect(isDamaged(file == null ? undefined : [...file])).toBe(true)
  })

  it('sets a closed log aside, and keeps the newest three of those', async () => {
    const disk = simDisk()
    for (let i = 1; i <= 5; i++) {
      const log = await disk.open('store')
      await log.batch([put('a', i)])
      await expect(disk.setAside('store')).rejects.toMatchObject({ name: 'PeerStoreLockedError' })
      await log.close()
      expect(await disk.setAside('store')).toBe(`store.damaged-${i}`)
    }
    expect(await contents(await disk.open('store'))).toEqual({})
    expect(await contents(await disk.open('store.damaged-3'))).toEqual({ a: [3] })
    expect(await contents(await disk.open('store.damaged-2'))).toEqual({})
  })
})
