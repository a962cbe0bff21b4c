import { describe, expect, it } from 'vitest'
import { FIRST_HEDGE, HEDGE_MAX, HEDGE_MIN, STRETCH_MAX } from '../src/constants.ts'
import { YieldBook } from '../src/yield-book.ts'

const round = { fresh: 0, ms: 10, ttl: Infinity }

describe('what asking was worth', () => {
  it('one that was never asked is worth a try, and one that brings nothing soon is not', () => {
    const book = new YieldBook('mdns')
    const other = new YieldBook('mdns')
    const untried = book.worth
    for (let i = 0; i < 20; i++) book.add(round)
    for (let i = 0; i < 20; i++) other.add({ ...round, fresh: 3 })
    expect(book.worth).toBeLessThan(other.worth)
    expect(other.worth).toBeLessThan(untried)
  })

  it('counts against what a round costs', () => {
    const [cheap, dear] = [new YieldBook('bootstrap'), new YieldBook('dht')]
    for (const book of [cheap, dear]) book.add({ ...round, fresh: 10 })
    expect(cheap.worth).toBeGreaterThan(dear.worth)
  })

  it('waits for twice its usual time before another is asked, within bounds', () => {
    const book = new YieldBook('dns')
    expect(book.hedge).toBe(FIRST_HEDGE)
    book.add({ ...round, ms: 100 })
    expect(book.hedge).toBe(200)
    for (let i = 0; i < 50; i++) book.add({ ...round, ms: 60_000 })
    expect(book.hedge).toBe(HEDGE_MAX)
    for (let i = 0; i < 50; i++) book.add({ ...round, ms: 0 })
    expect(book.hedge).toBe(HEDGE_MIN)
  })

  it('is asked less often while it brings nobody new, and as ever when it does', () => {
    const book = new YieldBook('dht')
    expect(book.wait(60_000)).toBe(60_000)
    book.add(round)
    expect(book.wait(60_000)).toBe(90_000)
    for (let i = 0; i < 10; i++) book.add(round)
    expect(book.wait(60_000)).toBe(STRETCH_MAX * 60_000)
    book.add({ ...round, fresh: 1 })
    expect(book.wait(60_000)).toBe(60_000)
  })

  it('is asked again before what it told has lapsed', () => {
    const book = new YieldBook('dns')
    for (let i = 0; i < 10; i++) book.add({ ...round, ttl: 180_000 })
    expect(book.wait(60_000)).toBe(90_000)
    for (let i = 0; i < 10; i++) book.add({ ...round, ttl: 5_000 })
    expect(book.wait(60_000)).toBe(60_000)
  })
})
