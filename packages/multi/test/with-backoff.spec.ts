import { DnsError, limits, NotFoundError } from '@peerweave/interface'
import { describe, expect, it } from 'vitest'
import { withBackoff } from '../src/with-backoff.ts'
import { bench, claim, failure, peer, round, texts, type Bench } from './wrapper-support.ts'
import type { Sighting } from '@peerweave/interface'

const [a, b] = [await peer(1), await peer(2)]
const WAIT = { base: 1_000, cap: 8_000 }
const forever = new Promise<never>(() => {})

function wrapped (made: Bench, options = {}): ReturnType<ReturnType<typeof withBackoff>> {
  return withBackoff(made.factory, { ...made.seams, ...WAIT, ...options })(made.context)
}

describe('withBackoff', () => {
  it('asks as often as anybody likes while it works', async () => {
    const made = await bench()
    made.answers.push(claim(a))
    const mechanism = wrapped(made)
    await mechanism.start()
    for (let i = 0; i < 5; i++) expect(texts(await round(mechanism))).toEqual([`claim ${a} 60000`])
    expect(made.rounds).toHaveLength(5)
    await mechanism.stop()
  })

  it('after a failure nobody is asked until the wait is over: what was thrown comes again at once, with what is left of it', async () => {
    const made = await bench()
    const cause = new DnsError('no server answers')
    made.answers.push(cause)
    const mechanism = wrapped(made)
    await mechanism.start()
    const first = await failure(round(mechanism))
    expect(first).toBeInstanceOf(DnsError)
    expect(first).toMatchObject({ name: 'DnsError', code: 'ERR_DNS', message: 'no server answers', cause })
    const { retryAfter = 0 } = first
    expect(retryAfter).toBeGreaterThanOrEqual(WAIT.base / 2)
    await made.clock.advance(retryAfter / 2)
    expect((await failure(round(mechanism))).retryAfter).toBeCloseTo(retryAfter / 2)
    expect(made.rounds).toHaveLength(1)
    expect(mechanism.status()).toMatchObject({ rounds: 2, failures: 2, backoff: { held: 1 } })
    await made.clock.advance(retryAfter / 2)
    made.answers = [claim(a)]
    expect(await round(mechanism)).toHaveLength(1)
    expect(mechanism.status()).toMatchObject({ backoff: { wait: 0, held: 1 } })
    await mechanism.stop()
  })

  it('waits longer with each failure in a row, never longer than the cap, and is drawn anew each time', async () => {
    const waits: number[][] = []
    for (const seed of [1, 2, 3]) {
      const made = await bench({}, seed)
      made.answers.push(new Error('down'))
      const mechanism = wrapped(made)
      await mechanism.start()
      const own: number[] = []
      for (let i = 0; i < 12; i++) {
        const { retryAfter = 0 } = await failure(round(mechanism))
        own.push(retryAfter)
        await made.clock.advance(retryAfter)
      }
      expect(made.rounds).toHaveLength(12)
      waits.push(own)
      await mechanism.stop()
    }
    for (const own of waits) {
      for (const [i, wait] of own.entries()) expect(wait).toBeLessThanOrEqual(Math.min(WAIT.cap, WAIT.base * 2 ** (i + 1)))
    }
    expect(Math.max(...waits.flat())).toBeGreaterThan(WAIT.cap / 2)
    expect(new Set(waits.flat()).size).toBeGreaterThan(30)
  })

  it('a success in between begins anew', async () => {
    const made = await bench()
    const mechanism = wrapped(made)
    await mechanism.start()
    for (let i = 0; i < 5; i++) {
      made.answers = [new Error('down')]
      const { retryAfter = 0 } = await failure(round(mechanism))
      expect(retryAfter).toBeLessThanOrEqual(WAIT.base * 2)
      await made.clock.advance(retryAfter)
      made.answers = []
      await round(mechanism)
    }
    await mechanism.stop()
  })

  it('an error without a code of its own is the cause of a BackoffError', async () => {
    const made = await bench()
    const cause = new RangeError('off')
    made.answers.push(cause)
    const mechanism = wrapped(made)
    await mechanism.start()
    expect(await failure(round(mechanism))).toMatchObject({ name: 'BackoffError', code: 'ERR_BACKOFF', message: 'inner: off', cause })
    await mechanism.stop()
  })

  it.each<[unknown, number, string]>([
    [4_000, 4_000, 'as it says'],
    [1e99, WAIT.cap, 'no longer than the cap'],
    [NaN, 0, 'not at all for what is no time'],
    ['x', 0, 'nor for what is no number'],
    [-5, 0, 'nor for less than none']
  ])('a failure that says to come again after %s ms is waited for %s ms at least: %s', async (said, least) => {
    const made = await bench()
    made.answers.push(new NotFoundError('not yet', { retryAfter: said as number }))
    const mechanism = wrapped(made, { base: 1, cap: WAIT.cap })
    await mechanism.start()
    const { retryAfter } = await failure(round(mechanism))
    expect(retryAfter).toBeGreaterThanOrEqual(least)
    expect(retryAfter).toBeLessThanOrEqual(Math.max(least, 2))
    await mechanism.stop()
  })

  it('rounds asked at the same time share one, and who comes late gets what was said before, with what is left of its TTL', async () => {
    const gate = Promise.withResolvers<void>()
    let rounds = 0
    const made = await bench({
      async * round () {
        rounds++
        yield claim(a)
        await gate.promise
        yield claim(b)
      }
    })
    const mechanism = wrapped(made)
    await mechanism.start()
    const early = round(mechanism)
    await made.clock.advance(3_000)
    const late = round(mechanism)
    await made.clock.settle()
    gate.resolve()
    expect(texts(await early)).toEqual([`claim ${a} 60000`, `claim ${b} 60000`])
    expect(texts(await late)).toEqual([`claim ${a} 57000`, `claim ${b} 60000`])
    expect(rounds).toBe(1)
    await mechanism.stop()
  })

  it('a goodbye in the middle of a shared round: who comes after it is not told of the peer', async () => {
    const gate = Promise.withResolvers<void>()
    const made = await bench({
      async * round () {
        yield claim(a)
        yield claim(b)
        await gate.promise
      }
    })
    const mechanism = wrapped(made)
    await mechanism.start()
    const early = round(mechanism)
    await made.clock.settle()
    made.say({ kind: 'withdraw', peerId: a })
    const late = round(mechanism)
    await made.clock.settle()
    gate.resolve()
    expect(await early).toHaveLength(2)
    expect(texts(await late)).toEqual([`claim ${b} 60000`])
    await mechanism.stop()
  })

  it('of a goodbye in the round itself who came before is told, and who comes after has nothing to take back', async () => {
    const gate = Promise.withResolvers<void>()
    const made = await bench({
      async * round () {
        yield claim(a)
        yield { kind: 'withdraw', peerId: a }
        await gate.promise
        yield claim(b)
      }
    })
    const mechanism = wrapped(made)
    await mechanism.start()
    const early = round(mechanism)
    await made.clock.settle()
    const late = round(mechanism)
    await made.clock.settle()
    gate.resolve()
    expect(texts(await early)).toEqual([`claim ${a} 60000`, `withdraw ${a}`, `claim ${b} 60000`])
    expect(texts(await late)).toEqual([`claim ${b} 60000`])
    await mechanism.stop()
  })

  it('keeps no more of a round than it asked for, whatever is said in it', async () => {
    const made = await bench()
    made.answers.push(...Array.from({ length: 500 }, () => claim(made.context.ports.host.self)))
    const mechanism = wrapped(made)
    let taken = 0
    const { discoverPeers } = made.inner()
    made.inner().discoverPeers = async function * (options) {
      for await (const sighting of discoverPeers(options)) {
        taken++
        yield sighting
      }
    }
    await mechanism.start()
    expect(await round(mechanism, { limit: 10 })).toEqual([])
    expect(taken).toBe(limits.sightingsPerRound)
    await mechanism.stop()
  })

  it('one reader who leaves takes nothing from the other; when the last one leaves the round inside ends', async () => {
    let isOver = false
    const made = await bench({
      async * round ({ signal }) {
        try {
          yield claim(a)
          await made.clock.sleep(5_000, { signal })
          yield claim(b)
        } finally {
          isOver = true
        }
      }
    })
    const mechanism = wrapped(made)
    await mechanism.start()
    const leaver = new AbortController()
    const left = failure(round(mechanism, { signal: leaver.signal }))
    const stayer = round(mechanism)
    await made.clock.advance(1_000)
    leaver.abort()
    expect((await left).name).toBe('AbortError')
    await made.clock.settle()
    expect(isOver).toBe(false)
    await made.clock.advance(4_000)
    expect(await stayer).toHaveLength(2)

    isOver = false
    for await (const _ of mechanism.discoverPeers()) break
    await made.clock.settle()
    expect(isOver).toBe(true)
    expect(mechanism.status()).toMatchObject({ failures: 0, backoff: { wait: 0 } })
    await mechanism.stop()
  })

  it('a round that hangs until its deadline with nothing heard is a failure, one whose caller gave up is none', async () => {
    let rounds = 0
    const made = await bench({
      async * round () {
        rounds++
        await forever
      }
    })
    const mechanism = wrapped(made)
    await mechanism.start()
    const hasty = made.clock.deadline(100)
    const hurried = failure(round(mechanism, { signal: hasty.signal }))
    await made.clock.advance(100)
    expect((await hurried).name).toBe('TimeoutError')
    expect(mechanism.status()).toMatchObject({ backoff: { wait: 0 } })
    const patient = round(mechanism)
    await made.clock.advance(10_000)
    expect(await patient).toEqual([])
    expect(await failure(round(mechanism))).toMatchObject({ name: 'TimeoutError', code: 'ERR_TIMEOUT' })
    expect(rounds).toBe(2)
    const stopping = mechanism.stop()
    await made.clock.advance(10_000)
    await stopping
    expect(made.clock.pending).toBe(0)
  })

  it('namespaces do not wait for each other, and of too many the one asked longest ago is forgotten', async () => {
    const made = await bench()
    made.answers.push(new Error('down'))
    const mechanism = wrapped(made, { base: 1_000, cap: 1_000 })
    await mechanism.start()
    for (let i = 0; i < 1_000; i++) await failure(round(mechanism, { namespace: `n${i}` }))
    expect(made.rounds).toHaveLength(1_000)
    await failure(round(mechanism, { namespace: 'n999' }))
    expect(made.rounds).toHaveLength(1_000)
    await failure(round(mechanism, { namespace: 'n0' }))
    expect(made.rounds).toHaveLength(1_001)
    await mechanism.stop()
  })

  it('announcements wait in the same way, on their own account', async () => {
    let tries = 0
    let isDown = true
    const made = await bench({
      async announceSelf () {
        tries++
        if (isDown) throw new DnsError('refused')
        return { ttl: 5_000 }
      },
      withdrawSelf: async () => {}
    })
    const mechanism = wrapped(made)
    await mechanism.start()
    const self = { peerId: made.context.ports.host.self, multiaddrs: [] }
    const announce = async (): Promise<unknown> => await mechanism.announceSelf?.(self)
    const { retryAfter = 0 } = await failure(announce())
    expect(await failure(announce())).toMatchObject({ code: 'ERR_DNS', retryAfter })
    expect(tries).toBe(1)
    expect(await round(mechanism)).toEqual([])
    await made.clock.advance(retryAfter)
    isDown = false
    expect(await announce()).toEqual({ ttl: 5_000 })
    expect(await announce()).toEqual({ ttl: 5_000 })
    expect(tries).toBe(3)
    await mechanism.stop()
  })

  it('an announcement that hangs past its caller’s deadline is a failure, one that was given up is none', async () => {
    const made = await bench({ announceSelf: () => forever, withdrawSelf: async () => {} })
    const mechanism = wrapped(made)
    await mechanism.start()
    const self = { peerId: made.context.ports.host.self, multiaddrs: [] }
    const leaver = new AbortController()
    const left = failure(mechanism.announceSelf?.(self, { signal: leaver.signal }) ?? Promise.resolve())
    await made.clock.settle()
    leaver.abort()
    expect((await left).name).toBe('AbortError')
    expect(mechanism.status()).toMatchObject({ backoff: { wait: 0 } })
    const deadline = made.clock.deadline(1_000)
    const late = failure(mechanism.announceSelf?.(self, { signal: deadline.signal }) ?? Promise.resolve())
    await made.clock.advance(1_000)
    expect(await late).toMatchObject({ name: 'TimeoutError', retryAfter: expect.any(Number) })
    expect((mechanism.status() as unknown as { backoff: { wait: number } }).backoff.wait).toBeGreaterThan(0)
    const stopping = mechanism.stop()
    await made.clock.advance(10_000)
    await stopping
  })

  it('a stop forgets the failures', async () => {
    const made = await bench()
    made.answers.push(new Error('down'))
    const mechanism = wrapped(made)
    await mechanism.start()
    await failure(round(mechanism))
    await mechanism.stop()
    await mechanism.start()
    made.answers = [claim(a)]
    expect(await round(mechanism)).toHaveLength(1)
    await mechanism.stop()
  })

  it.each([
    [{ base: 0 }, 'base must be a number from 1'],
    [{ base: 10, cap: 9 }, 'cap must be a number from 10'],
    [{ base: NaN }, 'base must be a number'],
    [{ cap: '5' }, 'cap must be a number'],
    [{ bass: 1 }, 'withBackoff has no option "bass"'],
    [null, 'withBackoff takes an object of options']
  ])('refuses %j: %s', async (options, message) => {
    const made = await bench()
    expect(() => withBackoff(made.factory, options as object)(made.context)).toThrow(message)
  })

  it('each sighting is a copy: what one reader does to it does not reach the other', async () => {
    const gate = Promise.withResolvers<void>()
    const made = await bench({
      async * round () {
        yield claim(a, { protocols: ['/p'], metadata: new Map([['k', 'v']]), signedPeerRecord: Uint8Array.of(1, 2) })
        await gate.promise
      }
    })
    const mechanism = wrapped(made)
    await mechanism.start()
    const seen: Sighting[][] = [[], []]
    const read = async (into: Sighting[]): Promise<void> => {
      for await (const sighting of mechanism.discoverPeers()) {
        into.push(structuredCloneOf(sighting))
        if (sighting.kind !== 'claim') continue
        sighting.multiaddrs.length = 0
        sighting.protocols?.push('/q')
        ;(sighting.metadata as Map<string, string>).clear()
        sighting.signedPeerRecord?.fill(0)
        Reflect.set(sighting.reporter ?? {}, 'configured', false)
      }
    }
    const reading = Promise.all(seen.map(read))
    await made.clock.settle()
    gate.resolve()
    await reading
    expect(seen[0]).toHaveLength(1)
    expect(seen[1]).toEqual(seen[0])
    await mechanism.stop()
  })
})

function structuredCloneOf (sighting: Sighting): Sighting {
  const { peerId, multiaddrs, protocols, metadata, signedPeerRecord, reporter, ttl } = sighting as Sighting & { kind: 'claim' }
  return {
    kind: 'claim', peerId, ttl, multiaddrs: [...multiaddrs], protocols: [...protocols ?? []], metadata: new Map(metadata), signedPeerRecord: signedPeerRecord?.slice(),
    reporter: { ...reporter }
  }
}
