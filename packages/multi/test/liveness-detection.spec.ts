/** Crashes and stalls among a hundred nodes, each connected to ten to twenty others, in virtual time. */
import { describe, expect, it } from 'vitest'
import { quantile, watching, type Watching } from './liveness-sim.ts'

const tier = process.env.PEERWEAVE_TIER ?? 'default'

const HOUR = 3_600_000
const CRASHES = tier === 'default' ? 4 : 30

describe('a crash without a word', () => {
  it.each([
    ['with one packet in a hundred lost', 0.01],
    ...tier === 'default' ? [] : [['on perfect links', 0] as const]
  ] as const)('is suspected within 3 s, and certain within 8 s, %s', async (_, loss) => {
    const net = await watching({ seed: 1, nodes: 100, dials: 8, links: { loss } })
    const { world } = net
    const degrees = world.up().map(({ index }) => net.connected(index).length)
    expect(quantile(degrees, 0.5)).toBeGreaterThanOrEqual(10)
    expect(quantile(degrees, 0.5)).toBeLessThanOrEqual(20)
    const suspected: number[] = []
    const expired: number[] = []
    const rng = world.rng('crashes')
    let missed = 0
    for (let i = 0; i < CRASHES; i++) {
      await world.advance(rng.float() * 2_000)
      const at = world.clock.now()
      const watchers = net.connected(i)
      world.crash(i)
      await world.advance(12_000)
      for (const by of watchers) {
        const doubt = net.suspected.find(news => news.at > at && news.by === by && news.of === i)
        const death = net.expired.find(news => news.at > at && news.by === by && news.of === i)
        if (doubt == null || death == null) missed++
        suspected.push((doubt?.at ?? Infinity) - at)
        expired.push((death?.at ?? Infinity) - at)
      }
    }
    const [p50, p99, worst] = [quantile(suspected, 0.5), quantile(expired, 0.99), Math.max(...expired)]
    const figures = `expired p50 ${quantile(expired, 0.5).toFixed(0)} p99 ${p99.toFixed(0)} worst ${worst.toFixed(0)} ms`
    console.info(`${expired.length} watchers of ${CRASHES} crashes: suspected p50 ${p50.toFixed(0)} ms, ${figures}`)
    expect(missed).toBe(0)
    expect(p50).toBeLessThanOrEqual(3_000)
    expect(p99).toBeLessThanOrEqual(8_000)
    expect(net.expired.filter(({ of }) => of >= CRASHES)).toEqual([])
  }, 120_000)
})

/** Three in ten nodes stall for 5 s, once a minute each, at random. Returns the peer-hours watched. */
async function stalling ({ world, connected }: Watching, duration: number, step: number): Promise<number> {
  const rng = world.rng('stalls')
  const stallers = world.up().filter((_, i) => i % 10 < 3)
  const end = world.clock.now() + duration
  for (const { clock } of stallers) {
    const next = (): void => {
      world.clock.setTimeout(() => {
        clock.stall(5_000)
        next()
      }, 6_000 - Math.log(1 - rng.float()) * 54_000) // never two in a row: that would be a longer one
    }
    next()
  }
  let hours = 0
  while (world.clock.now() < end) {
    const pairs = world.up().reduce((sum, { index }) => sum + connected(index).length, 0)
    await world.advance(step)
    hours += pairs * step / HOUR
  }
  return hours
}

describe('stalls of 5 s in three nodes of ten', () => {
  it('suspect some, and kill nobody', async () => {
    const net = await watching({ seed: 2, nodes: 100, dials: 8 })
    const hours = await stalling(net, tier === 'default' ? 60_000 : 600_000, 10_000)
    const { suspected, revived, expired, clocks } = net
    const figures = `${suspected.length} suspected, ${revived.length} cleared, ${expired.length} expired, ${clocks.length} own stalls noticed`
    console.info(`${hours.toFixed(0)} peer-hours: ${figures}`)
    expect(net.suspected.length).toBeGreaterThan(10)
    expect(net.clocks.length).toBeGreaterThan(10)
    expect(net.expired).toEqual([])
  }, 120_000)

  it.runIf(tier === 'long')('kill nobody in 30,000 peer-hours, to one in ten thousand', async () => {
    const net = await watching({ seed: 3, nodes: 100, dials: 8, keepAlive: Infinity })
    const hours = await stalling(net, 21 * HOUR, 60_000)
    console.info(`${hours.toFixed(0)} peer-hours: ${net.suspected.length} suspected, ${net.expired.length} expired`)
    expect(hours).toBeGreaterThanOrEqual(30_000)
    expect(net.expired.length / hours).toBeLessThanOrEqual(1e-4)
  }, 3_600_000)
})
