import { virtualClock } from '@peerweave/interface'
import { describe, expect, it } from 'vitest'
import { inParallel } from '../../src/read/in-parallel.ts'

describe('work in parallel', () => {
  it('is so much at once, and comes as it is done', async () => {
    const clock = virtualClock()
    let now = 0
    let most = 0
    const done = Array.fromAsync(inParallel([5, 1, 3, 2, 4, 6], 3, async ms => {
      most = Math.max(most, ++now)
      await clock.sleep(ms)
      now--
      return ms
    }))
    await clock.advance(20)
    expect(await done).toEqual([1, 3, 2, 5, 4, 6])
    expect(most).toBe(3)
  })

  it('may become more while it is done', async () => {
    const items = [3]
    const results = await Array.fromAsync(inParallel(items, 2, async item => {
      if (item > 0) items.push(item - 1, item - 1)
      return item
    }))
    expect(results.sort((one, other) => other - one)).toEqual([3, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0])
  })

  it('ends with the first that fails', async () => {
    const source = inParallel([1, 2, 3], 2, async item => {
      if (item === 2) throw new Error('two')
      return item
    })
    await expect(Array.fromAsync(source)).rejects.toThrow('two')
  })
})
