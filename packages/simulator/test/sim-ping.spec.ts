/** Pings of a simulated host: over its links, as they are. */
import { describe, expect, it } from 'vitest'
import {
  addressIn, keyedHashCrypto, simClock, simNetwork, simPeerId, type LinkOptions, type NodeClock, type SimClock, type SimHost, type SimNetwork
} from '../src/index.ts'
import type { Multiaddr } from '@multiformats/multiaddr'

interface Pair {
  clock: SimClock
  network: SimNetwork
  a: SimHost
  b: SimHost
  clocks: [NodeClock, NodeClock]
}

async function connected (links: LinkOptions = {}): Promise<Pair> {
  const clock = simClock()
  const network = simNetwork({ seed: 1, clock, links: { latency: 20, jitter: 0, ...links } })
  const addresses = [addressIn(0, 1), addressIn(1, 1)]
  const clocks = [clock.clockOf('n0'), clock.clockOf('n1')] as [NodeClock, NodeClock]
  const [a, b] = addresses.map((address, i) => network.join({
    name: `n${i}`,
    signer: keyedHashCrypto(1).signerOf(simPeerId(1, `n${i}`)),
    clock: clocks[i] as NodeClock,
    addresses: [address],
    keepAlive: Infinity
  })) as [SimHost, SimHost]
  const dialled = a.dial([addresses[1] as Multiaddr])
  await clock.advance(5_000)
  await dialled
  return { clock, network, a, b, clocks }
}

const never = new AbortController().signal

async function pinged ({ clock, a, b }: Pair, within = 10_000): Promise<number | string> {
  const asked = a.ping(b.self, { signal: never }).catch((error: Error) => error.name)
  let answer: number | string = 'nothing'
  asked.then(found => { answer = found }, () => {})
  await clock.advance(within)
  return answer
}

describe('a ping', () => {
  it('takes a round trip, which is then known of the connection', async () => {
    const pair = await connected()
    expect(await pinged(pair)).toBe(40)
    expect(pair.a.connections()[0]?.rtt).toBe(40)
  })

  it('is sent again when it was lost', async () => {
    const pair = await connected({ loss: 0.5 })
    const trips: Array<number | string> = []
    for (let i = 0; i < 20; i++) trips.push(await pinged(pair, 60_000))
    expect(trips).toContain(40)
    expect(Math.max(...trips.filter(trip => typeof trip === 'number'))).toBeGreaterThan(200)
  })

  it('waits while the peer is cut off, and the connection is over when that lasts', async () => {
    const pair = await connected()
    pair.network.cut('n1')
    expect(await pinged(pair, 5_000)).toBe('nothing')
    pair.network.heal()
    await pair.clock.advance(20_000)
    pair.network.cut('n1')
    expect(await pinged(pair, 60_000)).toBe('ConnectionClosedError')
    expect(pair.a.connections()).toEqual([])
    expect(await pinged(pair)).toBe('ConnectionClosedError')
  })

  it('waits while the peer is stalled, and takes as long', async () => {
    const pair = await connected()
    pair.clocks[1].stall(5_000)
    expect(await pinged(pair)).toBe(5_020) // the stall, and the way back
  })

  it('waits in vain for a peer that crashed, and fails at once where its next life knows no connection', async () => {
    const pair = await connected()
    pair.b.crash()
    expect(await pinged(pair, 5_000)).toBe('nothing')
    const { clock, network, b } = pair
    network.join({ name: 'n1', signer: b.signer, clock: clock.clockOf('n1'), addresses: b.addresses(), keepAlive: Infinity })
    await pair.clock.advance(10_000)
    expect(await pinged(pair)).toBe('ConnectionClosedError')
  })

  it('is joined while it is in flight, and forgotten when nobody waits any more', async () => {
    const { clock, network, a, b } = await connected()
    const sent = network.counts.sent
    const [first, second] = [new AbortController(), new AbortController()]
    const one = a.ping(b.self, { signal: first.signal })
    await clock.advance(10)
    const two = a.ping(b.self, { signal: second.signal })
    first.abort()
    await expect(one).rejects.toMatchObject({ name: 'AbortError' })
    await clock.advance(40)
    expect([await two, network.counts.sent - sent]).toEqual([40, 2])

    const gone = new AbortController()
    const given = a.ping(b.self, { signal: gone.signal })
    gone.abort()
    await expect(given).rejects.toMatchObject({ name: 'AbortError' })
    const next = a.ping(b.self, { signal: never })
    await clock.advance(100)
    expect([await next, network.counts.sent - sent]).toEqual([40, 6])
    await expect(a.ping(b.self, { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' })
  })
})
