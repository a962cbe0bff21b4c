/** One zone, five name servers, one outcome. */
import { execFileSync } from 'node:child_process'
import { Resolver as PlatformResolver } from 'node:dns/promises'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { dropCounter, seededRng, systemClock, type Claim, type Endpoint } from '@peerweave/interface'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { dnsClient, type DnsClient } from '../src/client/client.ts'
import { readDnsaddr } from '../src/read/dnsaddr.ts'
import { readService } from '../src/read/service.ts'
import { resolver } from '../src/resolver/resolver.ts'
import { startServer, whyNoServer, type NameServer, type ServerKind } from './support/name-servers.ts'
import type { OutRecord } from '../src/write/wire.ts'
import type { PeerId } from '@libp2p/interface'

const ZONE = 'example.test'
const KINDS: ServerKind[] = ['named', 'knotd', 'nsd', 'dnsmasq', 'unbound']
const SRV = `_olocus._tcp.${ZONE}`

let ids: PeerId[]
let records: OutRecord[]

beforeAll(async () => {
  ids = await Promise.all([1, 2, 3].map(async () => peerIdFromPrivateKey(await generateKeyPair('Ed25519'))))
  const text = (name: string, ...strings: string[]): OutRecord => ({ name: `${name}.${ZONE}`, type: 'TXT', ttl: 60, strings: strings.map(string => Buffer.from(string)) })
  const srv = (priority: number, target: string, port: number): OutRecord => ({ name: SRV, type: 'SRV', ttl: 60, priority, weight: 1, port, target: `${target}.${ZONE}` })
  const host = (name: string, address: string): OutRecord => ({ name: `${name}.${ZONE}`, type: address.includes(':') ? 'AAAA' : 'A', ttl: 60, address })
  records = [
    srv(1, 'one', 4_001), host('one', '192.0.2.1'), host('one', '2001:db8::1'), text('_olocus-peer.one', `peer_id=${ids[0]}`, 'protocol=/a/1'),
    srv(2, 'two', 4_002), host('two', '192.0.2.2'), text('_olocus-peer.two', `peer_id=${ids[1]}`, 'addr=/ip4/192.0.2.22/udp/1/quic-v1'),
    srv(3, 'three', 4_003), host('three', '192.0.2.3'), // nobody says whose it is
    // More than fits a datagram: cut short over UDP, whole over TCP.
    ...Array.from({ length: 12 }, (_, i) => text('_dnsaddr', `dnsaddr=/ip4/192.0.2.${100 + i}/tcp/4001/p2p/${ids[2]}`))
  ]
})

/** In short, in an order of its own. */
function inShort (sightings: Array<Claim | Endpoint>): string[] {
  return sightings.map(sighting => sighting.kind === 'claim'
    ? `${ids.findIndex(id => id.equals(sighting.peerId))}: ${sighting.multiaddrs.map(String).sort((a, b) => a < b ? -1 : 1).join(' ')} ${sighting.protocols?.join(' ') ?? ''}`.trim()
    : `? ${String(sighting.multiaddr)}`).sort((a, b) => a < b ? -1 : 1)
}

describe.each(KINDS)('%s', kind => {
  const reason = whyNoServer(kind) ?? (kind === 'unbound' ? whyNoServer('knotd') : undefined)
  if (reason !== undefined && process.env.REQUIRE_REALNET === '1') throw new Error(`REQUIRE_REALNET=1, but ${reason}`)
  if (reason !== undefined) console.warn(`skipped: ${reason}`)

  describe.skipIf(reason !== undefined)('where it is installed', () => {
    let server: NameServer
    let upstream: NameServer | undefined
    let client: DnsClient

    beforeAll(async () => {
      if (kind === 'unbound') upstream = await startServer('knotd', { zone: ZONE, records })
      server = await startServer(kind, { zone: ZONE, records, upstream })
      client = dnsClient({ servers: [server.address] })
    })

    afterAll(async () => {
      await client?.close()
      await server?.close()
      await upstream?.close()
    })

    it('gives the peers of a service, with and without addresses of their own, and what nobody says whose it is', async () => {
      const { dropped, drop } = dropCounter()
      const init = { resolver: resolver({ query: client.query, clock: systemClock(), rng: seededRng(1), drop }), clock: systemClock(), rng: seededRng(1), drop }
      const found = await Array.fromAsync(readService(init, { domain: ZONE, service: 'olocus', transport: 'tcp' }))
      expect(inShort(found)).toEqual([
        '0: /ip4/192.0.2.1/tcp/4001 /ip6/2001:db8::1/tcp/4001 /a/1',
        '1: /ip4/192.0.2.22/udp/1/quic-v1',
        '? /ip4/192.0.2.3/tcp/4003'
      ])
      for (const { ttl, reporter } of found) {
        expect(ttl).toBeGreaterThan(50_000)
        expect(ttl).toBeLessThanOrEqual(60_000)
        expect(reporter).toEqual({ domain: ZONE })
      }
      expect(dropped).toEqual({})
    })

    it('gives a list that is too long for a datagram', async () => {
      const { drop } = dropCounter()
      const init = { resolver: resolver({ query: client.query, clock: systemClock(), rng: seededRng(1), drop }), clock: systemClock(), rng: seededRng(1), drop }
      const [claim, ...rest] = await Array.fromAsync(readDnsaddr(init, ZONE))
      expect([claim?.peerId.equals(ids[2]), claim?.multiaddrs.length, rest.length]).toEqual([true, 12, 0])
    })

    it('says the same as the platform’s resolver and dig', async () => {
      const platform = new PlatformResolver()
      platform.setServers([server.address])
      const ours = (await client.query(SRV, 'SRV')).answers.flatMap(record => record.type === 'SRV' ? [`${record.priority} ${record.weight} ${record.port} ${record.target}`] : []).sort((a, b) => a < b ? -1 : 1)
      const theirs = (await platform.resolveSrv(SRV)).map(({ priority, weight, port, name }) => `${priority} ${weight} ${port} ${name}`).sort((a, b) => a < b ? -1 : 1)
      expect(ours).toEqual(theirs)
      const missing = await client.query(`nobody.${ZONE}`, 'TXT')
      expect([missing.code, missing.answers]).toEqual(['NXDOMAIN', []])
      if (whyNoTool() !== undefined) return
      const dig = execFileSync('dig', ['@127.0.0.1', '-p', String(server.port), '+short', 'SRV', SRV], { encoding: 'utf8' })
      expect(dig.trim().split('\n').map(line => line.replace(/\.$/, '')).sort((a, b) => a < b ? -1 : 1)).toEqual(ours)
    })
  })
})

function whyNoTool (): string | undefined {
  try {
    execFileSync('dig', ['-v'], { stdio: 'pipe' })
  } catch {
    if (process.env.REQUIRE_REALNET === '1') throw new Error('REQUIRE_REALNET=1, but dig is not installed')
    return 'dig is not installed'
  }
}
