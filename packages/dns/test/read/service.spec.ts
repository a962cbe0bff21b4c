import { DnsError, limits, type Claim, type Endpoint, type PeerweaveError } from '@peerweave/interface'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { readService, type ServiceAt } from '../../src/read/service.ts'
import { answer, createPeerId, serve, txt, zone, type ZoneOptions } from '../zone.ts'
import { all, plain, reader, type Reader } from './support.ts'
import type { DnsRecord, Query } from '../../src/records.ts'

const numRuns = process.env.PEERWEAVE_TIER === 'ci' ? 2_000 : 200
const AT: ServiceAt = { domain: 'example.test', service: 'olocus', transport: 'tcp' }
const SRV = '_olocus._tcp.example.test'
/** As the head of `readService` states it. */
const MAX_QUESTIONS = limits.dnsLookups * (limits.dnsAliases + 1)

const ids: string[] = []

beforeAll(async () => {
  for (let i = 0; i < 4; i++) ids.push(String(await createPeerId()))
})

interface Found extends Reader {
  found: Array<Claim | Endpoint>
  asked: string[]
}

async function read (records: string | DnsRecord[], options: ZoneOptions & Partial<ServiceAt> = {}): Promise<Found> {
  const { query, asked } = typeof records === 'string' ? zone(records, options) : serve(records, options)
  const { domain = AT.domain, service = AT.service, transport = AT.transport } = options
  const made = reader(query)
  return { ...made, asked, found: await all(readService(made.init, { domain, service, transport })) }
}

const srv = (target: string, { port = 4001, priority = 0, weight = 0, ttl = 300 } = {}): DnsRecord =>
  ({ name: SRV, ttl, type: 'SRV', priority, weight, port, target })
const a = (name: string, address: string, ttl = 300): DnsRecord => ({ name, ttl, type: 'A', address })

describe('a service in DNS', () => {
  it('leads to the peers that the texts of its hosts name, where they say', async () => {
    const { found, dropped } = await read(`
      ${SRV}.                 300 IN SRV 10 60 4001 n1.example.test.
      ${SRV}.                 300 IN SRV 20  0 4001 n2.example.test.
      _olocus-peer.n1.example.test. 300 IN TXT "peer_id=${ids[0]}" "addr=/ip4/192.0.2.1/tcp/4001" "protocol=/olocus/1.0.0"
      _olocus-peer.n2.example.test. 120 IN TXT "peer_id=${ids[1]}" "addr=/ip4/192.0.2.2/tcp/4001" "region=eu"`)
    expect(plain(found)).toEqual([`${ids[0]} at /ip4/192.0.2.1/tcp/4001`, `${ids[1]} at /ip4/192.0.2.2/tcp/4001`].sort())
    const claims = found.filter(sighting => sighting.kind === 'claim')
    const one = claims.find(({ peerId }) => String(peerId) === ids[0])
    expect(one).toMatchObject({ ttl: 300_000, protocols: ['/olocus/1.0.0'], reporter: { domain: 'example.test' } })
    expect(claims.find(claim => claim !== one)).toMatchObject({ ttl: 120_000, metadata: new Map([['region', 'eu']]) })
    expect(dropped).toEqual({})
  })

  it('leads to the host and port of the SRV record where a text has no address', async () => {
    const { found, dropped } = await read(`
      ${SRV}                  300 IN SRV 0 0 4001 n1.example.test.
      ${SRV}                  300 IN SRV 0 0 4002 n1.example.test.
      _olocus-peer.n1.example.test 300 IN TXT "peer_id=${ids[0]}"
      n1.example.test          60 IN A    192.0.2.1
      n1.example.test          90 IN AAAA 2001:db8::1`)
    expect(plain(found)).toEqual([
      `${ids[0]} at /ip4/192.0.2.1/tcp/4001 /ip4/192.0.2.1/tcp/4002 /ip6/2001:db8::1/tcp/4001 /ip6/2001:db8::1/tcp/4002`
    ])
    expect(found[0]!.ttl).toBe(60_000)
    expect(dropped).toEqual({})
  })

  it('is QUIC over UDP', async () => {
    const { found } = await read(`
      _olocus._udp.example.test  300 IN SRV 0 0 4001 n1.example.test.
      _olocus-peer.n1.example.test 300 IN TXT "peer_id=${ids[0]}"
      n1.example.test            300 IN A 192.0.2.1`, { transport: 'udp' })
    expect(plain(found)).toEqual([`${ids[0]} at /ip4/192.0.2.1/udp/4001/quic-v1`])
  })

  it('may be another name, and so may its hosts be', async () => {
    const { found, dropped } = await read(`
      ${SRV}                   300 IN CNAME svc.elsewhere.test.
      svc.elsewhere.test       300 IN SRV 0 0 4001 n1.elsewhere.test.
      _olocus-peer.n1.elsewhere.test 300 IN CNAME text.elsewhere.test.
      text.elsewhere.test      300 IN TXT "peer_id=${ids[0]}"
      n1.elsewhere.test        300 IN CNAME host.elsewhere.test.
      host.elsewhere.test      300 IN A 192.0.2.1`)
    expect(plain(found)).toEqual([`${ids[0]} at /ip4/192.0.2.1/tcp/4001`])
    expect(dropped).toEqual({})
  })

  it('reports as it was told to', async () => {
    const { init } = reader(zone(`${SRV} 300 IN TXT "peer_id=${ids[0]}" "addr=/ip4/192.0.2.1/tcp/1"`).query)
    const reporter = { configured: true, domain: 'example.test' }
    const [claim] = await all(readService(init, { ...AT, domain: 'Example.TEST.' }, { reporter }))
    expect(claim).toMatchObject({ reporter })
  })

  describe('with texts at the name of its SRV records', () => {
    it('has a peer for each text with addresses, and no endpoints', async () => {
      const { found, dropped } = await read(`
        ${SRV} 300 IN SRV 0 0 4001 n1.example.test.
        ${SRV} 300 IN SRV 0 0 4001 n2.example.test.
        ${SRV} 300 IN TXT "peer_id=${ids[0]}" "addr=/ip4/192.0.2.1/tcp/1"
        ${SRV} 300 IN TXT "peer_id=${ids[1]}" "addr=/ip4/192.0.2.2/tcp/1"
        n1.example.test 300 IN A 192.0.2.1
        n2.example.test 300 IN A 192.0.2.2`)
      expect(plain(found)).toEqual([`${ids[0]} at /ip4/192.0.2.1/tcp/1`, `${ids[1]} at /ip4/192.0.2.2/tcp/1`].sort())
      expect(dropped).toEqual({})
    })

    it('has one without an address at the only host', async () => {
      const { found, dropped } = await read(`
        ${SRV} 300 IN SRV 0 0 4001 n1.example.test.
        ${SRV}  40 IN TXT "peer_id=${ids[0]}"
        n1.example.test 300 IN A 192.0.2.1`)
      expect(plain(found)).toEqual([`${ids[0]} at /ip4/192.0.2.1/tcp/4001`])
      expect(found[0]!.ttl).toBe(40_000)
      expect(dropped).toEqual({})
    })

    it('has it nowhere where there are several hosts', async () => {
      const { found, dropped } = await read(`
        ${SRV} 300 IN SRV 0 0 4001 n1.example.test.
        ${SRV} 300 IN SRV 0 0 4001 n2.example.test.
        ${SRV} 300 IN TXT "peer_id=${ids[0]}"
        n1.example.test 300 IN A 192.0.2.1`)
      expect(plain(found)).toEqual([])
      expect(dropped).toEqual({ 'no-address': 1 })
    })

    it('believes the text of the host itself more', async () => {
      const { found, dropped } = await read(`
        ${SRV} 300 IN SRV 0 0 4001 n1.example.test.
        ${SRV} 300 IN TXT "peer_id=${ids[0]}"
        _olocus-peer.n1.example.test 300 IN TXT "peer_id=${ids[1]}"
        n1.example.test 300 IN A 192.0.2.1`)
      expect(plain(found)).toEqual([`${ids[1]} at /ip4/192.0.2.1/tcp/4001`])
      expect(dropped).toEqual({ 'ambiguous-text': 1 })
    })

    it('is read without any SRV record', async () => {
      const { found } = await read(`${SRV} 300 IN TXT "peer_id=${ids[0]}" "addr=/ip4/192.0.2.1/tcp/1"`)
      expect(plain(found)).toEqual([`${ids[0]} at /ip4/192.0.2.1/tcp/1`])
    })
  })

  it('is an endpoint for each SRV record where no text says who is there', async () => {
    const { found, dropped } = await read(`
      ${SRV} 50 IN SRV 0 0 4001 n1.example.test.
      ${SRV} 50 IN SRV 0 0 4002 n2.example.test.
      ${SRV} 50 IN TXT "v=spf1 -all"
      n1.example.test 300 IN A 192.0.2.1
      _olocus-peer.n2.example.test 300 IN TXT "addr=/ip4/192.0.2.77/tcp/1"
      n2.example.test 300 IN A 192.0.2.2`)
    expect(plain(found)).toEqual(['somebody at /ip4/192.0.2.1/tcp/4001', 'somebody at /ip4/192.0.2.77/tcp/1'])
    expect(found).toMatchObject([{ ttl: 50_000, reporter: { domain: 'example.test' } }, { ttl: 50_000 }])
    expect(dropped).toEqual({})
  })

  it.each([
    { owner: '_olocus-peer.n1.example.test', text: 'peer_id=nonsense', reason: 'no-peer-id' },
    { owner: '_olocus-peer.n1.example.test', text: 'expires=1', reason: 'expired' },
    { owner: SRV, text: 'expires=1', reason: 'expired' }
  ])('is nobody at all where the text is refused: $reason', async ({ owner, text, reason }) => {
    const { found, dropped } = await read(`
      ${SRV} 300 IN SRV 0 0 4001 n1.example.test.
      ${owner} 300 IN TXT "${text}"
      n1.example.test 300 IN A 192.0.2.1`)
    expect(found).toEqual([])
    expect(dropped).toEqual({ [reason]: 1 })
  })

  it('is decidedly not there with a target of "." (RFC 2782)', async () => {
    for (const target of ['.', '']) {
      const { found, asked, dropped } = await read([srv(target, { port: 0 }), txt(SRV, `peer_id=${ids[0]}`, 'addr=/ip4/192.0.2.1/tcp/1')])
      expect(found).toEqual([])
      expect(asked).toHaveLength(2)
      expect(dropped).toEqual({})
    }
    const host = 'n1.example.test'
    const { found, dropped } = await read([srv('.'), srv(host), srv(host, { port: 0 }), a(host, '192.0.2.1')])
    expect(plain(found)).toEqual(['somebody at /ip4/192.0.2.1/tcp/4001'])
    expect(dropped).toEqual({ 'bad-srv': 2 })
  })

  it('does not guess which of two peers is at a host', async () => {
    const { found, dropped } = await read(`
      ${SRV} 300 IN SRV 0 0 4001 n1.example.test.
      _olocus-peer.n1.example.test 300 IN TXT "peer_id=${ids[0]}"
      _olocus-peer.n1.example.test 300 IN TXT "peer_id=${ids[1]}" "record=AAAA"
      _olocus-peer.n1.example.test 300 IN TXT "peer_id=${ids[2]}" "addr=/ip4/192.0.2.3/tcp/1"
      n1.example.test 300 IN A 192.0.2.1`)
    expect(plain(found)).toEqual([`${ids[1]} at `, `${ids[2]} at /ip4/192.0.2.3/tcp/1`].sort())
    expect(dropped).toEqual({ 'ambiguous-text': 2 })
  })

  it('hands signed records on, and caps what a text says that it ends', async () => {
    const record = crypto.getRandomValues(new Uint8Array(900))
    const parts = Buffer.from(record).toString('base64url').match(/.{1,248}/g)!.map(part => `record=${part}`)
    const seconds = Date.UTC(2026, 0, 1) / 1_000
    const { found } = await read([srv('n1.example.test'), a('n1.example.test', '192.0.2.1'),
      txt('_olocus-peer.n1.example.test', `peer_id=${ids[0]}`, ...parts, `expires=${seconds - 240}`)])
    expect(found).toMatchObject([{ signedPeerRecord: record, ttl: 60_000, multiaddrs: [{}] }])
  })

  describe('with names in its addresses', () => {
    it('gives out what they lead to, and no name', async () => {
      const { found, dropped } = await read(`
        ${SRV} 300 IN TXT "peer_id=${ids[0]}" "addr=/dns4/n1.example.test/tcp/1" "addr=/dns6/n1.example.test/udp/2/quic-v1"
        ${SRV} 300 IN TXT "addr=/dns/n2.example.test/tcp/3/ws"
        n1.example.test  35 IN A 192.0.2.1
        n1.example.test 300 IN AAAA 2001:db8::1
        n2.example.test 300 IN A 192.0.2.2
        n2.example.test 300 IN A 192.0.2.3`)
      expect(plain(found)).toEqual([
        `${ids[0]} at /ip4/192.0.2.1/tcp/1 /ip4/192.0.2.2/tcp/3/ws /ip4/192.0.2.3/tcp/3/ws /ip6/2001:db8::1/udp/2/quic-v1`
      ])
      expect(found[0]!.ttl).toBe(35_000)
      expect(dropped).toEqual({})
    })

    it.each([
      { address: '/dns4/n1.example.test/tcp/443/wss', reason: 'name-needed' },
      { address: '/dns4/n1.example.test/tcp/443/tls/ws', reason: 'name-needed' },
      { address: '/dnsaddr/example.test', reason: 'bad-address' },
      { address: '/ip4/192.0.2.1/tcp/1/dns4/n1.example.test/tcp/1', reason: 'bad-address' }
    ])('leaves out $address', async ({ address, reason }) => {
      const { found, dropped } = await read(`
        ${SRV} 300 IN TXT "peer_id=${ids[0]}" "addr=${address}" "addr=/ip4/192.0.2.9/tcp/9"
        n1.example.test 300 IN A 192.0.2.1`)
      expect(plain(found)).toEqual([`${ids[0]} at /ip4/192.0.2.9/tcp/9`])
      expect(dropped).toEqual({ [reason]: 1 })
    })

    it(`looks up ${limits.dnsNamesPerPeer} of them`, async () => {
      for (const count of [limits.dnsNamesPerPeer, limits.dnsNamesPerPeer + 1]) {
        const names = Array.from({ length: count }, (_, i) => `h${i}.example.test`)
        const { found, dropped } = await read([
          txt(SRV, `peer_id=${ids[0]}`, ...names.map(name => `addr=/dns4/${name}/tcp/1`)),
          ...names.map((name, i) => a(name, `192.0.2.${i + 1}`))
        ])
        expect((found[0] as Claim).multiaddrs).toHaveLength(limits.dnsNamesPerPeer)
        expect(dropped).toEqual(count > limits.dnsNamesPerPeer ? { 'too-many-names': 1 } : {})
      }
      // The same name again is no further one.
      const names = Array.from({ length: limits.dnsNamesPerPeer }, (_, i) => `h${i}.example.test`)
      const places = [...names.map(name => `addr=/dns4/${name}/tcp/1`), `addr=/dns4/${names[0]}/tcp/2`]
      const hosts = names.map((name, i) => a(name, `192.0.2.${i + 1}`))
      const { found, dropped } = await read([txt(SRV, `peer_id=${ids[0]}`, ...places), ...hosts])
      expect((found[0] as Claim).multiaddrs).toHaveLength(places.length)
      expect(dropped).toEqual({})
    })

    it('is not there with nothing but a name that leads nowhere', async () => {
      const { found, dropped } = await read(`${SRV} 300 IN TXT "peer_id=${ids[0]}" "addr=/dns4/gone.example.test/tcp/1"`)
      expect(found).toEqual([])
      expect(dropped).toEqual({ 'no-address': 1 })
    })
  })

  describe('as others write it', () => {
    it('is read from a headless service of Kubernetes', async () => {
      // Pods with a subdomain have names; SRV records for each named port come with the pods' addresses.
      const kubernetes = `
        _grpc._tcp.peers.prod.svc.cluster.local.  5 IN SRV 0 33 9000 peer-0.peers.prod.svc.cluster.local.
        _grpc._tcp.peers.prod.svc.cluster.local.  5 IN SRV 0 33 9000 peer-1.peers.prod.svc.cluster.local.
        _grpc._tcp.peers.prod.svc.cluster.local.  5 IN SRV 0 33 9000 peer-2.peers.prod.svc.cluster.local.
        peer-0.peers.prod.svc.cluster.local.      5 IN A 10.244.1.17
        peer-1.peers.prod.svc.cluster.local.     30 IN A 10.244.2.9
        peer-2.peers.prod.svc.cluster.local.      5 IN A 10.244.3.4
        peer-2.peers.prod.svc.cluster.local.      5 IN AAAA fd00:10:244:3::4`
      const soa = { name: 'cluster.local', ttl: 5, minimum: 5 }
      const at = { domain: 'peers.prod.svc.cluster.local', service: 'grpc' }
      const { found, asked, dropped } = await read(kubernetes, { ...at, soa, hasAdditionals: true })
      expect(plain(found)).toEqual([
        'somebody at /ip4/10.244.1.17/tcp/9000', 'somebody at /ip4/10.244.2.9/tcp/9000', 'somebody at /ip4/10.244.3.4/tcp/9000',
        'somebody at /ip6/fd00:10:244:3::4/tcp/9000'
      ])
      expect(found.every(({ ttl }) => ttl === 30_000)).toBe(true)
      expect(dropped).toEqual({})
      // The addresses came along; only who is there is asked.
      expect(asked.filter(question => !question.endsWith(' TXT'))).toEqual(['_grpc._tcp.peers.prod.svc.cluster.local SRV'])
      expect(asked).toHaveLength(5)
      const without = await read(kubernetes, { ...at, soa })
      expect(plain(without.found)).toEqual(plain(found))
    })

    it('asks for addresses that came along once they have lapsed', async () => {
      const { query, asked } = serve([srv('n1.example.test'), a('n1.example.test', '192.0.2.1', 30)], { hasAdditionals: true })
      const { init, clock } = reader(query)
      for (const isAsked of [false, true]) {
        expect(plain(await all(readService(init, AT)))).toEqual(['somebody at /ip4/192.0.2.1/tcp/4001'])
        expect(asked.includes('n1.example.test A')).toBe(isAsked)
        await clock.advance(30_000)
      }
    })

    it('is read from Consul', async () => {
      // Nodes are in another subdomain than services, so what comes along is asked for.
      const consul = `
        _web._tcp.service.consul.      0 IN SRV 1 1 8080 alpha.node.dc1.consul.
        _web._tcp.service.consul.      0 IN SRV 1 1 8080 beta.node.dc1.consul.
        alpha.node.dc1.consul.         0 IN A   10.1.10.12
        alpha.node.dc1.consul.         0 IN TXT "consul-network-segment="
        beta.node.dc1.consul.          0 IN A   10.1.10.13
        _web-peer.beta.node.dc1.consul. 0 IN TXT "peer_id=${ids[0]}"`
      const soa = { name: 'consul', ttl: 0, minimum: 0 }
      const { found, asked, dropped } = await read(consul, { domain: 'service.consul', service: 'web', soa, hasAdditionals: true })
      expect(plain(found)).toEqual([`${ids[0]} at /ip4/10.1.10.13/tcp/8080`, 'somebody at /ip4/10.1.10.12/tcp/8080'].sort())
      expect(found.every(({ ttl }) => ttl === 30_000)).toBe(true)
      expect(asked).toContain('alpha.node.dc1.consul A')
      expect(dropped).toEqual({})
    })
  })

  describe('within its bounds', () => {
    it(`uses ${limits.dnsSrv} SRV records, the first in the order of RFC 2782`, async () => {
      for (const count of [limits.dnsSrv - 1, limits.dnsSrv, limits.dnsSrv + 1]) {
        // The last one written is the first in order.
        const records = Array.from({ length: count }, (_, i) => srv(`n${i}.example.test`, { priority: count - i }))
        const { found, asked, dropped } = await read([...records, ...records.map((_, i) => a(`n${i}.example.test`, `192.0.2.${i + 1}`))])
        expect(found).toHaveLength(Math.min(count, limits.dnsSrv))
        expect(plain(found)).toContain(`somebody at /ip4/192.0.2.${count}/tcp/4001`)
        expect(dropped).toEqual(count > limits.dnsSrv ? { 'too-many-srv': 1 } : {})
        expect(asked.length).toBeLessThanOrEqual(2 + 3 * limits.dnsSrv)
      }
    })

    it('has each host and port once', async () => {
      const twice = [srv('n1.example.test'), srv('N1.example.test.', { weight: 1 })]
      const { found, dropped } = await read([...twice, a('n1.example.test', '192.0.2.1')])
      expect(plain(found)).toEqual(['somebody at /ip4/192.0.2.1/tcp/4001'])
      expect(dropped).toEqual({})
    })

    it(`gives a peer ${limits.addressesPerClaim} addresses of its host, half of each family`, async () => {
      const half = limits.addressesPerClaim / 2
      const host = 'n1.example.test'
      const of = (count: number): DnsRecord[] => Array.from({ length: count }, (_, i) => a(host, `192.0.2.${i + 1}`))
      for (const count of [half - 1, half, half + 1]) {
        const { found, dropped } = await read([srv(host), txt(`_olocus-peer.${host}`, `peer_id=${ids[0]}`), ...of(count)])
        expect((found[0] as Claim).multiaddrs).toHaveLength(Math.min(count, half))
        expect(dropped).toEqual(count > half ? { 'too-many-addresses': 1 } : {})
      }
      const ports = [1, 2, 3].map(port => srv(host, { port }))
      const { found, dropped } = await read([...ports, txt(`_olocus-peer.${host}`, `peer_id=${ids[0]}`), ...of(half)])
      expect((found[0] as Claim).multiaddrs).toHaveLength(limits.addressesPerClaim)
      expect(dropped).toEqual({ 'too-many-addresses': 1 })
    })

    it('takes 10,000 SRV records', async () => {
      const records = Array.from({ length: 10_000 }, (_, i) => srv(`n${i}.example.test`, { weight: i % 100 }))
      const { query, asked } = serve([])
      const { init, dropped } = reader(async (name, type) => type === 'SRV' ? answer({ answers: records }) : await query(name, type))
      expect(await all(readService(init, AT))).toEqual([])
      expect(asked.length).toBeLessThan(200)
      expect(dropped).toEqual({ 'too-many-srv': 10_000 - limits.dnsSrv })
    })

    it.each([
      ['one text of 257 strings', [txt(SRV, ...Array.from({ length: 257 }, () => `addr=${'x'.repeat(249)}`))]],
      ['one text of empty strings', [txt(SRV, ...Array.from({ length: 4_096 }, () => ''))]],
      ['2,000 texts', Array.from({ length: 2_000 }, () => txt(SRV, 'peer_id=12D3KooWnobody', 'addr=/ip4/1.2.3'))],
      ['2,000 addresses', [txt(SRV, ...Array.from({ length: 2_000 }, (_, i) => `addr=/ip4/192.0.2.1/tcp/${i + 1}`))]]
    ])('takes 64 KiB of TXT: %s', async (_, records) => {
      const { found } = await read(records)
      expect(found).toEqual([])
    })

    it('asks for 8 names at once', async () => {
      let now = 0
      let most = 0
      const records = Array.from({ length: 40 }, (_, i) => srv(`n${i}.example.test`))
      const { init, clock } = reader(async (_, type) => {
        most = Math.max(most, ++now)
        await clock.sleep(1)
        now--
        return answer({ answers: type === 'SRV' ? records : [] })
      })
      const done = all(readService(init, AT))
      await clock.advance(1_000)
      await done
      expect(most).toBe(limits.dnsLookupsAtOnce)
    })

    it(`asks for ${limits.dnsLookups} names in all`, async () => {
      const texts = Array.from({ length: limits.dnsTexts }, (_, i) => {
        return Array.from({ length: limits.dnsNamesPerPeer }, (_, j) => `addr=/dns/h${i}-${j}.example.test/tcp/1`)
      })
      const peers = await Promise.all(texts.map(async strings => txt(SRV, `peer_id=${await createPeerId()}`, ...strings)))
      const { asked, dropped } = await read(peers)
      expect(asked).toHaveLength(limits.dnsLookups)
      expect(dropped['too-many-lookups']).toBe(2 + 2 * limits.dnsTexts * limits.dnsNamesPerPeer - limits.dnsLookups)
    })
  })

  describe('when look-ups fail', () => {
    const failing = (query: Query, fails: (name: string) => boolean): Query => async (name, type) => {
      if (fails(`${name} ${type}`)) throw new DnsError(`${name} ${type}: no server answered`)
      return await query(name, type)
    }
    const records = (): string => `
      ${SRV} 60 IN SRV 0 0 4001 n1.example.test.
      ${SRV} 60 IN SRV 0 0 4001 n2.example.test.
      _olocus-peer.n1.example.test 60 IN TXT "peer_id=${ids[0]}"
      n1.example.test 60 IN A 192.0.2.1
      n2.example.test 60 IN A 192.0.2.2`

    it('rejects with the cause when nothing was found', async () => {
      const { init, dropped } = reader(failing(zone(records()).query, () => true))
      await expect(all(readService(init, AT))).rejects.toThrow(`${SRV} SRV: no server answered`)
      expect(dropped).toEqual({ unanswered: 2 })
    })

    it('gives out what it could find, and nothing where it could not learn who is there', async () => {
      const { init, dropped } = reader(failing(zone(records()).query, name => name.startsWith('_olocus-peer.n2')))
      expect(plain(await all(readService(init, AT)))).toEqual([`${ids[0]} at /ip4/192.0.2.1/tcp/4001`])
      expect(dropped).toEqual({ unanswered: 1 })
    })

    it('is content with one family of addresses', async () => {
      const { init } = reader(failing(zone(records()).query, name => name.endsWith(' AAAA')))
      const found = plain(await all(readService(init, AT)))
      expect(found).toEqual([`${ids[0]} at /ip4/192.0.2.1/tcp/4001`, 'somebody at /ip4/192.0.2.2/tcp/4001'].sort())
    })

    it('is served from what has lapsed, and recovers by itself', async () => {
      let isDown = false
      const { init, clock, resolver } = reader(failing(zone(records()).query, () => isDown))
      const before = plain(await all(readService(init, AT)))
      isDown = true
      await clock.advance(600_000)
      const stale = await all(readService(init, AT))
      expect(plain(stale)).toEqual(before)
      expect(stale.every(({ ttl }) => ttl === 30_000)).toBe(true)
      expect(resolver.status().failure).toBeInstanceOf(DnsError)
      isDown = false
      await clock.advance(6_000)
      expect(plain(await all(readService(init, AT)))).toEqual(before)
      expect(resolver.status().failure).toBeUndefined()
    })

    it('does not take "it was not there" for "it is not there"', async () => {
      let isDown = false
      const { init, clock } = reader(failing(zone('').query, () => isDown))
      expect(await all(readService(init, AT))).toEqual([])
      isDown = true
      await clock.advance(600_000)
      await expect(all(readService(init, AT))).rejects.toMatchObject({ code: 'ERR_DNS' })
    })
  })

  describe('given up', () => {
    const hanging = async (): Promise<never> => await new Promise<never>(() => {})

    it('ends its look-ups at once, wherever it is', async () => {
      const { query, asked } = zone(`
        ${SRV} 60 IN SRV 0 0 4001 n1.example.test.
        ${SRV} 60 IN TXT "peer_id=${ids[0]}" "addr=/dns/n1.example.test/tcp/1"
        n1.example.test 60 IN A 192.0.2.1`)
      const questions = (await all(readService(reader(query).init, AT)), asked.length)
      expect(questions).toBeGreaterThanOrEqual(5)
      for (let hangsAt = 1; hangsAt <= questions; hangsAt++) {
        let count = 0
        const { init, clock, resolver } = reader(async (...args) => ++count >= hangsAt ? await hanging() : await query(...args))
        const gone = new AbortController()
        const reading = all(readService(init, AT, { signal: gone.signal }))
        await clock.settle()
        gone.abort()
        await expect(reading).rejects.toMatchObject({ name: 'AbortError' })
        expect(resolver.status().pending).toBe(0)
        expect(clock.pending).toBe(0)
      }
    })

    it('ends them when the reader leaves', async () => {
      const { query } = zone(`
        ${SRV} 60 IN SRV 0 0 4001 n1.example.test.
        ${SRV} 60 IN TXT "peer_id=${ids[0]}" "addr=/ip4/192.0.2.1/tcp/1"`)
      const { init, clock, resolver } = reader(async (name, type) => name.includes('-peer') ? await hanging() : await query(name, type))
      for await (const claim of readService(init, AT)) {
        expect(claim.kind).toBe('claim')
        break
      }
      await clock.settle()
      expect(resolver.status().pending).toBe(0)
    })

    it('asks nothing for a signal that has fired', async () => {
      const { query, asked } = zone('')
      await expect(all(readService(reader(query).init, AT, { signal: AbortSignal.abort() }))).rejects.toMatchObject({ name: 'AbortError' })
      expect(asked).toEqual([])
    })
  })

  it('ends, within its questions, with sound sightings, whatever a zone holds', async () => {
    const host = fc.oneof(
      fc.constantFrom('a.example.test', 'a.example.test', 'b.example.test', 'c.test'),
      fc.constantFrom('example.test', SRV, '.', '', 'x'.repeat(70), 'a b', '*')
    )
    const owner = fc.oneof(fc.constant(SRV), fc.constant(SRV), host, host.map(name => `_olocus-peer.${name}`))
    const ttl = fc.constantFrom(0, 60, 2 ** 31 - 1)
    const string = fc.oneof(
      fc.constantFrom(0, 1, 9).map(i => `peer_id=${ids[i] ?? 'x'}`),
      fc.constantFrom('/ip4/192.0.2.1/tcp/1', '/dns4/a.example.test/tcp/1', '/dns/c.test/udp/1/quic-v1', '/dnsaddr/c.test', '/x', '')
        .map(addr => `addr=${addr}`),
      fc.constantFrom('record=AAAA', 'record=!', 'expires=1', 'expires=99999999999', 'protocol=/x', 'k=v', '='),
      fc.string({ maxLength: 20 })
    )
    const number = fc.nat(9)
    const strings = fc.array(string.map(text => Buffer.from(text)), { maxLength: 5 })
    const address = fc.constantFrom('192.0.2.1', '2001:db8::1', '1.2.3', '::')
    const type = <Type extends string>(...types: Type[]): fc.Arbitrary<Type> => fc.constantFrom(...types)
    const record: fc.Arbitrary<DnsRecord> = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({ name: type(SRV), ttl, type: type('SRV'), priority: number, weight: number, port: number, target: host })
      },
      { weight: 4, arbitrary: fc.record({ name: owner, ttl, type: type('TXT'), strings }) },
      { weight: 1, arbitrary: fc.record({ name: owner, ttl, type: type('CNAME'), target: owner }) },
      { weight: 4, arbitrary: fc.record({ name: host, ttl, type: type('A', 'AAAA'), address }) }
    )
    let total = 0
    await fc.assert(fc.asyncProperty(fc.array(record, { maxLength: 40, size: 'max' }), fc.boolean(), async (records, hasAdditionals) => {
      const { query, asked } = serve(records, { hasAdditionals })
      const { init, resolver, clock } = reader(query)
      try {
        for (const sighting of await all(readService(init, AT))) {
          total++
          expect(sighting.ttl).toBeGreaterThanOrEqual(limits.ttlMin)
          expect(sighting.ttl).toBeLessThanOrEqual(86_400_000)
          const addresses = sighting.kind === 'claim' ? sighting.multiaddrs : [sighting.multiaddr]
          expect(addresses.join()).not.toMatch(/dns/)
          if (sighting.kind === 'claim') expect(ids).toContain(String(sighting.peerId))
        }
      } catch (error) {
        expect(['ERR_DNS', 'ERR_INVALID_DNS_RECORD']).toContain((error as PeerweaveError).code)
      }
      expect(asked.length).toBeLessThanOrEqual(MAX_QUESTIONS)
      expect(resolver.status().pending).toBe(0)
      expect(clock.pending).toBe(0)
    }), { numRuns })
    // It would say little if nothing ever came of it.
    expect(total).toBeGreaterThan(numRuns / 4)
  })
})
