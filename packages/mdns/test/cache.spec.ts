import { dropCounter, limits, seededRng } from '@peerweave/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { beforeAll, describe, expect, it } from 'vitest'
import { PeerCache } from '../src/cache.ts'
import { createPeerId, LAN } from './support.ts'
import type { PeerId } from '@libp2p/interface'
import type { PresentPeer } from '../src/answer.ts'

let ids: PeerId[]

beforeAll(async () => {
  ids = await Promise.all(Array.from({ length: limits.mdnsPeers + 2 }, () => createPeerId()))
})

function cache (): { cache: PeerCache, dropped: Record<string, number> } {
  const { dropped, drop } = dropCounter()
  return { cache: new PeerCache({ link: LAN, rng: seededRng(1), drop, numbering: { last: 0 } }), dropped }
}

function peer (i: number, ports: number[] = [1], ttl = 120_000): PresentPeer {
  return { instance: `p${i}`, peerId: ids[i]!, multiaddrs: ports.map(port => multiaddr(`/ip4/192.168.7.2/tcp/${port}`)), ttl }
}

function held (cached: PeerCache): string[] {
  return [...cached.after(0)].map(({ source, instance }) => `${source} ${instance}`)
}

describe('the cache', () => {
  it('at the bound drops a newcomer of the source that holds most', () => {
    const { cache: cached, dropped } = cache()
    for (let i = 0; i < limits.mdnsPeers; i++) cached.hear('liar', peer(i), 0)
    expect(held(cached).length).toBe(limits.mdnsPeers)
    expect(dropped).toEqual({})
    expect(cached.hear('liar', peer(limits.mdnsPeers), 0)).toBeUndefined()
    expect(dropped).toEqual({ 'cache-full': 1 })
  })

  it('at the bound gives a newcomer the place of the longest known peer of the source that holds most', () => {
    const { cache: cached, dropped } = cache()
    cached.hear('honest', peer(0), 0)
    for (let i = 1; i < limits.mdnsPeers; i++) cached.hear('liar', peer(i), 0)
    expect(cached.hear('newcomer', peer(limits.mdnsPeers), 0)).toBeDefined()
    expect(held(cached).length).toBe(limits.mdnsPeers)
    expect(held(cached)).toContain('honest p0')
    expect(held(cached)).not.toContain('liar p1')
    expect(dropped).toEqual({})
  })

  it('at the bound, where nobody holds most, keeps those that were there first, whoever makes up sources', () => {
    const { cache: cached } = cache()
    cached.hear('honest', peer(0), 0)
    for (let i = 1; i < limits.mdnsPeers + 2; i++) cached.hear(`liar ${i}`, peer(i), 0)
    expect(held(cached).length).toBe(limits.mdnsPeers)
    expect(held(cached)).toContain('honest p0')
    expect(held(cached)).toContain(`liar ${limits.mdnsPeers + 1} p${limits.mdnsPeers + 1}`)
  })

  it('hears a known peer at the bound', () => {
    const { cache: cached } = cache()
    for (let i = 0; i < limits.mdnsPeers; i++) cached.hear('liar', peer(i), 0)
    expect(cached.hear('liar', peer(0), 5_000)).toBeDefined()
    expect(held(cached).length).toBe(limits.mdnsPeers)
  })

  it('keeps the 16 newest addresses of a peer, in however many packets they come', () => {
    const { cache: cached, dropped } = cache()
    for (let port = 1; port <= limits.addressesPerClaim; port++) cached.hear('a', peer(0, [port]), 0)
    expect(dropped).toEqual({})
    cached.hear('a', peer(0, [100, 101]), 0)
    const ports = [...cached.after(0)].flatMap(({ multiaddrs }) => [...multiaddrs.keys()]).map(text => Number(text.split('/').at(-1)))
    expect(ports).toEqual([...Array.from({ length: 14 }, (_, i) => i + 3), 100, 101])
    expect(dropped).toEqual({ 'too-many-addresses': 1 })
  })

  it('reports of a repeated packet only what is new', () => {
    const { cache: cached } = cache()
    cached.hear('a', peer(0, [1, 2]), 0)
    expect(cached.hear('a', peer(0, [1, 2]), 999)).toBeUndefined()
    expect([...cached.hear('a', peer(0, [1, 2, 3]), 999)!.multiaddrs.keys()]).toEqual(['/ip4/192.168.7.2/tcp/3'])
    expect(cached.hear('a', peer(0, [1, 2, 3]), 1_000)!.multiaddrs.size).toBe(2)
  })

  it('lets one source’s goodbye stand for its own words only', () => {
    const { cache: cached } = cache()
    cached.hear('a', peer(0), 0)
    cached.hear('b', peer(0), 0)
    cached.hearGoodbye('a', { instance: 'p0' }, 0)
    expect(cached.tick(1_000).withdrawn.map(({ statement, isGone }) => [statement.source, isGone])).toEqual([['a', true]])
    expect(held(cached)).toEqual(['b p0'])
  })

  it('does not let a goodbye last longer for being repeated', () => {
    const { cache: cached } = cache()
    cached.hear('a', peer(0), 0)
    cached.hearGoodbye('a', { instance: 'p0' }, 0)
    cached.hearGoodbye('a', { instance: 'p0' }, 900)
    expect(cached.tick(1_000).withdrawn.length).toBe(1)
  })

  it('is not searched through for a goodbye to what was never said', () => {
    const { cache: cached, dropped } = cache()
    for (let i = 0; i < limits.mdnsPeers; i++) {
      for (let port = 1; port <= limits.addressesPerClaim; port++) cached.hear('liar', peer(i, [port]), 0)
    }
    const count = 20_000
    const before = performance.now()
    for (let i = 0; i < count; i++) cached.hearGoodbye('liar', { instance: `z${i}` }, 0)
    // A search through these 4,096 statements takes 20 µs and more, so that this would be half a second.
    expect(performance.now() - before).toBeLessThan(200)
    expect(dropped['foreign-goodbye']).toBe(count)
  })

  it('ends empty and with nothing to do', () => {
    const { cache: cached } = cache()
    for (let i = 0; i < 10; i++) cached.hear('a', peer(i, [1, 2]), i)
    let now = 0
    for (let steps = 0; cached.next < Infinity; steps++) {
      expect(steps).toBeLessThan(100)
      expect(cached.next).toBeGreaterThan(now)
      now = cached.next
      expect(cached.tick(now).withdrawn).toEqual([])
    }
    expect(now).toBe(120_009)
    expect(held(cached)).toEqual([])
  })
})
