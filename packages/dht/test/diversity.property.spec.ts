import { multiaddr } from '@multiformats/multiaddr'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { commonPrefix, Diversity } from '../src/diversity.ts'
import { ipGroup } from '../src/ip-group.ts'

describe('the group of an address', () => {
  it.each<[string, string | undefined, string]>([
    ['/ip4/1.2.3.4/tcp/1', '1.2', 'its /16'],
    ['/ip4/1.2.255.4/udp/1/quic-v1', '1.2', 'whatever the transport'],
    ['/ip4/12.1.3.4/tcp/1', '12', 'a legacy class A: one owner has all of it'],
    ['/ip4/73.255.3.4/tcp/1', '73', 'as above'],
    ['/ip4/11.1.3.4/tcp/1', '11.1', 'beside it'],
    ['/ip6/2a00:1450:4001:800::1/tcp/1', '2a001450', 'its /32'],
    ['/ip6/::ffff:1.2.3.4/tcp/1', '1.2', 'IPv4 in the form of IPv6'],
    ['/ip6/64:ff9b::102:304/tcp/1', '1.2', 'IPv4 behind NAT64'],
    ['/ip6/2002:102:304::1/tcp/1', '1.2', 'IPv4 behind 6to4'],
    ['/ip4/1.2.3.4/tcp/1/p2p/12D3KooWA4Xop1JaT3MHxwYMkCepYsv4iPVopMXwCz5iHYdBfeSB/p2p-circuit', '1.2', 'a relay’s'],
    ['/ip4/192.168.1.1/tcp/1', undefined, 'private'],
    ['/ip4/127.0.0.1/tcp/1', undefined, 'loopback'],
    ['/dns4/example.org/tcp/1', undefined, 'a name: connections have addresses']
  ])('%s is %s: %s', (address, group) => {
    expect(ipGroup(multiaddr(address))).toBe(group)
  })
})

describe('common prefixes', () => {
  it.each([
    [[0xff], [0xff], 8],
    [[0xff], [0xfe], 7],
    [[0xff], [0x7f], 0],
    [[0, 0x10], [0, 0x20], 10]
  ])('%j and %j share %d bits', (a, b, bits) => {
    expect(commonPrefix(Uint8Array.from(a), Uint8Array.from(b))).toBe(bits)
  })

  it('are as long as the ids when they are equal, and the same both ways', () => {
    fc.assert(fc.property(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 4, maxLength: 4 }), (a, b) => {
      const bits = (id: Uint8Array): number[] => [...id].flatMap(byte => Array.from({ length: 8 }, (_, i) => byte >> (7 - i) & 1))
      const expected = bits(a).findIndex((bit, i) => bit !== bits(b)[i])
      expect(commonPrefix(a, b)).toBe(expected === -1 ? 32 : expected)
      expect(commonPrefix(b, a)).toBe(commonPrefix(a, b))
    }))
  })
})

describe('whoever comes and goes', () => {
  const step = fc.record({
    type: fc.constantFrom('take', 'take', 'take', 'release'),
    peer: fc.nat(40),
    group: fc.constantFrom('a', 'b', 'c', undefined),
    prefix: fc.nat(3)
  })

  it('no group has more than its places, who is in stays in, and what is free is taken', () => {
    fc.assert(fc.property(fc.array(step, { maxLength: 200 }), steps => {
      const limits = { perPrefix: 2, perTable: 3 }
      const diversity = new Diversity(limits)
      const model = new Map<number, { group: string | undefined, prefix: number }>()
      for (const { type, peer, group, prefix } of steps) {
        if (type === 'release') {
          model.delete(peer)
          diversity.release(`${peer}`)
        } else {
          const others = [...model.values()].filter(place => place.group === group)
          const hasPlace = group === undefined || (others.length < 3 && others.filter(place => place.prefix === prefix).length < 2)
          const isIn = model.has(peer)
          expect(diversity.take(`${peer}`, group, prefix)).toBe(isIn || hasPlace)
          if (!isIn && hasPlace) model.set(peer, { group, prefix })
        }
        expect(diversity.size).toBe(model.size)
        for (const id of model.keys()) expect(diversity.has(`${id}`)).toBe(true)
      }
      diversity.clear()
      for (let prefix = 0; prefix < 4; prefix++) expect(diversity.admits('a', prefix)).toBe(true)
    }), { numRuns: 500 })
  })

  it('ten thousand of ten networks get thirty places', () => {
    const diversity = new Diversity({ perPrefix: 2, perTable: 3 })
    for (let i = 0; i < 10_000; i++) diversity.take(`${i}`, `${i % 10}`, i % 7)
    expect(diversity.size).toBe(30)
    expect(diversity.take('honest', 'elsewhere', 0)).toBe(true)
  })
})
