import {
  abortError, DnsError, dropCounter, limits, LimitExceededError, seededRng, virtualClock, type PeerweaveError, type VirtualClock
} from '@peerweave/interface'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Cache } from '../../src/resolver/cache.ts'
import { resolver, type Resolver } from '../../src/resolver/resolver.ts'
import { answer, serve, txt, zone, type ZoneOptions } from '../zone.ts'
import type { DnsAnswer, DnsRecord, Query } from '../../src/records.ts'

const numRuns = process.env.PEERWEAVE_TIER === 'ci' ? 2_000 : 200
const HOUR = 3_600_000
const SOA = { name: 'example.test', ttl: 600, minimum: 120 }

interface Fixture {
  resolve: Resolver['resolve']
  subject: Resolver
  clock: VirtualClock
  dropped: Record<string, number>
  asked: string[]
}

function create (query: Query, cache?: Cache): Fixture {
  const clock = virtualClock({ now: 5_000 })
  const { dropped, drop } = dropCounter()
  const asked: string[] = []
  const subject = resolver({
    clock,
    drop,
    rng: seededRng(1),
    cache,
    query: async (name, type, options) => {
      asked.push(`${name} ${type}`)
      return await query(name, type, options)
    }
  })
  return { subject, resolve: subject.resolve.bind(subject), clock, dropped, asked }
}

function ofZone (text: string, options?: ZoneOptions): Fixture {
  return create(zone(text, options).query)
}

/** Answers what it is given next; an error is a failure of all servers. */
function scripted (...script: Array<Partial<DnsAnswer> | Error>): Query {
  return async () => {
    const next = script.length > 1 ? script.shift()! : script[0]!
    if (next instanceof Error) throw next
    return answer(next)
  }
}

interface Held extends Fixture {
  calls: Array<{ name: string, signal: AbortSignal, answer: (parts: Partial<DnsAnswer>) => void, fail: (error: Error) => void }>
}

/** Every question waits for the test to answer it. */
function held (): Held {
  const calls: Held['calls'] = []
  const fixture = create(async (name, _type, { signal } = {}) => {
    const { promise, resolve, reject } = Promise.withResolvers<DnsAnswer>()
    calls.push({ name, signal: signal!, answer: parts => resolve(answer(parts)), fail: reject })
    return await promise
  })
  return { ...fixture, calls }
}

const a = (name: string, address: string, ttl = 300): DnsRecord => ({ name, ttl, type: 'A', address })
const cname = (name: string, target: string, ttl = 300): DnsRecord => ({ name, ttl, type: 'CNAME', target })
const addresses = (records: readonly DnsRecord[]): string[] => records.map(record => 'address' in record ? record.address : record.type)

describe('a resolver', () => {
  it('gives the records of the name that was asked, of its type, and no others', async () => {
    const { resolve } = create(scripted({
      answers: [a('host.example.test', '192.0.2.1'), a('other.example.test', '192.0.2.66'), txt('host.example.test', 'x')]
    }))
    const { records, chain, isStale } = await resolve('Host.Example.Test.', 'A')
    expect(addresses(records)).toEqual(['192.0.2.1'])
    expect(chain).toEqual(['host.example.test'])
    expect(isStale).toBe(false)
  })

  it('never takes what an answer says of another name for an answer to that name', async () => {
    const { resolve, asked } = create(scripted(
      { answers: [a('one.example.test', '192.0.2.1'), a('two.example.test', '192.0.2.66')] },
      { answers: [a('two.example.test', '192.0.2.2')] }
    ))
    await resolve('one.example.test', 'A')
    expect(addresses((await resolve('two.example.test', 'A')).records)).toEqual(['192.0.2.2'])
    expect(asked).toHaveLength(2)
  })

  const wrong = ['', '..', 'a..b', 'a b.test', 'ä.test', 'a\\b.test', `${'x'.repeat(64)}.test`, `${'abc.'.repeat(64)}test`]
  it.each(wrong)('asks for no name like %j', async name => {
    const { resolve, asked, dropped } = create(scripted({}))
    await expect(resolve(name, 'A')).rejects.toMatchObject({ code: 'ERR_INVALID_DNS_RECORD' })
    expect(asked).toEqual([])
    expect(dropped).toEqual({ 'bad-name': 1 })
  })

  describe('following aliases', () => {
    it('reads them from one answer', async () => {
      const { resolve, asked } = ofZone(`
        www.example.test  300 IN CNAME web.example.test.
        web.example.test   60 IN CNAME host.example.test.
        host.example.test 600 IN A     192.0.2.1`)
      const { records, chain, expiresAt } = await resolve('www.example.test', 'A')
      expect(addresses(records)).toEqual(['192.0.2.1'])
      expect(chain).toEqual(['www.example.test', 'web.example.test', 'host.example.test'])
      expect(expiresAt).toBe(5_000 + 60_000)
      expect(asked).toHaveLength(1)
    })

    it('asks on where an answer ends with one', async () => {
      const { resolve, asked, clock } = create(scripted(
        { answers: [cname('www.example.test', 'Host.Other.test.', 3_600)] }, { answers: [a('host.other.test', '192.0.2.9', 40)] }
      ))
      const { records, chain, expiresAt } = await resolve('www.example.test', 'A')
      expect(addresses(records)).toEqual(['192.0.2.9'])
      expect(chain).toEqual(['www.example.test', 'host.other.test'])
      expect(expiresAt).toBe(clock.now() + 40_000)
      expect(asked).toEqual(['www.example.test A', 'host.other.test A'])
      // Each has its own end: only the address is asked for again.
      await clock.advance(41_000)
      await resolve('www.example.test', 'A')
      expect(asked.slice(2)).toEqual(['host.other.test A'])
    })

    it('gives the alias itself to whoever asks for that', async () => {
      const { resolve } = ofZone('www.example.test 300 IN CNAME host.example.test.')
      expect((await resolve('www.example.test', 'CNAME')).records).toMatchObject([{ type: 'CNAME', target: 'host.example.test' }])
    })

    const chainOf = (length: number): DnsRecord[] => [
      ...Array.from({ length }, (_, i) => cname(`n${i}.example.test`, `n${i + 1}.example.test`)), a(`n${length}.example.test`, '192.0.2.1')
    ]
    const oneByOne = (records: DnsRecord[]): Query => async (name, type) =>
      answer({ answers: records.filter(record => record.name === name && (record.type === type || record.type === 'CNAME')) })

    it.each([
      ['in one answer', (records: DnsRecord[]) => serve(records).query],
      ['one an answer', oneByOne]
    ])(`follows ${limits.dnsAliases} of them and no more, %s`, async (_, serving) => {
      for (const length of [limits.dnsAliases - 1, limits.dnsAliases]) {
        const { resolve } = create(serving(chainOf(length)))
        expect((await resolve('n0.example.test', 'A')).records).toHaveLength(1)
      }
      const { resolve, asked, dropped } = create(serving(chainOf(limits.dnsAliases + 1)))
      await expect(resolve('n0.example.test', 'A')).rejects.toMatchObject({ code: 'ERR_INVALID_DNS_RECORD' })
      expect(dropped).toEqual({ 'too-many-aliases': 1 })
      expect(asked.length).toBeLessThanOrEqual(limits.dnsAliases + 1)
    })

    it.each([
      ['in one answer', (records: DnsRecord[]) => serve(records).query],
      ['one an answer', oneByOne]
    ])('refuses a loop, %s', async (_, serving) => {
      for (const length of [1, 2, 3]) {
        const loop = Array.from({ length }, (_, i) => cname(`n${i}.example.test`, `n${(i + 1) % length}.example.test`))
        const { resolve, asked, dropped } = create(serving(loop))
        await expect(resolve('n0.example.test', 'A')).rejects.toThrow(/lead back/)
        expect(dropped).toEqual({ 'alias-loop': 1 })
        expect(asked.length).toBeLessThanOrEqual(length)
      }
    })

    it('ends with two look-ups that wait for each other\'s names', async () => {
      const { resolve, clock, calls } = held()
      const both = Promise.allSettled([resolve('one.example.test', 'A'), resolve('two.example.test', 'A')])
      await clock.settle()
      for (const { name, answer } of calls) {
        answer({ answers: [name.startsWith('one') ? cname(name, 'two.example.test') : cname(name, 'one.example.test')] })
      }
      expect((await both).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    })

    it('remembers that the end of a chain is not there', async () => {
      const { resolve, asked, clock } = ofZone('www.example.test 300 IN CNAME gone.example.test.', { soa: SOA })
      expect(await resolve('www.example.test', 'A')).toMatchObject({ records: [], expiresAt: clock.now() + 120_000 })
      await resolve('www.example.test', 'A')
      expect(asked).toHaveLength(1)
      // The name itself is there: RFC 2308 §2.1.
      await resolve('www.example.test', 'TXT')
      expect(asked).toHaveLength(2)
    })
  })

  describe('remembering', () => {
    it.each([
      { ttl: 0, seconds: 30 }, { ttl: 29, seconds: 30 }, { ttl: 31, seconds: 31 }, { ttl: 86_400, seconds: 86_400 },
      { ttl: 86_401, seconds: 86_400 }, { ttl: 2 ** 31 - 1, seconds: 86_400 }
    ])('believes a TTL of $ttl s for $seconds s', async ({ ttl, seconds }) => {
      const { resolve, asked, clock } = create(scripted({ answers: [a('host.example.test', '192.0.2.1', ttl)] }))
      expect((await resolve('host.example.test', 'A')).expiresAt).toBe(clock.now() + seconds * 1_000)
      await clock.advance(seconds * 1_000 - 1)
      await resolve('host.example.test', 'A')
      expect(asked).toHaveLength(1)
      await clock.advance(1)
      await resolve('host.example.test', 'A')
      expect(asked).toHaveLength(2)
    })

    it('takes the least TTL of a set', async () => {
      const { resolve, clock } = create(scripted({ answers: [a('h.test', '192.0.2.1', 500), a('h.test', '192.0.2.2', 50)] }))
      expect((await resolve('h.test', 'A')).expiresAt).toBe(clock.now() + 50_000)
    })

    it('does not look at the wall clock', async () => {
      const { resolve, asked, clock } = create(scripted({ answers: [a('h.test', '192.0.2.1', 60)] }))
      await resolve('h.test', 'A')
      for (const years of [10, -20]) {
        clock.stepWall(years * 365 * 24 * HOUR)
        expect((await resolve('h.test', 'A')).expiresAt).toBe(65_000)
      }
      expect(asked).toHaveLength(1)
    })

    it.each([
      { soa: { ttl: 600, minimum: 120 }, seconds: 120, why: 'the minimum' },
      { soa: { ttl: 60, minimum: 120 }, seconds: 60, why: 'the TTL of the SOA' },
      { soa: { ttl: 86_400, minimum: 86_400 }, seconds: 10_800, why: 'three hours' },
      { soa: undefined, seconds: 5, why: 'nothing without an SOA' }
    ])('believes that a name is not there for $seconds s: $why (RFC 2308)', async ({ soa, seconds }) => {
      const { resolve, asked, clock } = ofZone('', soa == null ? {} : { soa: { name: 'example.test', ...soa } })
      expect(await resolve('gone.example.test', 'A')).toMatchObject({ records: [], expiresAt: clock.now() + seconds * 1_000 })
      await clock.advance(seconds * 1_000 - 1)
      // Of any type.
      await resolve('gone.example.test', 'TXT')
      expect(asked).toEqual(['gone.example.test A'])
      await clock.advance(1)
      await resolve('gone.example.test', 'TXT')
      expect(asked).toHaveLength(2)
    })

    it('believes that a type is not there of that type alone', async () => {
      const { resolve, asked } = ofZone('host.example.test 300 IN A 192.0.2.1', { soa: SOA })
      expect((await resolve('host.example.test', 'AAAA')).records).toEqual([])
      await resolve('host.example.test', 'AAAA')
      expect((await resolve('host.example.test', 'A')).records).toHaveLength(1)
      expect(asked).toEqual(['host.example.test AAAA', 'host.example.test A'])
    })

    it('does not believe the SOA of another zone', async () => {
      const { resolve, clock } = ofZone('', { soa: { ...SOA, name: 'ample.test' } })
      expect((await resolve('gone.example.test', 'A')).expiresAt).toBe(clock.now() + 5_000)
    })

    it('does not remember what has a negative TTL of 0', async () => {
      const { resolve, asked } = ofZone('', { soa: { ...SOA, minimum: 0 } })
      await resolve('gone.example.test', 'A')
      await resolve('gone.example.test', 'A')
      expect(asked).toHaveLength(2)
    })

    it('forgets what was used longest ago', async () => {
      const { resolve, asked, subject } = create(async name => answer({ answers: [a(name, '192.0.2.1')] }), new Cache(3))
      for (const name of ['a.test', 'b.test', 'c.test', 'a.test', 'd.test', 'a.test', 'b.test']) await resolve(name, 'A')
      expect(asked).toEqual(['a.test A', 'b.test A', 'c.test A', 'd.test A', 'b.test A'])
      expect(subject.status().cached).toBe(3)
    })

    it('holds no more bytes than it may, however large the answers are', async () => {
      const cache = new Cache()
      const big = Array.from({ length: 250 }, () => new Uint8Array(255))
      const { resolve, subject } = create(async name => answer({ answers: [{ name, ttl: 300, type: 'TXT', strings: big }] }), cache)
      for (let i = 0; i < 100; i++) {
        await resolve(`n${i}.test`, 'TXT')
        expect(cache.bytes).toBeLessThanOrEqual(limits.dnsCacheBytes)
      }
      expect(subject.status().cached).toBeGreaterThan(30)
    })

    it('holds no more questions than it may', async () => {
      const { resolve, subject } = ofZone('')
      for (let i = 0; i <= limits.dnsCacheEntries; i++) {
        await resolve(`n${i}.test`, 'A')
        if (i >= limits.dnsCacheEntries - 2) expect(subject.status().cached).toBe(Math.min(i + 1, limits.dnsCacheEntries))
      }
    })
  })

  describe('asked by many at once', () => {
    it('asks one question, and answers all', async () => {
      const { resolve, clock, calls, subject } = held()
      const all = Promise.all(Array.from({ length: 500 }, async () => await resolve('h.test', 'A')))
      await clock.settle()
      expect(calls).toHaveLength(1)
      calls[0]!.answer({ answers: [a('h.test', '192.0.2.1')] })
      expect(new Set((await all).map(({ records }) => addresses(records)[0]))).toEqual(new Set(['192.0.2.1']))
      expect(subject.status().pending).toBe(0)
    })

    it('goes on for the others when one gives up', async () => {
      const { resolve, clock, calls } = held()
      const gone = new AbortController()
      const first = resolve('h.test', 'A', { signal: gone.signal })
      const second = resolve('h.test', 'A', { signal: new AbortController().signal })
      await clock.settle()
      gone.abort()
      await expect(first).rejects.toMatchObject({ name: 'AbortError' })
      expect(calls[0]!.signal.aborted).toBe(false)
      calls[0]!.answer({ answers: [a('h.test', '192.0.2.1')] })
      expect((await second).records).toHaveLength(1)
    })

    it('ends the question when the last one gives up, and takes that for no failure', async () => {
      const { resolve, clock, calls, subject } = held()
      const gone = new AbortController()
      const both = [resolve('h.test', 'A', { signal: gone.signal }), resolve('h.test', 'A', { signal: gone.signal })]
      await clock.settle()
      gone.abort()
      for (const one of both) await expect(one).rejects.toMatchObject({ name: 'AbortError' })
      expect(calls[0]!.signal.aborted).toBe(true)
      expect(subject.status()).toMatchObject({ pending: 0, failure: undefined })
      const again = resolve('h.test', 'A')
      await clock.settle()
      calls[1]!.answer({ answers: [a('h.test', '192.0.2.1')] })
      expect((await again).records).toHaveLength(1)
    })

    it('asks anew when a newcomer finds a question that is being given up', async () => {
      const { resolve, clock, calls } = held()
      const gone = new AbortController()
      const first = resolve('h.test', 'A', { signal: gone.signal })
      await clock.settle()
      gone.abort()
      const second = resolve('h.test', 'A')
      await expect(first).rejects.toMatchObject({ name: 'AbortError' })
      await clock.settle()
      calls.at(-1)!.answer({ answers: [a('h.test', '192.0.2.1')] })
      expect((await second).records).toHaveLength(1)
    })

    it('asks nothing for a signal that has fired', async () => {
      const { resolve, asked } = create(scripted({}))
      await expect(resolve('h.test', 'A', { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' })
      expect(asked).toEqual([])
    })

    it('leaves no listener on a signal that lives long', async () => {
      const { resolve } = create(async name => answer({ answers: [a(name, '192.0.2.1')] }))
      const { signal } = new AbortController()
      let listeners = 0
      const { addEventListener: add, removeEventListener: remove } = signal
      signal.addEventListener = (...args: Parameters<typeof add>) => { listeners++; add.apply(signal, args) }
      signal.removeEventListener = (...args: Parameters<typeof remove>) => { listeners--; remove.apply(signal, args) }
      for (let i = 0; i < 10; i++) await resolve(`n${i}.test`, 'A', { signal })
      expect(listeners).toBe(0)
    })

    it('ends all of it when it is closed, and can be used again', async () => {
      const { resolve, clock, calls, subject } = held()
      const first = resolve('h.test', 'A')
      await clock.settle()
      subject.close()
      await expect(first).rejects.toMatchObject({ name: 'AbortError' })
      expect(calls[0]!.signal.aborted).toBe(true)
      expect(subject.status()).toMatchObject({ pending: 0, failure: undefined })
      expect(clock.pending).toBe(0)
      const second = resolve('h.test', 'A')
      await clock.settle()
      calls[1]!.answer({ answers: [a('h.test', '192.0.2.1')] })
      expect((await second).records).toHaveLength(1)
    })
  })

  describe('when nobody answers', () => {
    const down = new DnsError('h.test A: 127.0.0.1:53 timed out')
    const here = { answers: [a('h.test', '192.0.2.1', 60)] }

    it.each(['SERVFAIL', 'REFUSED', 'FORMERR', 'NOTIMP', 'OTHER'] as const)('takes %s for a failure', async code => {
      const { resolve, subject } = create(scripted({ code, ...here }))
      await expect(resolve('h.test', 'A')).rejects.toMatchObject({ code: 'ERR_DNS', retryAfter: expect.any(Number) })
      expect(subject.status().failure).toBeInstanceOf(DnsError)
    })

    it('asks again after growing waits of at most 5 s', async () => {
      const { resolve, asked, clock } = create(scripted(down))
      const waits: number[] = []
      for (let i = 0; i < 12; i++) {
        const { retryAfter } = await resolve('h.test', 'A').catch(error => error) as { retryAfter: number }
        expect(asked).toHaveLength(i + 1)
        waits.push(retryAfter)
        await clock.advance(retryAfter - 1)
        await expect(resolve('h.test', 'A')).rejects.toMatchObject({ code: 'ERR_DNS' })
        expect(asked).toHaveLength(i + 1)
        await clock.advance(1)
      }
      expect(waits[0]).toBeLessThanOrEqual(500)
      expect(Math.min(...waits)).toBeGreaterThanOrEqual(250)
      expect(Math.max(...waits)).toBeLessThanOrEqual(5_000)
      expect(Math.max(...waits)).toBeGreaterThan(2_000)
    })

    it('begins with short waits again once somebody answered', async () => {
      const { resolve, clock, subject } = create(scripted(down, down, down, down, here, down))
      for (let i = 0; i < 4; i++) {
        await resolve('h.test', 'A').catch(() => {})
        await clock.advance(5_000)
      }
      await resolve('h.test', 'A')
      expect(subject.status().failure).toBeUndefined()
      await clock.advance(25 * HOUR)
      await expect(resolve('h.test', 'A')).rejects.toSatisfy(({ retryAfter }) => retryAfter <= 500)
    })

    it('gives out what has lapsed, for a day (RFC 8767)', async () => {
      const { resolve, clock } = create(scripted(here, down))
      await resolve('h.test', 'A')
      await clock.advance(60_000)
      const stale = await resolve('h.test', 'A')
      expect(stale).toMatchObject({ isStale: true, expiresAt: clock.now() + 30_000 })
      expect(addresses(stale.records)).toEqual(['192.0.2.1'])
      await clock.advance(24 * HOUR - 1)
      expect((await resolve('h.test', 'A')).isStale).toBe(true)
      await clock.advance(6_000)
      await expect(resolve('h.test', 'A')).rejects.toMatchObject({ code: 'ERR_DNS' })
    })

    it('gives it out at once while the last failure is fresh', async () => {
      const { resolve, clock, asked } = create(scripted(here, down))
      await resolve('h.test', 'A')
      await clock.advance(60_000)
      await resolve('h.test', 'A')
      await resolve('h.test', 'A')
      expect(asked).toHaveLength(2)
    })

    it('gives it out after 1.8 s of silence, and takes the answer that comes later', async () => {
      const { resolve, clock, calls } = held()
      const first = resolve('h.test', 'A')
      await clock.settle()
      calls[0]!.answer(here)
      await first
      await clock.advance(60_000)
      const second = resolve('h.test', 'A')
      let isThere = false
      second.then(() => { isThere = true }).catch(() => {})
      await clock.advance(1_799)
      expect(isThere).toBe(false)
      await clock.advance(1)
      expect((await second).isStale).toBe(true)
      expect(calls[1]!.signal.aborted).toBe(false)
      calls[1]!.answer({ answers: [a('h.test', '192.0.2.2', 60)] })
      await clock.settle()
      const third = await resolve('h.test', 'A')
      expect(third.isStale).toBe(false)
      expect(addresses(third.records)).toEqual(['192.0.2.2'])
      expect(clock.pending).toBe(0)
    })

    it('gives nothing to one who gives up while it waits', async () => {
      const { resolve, clock, calls } = held()
      const first = resolve('h.test', 'A')
      await clock.settle()
      calls[0]!.answer(here)
      await first
      await clock.advance(60_000)
      const gone = new AbortController()
      const second = resolve('h.test', 'A', { signal: gone.signal })
      await clock.settle()
      gone.abort()
      await expect(second).rejects.toMatchObject({ name: 'AbortError' })
      expect(calls[1]!.signal.aborted).toBe(true)
      expect(clock.pending).toBe(0)
    })

    it('waits for none of many names once one has failed, and still asks for each', async () => {
      const { resolve, clock, calls, subject } = held()
      const names = ['a.test', 'b.test', 'c.test']
      const fresh = names.map(async name => await resolve(name, 'A'))
      await clock.settle()
      for (const { name, answer } of calls.splice(0)) answer({ answers: [a(name, '192.0.2.1', 60)] })
      await Promise.all(fresh)
      await clock.advance(60_000)
      const first = resolve('a.test', 'A')
      await clock.settle()
      calls[0]!.fail(down)
      expect((await first).isStale).toBe(true)
      for (const name of ['b.test', 'c.test']) expect((await resolve(name, 'A')).isStale).toBe(true)
      expect(calls).toHaveLength(3)
      for (const { name, answer } of calls.slice(1)) answer({ answers: [a(name, '192.0.2.1', 60)] })
      await clock.settle()
      expect((await resolve('b.test', 'A')).isStale).toBe(false)
      expect(subject.status()).toMatchObject({ pending: 0, failure: undefined })
    })

    it('never gives out what has decidedly gone since', async () => {
      for (const gone of [{ code: 'NXDOMAIN' as const }, { code: 'NOERROR' as const }]) {
        const { resolve, clock } = create(scripted(here, gone, down))
        await resolve('h.test', 'A')
        await clock.advance(60_000)
        expect(await resolve('h.test', 'A')).toMatchObject({ records: [], isStale: false })
        await clock.advance(60_000)
        expect(await resolve('h.test', 'A')).toMatchObject({ records: [], isStale: true })
        await clock.advance(24 * HOUR)
        await expect(resolve('h.test', 'A')).rejects.toMatchObject({ code: 'ERR_DNS' })
      }
    })

    it('does not hold it against the servers that our own queue was full', async () => {
      const { resolve, asked, subject } = create(scripted(new LimitExceededError('4096 are waiting already'), here))
      await expect(resolve('h.test', 'A')).rejects.toMatchObject({ code: 'ERR_LIMIT_EXCEEDED' })
      expect(subject.status().failure).toBeUndefined()
      expect((await resolve('h.test', 'A')).records).toHaveLength(1)
      expect(asked).toHaveLength(2)
    })

    it('does not hold it against them that our own client was closed', async () => {
      const { resolve, subject } = create(scripted(abortError(), here))
      await expect(resolve('h.test', 'A')).rejects.toMatchObject({ name: 'AbortError' })
      expect(subject.status().failure).toBeUndefined()
      expect((await resolve('h.test', 'A')).records).toHaveLength(1)
    })

    it('takes a query that throws at once like any other failure', async () => {
      const { subject } = create(() => { throw new Error('no') })
      const bare = resolver({ clock: virtualClock(), rng: seededRng(1), drop: () => {}, query: () => { throw new Error('no') } })
      await expect(bare.resolve('h.test', 'A')).rejects.toMatchObject({ code: 'ERR_DNS', cause: { message: 'no' } })
      expect(bare.status().pending).toBe(0)
      subject.close()
    })
  })

  describe('the addresses that come with SRV records', () => {
    const text = `
      _web._tcp.example.test 300 IN SRV 0 0 80 in.example.test.
      _web._tcp.example.test 300 IN SRV 0 0 80 out.elsewhere.test.
      in.example.test         40 IN A 192.0.2.1
      in.example.test        300 IN AAAA 2001:db8::1
      out.elsewhere.test     300 IN A 192.0.2.66`

    it('are those of targets in the domain that was asked', async () => {
      const { resolve } = ofZone(text, { hasAdditionals: true })
      const { hints } = await resolve('_web._tcp.example.test', 'SRV')
      expect(hints.map(({ record, expiresAt }) => [record.address, expiresAt])).toEqual([['192.0.2.1', 45_000], ['2001:db8::1', 305_000]])
    })

    it('answer no question of their own', async () => {
      const { resolve, asked } = ofZone(text, { hasAdditionals: true })
      await resolve('_web._tcp.example.test', 'SRV')
      await resolve('in.example.test', 'A')
      expect(asked).toHaveLength(2)
    })
  })

  it('ends, within its questions, whatever servers say', async () => {
    const name = fc.constantFrom('a.test', 'b.test', 'c.test', '_x._tcp.a.test', 'test', '.', '', 'A.test.', 'x'.repeat(300), 'ü.test')
    const common = { name, ttl: fc.constantFrom(0, 1, 60, 2 ** 31 - 1) }
    const record: fc.Arbitrary<DnsRecord> = fc.oneof(
      fc.record({ ...common, type: fc.constantFrom('A' as const, 'AAAA' as const), address: fc.constantFrom('192.0.2.1', '::1', 'x') }),
      fc.record({ ...common, type: fc.constant('CNAME' as const), target: name }),
      fc.record({ ...common, type: fc.constant('SRV' as const), priority: fc.nat(1), weight: fc.nat(1), port: fc.nat(1), target: name }),
      fc.record({ ...common, type: fc.constant('SOA' as const), minimum: fc.constantFrom(0, 60, 2 ** 31 - 1) })
    )
    const said = fc.record({
      code: fc.constantFrom('NOERROR' as const, 'NOERROR' as const, 'NOERROR' as const, 'NXDOMAIN' as const, 'SERVFAIL' as const),
      answers: fc.array(record, { maxLength: 6 }),
      authorities: fc.array(record, { maxLength: 2 }),
      additionals: fc.array(record, { maxLength: 2 })
    })
    const type = fc.constantFrom('A' as const, 'SRV' as const, 'CNAME' as const)
    const asking = fc.array(fc.record({ name, type, wait: fc.constantFrom(0, 40_000) }), { maxLength: 12 })
    await fc.assert(fc.asyncProperty(fc.array(said, { minLength: 1, maxLength: 12 }), asking, async (script, steps) => {
      let i = 0
      const { resolve, asked, clock, subject } = create(async () => answer(script[i++ % script.length]!))
      for (const { name, type, wait } of steps) {
        const before = asked.length
        try {
          const { records, expiresAt, chain } = await resolve(name, type)
          expect(expiresAt).toBeGreaterThanOrEqual(clock.now())
          expect(expiresAt).toBeLessThanOrEqual(clock.now() + 24 * HOUR)
          expect(new Set(chain).size).toBe(chain.length)
          for (const record of records) expect(record).toMatchObject({ type, name: chain.at(-1) })
        } catch (error) {
          expect(['ERR_DNS', 'ERR_INVALID_DNS_RECORD']).toContain((error as PeerweaveError).code)
        }
        expect(asked.length - before).toBeLessThanOrEqual(limits.dnsAliases + 1)
        await clock.advance(wait)
        expect(subject.status().pending).toBe(0)
      }
      expect(clock.pending).toBe(0)
    }), { numRuns })
  })
})
