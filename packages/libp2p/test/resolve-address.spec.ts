import { multiaddr } from '@multiformats/multiaddr'
import { systemClock, virtualClock } from '@peerweave/interface'
import { describe, expect, it } from 'vitest'
import { LOOKUP_TIMEOUT, LOOKUPS_PER_ADDRESS } from '../src/constants.ts'
import { addressResolver, defaultResolveName, type ResolveName } from '../src/resolve-address.ts'

const ID = '12D3KooWPjceQrSwdWXPyLLeABRXmuqt69Rg3sBYbU1Nft9HyQ6X'
const OTHER_ID = '12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo'

/** A map as DNS server. Keys are `type name`. */
const zone = (records: Record<string, string[]>): { resolveName: ResolveName, asked: string[] } => {
  const asked: string[] = []
  return {
    asked,
    resolveName: async (name, type) => {
      asked.push(`${type} ${name}`)
      const answer = records[`${type} ${name}`]
      if (answer == null) throw new Error(`no ${type} of ${name}`)
      return answer
    }
  }
}
const resolve = async (text: string, records: Record<string, string[]>): Promise<string[]> => {
  const { resolveName } = zone(records)
  const resolved = await addressResolver({ clock: systemClock(), resolveName })(multiaddr(text))
  return resolved.map(({ address, scope }) => `${scope} ${address}`)
}

describe('resolving an address', () => {
  it('leaves a literal alone', async () => {
    expect(await resolve('/ip4/8.8.8.8/tcp/1', {})).toEqual(['public /ip4/8.8.8.8/tcp/1'])
  })

  it('puts every IP of a name in its place, of the family named', async () => {
    const records = { 'A h.example.org': ['8.8.8.8', '10.0.0.1'], 'AAAA h.example.org': ['2606:4700::1'] }
    expect(await resolve(`/dns/h.example.org/tcp/1/p2p/${ID}`, records))
      .toEqual([`public /ip4/8.8.8.8/tcp/1/p2p/${ID}`, `private /ip4/10.0.0.1/tcp/1/p2p/${ID}`, `public /ip6/2606:4700::1/tcp/1/p2p/${ID}`])
    expect(await resolve('/dns4/h.example.org/udp/1/quic-v1', records)).toEqual(['public /ip4/8.8.8.8/udp/1/quic-v1', 'private /ip4/10.0.0.1/udp/1/quic-v1'])
    expect(await resolve('/dns6/h.example.org/tcp/1', records)).toEqual(['public /ip6/2606:4700::1/tcp/1'])
    expect(await resolve('/dns/h.example.org/tcp/1', { 'A h.example.org': ['8.8.8.8'] })).toEqual(['public /ip4/8.8.8.8/tcp/1'])
  })

  it('drops answers that are no IP addresses and fails when there is no answer', async () => {
    expect(await resolve('/dns4/h.example.org/tcp/1', { 'A h.example.org': ['alias.example.org', '8.8.8.8/tcp/22', '1.2.3'] })).toEqual([])
    await expect(resolve('/dns4/h.example.org/tcp/1', {})).rejects.toThrow('no A of h.example.org')
  })

  it('keeps a name that TLS needs, judged by the nearest of what it resolves to', async () => {
    for (const rest of ['tcp/443/wss', 'tcp/443/tls/ws']) {
      expect(await resolve(`/dns4/h.example.org/${rest}`, { 'A h.example.org': ['8.8.8.8', '127.0.0.1'] })).toEqual([`loopback /dns4/h.example.org/${rest}`])
    }
    expect(await resolve('/dns4/h.example.org/tcp/443/tls/sni/h.example.org/ws', { 'A h.example.org': ['8.8.8.8'] }))
      .toEqual(['public /ip4/8.8.8.8/tcp/443/tls/sni/h.example.org/ws'])
  })

  it('follows /dnsaddr to the peer asked for, through names, past entries that are none', async () => {
    const records = {
      'TXT _dnsaddr.example.org': [`dnsaddr=/dnsaddr/a.example.org/p2p/${ID}`, `dnsaddr=/dnsaddr/b.example.org/p2p/${OTHER_ID}`, 'v=spf1', 'dnsaddr=nonsense'],
      'TXT _dnsaddr.a.example.org': [`dnsaddr=/dns4/h.example.org/tcp/1/p2p/${ID}`, 'dnsaddr=/ip4/9.9.9.9/tcp/2'],
      'A h.example.org': ['8.8.8.8']
    }
    expect(await resolve(`/dnsaddr/example.org/p2p/${ID}`, records)).toEqual([`public /ip4/8.8.8.8/tcp/1/p2p/${ID}`, `public /ip4/9.9.9.9/tcp/2/p2p/${ID}`])
  })

  it('ends when records go in circles or fan out', async () => {
    const circle = zone({ 'TXT _dnsaddr.example.org': ['dnsaddr=/dnsaddr/example.org', 'dnsaddr=/dnsaddr/example.org', 'dnsaddr=/ip4/8.8.8.8/tcp/1'] })
    const resolved = await addressResolver({ clock: systemClock(), ...circle })(multiaddr('/dnsaddr/example.org'))
    expect(resolved.length).toBeGreaterThan(0)
    expect(circle.asked).toHaveLength(LOOKUPS_PER_ADDRESS)
  })

  it('ends by the clock when a server does not answer, and by the caller\'s signal', async () => {
    const clock = virtualClock()
    const resolver = addressResolver({ clock, resolveName: async () => await new Promise(() => {}) })
    const late = resolver(multiaddr('/dns4/h.example.org/tcp/1')).catch(error => error)
    await clock.advance(LOOKUP_TIMEOUT)
    expect(await late).toMatchObject({ name: 'TimeoutError' })
    const controller = new AbortController()
    const left = resolver(multiaddr('/dns4/h.example.org/tcp/1'), { signal: controller.signal }).catch(error => error)
    controller.abort()
    expect(await left).toMatchObject({ name: 'AbortError' })
    expect(clock.pending).toBe(0)
  })
})

describe('the default look-up', () => {
  it('asks the DNS that libp2p was given, and takes only records of the type asked for', async () => {
    const asked: unknown[] = []
    const lookUp = defaultResolveName({
      query: async (name, options) => {
        asked.push([name, options?.types])
        return { Answer: [{ type: 5, data: 'alias.example.org' }, { type: 16, data: '"dnsaddr=/ip4/8.8.8.8/tcp/1"' }, { type: 1, data: '8.8.8.8' }] }
      }
    })
    const { signal } = new AbortController()
    expect(await lookUp('h.example.org', 'A', { signal })).toEqual(['8.8.8.8'])
    expect(await lookUp('_dnsaddr.example.org', 'TXT', { signal })).toEqual(['dnsaddr=/ip4/8.8.8.8/tcp/1'])
    expect(asked).toEqual([['h.example.org', [1]], ['_dnsaddr.example.org', [16]]])
  })
})
