import { limits } from '@peerweave/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { describe, expect, it } from 'vitest'
import { withFilter, type FilterOptions } from '../src/with-filter.ts'
import { bench, claim, peer, round, texts, type Bench } from './wrapper-support.ts'
import type { Sighting } from '@peerweave/interface'

const [a, b] = [await peer(1), await peer(2)]

function wrapped (made: Bench, accept: FilterOptions['accept']): ReturnType<ReturnType<typeof withFilter>> {
  return withFilter(made.factory, { ...made.seams, accept })(made.context)
}

const isOfA: FilterOptions['accept'] = sighting => sighting.kind === 'claim' && sighting.peerId.equals(a)

function news (mechanism: ReturnType<typeof wrapped>): Sighting[] {
  const seen: Sighting[] = []
  mechanism.addEventListener('sighting', ({ detail }) => seen.push(detail))
  return seen
}

describe('withFilter', () => {
  it('drops what is refused, asked for or not, and counts it', async () => {
    const made = await bench({
      async * findPeer (id) {
        yield claim(id)
      }
    })
    made.answers.push(claim(a), claim(b), { kind: 'endpoint', multiaddr: multiaddr('/ip4/10.0.0.9/tcp/1'), ttl: 4_000 })
    const mechanism = wrapped(made, isOfA)
    const seen = news(mechanism)
    await mechanism.start()
    expect(texts(await round(mechanism))).toEqual([`claim ${a} 60000`])
    made.say(claim(b), claim(a))
    expect(texts(seen)).toEqual([`claim ${a} 60000`])
    expect(await Array.fromAsync(mechanism.findPeer?.(b) ?? [])).toEqual([])
    expect(await Array.fromAsync(mechanism.findPeer?.(a) ?? [])).toHaveLength(1)
    expect(mechanism.status()).toMatchObject({ sightings: 3, dropped: { filtered: 4 }, filter: { failures: 0 } })
    await mechanism.stop()
  })

  it('a goodbye goes through when a claim of the peer did, and is not asked about', async () => {
    const made = await bench()
    const asked: string[] = []
    const mechanism = wrapped(made, sighting => {
      asked.push(sighting.kind)
      return isOfA(sighting)
    })
    const seen = news(mechanism)
    await mechanism.start()
    made.say({ kind: 'withdraw', peerId: a }, claim(a), claim(b), { kind: 'withdraw', peerId: b }, { kind: 'withdraw', peerId: a }, { kind: 'withdraw', peerId: a })
    expect(texts(seen)).toEqual([`claim ${a} 60000`, `withdraw ${a}`, `withdraw ${a}`])
    expect(asked).toEqual(['claim', 'claim'])
    await mechanism.stop()
    await mechanism.start()
    made.say({ kind: 'withdraw', peerId: a })
    expect(seen).toHaveLength(3)
    await mechanism.stop()
  })

  it.each([
    ['throws', () => { throw new Error('no idea') }, 'no idea'],
    ['throws what is no error', () => { throw undefined }, 'undefined'], // oxlint-disable-line typescript/only-throw-error -- that is the point
    ['answers with a promise', async () => true, 'accept must return true or false'],
    ['answers with 1', () => 1, 'accept must return true or false, got 1'],
    ['answers with nothing', () => {}, 'accept must return true or false, got undefined']
  ])('a predicate that %s refuses, and the status says so', async (_what, accept, message) => {
    const made = await bench()
    made.answers.push(claim(a))
    const mechanism = wrapped(made, accept as unknown as FilterOptions['accept'])
    await mechanism.start()
    expect(await round(mechanism)).toEqual([])
    made.say(claim(a))
    expect(mechanism.status()).toMatchObject({
      failures: 0, dropped: { filtered: 2 }, filter: { failures: 2, lastError: { message: expect.stringContaining(message) as string } }
    })
    await mechanism.stop()
  })

  it('what is refused does not count towards the limit', async () => {
    const made = await bench()
    made.answers.push(...Array.from({ length: 40 }, () => claim(b)), claim(a), claim(a), claim(a))
    const mechanism = wrapped(made, isOfA)
    await mechanism.start()
    expect(await round(mechanism, { limit: 2 })).toHaveLength(2)
    expect(made.rounds).toMatchObject([{ limit: limits.sightingsPerRound }])
    await mechanism.stop()
  })

  it('of a mechanism that never ends with what nobody wants only so much is looked at, and others have their turn meanwhile', async () => {
    let said = 0
    const made = await bench()
    const mechanism = wrapped(made, isOfA)
    made.inner().discoverPeers = async function * () {
      for (;;) {
        said++
        yield claim(b)
      }
    }
    await mechanism.start()
    let turns = 0
    const count = (): void => { if (said < limits.wrappedPerRound) setImmediate(() => { turns++; count() }) }
    count()
    expect(await round(mechanism)).toEqual([])
    expect(said).toBe(limits.wrappedPerRound)
    expect(turns).toBeGreaterThanOrEqual(limits.wrappedPerRound / limits.sightingsPerTurn - 2)
    await mechanism.stop()
  })

  it.each([
    [{}, 'accept must be a function, got undefined'],
    [undefined, 'accept must be a function'],
    [{ accept: true }, 'accept must be a function, got true'],
    [{ accept: () => true, reject: 1 }, 'withFilter has no option "reject"']
  ])('refuses %j: %s', async (options, message) => {
    const made = await bench()
    expect(() => withFilter(made.factory, options as FilterOptions)).toThrow(message)
  })
})
