import { DnsError, limits } from '@peerweave/interface'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { readDnsaddr } from '../../src/read/dnsaddr.ts'
import { createPeerId, serve, txt, zone } from '../zone.ts'
import { all, plain, reader, type Reader } from './support.ts'
import type { Claim } from '@peerweave/interface'
import type { DnsRecord } from '../../src/records.ts'

const numRuns = process.env.PEERWEAVE_TIER === 'ci' ? 2_000 : 200
const ids: string[] = []

beforeAll(async () => {
  for (let i = 0; i < 3; i++) ids.push(String(await createPeerId()))
})

async function read (records: string | DnsRecord[]): Promise<Reader & { found: Claim[], asked: string[] }> {
  const { query, asked } = typeof records === 'string' ? zone(records) : serve(records)
  const made = reader(query)
  return { ...made, asked, found: await all(readDnsaddr(made.init, 'Example.test.')) }
}

const list = (name: string, ...addresses: string[]): DnsRecord[] => addresses.map(address => txt(`_dnsaddr.${name}`, `dnsaddr=${address}`))

describe('a dnsaddr', () => {
  it('lists peers, with all addresses of one in one claim', async () => {
    const { found, dropped } = await read(`
      _dnsaddr.example.test 300 IN TXT "dnsaddr=/ip4/192.0.2.1/tcp/4001/p2p/${ids[0]}"
      _dnsaddr.example.test 300 IN TXT "dnsaddr=/ip4/192.0.2.2/tcp/4001/p2p/${ids[1]}"
      _dnsaddr.example.test 300 IN TXT "dnsaddr=/ip6/2001:db8::1/udp/4001/quic-v1/p2p/${ids[0]}"
      _dnsaddr.example.test 300 IN TXT "v=spf1 -all"`)
    expect(plain(found)).toEqual([
      `${ids[0]} at /ip4/192.0.2.1/tcp/4001 /ip6/2001:db8::1/udp/4001/quic-v1`, `${ids[1]} at /ip4/192.0.2.2/tcp/4001`
    ].sort())
    expect(found[0]).toMatchObject({ ttl: 300_000, reporter: { domain: 'example.test' } })
    expect(dropped).toEqual({})
  })

  it('leads on to others, and takes of them what it names', async () => {
    const { found, asked, dropped } = await read(`
      _dnsaddr.example.test     300 IN TXT "dnsaddr=/dnsaddr/eu.example.test/p2p/${ids[0]}"
      _dnsaddr.example.test     300 IN TXT "dnsaddr=/dnsaddr/eu.example.test/p2p/${ids[1]}"
      _dnsaddr.eu.example.test   60 IN TXT "dnsaddr=/ip4/192.0.2.1/tcp/4001/p2p/${ids[0]}"
      _dnsaddr.eu.example.test   60 IN TXT "dnsaddr=/dns4/n2.example.test/tcp/4001/p2p/${ids[1]}"
      _dnsaddr.eu.example.test   60 IN TXT "dnsaddr=/ip4/192.0.2.3/tcp/4001/p2p/${ids[2]}"
      n2.example.test            40 IN A 192.0.2.2`)
    expect(plain(found)).toEqual([`${ids[0]} at /ip4/192.0.2.1/tcp/4001`, `${ids[1]} at /ip4/192.0.2.2/tcp/4001`].sort())
    expect(new Set(found.map(({ ttl }) => ttl))).toEqual(new Set([40_000, 60_000]))
    expect(asked.filter(question => question.startsWith('_dnsaddr.eu'))).toHaveLength(1)
    expect(dropped).toEqual({ 'dnsaddr-mismatch': 4 })
  })

  it('is believed no longer than what led there, and followed once', async () => {
    const { found } = await read(`
      _dnsaddr.example.test  50 IN TXT "dnsaddr=/dnsaddr/b.test" "dnsaddr=/dnsaddr/b.test"
      _dnsaddr.b.test       300 IN TXT "dnsaddr=/ip4/192.0.2.1/tcp/4001/p2p/${ids[0]}"`)
    expect(found).toMatchObject([{ ttl: 50_000 }])
  })

  it('is given up on when it is full of nonsense', async () => {
    for (const count of [limits.addressesPerClaim - 1, limits.addressesPerClaim]) {
      const { found, dropped } = await read(list('example.test', ...Array<string>(count).fill('/x'), `/ip4/192.0.2.1/tcp/1/p2p/${ids[0]}`))
      expect(found).toHaveLength(count < limits.addressesPerClaim ? 1 : 0)
      expect(dropped).toEqual({ 'bad-address': count })
    }
  })

  it('may go on in the next string of its record', async () => {
    const text = `/ip4/192.0.2.1/tcp/4001/p2p/${ids[0]}`
    const { found } = await read([txt('_dnsaddr.example.test', `dnsaddr=${text.slice(0, 20)}`, text.slice(20)),
      txt('_dnsaddr.example.test', 'k=v', `dnsaddr=/ip4/192.0.2.2/tcp/1/p2p/${ids[1]}`, `dnsaddr=/ip4/192.0.2.3/tcp/1/p2p/${ids[1]}`)])
    expect(plain(found)).toEqual([`${ids[0]} at /ip4/192.0.2.1/tcp/4001`, `${ids[1]} at /ip4/192.0.2.2/tcp/1 /ip4/192.0.2.3/tcp/1`].sort())
  })

  it('takes a relayed address for the peer behind the relay', async () => {
    const { found } = await read(list('example.test', `/ip4/192.0.2.1/tcp/1/p2p/${ids[0]}/p2p-circuit/p2p/${ids[1]}`))
    expect(plain(found)).toEqual([`${ids[1]} at /ip4/192.0.2.1/tcp/1/p2p/${ids[0]}/p2p-circuit`])
  })

  it.each([
    { address: '/ip4/192.0.2.1/tcp/4001', reason: 'no-peer-id' },
    { address: '/p2p/12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA', reason: 'no-peer-id' },
    { address: '/ip4/192.0.2.1/tcp/4001/p2p/x', reason: 'bad-address' },
    { address: '', reason: 'bad-address' },
    { address: 'nonsense', reason: 'bad-address' },
    { address: `/ip4/192.0.2.1${'/tcp/1'.repeat(limits.multiaddrComponents)}`, reason: 'address-too-long' },
    { address: `/ip4/192.0.2.1${'/tcp/1'.repeat(10_000)}`, reason: 'address-too-long' },
    { address: '/dnsaddr/example.test', reason: 'dnsaddr-loop' }
  ])('leaves out what it cannot use: $reason', async ({ address, reason }) => {
    const { found, dropped } = await read(list('example.test', address))
    expect(found).toEqual([])
    expect(dropped).toEqual({ [reason]: 1 })
  })

  it('refuses loops, and what is too deep', async () => {
    const names = ['example.test', 'b.test', 'c.test']
    const loop = await read(names.flatMap((name, i) => list(name, `/dnsaddr/${names[(i + 1) % 3]}`)))
    expect(loop.found).toEqual([])
    expect(loop.asked).toHaveLength(3)
    expect(loop.dropped).toEqual({ 'dnsaddr-loop': 1 })
    for (const depth of [limits.dnsaddrDepth - 1, limits.dnsaddrDepth, limits.dnsaddrDepth + 1]) {
      const names = ['example.test', ...Array.from({ length: depth }, (_, i) => `n${i}.test`)]
      const { found, dropped } = await read(names.flatMap((name, i) => {
        return list(name, names[i + 1] == null ? `/ip4/192.0.2.1/tcp/1/p2p/${ids[0]}` : `/dnsaddr/${names[i + 1]}`)
      }))
      expect(found).toHaveLength(depth > limits.dnsaddrDepth ? 0 : 1)
      expect(dropped).toEqual(depth > limits.dnsaddrDepth ? { 'dnsaddr-too-deep': 1 } : {})
    }
  })

  it(`takes ${limits.dnsaddrResults} addresses in all`, async () => {
    const peers = await Promise.all(Array.from({ length: 17 }, createPeerId))
    const addresses = (length: number): string[] => Array.from({ length }, (_, i) => `/ip4/192.0.2.1/tcp/${i + 1}/p2p/${peers[i % 17]}`)
    const count = (found: Claim[]): number => found.reduce((sum, { multiaddrs }) => sum + multiaddrs.length, 0)
    for (const length of [limits.dnsaddrResults - 1, limits.dnsaddrResults, limits.dnsaddrResults + 1]) {
      const { found, dropped } = await read(list('example.test', ...addresses(length)))
      expect(count(found)).toBe(Math.min(length, limits.dnsaddrResults))
      expect(dropped).toEqual(length > limits.dnsaddrResults ? { 'too-many-addresses': 1 } : {})
    }
    const { found, dropped } = await read([
      ...list('example.test', '/dnsaddr/b.test', '/dnsaddr/c.test'),
      ...list('b.test', ...addresses(60)),
      ...list('c.test', ...addresses(60))
    ])
    expect(count(found)).toBe(limits.dnsaddrResults - 2)
    expect(dropped).toEqual({ 'too-many-addresses': 1 })
  })

  it('gives one peer no more addresses than a claim may have', async () => {
    const addresses = Array.from({ length: limits.addressesPerClaim + 1 }, (_, i) => `/ip4/192.0.2.1/tcp/${i + 1}/p2p/${ids[0]}`)
    const { found, dropped } = await read(list('example.test', ...addresses))
    expect(found[0]!.multiaddrs).toHaveLength(limits.addressesPerClaim)
    expect(dropped).toEqual({ 'too-many-addresses': 1 })
  })

  it('rejects when nobody answers, and ends when it is given up', async () => {
    const { init } = reader(async () => { throw new DnsError('no server answered') })
    await expect(all(readDnsaddr(init, 'example.test'))).rejects.toThrow('no server answered')
    const gone = new AbortController()
    const hanging = reader(async () => await new Promise<never>(() => {}))
    const reading = all(readDnsaddr(hanging.init, 'example.test', { signal: gone.signal }))
    await hanging.clock.settle()
    gone.abort()
    await expect(reading).rejects.toMatchObject({ name: 'AbortError' })
    expect(hanging.resolver.status().pending).toBe(0)
  })

  it('ends, within its questions, whatever zones hold', async () => {
    const name = fc.constantFrom('example.test', 'b.test', 'c.test', 'd.test')
    const address = fc.oneof(
      fc.tuple(name, fc.constantFrom('', '/p2p/0', '/p2p/1')).map(([name, suffix]) => `/dnsaddr/${name}${suffix}`),
      fc.constantFrom('/ip4/192.0.2.1/tcp/1/p2p/0', '/dns/b.test/tcp/1/p2p/1', '/ip4/192.0.2.1/tcp/9', '/p2p/0', '/', ''),
      fc.string({ maxLength: 20 }).map(text => `/${text}x`)
    )
    const record: fc.Arbitrary<[string, string[]]> = fc.tuple(name, fc.array(address, { maxLength: 3 }))
    await fc.assert(fc.asyncProperty(fc.array(record, { maxLength: 60, size: 'max' }), async drawn => {
      const { found, asked, resolver } = await read(drawn.map(([name, addresses]) => {
        return txt(`_dnsaddr.${name}`, ...addresses.map(address => `dnsaddr=${address.replace(/\d$/, i => ids[Number(i)] ?? i)}`))
      }))
      for (const { peerId, multiaddrs } of found) {
        expect(ids).toContain(String(peerId))
        expect(multiaddrs.join()).not.toMatch(/dns/)
      }
      expect(asked.length).toBeLessThanOrEqual(limits.dnsLookups)
      expect(resolver.status().pending).toBe(0)
    }), { numRuns })
  })
})
