import { limits } from '@peerweave/interface'
import { multiaddr } from '@multiformats/multiaddr'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { originOf, withOrigin } from '../src/origin.ts'
import { withBackoff } from '../src/with-backoff.ts'
import { withCache } from '../src/with-cache.ts'
import { bench, claim, failure, peer, round, texts, type Bench } from './wrapper-support.ts'
import type { Sighting } from '@peerweave/interface'

const [a, b, c] = [await peer(1), await peer(2), await peer(3)]
const TTL = 10_000

function wrapped (made: Bench, options = {}): ReturnType<ReturnType<typeof withCache>> {
  return withCache(made.factory, { ...made.seams, ttl: TTL, ...options })(made.context)
}

const hits = (mechanism: { status: () => unknown }): unknown => (mechanism.status() as { cache: { hits: number } }).cache.hits

describe('withCache', () => {
  it('asks once in its time, and gives what was heard with what is left of each TTL', async () => {
    const made = await bench()
    made.answers.push(claim(a), { kind: 'endpoint', multiaddr: multiaddr('/ip4/10.0.0.9/tcp/1'), ttl: 4_000 })
    const mechanism = wrapped(made)
    await mechanism.start()
    expect(texts(await round(mechanism))).toEqual([`claim ${a} 60000`, 'endpoint /ip4/10.0.0.9/tcp/1'])
    await made.clock.advance(2_000)
    const [first, second] = await round(mechanism)
    expect([first, second]).toMatchObject([{ kind: 'claim', ttl: 58_000 }, { kind: 'endpoint', ttl: 2_000 }])
    expect(made.rounds).toHaveLength(1)
    expect(hits(mechanism)).toBe(1)
    await made.clock.advance(TTL - 2_000)
    expect(texts(await round(mechanism))).toEqual([`claim ${a} 60000`, 'endpoint /ip4/10.0.0.9/tcp/1'])
    expect(made.rounds).toHaveLength(2)
    await mechanism.stop()
  })

  it('what would be raised to the shortest TTL is not given again: repeating must not make it live longer', async () => {
    const made = await bench()
    made.answers.push(claim(a, { ttl: 3_000 }))
    const mechanism = wrapped(made)
    await mechanism.start()
    await round(mechanism)
    await made.clock.advance(3_000 - limits.ttlMin)
    expect(await round(mechanism)).toMatchObject([{ ttl: limits.ttlMin }])
    await made.clock.advance(1)
    expect(await round(mechanism)).toEqual([])
    await mechanism.stop()
  })

  it('whoever said goodbye is not in the answer, by whatever way it was said', async () => {
    const made = await bench()
    made.answers.push(claim(a), claim(b), claim(b, { address: '/ip4/10.0.0.2/tcp/1' }), claim(c), { kind: 'withdraw', peerId: c })
    const mechanism = wrapped(made)
    await mechanism.start()
    expect(await round(mechanism)).toHaveLength(5)
    expect(texts(await round(mechanism))).toEqual([`claim ${a} 60000`, `claim ${b} 60000`, `claim ${b} 60000`])
    made.say({ kind: 'withdraw', peerId: b, multiaddrs: [multiaddr('/ip4/10.0.0.2/tcp/1')] })
    expect(texts(await round(mechanism))).toEqual([`claim ${a} 60000`])
    made.say({ kind: 'withdraw', peerId: a })
    expect(await round(mechanism)).toEqual([])
    expect(made.rounds).toHaveLength(1)
    await mechanism.stop()
  })

  it('a goodbye while the reader of an answer is busy is heeded', async () => {
    const made = await bench()
    made.answers.push(claim(a), claim(b))
    const mechanism = wrapped(made)
    await mechanism.start()
    await round(mechanism)
    const seen: Sighting[] = []
    for await (const sighting of mechanism.discoverPeers()) {
      seen.push(sighting)
      made.say({ kind: 'withdraw', peerId: b })
    }
    expect(texts(seen)).toEqual([`claim ${a} 60000`])
    await mechanism.stop()
  })

  it('news since the round are part of the answer, and take the place of what the same source had said', async () => {
    const made = await bench()
    made.answers.push(claim(a))
    const mechanism = wrapped(made)
    await mechanism.start()
    made.say(claim(c)) // before anybody asked
    await round(mechanism)
    await made.clock.advance(1_000)
    made.say(claim(b), claim(a, { ttl: 5_000 }))
    expect(texts(await round(mechanism)).sort()).toEqual([`claim ${a} 5000`, `claim ${b} 60000`].sort())
    expect(made.rounds).toHaveLength(1)
    await mechanism.stop()
  })

  it('an answer takes the place of the one before', async () => {
    const made = await bench()
    made.answers.push(claim(a))
    const mechanism = wrapped(made)
    await mechanism.start()
    await round(mechanism)
    await made.clock.advance(TTL)
    made.answers = [claim(b)]
    for (let i = 0; i < 2; i++) expect(texts(await round(mechanism))).toEqual([`claim ${b} 60000`])
    expect(made.rounds).toHaveLength(2)
    await mechanism.stop()
  })

  it('a round that fails is not an answer, and neither is one that all have left', async () => {
    const made = await bench()
    made.answers.push(claim(a), new Error('down'))
    const mechanism = wrapped(made)
    await mechanism.start()
    expect((await failure(round(mechanism))).message).toBe('down')
    made.answers = [claim(a), claim(b)]
    for await (const _ of mechanism.discoverPeers()) break
    expect(await round(mechanism)).toHaveLength(2)
    expect(made.rounds).toHaveLength(3)
    expect(hits(mechanism)).toBe(0)
    await mechanism.stop()
  })

  it('a round that gave all that was asked for is the answer for who wants no more', async () => {
    const made = await bench()
    made.answers.push(claim(a), claim(b), claim(c))
    const mechanism = wrapped(made)
    await mechanism.start()
    expect(await round(mechanism, { limit: 2 })).toHaveLength(2)
    expect(await round(mechanism, { limit: 1 })).toHaveLength(1)
    expect(await round(mechanism, { limit: 2 })).toHaveLength(2)
    expect(made.rounds).toHaveLength(1)
    expect(await round(mechanism, { limit: 3 })).toHaveLength(3)
    expect(made.rounds).toHaveLength(2)
    await mechanism.stop()
  })

  it('a mechanism with more peers than a round takes is cached all the same', async () => {
    const made = await bench()
    const many = await Promise.all(Array.from({ length: limits.sightingsPerRound + 10 }, async (_, i) => claim(await peer(100 + i))))
    made.answers.push(...many)
    const mechanism = wrapped(made)
    await mechanism.start()
    for (let i = 0; i < 3; i++) expect(await round(mechanism)).toHaveLength(limits.sightingsPerRound)
    expect(made.rounds).toHaveLength(1)
    await mechanism.stop()
  })

  it('that there is nobody is an answer too', async () => {
    const made = await bench()
    const mechanism = wrapped(made)
    await mechanism.start()
    for (let i = 0; i < 3; i++) expect(await round(mechanism)).toEqual([])
    expect(made.rounds).toHaveLength(1)
    await mechanism.stop()
  })

  it('a round that hangs is no answer; one that had said something by its deadline is one', async () => {
    const forever = new Promise<never>(() => {})
    let said: Sighting[] = []
    let rounds = 0
    const made = await bench({
      async * round () {
        rounds++
        yield * said
        await forever
      }
    })
    const mechanism = wrapped(made)
    await mechanism.start()
    for (const [answers, count] of [[[], 1], [[claim(a)], 2], [[claim(b)], 2]] as const) {
      said = [...answers]
      const asked = round(mechanism)
      await made.clock.advance(10_000)
      await asked
      expect(rounds).toBe(count)
    }
    const stopping = mechanism.stop()
    await made.clock.advance(10_000)
    await stopping
  })

  it('rounds asked at the same time share one', async () => {
    const made = await bench()
    made.answers.push(claim(a), claim(b))
    const mechanism = wrapped(made)
    await mechanism.start()
    const answers = await Promise.all(Array.from({ length: 20 }, async () => round(mechanism)))
    expect(answers.every(answer => answer.length === 2)).toBe(true)
    expect(made.rounds).toHaveLength(1)
    await mechanism.stop()
  })

  it('each namespace has its own answer, and of too many the one asked longest ago goes', async () => {
    const made = await bench()
    made.answers.push(claim(a))
    const mechanism = wrapped(made)
    await mechanism.start()
    for (let i = 0; i < 1_000; i++) await round(mechanism, { namespace: `n${i}` })
    expect(made.rounds.map(({ namespace }) => namespace)).toEqual(Array.from({ length: 1_000 }, (_, i) => `n${i}`))
    await round(mechanism, { namespace: 'n999' })
    expect(made.rounds).toHaveLength(1_000)
    expect((mechanism.status() as unknown as { cache: { size: number } }).cache.size).toBe(limits.wrappedNamespaces)
    made.say(claim(b))
    expect(texts(await round(mechanism, { namespace: 'n999' }))).toEqual([`claim ${a} 60000`])
    made.say({ kind: 'withdraw', peerId: a })
    expect(await round(mechanism, { namespace: 'n999' })).toEqual([])
    await mechanism.stop()
  })

  it('100,000 news leave no more than its bound, and the latest', async () => {
    const made = await bench()
    const mechanism = wrapped(made)
    await mechanism.start()
    await round(mechanism)
    for (let i = 0; i < 100_000; i++) made.say(claim(a, { address: `/ip4/10.1.${i >> 8 & 255}.${i & 255}/tcp/${1 + (i >> 16)}` }))
    expect((mechanism.status() as unknown as { cache: { size: number } }).cache.size).toBe(limits.cachedSightings)
    expect(await round(mechanism)).toHaveLength(limits.sightingsPerRound)
    await mechanism.stop()
  })

  it('a stop forgets everything', async () => {
    const made = await bench()
    made.answers.push(claim(a))
    const mechanism = wrapped(made)
    await mechanism.start()
    await round(mechanism)
    await mechanism.stop()
    made.answers = []
    await mechanism.start()
    expect(await round(mechanism)).toEqual([])
    expect(made.rounds).toHaveLength(2)
    await mechanism.stop()
  })

  it('where a sighting first came from is kept, also when it is said again', async () => {
    const made = await bench()
    made.answers.push(withOrigin(claim(a), { path: 'mdns', type: 'mdns' }), withOrigin(claim(a), { path: 'dns', type: 'dns' }))
    const mechanism = wrapped(made)
    await mechanism.start()
    for (let i = 0; i < 2; i++) {
      expect((await round(mechanism)).map(sighting => originOf(sighting)?.path)).toEqual(['mdns', 'dns'])
    }
    await mechanism.stop()
  })

  it('over withBackoff: an answer stands through a failure, and then the wait does', async () => {
    const made = await bench()
    made.answers.push(claim(a))
    const mechanism = withCache(withBackoff(made.factory, { ...made.seams, base: 2_000, cap: 2_000 }), { ...made.seams, ttl: TTL })(made.context)
    await mechanism.start()
    await round(mechanism)
    made.answers = [new Error('down')]
    expect(await round(mechanism)).toHaveLength(1)
    await made.clock.advance(TTL)
    expect(await failure(round(mechanism))).toMatchObject({ code: 'ERR_BACKOFF' })
    expect(await failure(round(mechanism))).toMatchObject({ code: 'ERR_BACKOFF' })
    expect(made.rounds).toHaveLength(2)
    expect(mechanism.status()).toMatchObject({ cache: { hits: 1 }, backoff: { held: 1 } })
    await mechanism.stop()
  })

  it('whatever happens in whatever order, no claim outlives its own time, and nobody comes back after a goodbye', async () => {
    const peers = [a, b, c]
    const step = fc.oneof(
      fc.record({ kind: fc.constant('say' as const), peer: fc.nat(2), ttl: fc.integer({ min: 1_000, max: 30_000 }) }),
      fc.record({ kind: fc.constant('goodbye' as const), peer: fc.nat(2) }),
      fc.record({ kind: fc.constant('answer' as const), peer: fc.nat(2), ttl: fc.integer({ min: 1_000, max: 30_000 }) }),
      fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 8_000 }) }),
      fc.record({ kind: fc.constant('ask' as const), limit: fc.integer({ min: 1, max: 4 }) })
    )
    await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 30 }), async steps => {
      const made = await bench()
      const mechanism = wrapped(made)
      await mechanism.start()
      /** Until when the longest-lived claim since the last goodbye stands, by peer. */
      const until = new Map<number, number>()
      const say = (i: number, ttl: number): void => {
        until.set(i, Math.max(until.get(i) ?? 0, made.clock.now() + ttl))
      }
      for (const step of steps) {
        if (step.kind === 'pass') await made.clock.advance(step.ms)
        if (step.kind === 'say') {
          made.say(claim(peers[step.peer] as typeof a, { ttl: step.ttl }))
          say(step.peer, step.ttl)
        }
        if (step.kind === 'answer') made.answers = [...made.answers, claim(peers[step.peer] as typeof a, { ttl: step.ttl })]
        if (step.kind === 'goodbye') {
          made.say({ kind: 'withdraw', peerId: peers[step.peer] })
          until.delete(step.peer)
          made.answers = made.answers.filter(answer => (answer as { peerId: unknown }).peerId !== peers[step.peer])
        }
        if (step.kind !== 'ask') continue
        const before = made.rounds.length
        const answer = await round(mechanism, { limit: step.limit })
        expect(answer.length).toBeLessThanOrEqual(step.limit)
        for (const sighting of answer) {
          if (sighting.kind !== 'claim') continue
          const i = peers.findIndex(id => id.equals(sighting.peerId))
          // A real round says it anew.
          if (made.rounds.length > before) say(i, sighting.ttl)
          expect(made.clock.now() + sighting.ttl).toBeLessThanOrEqual(until.get(i) ?? -1)
        }
      }
      await mechanism.stop()
    }), { numRuns: process.env.PEERWEAVE_TIER == null ? 60 : 2_000 })
  })

  it.each([
    [{ ttl: 0 }, 'ttl must be a number from 1'],
    [{ ttl: Infinity }, 'ttl must be a number'],
    [{ size: 5 }, 'withCache has no option "size"; it knows ttl, clock, rng']
  ])('refuses %j: %s', async (options, message) => {
    const made = await bench()
    expect(() => withCache(made.factory, options as object)(made.context)).toThrow(message)
  })
})
