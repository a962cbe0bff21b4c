/** Whatever one mechanism does, the other's peers arrive as before, at the same virtual time. */
import { expect, it, describe } from 'vitest'
import { limits, nextTurn, type Claim } from '@peerweave/interface'
import { claim, handmade, ids, peer, started, world } from './support.ts'
import type { Handmade } from './support.ts'

const good = [await peer(1), await peer(2), await peer(3)]
const forever = new Promise<never>(() => {})

const flood = await Promise.all(Array.from({ length: 5_000 }, async (_, i) => claim(await peer(1_000 + i))))

interface Bad {
  name: string
  make: () => Handmade
  /** Done once everything runs. */
  provoke?: (bad: Handmade) => void
}

const badOnes: Bad[] = [
  { name: 'hangs in start', make: () => handmade('bad', { open: () => forever }) },
  { name: 'fails in start', make: () => handmade('bad', { open: () => { throw new Error('no start') } }) },
  { name: 'hangs in a round', make: () => handmade('bad', { async * round () { await forever } }) },
  { name: 'fails in a round', make: () => handmade('bad', { async * round () { throw new Error('no round') } }) },
  {
    name: 'floods',
    make: () => handmade('bad', { async * round () { for (;;) yield * flood } }),
    provoke: bad => bad.say(...flood)
  },
  {
    name: 'lies',
    make: () => handmade('bad'),
    provoke: bad => bad.say(
      ...[NaN, -1, 0].map(ttl => claim(good[0] as never, { ttl, addresses: ['/ip4/10.9.9.9/tcp/1'] })),
      claim(good[1] as never, { multiaddrs: undefined as never }),
      claim('no peer id' as never),
      { kind: 'nonsense' } as never,
      undefined as never,
      claim(good[0] as never, { addresses: ['/ip4/127.0.0.1/tcp/22'], reporter: {} }),
      claim(good[0] as never, { addresses: [`/ip4/10.9.9.9/tcp/1/p2p/${good[1]}`] }),
      { kind: 'withdraw', peerId: good[2] as never }
    )
  },
  {
    name: 'mutates',
    make: () => handmade('bad'),
    provoke: bad => {
      const sighting = claim(good[0] as never)
      bad.say(sighting)
      queueMicrotask(() => {
        sighting.multiaddrs.length = 0
        Object.assign(sighting, { peerId: good[1], ttl: NaN })
      })
    }
  }
]

/** When (virtual ms) the good mechanism's peers were discovered, and which. */
async function arrivals (bad?: Bad): Promise<string[]> {
  const honest = handmade('good')
  honest.answers.push(claim(good[0] as never), claim(good[1] as never))
  const badOne = bad?.make()
  const w = await world(badOne == null ? [honest.factory] : [badOne.factory, honest.factory])
  const seen: Array<[number, string]> = []
  w.multi.addEventListener('peer:discovery', ({ detail: { peer } }) => {
    if (good.some(id => id.equals(peer.peerId)) && peer.sources.some(({ path }) => path === 'good')) seen.push([w.clock.now(), peer.peerId.toString()])
  })
  w.multi.addEventListener('peer:update', ({ detail: { peer, previous } }) => {
    // Where the bad one was first to name a good peer, the good one's word is an update.
    const isNews = peer.sources.some(({ path }) => path === 'good') && previous?.sources.every(({ path }) => path !== 'good')
    if (isNews === true) seen.push([w.clock.now(), peer.peerId.toString()])
  })
  const starting = Promise.resolve(w.multi.start())
  if (badOne != null) {
    await w.clock.settle()
    bad?.provoke?.(badOne)
  }
  await w.clock.advance(1_000)
  await starting
  honest.say(claim(good[2] as never))
  await w.clock.advance(30_000)
  const stopping = Promise.resolve(w.multi.stop())
  await w.clock.advance(2 * limits.lifecycleDeadline)
  await stopping
  expect(w.clock.pending, 'timers left').toBe(0)
  return seen.map(([at, id]) => `${at} ${id}`).sort()
}

describe('a mechanism that', () => {
  it.each(badOnes)('$name: the other\'s peers arrive as before', async bad => {
    expect(await arrivals(bad)).toEqual(await arrivals())
  })
})

it('a broken mechanism is left alone after five failures, and asked again after the pause', async () => {
  let rounds = 0
  const bad = handmade('bad', { async * round () { rounds++; throw new Error(`no ${rounds}`) } })
  const w = await world([bad.factory])
  await started(w)
  await w.clock.advance(100_000)
  const before = rounds
  expect(w.multi.mechanisms().get('bad')).toMatchObject({ isBroken: true, lastError: { message: `no ${rounds}` } })
  await w.clock.advance(limits.breakerPause * 3)
  expect(rounds - before).toBeLessThanOrEqual(3)
  expect(rounds).toBeGreaterThan(before)
  await w.multi.stop()
})

it('news beyond the queue are dropped, oldest first, and counted', async () => {
  const noisy = handmade('noisy')
  const w = await world([noisy.factory], { maxPeersPerRound: 0 })
  await started(w)
  noisy.say(...flood)
  // Taken in slices, one a turn.
  for (let turn = 0; turn < limits.sightingQueue / limits.sightingsPerTurn; turn++) await w.clock.settle()
  await w.clock.advance(1_000)
  expect(w.multi.refusals()['noisy']?.['queue-full']).toBeGreaterThan(flood.length - 2 * limits.sightingQueue)
  expect(await w.multi.store.getPeer((flood.at(-1) as Claim).peerId)).toBeDefined()
  await w.multi.stop()
})

it('news are taken at a bounded rate after a burst, and none is lost that waits', async () => {
  const noisy = handmade('noisy')
  const w = await world([noisy.factory], { interval: Infinity })
  await started(w)
  /** In steps, for each has so many turns of the event loop. */
  const pass = async (ms: number): Promise<void> => { for (let i = 0; i < 20; i++) await w.clock.advance(ms / 20) }
  noisy.say(...flood.slice(0, limits.sightingQueue))
  await pass(1_000)
  const before = w.multi.mechanisms().get('noisy')?.fresh ?? 0
  noisy.say(...flood.slice(limits.sightingQueue, 2 * limits.sightingQueue))
  await pass(1_000)
  const after = w.multi.mechanisms().get('noisy')?.fresh ?? 0
  expect(after - before).toBeLessThanOrEqual(2 * limits.sightingsPerSecond + limits.sightingsPerTurn)
  await pass(10_000)
  expect(w.multi.refusals().noisy?.['queue-full']).toBeUndefined()
  expect(w.multi.status().sightings + (w.multi.refusals().noisy?.full ?? 0)).toBe(2 * limits.sightingQueue)
  await w.multi.stop()
  expect(w.clock.pending).toBe(0)
})

it('news are taken in slices, and everything else has its turn between them', async () => {
  const noisy = handmade('noisy')
  const w = await world([noisy.factory], { interval: Infinity })
  await started(w)
  noisy.say(...flood.slice(0, 4 * limits.sightingsPerTurn))
  for (let before = 0, turn = 0; turn < 4; turn++) {
    await nextTurn()
    const taken = w.multi.store.size - before
    before += taken
    expect(taken).toBeGreaterThan(0)
    expect(taken).toBeLessThanOrEqual(limits.sightingsPerTurn)
  }
  await w.multi.stop()
})

it('takes at most the cap of one mechanism and round', async () => {
  const noisy = handmade('noisy')
  noisy.answers = flood.slice(0, 40)
  const w = await world([noisy.factory], { maxPeersPerRound: 7 })
  await started(w)
  expect((await ids(w.multi.peers())).length).toBe(7)
  await w.multi.stop()
})
