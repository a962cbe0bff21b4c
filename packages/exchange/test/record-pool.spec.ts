/** The records that we pass on: which one of a peer stands, for how long, and who makes room when there are too many. */
import { multiaddr } from '@multiformats/multiaddr'
import { keyedHash, limits, seededRng, shuffle, virtualClock, type ReporterScope, type VirtualClock } from '@peerweave/interface'
import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { isFitFor, RecordPool, type Heard, scopesOf } from '../src/record-pool.ts'
import { LOOPBACK, numRuns, paperId, paperRecord, PRIVATE, PUBLIC } from './support.ts'

let clock: VirtualClock
let pool: RecordPool

function newPool (): RecordPool {
  return new RecordPool({ clock, hash: keyedHash(new Uint8Array(8)) })
}

beforeEach(() => {
  clock = virtualClock()
  pool = newPool()
})

function heard (peer: string | number, { seq = 1n, reporter = 'r', ...rest }: Partial<Omit<Heard, 'record' | 'reporter'>> & { seq?: bigint, reporter?: string | number } = {}): Heard {
  return { record: paperRecord(peer, seq), ttl: 60_000, hops: 1, isAsked: true, reporter: paperId(reporter), ...rest }
}

function names (of: RecordPool = pool): string[] {
  return [...of].map(({ record }) => record.peerId.toString()).sort()
}

/** How many each holder has. */
function shares (): Map<string, number> {
  const result = new Map<string, number>()
  for (const { holder } of pool) result.set(holder, (result.get(holder) ?? 0) + 1)
  return result
}

describe('of one peer', () => {
  it('the record with the highest seq stands, whatever comes later', () => {
    expect(pool.add(heard('p', { seq: 5n }))).toBe('new')
    expect(pool.add(heard('p', { seq: 4n }))).toBe('old')
    expect(pool.get(paperId('p'))?.record.seq).toBe(5n)
    expect(pool.add(heard('p', { seq: 6n }))).toBe('new')
    expect(pool.get(paperId('p'))?.record.seq).toBe(6n)
    expect(pool.size).toBe(1)
  })

  it('heard again it stands for the longer of both times and by the fewer hops', () => {
    pool.add(heard('p', { ttl: 10_000, hops: 3 }))
    expect(pool.add(heard('p', { ttl: 5_000, hops: 1, reporter: 's' }))).toBe('renewed')
    expect(pool.get(paperId('p'))).toMatchObject({ hops: 1, expiresAt: 10_000 })
    pool.add(heard('p', { ttl: 20_000, hops: 2, reporter: 's' }))
    expect(pool.get(paperId('p'))).toMatchObject({ hops: 1, expiresAt: 20_000 })
  })

  it('a newer one begins with its own time and hops', () => {
    pool.add(heard('p', { ttl: 60_000, hops: 0 }))
    pool.add(heard('p', { seq: 2n, ttl: 5_000, hops: 3 }))
    expect(pool.get(paperId('p'))).toMatchObject({ hops: 3, expiresAt: 5_000 })
  })

  it('a record without addresses keeps older ones away', () => {
    pool.add(heard('p'))
    pool.add({ ...heard('p'), record: paperRecord('p', 2n, []) })
    expect(pool.add(heard('p', { reporter: 's' }))).toBe('old')
    expect(pool.get(paperId('p'))?.record.addresses).toEqual([])
    expect(pool.add(heard('p', { seq: 3n }))).toBe('new')
  })

  it('nothing is left when its time is over: an older record is none of an older one then', async () => {
    pool.add(heard('p', { seq: 9n, ttl: 1_000 }))
    await clock.advance(999)
    expect(names()).toEqual(['peer p'])
    await clock.advance(1)
    expect(pool.get(paperId('p'))).toBeUndefined()
    expect(pool.add(heard('p', { seq: 3n }))).toBe('new')
    await clock.advance(60_000)
    expect([names(), pool.size]).toEqual([[], 0])
  })
})

describe('the law of a pool within its bounds', () => {
  it('is a table of the highest seq of each, its longest time and its fewest hops', async () => {
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.record({
        peer: fc.nat(4), seq: fc.nat(3), ttl: fc.integer({ min: 1, max: 50 }), hops: fc.nat(3), reporter: fc.nat(4), isAsked: fc.boolean(), isEmpty: fc.boolean()
      }) },
      { weight: 1, arbitrary: fc.integer({ min: 1, max: 40 }) }
    )
    await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 40 }), async steps => {
      clock = virtualClock()
      pool = newPool()
      const model = new Map<number, { seq: number, until: number, hops: number, addresses: number }>()
      for (const now of steps) {
        if (typeof now === 'number') {
          await clock.advance(now)
          continue
        }
        const { peer, seq, ttl, hops, reporter, isAsked, isEmpty } = now
        const until = clock.now() + ttl
        const stands = model.get(peer)
        const known = stands != null && stands.until > clock.now() ? stands : undefined
        const expected = known == null || seq > known.seq ? 'new' : seq < known.seq ? 'old' : 'renewed'
        if (expected === 'new') model.set(peer, { seq, until, hops, addresses: isEmpty ? 0 : 1 })
        if (expected === 'renewed' && known != null) Object.assign(known, { until: Math.max(until, known.until), hops: Math.min(hops, known.hops) })
        const record = paperRecord(peer, BigInt(seq), isEmpty ? [] : [PUBLIC])
        expect(pool.add({ record, ttl, hops, reporter: paperId(reporter), isAsked })).toBe(expected)
      }
      const stand = [...model].filter(([, { until }]) => until > clock.now())
      const held = [...pool].map(({ record, expiresAt, hops }) => [record.peerId, record.seq, expiresAt, hops, record.addresses.length].join())
      expect(held.sort()).toEqual(stand.map(([peer, { seq, until, hops, addresses }]) => [`peer ${peer}`, seq, until, hops, addresses].join()).sort())
      expect(pool.size).toBe(stand.length)
    }), { numRuns: Math.min(numRuns, 5_000) })
  })
})

describe('the bounds', () => {
  it.each([[63, 63], [64, 64], [65, 64]])('of %i records that one peer brought unasked %i are kept', (count, kept) => {
    for (let i = 0; i < count; i++) pool.add(heard(i, { isAsked: false }))
    expect(pool.size).toBe(kept)
  })

  it.each([[255, 255], [256, 256], [257, 256]])('of %i records in one peer\'s answers %i are kept', (count, kept) => {
    for (let i = 0; i < count; i++) pool.add(heard(i))
    expect(pool.size).toBe(kept)
  })

  it.each([[1_023, 1_023], [1_024, 1_024], [1_025, 1_024]])('of %i records of all peers %i are kept', (count, kept) => {
    for (let i = 0; i < count; i++) pool.add(heard(i, { reporter: i % 8 }))
    expect(pool.size).toBe(kept)
  })

  it('hold in any flood, and each share with them', async () => {
    const flood = fc.array(fc.record({ from: fc.nat(6), isAsked: fc.boolean(), count: fc.integer({ min: 1, max: 400 }), wait: fc.nat(500) }), { minLength: 1, maxLength: 8 })
    await fc.assert(fc.asyncProperty(flood, fc.integer(), async (parts, seed) => {
      clock = virtualClock()
      pool = newPool()
      const rng = seededRng(seed)
      for (const { from, isAsked, count, wait } of parts) {
        for (let i = 0; i < count; i++) pool.add(heard(rng.int(3_000), { seq: BigInt(rng.int(3)), reporter: from, isAsked, ttl: 1 + rng.int(1_000) }))
        expect(pool.size).toBeLessThanOrEqual(limits.exchangeRecords)
        await clock.advance(wait)
        for (const [holder, share] of shares()) {
          expect(share).toBeLessThanOrEqual(holder.startsWith('asked') ? limits.exchangeAsked : limits.exchangeUnasked)
        }
      }
    }), { numRuns: 20 })
  })

  it('say so to whoever has no room left', () => {
    const results = Array.from({ length: 200 }, (_, i) => pool.add(heard(i, { isAsked: false })))
    expect(new Set(results)).toEqual(new Set(['new', 'full']))
    expect(pool.size).toBe(limits.exchangeUnasked)
  })
})

describe('when there are too many', () => {
  it('of one peer\'s, which ones stay does not depend on the order', () => {
    fc.assert(fc.property(fc.integer(), fc.boolean(), (seed, isAsked) => {
      const all = Array.from({ length: 400 }, (_, i) => heard(i, { isAsked }))
      const [one, other] = [newPool(), newPool()]
      for (const record of all) one.add(record)
      for (const record of shuffle(seededRng(seed), all)) other.add(record)
      expect(names(other)).toEqual(names(one))
    }), { numRuns: 20 })
  })

  it('and with another key others stay', () => {
    const other = new RecordPool({ clock, hash: keyedHash(new Uint8Array(8).fill(1)) })
    for (let i = 0; i < 400; i++) for (const one of [pool, other]) one.add(heard(i))
    expect(names(other)).not.toEqual(names())
  })

  it('flooders push out only what flooders brought, before and after, with newer records of honest peers too', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 9 }), fc.integer(), fc.boolean(), (flooders, seed, isFirst) => {
      pool = newPool()
      const rng = seededRng(seed)
      const fair = Math.floor(limits.exchangeRecords / (flooders + 1))
      const honest = Array.from({ length: Math.min(fair, limits.exchangeAsked) }, (_, i) => `honest ${i}`)
      const bring = (): void => { for (const name of honest) pool.add(heard(name, { reporter: 'honest' })) }
      const flood = (): void => {
        for (const record of shuffle(rng, Array.from({ length: flooders * 600 }, (_, i) => i))) pool.add(heard(record, { reporter: `flooder ${record % flooders}` }))
      }
      if (isFirst) bring()
      flood()
      if (!isFirst) bring()
      // Whoever passes an honest peer's next record on does not get that peer into its share, where its flood would reach it.
      for (const name of honest) pool.add(heard(name, { seq: 2n, reporter: `flooder ${rng.int(flooders)}` }))
      flood()
      const left = new Set(names())
      expect(honest.filter(name => !left.has(`peer ${name}`))).toEqual([])
    }), { numRuns: 8 })
  })

  it('a peer that a flooder told us of first is its own as soon as it comes itself', () => {
    pool.add(heard('p', { reporter: 'flooder' }))
    expect(pool.add(heard('p', { reporter: 'p', isAsked: false }))).toBe('renewed')
    for (let i = 0; i < 5_000; i++) pool.add(heard(i, { reporter: 'flooder' }))
    expect(pool.get(paperId('p'))).toBeDefined()
  })

  it('what has run out goes before anything that stands', async () => {
    for (let i = 0; i < limits.exchangeUnasked; i++) pool.add(heard(i, { isAsked: false, ttl: 1_000 }))
    await clock.advance(1_000)
    const results = Array.from({ length: limits.exchangeUnasked }, (_, i) => pool.add(heard(1_000 + i, { isAsked: false })))
    expect(new Set(results)).toEqual(new Set(['new']))
    for (let i = 0; i < 960; i++) pool.add(heard(`x ${i}`, { reporter: i % 8, ttl: 1_000 }))
    await clock.advance(1_000)
    for (let i = 0; i < 64; i++) pool.add(heard(`y ${i}`, { reporter: 'late' }))
    expect(names().filter(name => !name.startsWith('peer y'))).toHaveLength(limits.exchangeUnasked)
  })

  it('also where whoever brought it has a smaller share than others have', async () => {
    for (let i = 0; i < limits.exchangeRecords - 200; i++) pool.add(heard(`gone ${i}`, { reporter: i, ttl: 1_000 }))
    for (let i = 0; i < 200; i++) pool.add(heard(`there ${i}`, { reporter: 'most' }))
    await clock.advance(1_000)
    for (let i = 0; i < 100; i++) pool.add(heard(`new ${i}`, { reporter: `n ${i}` }))
    expect(names()).toHaveLength(300)
  })
})

describe('who may hear a record, and say it', () => {
  const SITE: ReporterScope[] = ['configured', 'loopback', 'link-local', 'private']
  it.each<[string, string[], ReporterScope[]]>([
    ['public', [PUBLIC], [...SITE, 'public', 'name', 'never']],
    ['private', [PUBLIC, PRIVATE], SITE],
    ['loopback', [PUBLIC, LOOPBACK], ['configured', 'loopback']],
    ['unix', ['/unix/tmp%2fa'], []],
    ['none', [], []]
  ])('one with %s addresses', (_, addresses, parties) => {
    const record = { ...paperRecord('p'), addresses: addresses.map(text => multiaddr(text)) } as ReturnType<typeof paperRecord>
    const all: ReporterScope[] = ['configured', 'loopback', 'link-local', 'private', 'public', 'name', 'never']
    expect(all.filter(party => isFitFor(party, scopesOf(record))).sort()).toEqual([...parties].sort())
  })
})
