import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LimitExceededError } from '@peerweave/interface'
import { QuotaDatastore, type DatastoreLike, type Quota } from '../src/index.ts'

interface Pair {
  key: string
  value: Uint8Array
}

/** A datastore in memory, with strings for keys; `fail` makes its next writes reject. */
class MapStore implements DatastoreLike<string> {
  readonly data = new Map<string, Uint8Array>()
  fail = false
  has (key: string): boolean { return this.data.has(key) }
  get (key: string): Uint8Array {
    const value = this.data.get(key)
    if (value == null) throw new Error('NotFound')
    return value
  }

  async put (key: string, value: Uint8Array): Promise<string> {
    for (let i = 0; i < 8; i++) await Promise.resolve() // as a disk would, and longer than a deletion
    if (this.fail) throw new Error('disk full')
    this.data.set(key, value)
    return key
  }

  async delete (key: string): Promise<void> {
    await Promise.resolve()
    this.data.delete(key)
  }

  async * getMany (keys: Iterable<string> | AsyncIterable<string>): AsyncGenerator<Pair> {
    for await (const key of keys) yield { key, value: this.get(key) }
  }

  async * putMany (pairs: Iterable<Pair> | AsyncIterable<Pair>): AsyncGenerator<string> {
    for await (const { key, value } of pairs) yield await this.put(key, value)
  }

  async * deleteMany (keys: Iterable<string> | AsyncIterable<string>): AsyncGenerator<string> {
    for await (const key of keys) {
      await this.delete(key)
      yield key
    }
  }

  batch (): ReturnType<DatastoreLike<string>['batch']> {
    const writes: Array<() => void> = []
    return {
      put: (key, value) => { writes.push(() => this.data.set(key, value)) },
      delete: key => { writes.push(() => this.data.delete(key)) },
      commit: () => { for (const write of writes.splice(0)) write() }
    }
  }

  * query ({ prefix = '' }: { prefix?: string }): Generator<Pair> {
    for (const [key, value] of [...this.data]) if (key.startsWith(prefix)) yield { key, value }
  }

  * queryKeys ({ prefix = '' }: { prefix?: string }): Generator<string> {
    for (const key of [...this.data.keys()]) if (key.startsWith(prefix)) yield key
  }
}

const byLast = (key: string): string | undefined => {
  const writer = key.slice(key.lastIndexOf('/') + 1)
  return writer === 'me' ? undefined : writer
}
const value = (size: number = 1): Uint8Array => new Uint8Array(size)

function make (quota: Partial<Quota> = {}): { inner: MapStore, store: QuotaDatastore<string>, keys: () => string[] } {
  const inner = new MapStore()
  const store = new QuotaDatastore(inner, [{ prefix: '/p', entries: 10, bytes: 100_000, writer: byLast, ...quota }])
  return { inner, store, keys: () => [...inner.data.keys()] }
}

describe('what is under no quota', () => {
  it('passes through, whatever there is of it', async () => {
    const { store, keys } = make({ entries: 1 })
    for (let i = 0; i < 50; i++) await store.put(`/other/${i}/a`, value())
    for (let i = 0; i < 2; i++) await store.put(`/prefixed/${i}/a`, value()) // `/p` is a part of its name, not of its path
    expect(keys()).toHaveLength(52)
  })
})

describe('one writer', () => {
  it.each([[2, []], [3, []], [4, ['/p/0/a']]])('with %d entries where it may have 3 loses %j', async (count, lost) => {
    const { store, keys } = make({ entriesPerWriter: 3 })
    for (let i = 0; i < count; i++) await store.put(`/p/${i}/a`, value())
    expect(keys()).toEqual(Array.from({ length: count }, (_, i) => `/p/${i}/a`).filter(key => !lost.includes(key as never)))
  })

  it('keeps what it wrote again, and loses what it wrote longest ago', async () => {
    const { store, keys } = make({ entriesPerWriter: 2 })
    for (const key of ['/p/0/a', '/p/1/a', '/p/0/a', '/p/2/a']) await store.put(key, value())
    expect(keys()).toEqual(['/p/0/a', '/p/2/a'])
  })

  it('that is not counted is neither evicted nor in the way', async () => {
    const { store, keys } = make({ entries: 2 })
    for (let i = 0; i < 5; i++) await store.put(`/p/${i}/me`, value())
    for (let i = 0; i < 5; i++) await store.put(`/p/${i}/a`, value())
    expect(keys().filter(key => key.endsWith('me'))).toHaveLength(5)
    expect(keys().filter(key => key.endsWith('a'))).toEqual(['/p/3/a', '/p/4/a'])
  })
})

describe('the bounds', () => {
  it.each([[99, 3], [100, 3], [101, 2]])('count bytes: three entries of %d in 300 leave %d', async (size, left) => {
    const { store, keys } = make({ bytes: 300 })
    for (let i = 0; i < 3; i++) await store.put(`/p/${i}/a`, value(size - 6))
    expect(keys()).toHaveLength(left)
  })

  it.each([[19, true], [20, true], [21, false]])('an entry of %d bytes where one may have 20 is taken: %s', async (size, isTaken) => {
    const { store, keys } = make({ entryBytes: 20 })
    const putting = store.put('/p/0/a', value(size - 6))
    if (isTaken) await putting
    else await expect(putting).rejects.toBeInstanceOf(LimitExceededError)
    expect(keys()).toHaveLength(isTaken ? 1 : 0)
  })

  it('are checked', () => {
    expect(() => make({ entries: 0 })).toThrow(TypeError)
    expect(() => make({ bytes: Number.NaN })).toThrow(/bytes/)
    expect(() => make({ entriesPerWriter: 1.5 })).toThrow(/entriesPerWriter/)
  })
})

describe('many writers', () => {
  it('refuse a newcomer when each of them has as much as it brings', async () => {
    const { store, keys } = make({ entries: 3 })
    for (const writer of ['a', 'b', 'c']) await store.put(`/p/0/${writer}`, value())
    await expect(store.put('/p/0/d', value())).rejects.toBeInstanceOf(LimitExceededError)
    expect(keys()).toEqual(['/p/0/a', '/p/0/b', '/p/0/c'])
  })

  it('make room for it when one has more', async () => {
    const { store, keys } = make({ entries: 3 })
    for (const key of ['/p/0/a', '/p/1/a', '/p/0/b', '/p/0/c']) await store.put(key, value())
    expect(keys()).toEqual(['/p/1/a', '/p/0/b', '/p/0/c'])
  })

  it('of one group count as one: a hundred identities there take nothing from two elsewhere', async () => {
    const { store, keys } = make({ entries: 10, group: writer => writer.startsWith('sybil') ? 'one network' : undefined })
    for (const key of ['/p/0/a', '/p/1/a', '/p/0/b']) await store.put(key, value())
    for (let i = 0; i < 100; i++) await store.put(`/p/0/sybil${i}`, value()).catch(() => {})
    expect(keys()).toEqual(expect.arrayContaining(['/p/0/a', '/p/1/a', '/p/0/b']))
    expect(keys()).toHaveLength(10)
    await store.put('/p/0/c', value()) // and they make room for whoever comes from elsewhere
    expect(keys()).toContain('/p/0/c')
  })
})

describe('a group', () => {
  const networks = new Map<string, string>()
  const group = (writer: string): string | undefined => networks.get(writer)

  it('that is not known is one for all of whom it is not', async () => {
    const { store, keys } = make({ entries: 10, group })
    networks.set('honest', 'a network')
    await store.put('/p/0/honest', value())
    await store.put('/p/1/honest', value())
    for (let i = 0; i < 100; i++) await store.put(`/p/0/gone${i}`, value()).catch(() => {})
    await store.put('/p/2/honest', value())
    expect(keys().filter(key => key.endsWith('honest'))).toHaveLength(3)
    expect(keys()).toHaveLength(10)
  })

  it('that becomes known takes its writer in, with all that it has', async () => {
    const { inner, store, keys } = make({ entries: 10, group })
    // From before a restart: whose they are is not known yet.
    for (let i = 0; i < 8; i++) inner.data.set(`/p/${i >> 2}/s${i & 3}`, value())
    for (let i = 0; i < 2; i++) inner.data.set(`/p/${i}/other`, value())
    await store.count()
    for (const writer of ['s0', 's1', 's2', 's3']) networks.set(writer, 'one network')
    networks.set('else', 'another')
    for (let i = 0; i < 4; i++) await store.put(`/p/0/s${i}`, value())
    for (let i = 0; i < 2; i++) await store.put(`/p/${i}/else`, value())
    expect(keys()).toEqual(expect.arrayContaining(['/p/0/other', '/p/1/other', '/p/0/else', '/p/1/else']))
    expect(store.use().get('/p')?.entries).toBe(10)
  })
})

describe('what was there before', () => {
  it('is counted, and cut to the quota, before the first write', async () => {
    const { inner, store, keys } = make({ entries: 3 })
    for (let i = 0; i < 5; i++) inner.data.set(`/p/${i}/a`, value())
    inner.data.set('/p/9/me', value())
    await store.put('/p/0/b', value())
    expect(keys().sort()).toEqual(['/p/0/b', '/p/3/a', '/p/4/a', '/p/9/me'])
    expect(store.use().get('/p')?.entries).toBe(3)
  })
})

describe('writes that fail', () => {
  it('take no place', async () => {
    const { inner, store } = make({ entries: 2 })
    await store.put('/p/0/a', value())
    inner.fail = true
    await expect(store.put('/p/1/b', value())).rejects.toThrow('disk full')
    inner.fail = false
    expect(store.use().get('/p')).toEqual({ entries: 1, bytes: 7 })
    await store.put('/p/2/c', value())
    expect(store.use().get('/p')?.entries).toBe(2)
  })
})

describe('whatever is written', () => {
  const key = fc.tuple(fc.nat(30), fc.constantFrom('a', 'b', 'c', 'd', 'e', 'me')).map(([n, writer]) => `/p/${n}/${writer}`)
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ type: fc.constant('put' as const), key, size: fc.integer({ min: 0, max: 40 }) }) },
    { weight: 1, arbitrary: fc.record({ type: fc.constant('delete' as const), key, size: fc.constant(0) }) },
    { weight: 1, arbitrary: fc.record({ type: fc.constant('batch' as const), key, size: fc.integer({ min: 0, max: 40 }) }) }
  )

  it('the quota holds, the count is true, and nobody loses an entry to one that holds less', async () => {
    await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 80 }), fc.boolean(), async (steps, isAwaited) => {
      const quota = { entries: 8, bytes: 200, entriesPerWriter: 4, entryBytes: 40 }
      const { inner, store, keys } = make(quota)
      const bytesOf = (writer: string): number => [...inner.data].filter(([key]) => byLast(key) === writer)
        .reduce((sum, [key, value]) => sum + key.length + value.byteLength, 0)
      const pending: Array<Promise<unknown>> = []
      for (const { type, key, size } of steps) {
        const before = new Map(['a', 'b', 'c', 'd', 'e'].map(writer => [writer, { bytes: bytesOf(writer), keys: keys().filter(k => byLast(k) === writer) }]))
        const batch = store.batch()
        if (type === 'batch') batch.put(key, value(size))
        const writing = (type === 'put' ? store.put(key, value(size)) : type === 'delete' ? store.delete(key) : Promise.resolve(batch.commit()))
          .catch((error: unknown) => { expect(error).toBeInstanceOf(LimitExceededError) })
        pending.push(writing)
        if (!isAwaited) continue
        await writing
        const newcomer = byLast(key)
        for (const [writer, { bytes, keys: had }] of before) {
          if (writer === newcomer || had.every(k => inner.data.has(k))) continue
          // It lost something to somebody else: then it held at least as much as anybody.
          const most = Math.max(...[...before].map(([name, { bytes }]) => name === newcomer ? 0 : bytes))
          expect(bytes).toBe(most)
        }
      }
      await Promise.all(pending)
      const counted = [...inner.data].filter(([key]) => !key.endsWith('/me'))
      const bytes = counted.reduce((sum, [key, value]) => sum + key.length + value.byteLength, 0)
      expect(counted.length).toBeLessThanOrEqual(quota.entries)
      expect(bytes).toBeLessThanOrEqual(quota.bytes)
      for (const writer of ['a', 'b', 'c', 'd', 'e']) {
        expect(counted.filter(([key]) => byLast(key) === writer).length).toBeLessThanOrEqual(quota.entriesPerWriter)
      }
      if (steps.length > 0) expect(store.use().get('/p')).toEqual({ entries: counted.length, bytes })
    }), { numRuns: 300 })
  })
})
