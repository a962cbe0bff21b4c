import { setLatest } from '@peerweave/interface'
import { expect, it } from 'vitest'

it('holds n and not one more, and what was set again is not the oldest', () => {
  const map = new Map<string, number>()
  for (const [i, key] of ['a', 'b', 'c', 'a', 'd'].entries()) setLatest(map, key, i, 3)
  expect([...map]).toEqual([['c', 2], ['a', 3], ['d', 4]])
})

it('comes down to a bound that was lowered', () => {
  const map = new Map([[1, 1], [2, 2], [3, 3]])
  setLatest(map, 4, 4, 2)
  expect([...map.keys()]).toEqual([3, 4])
})
