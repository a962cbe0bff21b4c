/** Which mechanisms a caller's question goes to, and when. */
import { limits, NotFoundError } from '@peerweave/interface'
import { describe, expect, it } from 'vitest'
import { FIRST_HEDGE, MIX_PATIENCE } from '../src/constants.ts'
import { claim, handmade, ids, peer, started, world, type Handmade, type World } from './support.ts'
import type { Sighting } from '@peerweave/interface'

const [a, b, c] = await Promise.all([peer(1), peer(2), peer(3)])

/** Asked only by callers. */
const onDemand = { interval: Infinity }

/** Whatever hangs is given up in time. */
async function stopped ({ multi, clock }: World): Promise<void> {
  const stopping = Promise.resolve(multi.stop())
  await clock.advance(limits.lifecycleDeadline)
  await stopping
}

describe('a caller who wants some peers', () => {
  it('is served by one mechanism when that is enough', async () => {
    const [first, second] = [handmade('first'), handmade('second')]
    for (const made of [first, second]) made.answers.push(claim(a), claim(b))
    const w = await world([first.factory, second.factory], onDemand)
    await started(w)
    expect(await ids(w.multi.discover({ need: 2 }))).toEqual([a, b].map(String).sort())
    expect([first.rounds, second.rounds]).toEqual([1, 0])
    await w.multi.stop()
  })

  it('of those that bring more, the one that costs less is asked first', async () => {
    const [dear, cheap] = [handmade('dht'), handmade('bootstrap')]
    for (const made of [dear, cheap]) made.answers.push(claim(a))
    const w = await world([dear.factory, cheap.factory], onDemand)
    await started(w)
    expect(await ids(w.multi.discover({ need: 1 }))).toEqual([a.toString()])
    expect([dear.rounds, cheap.rounds]).toEqual([0, 1])
    await w.multi.stop()
  })

  it('is served by the next one too when the first has ended without enough', async () => {
    const [first, second] = [handmade('first'), handmade('second')]
    first.answers.push(claim(a))
    second.answers.push(claim(b))
    const w = await world([first.factory, second.factory], onDemand)
    await started(w)
    expect(await ids(w.multi.discover({ need: 2 }))).toEqual([a, b].map(String).sort())
    await w.multi.stop()
  })

  it('does not wait for one that takes longer than it usually does', async () => {
    const hanging = handmade('hanging', { async * round () { await new Promise(() => {}) } })
    const second = handmade('second')
    second.answers.push(claim(b))
    const w = await world([hanging.factory, second.factory], onDemand)
    await started(w)
    const found = ids(w.multi.discover({ need: 1 }))
    await w.clock.settle()
    await w.clock.advance(FIRST_HEDGE + MIX_PATIENCE)
    expect(await found).toEqual([b.toString()])
    await stopped(w)
  })

  it('who wants all has all asked at once', async () => {
    let asked = 0
    const made = ['first', 'second', 'third'].map(name => handmade(name, {
      async * round () {
        asked++
        await new Promise(() => {})
      }
    }))
    const w = await world(made.map(({ factory }) => factory), onDemand)
    await started(w)
    const found = ids(w.multi.discover({ deadline: 1_000 }))
    await w.clock.settle()
    expect(asked).toBe(3)
    await w.clock.advance(1_000)
    await found
    await stopped(w)
  })

  it('rounds that nobody waits for any more are ended', async () => {
    let ended = 0
    const endless = (name: string): Handmade => handmade(name, {
      async * round () {
        try { for (;;) yield claim(a) } finally { ended++ }
      }
    })
    const w = await world([endless('first').factory, endless('second').factory], { ...onDemand, maxPeersPerRound: 8_000 })
    await started(w)
    for await (const _ of w.multi.discover({ deadline: Infinity })) break
    await w.clock.settle()
    expect(ended).toBeGreaterThan(0)
    await w.multi.stop()
    expect(ended).toBe(2)
  })
})

it('a round that hangs is told to end when its asker has left', async () => {
  let signal: AbortSignal | undefined
  const hanging = handmade('hanging', {
    async * round (round) {
      signal = round.signal
      await new Promise(() => {})
      yield claim(b)
    }
  })
  const quick = handmade('quick')
  quick.answers.push(claim(a))
  const w = await world([hanging.factory, quick.factory], onDemand)
  await started(w)
  const found = (async () => { for await (const _ of w.multi.discover({ deadline: Infinity })) break })()
  await w.clock.advance(100)
  await found
  expect(signal?.aborted).toBe(true)
  await stopped(w)
})

it('that nobody knew a peer says nothing of what a round brings', async () => {
  const first = handmade('first', { async * findPeer () {} })
  const second = handmade('second')
  for (const made of [first, second]) made.answers.push(claim(a))
  const w = await world([first.factory, second.factory], onDemand)
  await started(w)
  for (let i = 0; i < 10; i++) await w.multi.find(c).catch(() => {})
  await w.multi.forget(a)
  const before = [first.rounds, second.rounds] as const
  await ids(w.multi.discover({ need: 1 }))
  expect(first.rounds).toBe(before[0] + 1)
  await w.multi.stop()
})

describe('find', () => {
  const finder = (name: string, answers: Map<string, Sighting[]>, asked: string[] = []): Handmade => handmade(name, {
    async * findPeer (id) {
      asked.push(id.toString())
      yield * answers.get(id.toString()) ?? []
    }
  })

  it('answers at once when the view knows, and asks nobody', async () => {
    const asked: string[] = []
    const made = finder('dht', new Map(), asked)
    const w = await world([made.factory], onDemand)
    await started(w)
    made.say(claim(a))
    await w.clock.settle()
    expect((await w.multi.find(a)).peerId.equals(a)).toBe(true)
    expect(asked).toEqual([])
    await w.multi.stop()
  })

  it('asks a mechanism that can look one peer up before those that cannot', async () => {
    const plain = handmade('bootstrap')
    const routing = finder('dht', new Map([[b.toString(), [claim(c), claim(b)]]]))
    const w = await world([plain.factory, routing.factory], onDemand)
    await started(w)
    expect((await w.multi.find(b)).peerId.equals(b)).toBe(true)
    expect(plain.rounds).toBe(0)
    await w.multi.stop()
  })

  it('takes the word of one that cannot look up, too', async () => {
    const plain = handmade('mdns')
    plain.answers.push(claim(a), claim(b))
    const w = await world([plain.factory], onDemand)
    await started(w)
    expect((await w.multi.find(b)).addresses).toHaveLength(1)
    await w.multi.stop()
  })

  it('says that nobody knows, and which mechanisms failed when all did', async () => {
    const w = await world([finder('dht', new Map()).factory], onDemand)
    await started(w)
    await expect(w.multi.find(a)).rejects.toThrow(NotFoundError)
    const broken = handmade('broken', { async * round () { throw new Error('no net') } })
    const v = await world([broken.factory], onDemand)
    await started(v)
    await expect(v.multi.find(a)).rejects.toThrow(/every mechanism failed: broken \(no net\)/)
    await w.multi.stop()
    await v.multi.stop()
  })

  it('ends at its deadline, and with its signal', async () => {
    const hanging = handmade('hanging', { async * round () { await new Promise(() => {}) } })
    const w = await world([hanging.factory], onDemand)
    await started(w)
    const late = w.multi.find(a, { deadline: 500 })
    const expectation = expect(late).rejects.toThrow(NotFoundError)
    await w.clock.advance(500)
    await expectation
    const controller = new AbortController()
    const aborted = w.multi.find(a, { signal: controller.signal })
    controller.abort()
    await expect(aborted).rejects.toThrow(/abort/i)
    await expect(w.multi.find('x' as never)).rejects.toThrow(/find takes a peer id/)
    await stopped(w)
  })
})

it('a mechanism that brings nobody new is asked less often, and as ever when it does', async () => {
  const times: number[] = []
  const answers = [claim(a, { ttl: 3_600_000 })]
  const made = handmade('dns', {
    async * round () {
      times.push(w.clock.now())
      yield * answers
    }
  })
  const w = await world([made.factory], { interval: 60_000, peerTimeout: Infinity })
  await started(w)
  await w.clock.advance(1_800_000)
  // Thirty at one a minute.
  expect(times.length).toBeLessThan(12)
  answers.push(claim(b, { ttl: 3_600_000 }))
  const before = times.length
  await w.clock.advance(600_000)
  const [news, next] = times.slice(before) as [number, number]
  expect(next - news).toBeLessThanOrEqual(1.2 * 60_000)
  await w.multi.stop()
})
