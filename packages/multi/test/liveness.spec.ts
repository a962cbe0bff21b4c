/** What one node makes of its peers' answers and silences, on a virtual clock. */
import { limits, raceSignal } from '@peerweave/interface'
import { describe, expect, it } from 'vitest'
import { PRESERVE_PARTLY, PROBE_INTERVAL } from '../src/constants.ts'
import { scene, type Manner, type Scene } from './liveness-support.ts'
import type { Identified } from '@peerweave/interface'

/** A scene that has run for a while. */
async function running (...args: Parameters<typeof scene>): Promise<Scene> {
  const made = scene(...args)
  made.liveness.start()
  await made.clock.advance(10_000)
  made.told.length = 0
  return made
}

function behave ({ peers }: Scene, manner: Manner, ...indexes: number[]): void {
  for (const index of indexes) (peers[index] as Scene['peers'][number]).manner = manner
}

const saidOf = (told: string[], what: string): string[] => {
  return told.filter(line => line.startsWith(what)).map(line => line.split(' ')[1] as string)
}

describe('a peer that answers', () => {
  it('is pinged once an interval or a little earlier, and nothing is said of it', async () => {
    const made = await running(3)
    await made.clock.advance(60_000)
    expect(made.told).toEqual([])
    for (const { pings } of made.peers) {
      const gaps = pings.slice(1).map((at, i) => at - (pings[i] as number))
      expect(Math.min(...gaps)).toBeGreaterThan(PROBE_INTERVAL * 0.65)
      expect(Math.max(...gaps)).toBeLessThan(PROBE_INTERVAL * 1.05 + 60)
    }
  })

  it('is pinged less often among many', async () => {
    const few = await running(20)
    const many = await running(100)
    const count = ({ peers }: Scene): number => peers.reduce((sum, { pings }) => sum + pings.length, 0)
    const before = [count(few), count(many)] as const
    await Promise.all([few.clock.advance(60_000), many.clock.advance(60_000)])
    expect((count(few) - before[0]) / 60).toBeGreaterThan(9)
    expect((count(many) - before[1]) / 60).toBeGreaterThan(9)
    expect((count(many) - before[1]) / 60).toBeLessThan(12)
  })

  it('does not need a ping while something else is heard of it', async () => {
    const made = await running(1)
    const [peer] = made.peers as [Scene['peers'][number]]
    const before = peer.pings.length
    for (let i = 0; i < 20; i++) {
      made.events.safeDispatchEvent<Identified>('identify', { detail: { peer: peer.id } as Identified })
      await made.clock.advance(1_000)
    }
    expect(peer.pings.length).toBe(before)
  })

  it('is not judged when it does not speak ping, nor when it refuses', async () => {
    const made = await running(4)
    behave(made, 'no-ping', 0)
    behave(made, 'refuses', 1)
    await made.clock.advance(60_000)
    expect(made.told).toEqual([])
    const [exempt] = made.peers as [Scene['peers'][number]]
    const before = exempt.pings.length
    made.events.safeDispatchEvent<Identified>('identify', { detail: { peer: exempt.id } as Identified })
    await made.clock.advance(60_000)
    expect(exempt.pings.length).toBe(before)
    made.connect(0) // it may have learnt it
    await made.clock.advance(5_000)
    expect(exempt.pings.length).toBe(before + 1)
  })
})

describe('a peer that does not', () => {
  it('is suspected, is dead after 5.6 s, and its connection is closed', async () => {
    const made = await running(5)
    behave(made, 'silent', 2)
    const sent = (made.peers[2] as Scene['peers'][number]).pings
    const before = sent.length
    await made.clock.advance(3_000)
    expect(made.liveness.isSuspected((made.peers[2] as Scene['peers'][number]).id)).toBe(true)
    expect(made.liveness.status()).toMatchObject({ state: 'watching', watched: 5, suspected: 1 })
    await made.clock.advance(6_000)
    expect(made.told.map(line => line.replace(/ \d+$/, ''))).toEqual(['suspect p2', 'close p2', 'expire p2'])
    const after = [made.told[0], made.told[2]].map(line => Number(line?.split(' ')[2]) - (sent[before] as number))
    expect(after).toEqual([expect.closeTo(500, -1), expect.closeTo(5_600, -1)])
    expect(made.liveness.status().watched).toBe(4)
    expect(made.waiting()).toBe(0)
  })

  it('is cleared by an answer that is late', async () => {
    const made = await running(5)
    behave(made, 5_050, 2)
    await made.clock.advance(3_000)
    behave(made, 50, 2)
    await made.clock.advance(60_000)
    expect(made.told.map(line => line.replace(/ \d+$/, ''))).toEqual(['suspect p2', 'alive p2'])
  })

  it('has as much time as its distance needs, and one long round trip changes nothing', async () => {
    const made = await running(5)
    behave(made, 900, 2)
    await made.clock.advance(30_000)
    made.told.length = 0
    await made.clock.advance(60_000)
    expect(made.told).toEqual([])
    behave(made, 50, 2)
    await made.clock.advance(30_000)
    behave(made, 4_000, 2)
    await made.clock.advance(3_000)
    behave(made, 50, 2)
    await made.clock.advance(10_000)
    made.told.length = 0
    behave(made, 'silent', 2)
    await made.clock.advance(3_000)
    expect(saidOf(made.told, 'suspect')).toEqual(['p2'])
  })

  it('is no death when its connection closes first, in order', async () => {
    const made = await running(2)
    made.disconnect(0)
    await made.clock.advance(60_000)
    expect(made.told).toEqual([])
    expect(made.liveness.status().watched).toBe(1)
  })

  it('is dead in its time when its connection breaks while it is suspected, unless it comes back', async () => {
    for (const comesBack of [false, true]) {
      const made = await running(5)
      behave(made, 'silent', 2)
      await made.clock.advance(4_000)
      made.disconnect(2)
      behave(made, 50, 2)
      if (comesBack) made.connect(2)
      await made.clock.advance(10_000)
      expect(saidOf(made.told, 'expire')).toEqual(comesBack ? [] : ['p2'])
      expect(saidOf(made.told, 'alive')).toEqual(comesBack ? ['p2'] : [])
    }
  })

  it('is dialled when its connection broke while it was suspected', async () => {
    for (const isThere of [false, true]) {
      const dialled: number[] = []
      const made: Scene = await running(5, {
        reach: async (peer, { signal }) => {
          dialled.push(made.clock.now())
          await made.clock.sleep(100, { signal })
          if (!isThere) throw new Error('nobody answers')
          made.connect(made.peers.findIndex(({ id }) => id.equals(peer)))
        }
      })
      behave(made, 'silent', 2)
      await made.clock.advance(4_000)
      behave(made, 50, 2)
      made.disconnect(2)
      await made.clock.advance(10_000)
      expect(dialled.length).toBe(1)
      expect(saidOf(made.told, 'expire')).toEqual(isThere ? [] : ['p2'])
    }
  })

  it('is alive when it connects anew, whatever becomes of the ping over the old connection', async () => {
    const made = await running(5)
    behave(made, 'silent', 2)
    await made.clock.advance(2_700)
    behave(made, 50, 2)
    made.connect(2)
    await made.clock.advance(30_000)
    expect(saidOf(made.told, 'expire')).toEqual([])
  })

  it('expires also when it is the only one, or one of two', async () => {
    for (const count of [1, 2]) {
      const made = await running(count)
      behave(made, 'silent', 0, 1 % count)
      await made.clock.advance(10_000)
      expect(saidOf(made.told, 'expire').sort()).toEqual(['p0', 'p1'].slice(0, count))
    }
  })
})

/** ms: the longest patience after a return, and some. */
const RETURN_AND_DEATH = 40_000

describe('when most fall silent at once', () => {
  const half = [0, 1, 2, 3, 4]

  it('nobody is dead, for as long as nothing is heard', async () => {
    const made = await running(6)
    behave(made, 'silent', 0, 1, 2, 3, 4, 5)
    await made.clock.advance(3_600_000)
    expect(saidOf(made.told, 'expire')).toEqual([])
    expect(made.liveness.status()).toMatchObject({ state: 'preserving', suspected: 6 })
  })

  it('those who are silent still, when some answer again, have the usual time anew', async () => {
    const made = await running(10)
    behave(made, 'silent', 0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
    await made.clock.advance(600_000)
    behave(made, 50, 0, 1, 2)
    made.connect(0)
    await made.clock.advance(5_000)
    expect(made.liveness.status().state).toBe('watching')
    expect(saidOf(made.told, 'expire')).toEqual([])
    await made.clock.advance(55_000)
    expect(saidOf(made.told, 'expire').sort()).toEqual(['p3', 'p4', 'p5', 'p6', 'p7', 'p8', 'p9'])
    expect(made.liveness.status()).toMatchObject({ state: 'watching', watched: 3, suspected: 0 })
  })

  it('and the others answer all the time, they are held for a minute', async () => {
    const made = await running(10)
    behave(made, 'silent', ...half)
    await made.clock.advance(PRESERVE_PARTLY)
    expect(saidOf(made.told, 'expire')).toEqual([])
    await made.clock.advance(RETURN_AND_DEATH)
    expect(saidOf(made.told, 'expire').sort()).toEqual(['p0', 'p1', 'p2', 'p3', 'p4'])
  })

  it('fewer than half are dead in their time', async () => {
    const made = await running(11)
    behave(made, 'silent', ...half)
    await made.clock.advance(9_000)
    expect(saidOf(made.told, 'expire').length).toBe(5)
  })

  it('all connections that close at once are our own fault, and the next one ends it', async () => {
    const made = await running(4)
    for (let i = 0; i < 4; i++) made.disconnect(i)
    expect(made.liveness.status()).toMatchObject({ state: 'preserving', watched: 0 })
    await made.clock.advance(600_000)
    made.connect(1)
    expect(made.liveness.status()).toMatchObject({ state: 'watching', watched: 1 })
    expect(made.told).toEqual([])
  })

  it('nobody is dead either while we have no address that others reach', async () => {
    const made = await running(2)
    behave(made, 'silent', 0)
    await made.clock.advance(3_000)
    made.move(['/ip4/127.0.0.1/tcp/1'])
    await made.clock.advance(PRESERVE_PARTLY)
    expect(saidOf(made.told, 'expire')).toEqual([])
    await made.clock.advance(RETURN_AND_DEATH)
    // The other one answers: we are not cut off.
    expect([made.liveness.status().state, saidOf(made.told, 'expire')]).toEqual(['watching', ['p0']])

    const cut = await running(2)
    cut.move([])
    behave(cut, 'silent', 0, 1)
    await cut.clock.advance(600_000)
    expect([cut.liveness.status().state, saidOf(cut.told, 'expire')]).toEqual(['preserving', []])
    cut.move(['/ip4/192.0.2.1/tcp/1'])
    await cut.clock.advance(60_000)
    expect([cut.liveness.status().state, saidOf(cut.told, 'expire').sort()]).toEqual(['watching', ['p0', 'p1']])
  })
})

describe('time that we were not there', () => {
  const hour = 3_600_000

  it.each([
    ['an hour ahead', hour, `sleep ${hour}`],
    ['an hour back', -hour, `jump ${-hour}`],
    ['ten years ahead', 87_600 * hour, `jump ${87_600 * hour}`],
    ['ten years back', -87_600 * hour, `jump ${-87_600 * hour}`]
  ])('a wall clock that goes %s is told, and changes nothing', async (_, ms, told) => {
    const made = await running(5)
    made.clock.stepWall(ms)
    await made.clock.advance(60_000)
    expect(made.told).toEqual([told])
    behave(made, 'silent', 2)
    await made.clock.advance(9_000)
    expect(saidOf(made.told, 'expire')).toEqual(['p2'])
  })

  it('a wall clock that is slewed is not told, however far', async () => {
    const made = await running(1)
    for (let i = 0; i < 100; i++) {
      made.clock.stepWall(1_000)
      await made.clock.advance(1_000)
    }
    expect(made.told).toEqual([])
  })
})

it('watches no more than the connections that there may be', async () => {
  const made = await running(limits.connections + 1)
  expect(made.liveness.status().watched).toBe(limits.connections)
})

it('a listener that throws harms nobody', async () => {
  const made = await running(5, { onSuspect: () => { throw new Error('mine') }, onExpire: () => { throw new Error('mine') } })
  behave(made, 'silent', 2)
  await made.clock.advance(10_000)
  expect(made.liveness.status()).toMatchObject({ watched: 4, suspected: 0 })
})

it('leaves nothing behind when it is stopped, and starts again', async () => {
  const made = await running(5, { reach: async (_, { signal }) => await raceSignal(new Promise<never>(() => {}), signal) })
  behave(made, 'silent', 2, 3)
  await made.clock.advance(3_000)
  made.disconnect(2)
  await made.clock.advance(100)
  made.liveness.stop()
  made.liveness.stop()
  await made.clock.settle()
  expect([made.clock.pending, made.waiting(), made.listeners()]).toEqual([0, 0, 0])
  expect(made.liveness.status()).toMatchObject({ state: 'watching', watched: 0 })
  made.liveness.start()
  made.liveness.start()
  await made.clock.advance(12_000)
  expect(saidOf(made.told, 'expire')).toEqual(['p3'])
})

it('may be stopped by its own listener', async () => {
  let calls = 0
  const made: Scene = await running(5, {
    onSuspect: () => {
      calls++
      made.liveness.stop()
    }
  })
  behave(made, 'silent', 0, 1, 2)
  await made.clock.advance(20_000)
  expect([made.clock.pending, made.waiting(), made.told, calls]).toEqual([0, 0, [], 1])
})
