/** Real name servers, with the platform's resolver beside ours where it can answer. */
import { Resolver } from 'node:dns/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { dnsClient, type DnsClient } from '../../src/client/client.ts'
import { encodeQuestion, readAnswer } from '../../src/client/message.ts'
import { startServer, whyNoServer, type NameServer, type ServerKind } from '../support/name-servers.ts'
import { startOnIPv6 } from './ipv6-server.ts'
import type { Fake } from './fakes.ts'
import type { DnsRecord } from '../../src/records.ts'
import type { OutRecord } from '../../src/write/wire.ts'

const ZONE = 'example.test'

function srv (name: string, count: number): OutRecord[] {
  return Array.from({ length: count }, (_, i) => ({ name: `${name}.${ZONE}`, ttl: 60, type: 'SRV', priority: 10, weight: i, port: 4_000 + i, target: `n${i}.${ZONE}` }))
}

const text = ['peer_id=x', 'addr=/ip4/192.0.2.1/tcp/1', 'a'.repeat(255)].map(string => new Uint8Array(Buffer.from(string)))

const records: OutRecord[] = [
  ...srv('_few._tcp', 3),
  // More than the 512 bytes of old, less than 1,232.
  ...srv('_some._tcp', 20),
  ...srv('_many._tcp', 100),
  { name: `text.${ZONE}`, ttl: 60, type: 'TXT', strings: text },
  { name: `host.${ZONE}`, ttl: 60, type: 'A', address: '192.0.2.1' },
  { name: `host.${ZONE}`, ttl: 60, type: 'AAAA', address: '2001:db8::1' }
]

function whyNot (kind: ServerKind): string | undefined {
  const reason = whyNoServer(kind)
  if (reason === undefined) return undefined
  if (process.env.REQUIRE_REALNET === '1') throw new Error(`REQUIRE_REALNET=1, but ${reason}`)
  console.warn(`skipped, the DNS client: ${reason}`)
  return reason
}

function ports (answers: readonly DnsRecord[]): number[] {
  return answers.flatMap(record => record.type === 'SRV' ? record.port : []).sort((a, b) => a - b)
}

describe.each<ServerKind>(['named', 'knotd', 'nsd', 'dnsmasq', 'unbound'])('%s', kind => {
  const reason = whyNot(kind) ?? (kind === 'unbound' ? whyNot('knotd') : undefined)

  describe.skipIf(reason !== undefined)('answers', () => {
    const started: NameServer[] = []
    let server: NameServer
    let client: DnsClient
    let oracle: Resolver

    beforeAll(async () => {
      const options = { zone: ZONE, records }
      if (kind === 'unbound') started.push(await startServer('knotd', options))
      server = await startServer(kind, { ...options, upstream: started[0] })
      started.push(server)
      client = dnsClient({ servers: [server.address] })
      oracle = new Resolver()
      oracle.setServers([server.address])
    })

    afterAll(async () => {
      await client?.close()
      await Promise.all(started.map(async one => one.close()))
    })

    it.each([['_few', 3], ['_some', 20], ['_many', 100]])('%s: %i SRV, with TTL, as the platform reads them', async (name, count) => {
      const { code, answers, server: by } = await client.query(`${name}._tcp.${ZONE}`, 'SRV')
      expect([code, by]).toEqual(['NOERROR', server.address])
      expect(ports(answers)).toEqual(Array.from({ length: count }, (_, i) => 4_000 + i))
      for (const record of answers) {
        expect(record.ttl).toBeGreaterThan(50)
        expect(record.ttl).toBeLessThanOrEqual(60)
      }
      const theirs = (await oracle.resolveSrv(`${name}._tcp.${ZONE}`)).map(({ name: target, priority, weight, port }) => ({ priority, weight, port, target }))
      const ours = answers.map(record => record.type === 'SRV' && { priority: record.priority, weight: record.weight, port: record.port, target: record.target })
      expect(ours).toHaveLength(theirs.length)
      expect(ours).toEqual(expect.arrayContaining(theirs))
    })

    it('longer answers over UDP because we say that we take them', async () => {
      const raw = async (name: string, hasEdns: boolean): Promise<unknown> => {
        const sent = encodeQuestion({ id: 77, name: `${name}._tcp.${ZONE}`, type: 'SRV', hasEdns })
        return readAnswer(await client.exchange(sent, server.address, { isTcp: false }), sent, () => {})
      }
      expect(await raw('_some', false)).toBe('truncated')
      expect(await raw('_some', true)).toMatchObject({ code: 'NOERROR' })
      expect(await raw('_many', true)).toBe('truncated')
    })

    it('strings and addresses', async () => {
      const texts = (await client.query(`text.${ZONE}`, 'TXT')).answers.map(record => record.type === 'TXT' ? record.strings : [])
      expect(texts.map(strings => strings.map(string => Buffer.from(string).toString()))).toEqual(await oracle.resolveTxt(`text.${ZONE}`))
      // What dnsmasq is told on its command line it takes with the quotes.
      if (kind !== 'dnsmasq') expect(texts).toEqual([text])
      expect((await client.query(`host.${ZONE}`, 'A')).answers).toMatchObject([{ address: '192.0.2.1' }])
      expect((await client.query(`HOST.${ZONE}`, 'AAAA')).answers).toMatchObject([{ name: `host.${ZONE}`, address: '2001:db8::1' }])
    })

    it('that there is nothing', async () => {
      expect(await client.query(`nothing.${ZONE}`, 'SRV')).toMatchObject({ code: 'NXDOMAIN', answers: [] })
      expect(await client.query(`host.${ZONE}`, 'SRV')).toMatchObject({ code: 'NOERROR', answers: [] })
      // dnsmasq has no zone, and so no SOA.
      if (kind === 'dnsmasq') return
      expect((await client.query(`nothing.${ZONE}`, 'SRV')).authorities).toMatchObject([{ type: 'SOA', name: ZONE, minimum: 30 }])
    })

    it('500 at once', async () => {
      const all = await Promise.all(Array.from({ length: 500 }, async () => client.query(`_few._tcp.${ZONE}`, 'SRV')))
      for (const { answers } of all) expect(answers).toHaveLength(3)
    })

    it.skipIf(kind === 'unbound')('REFUSED for what is not its own, and another is asked', async () => {
      await expect(client.query('elsewhere.invalid', 'A')).rejects.toThrow(`${server.address}: it answered REFUSED`)
    })
  })
})

describe.each(['named', 'knotd'] as const)('%s on ::1', kind => {
  const reason = whyNot(kind)

  describe.skipIf(reason !== undefined)('answers', () => {
    let server: Fake
    beforeAll(async () => {
      server = await startOnIPv6(kind, ZONE, Array.from({ length: 100 }, (_, i) => `_many._tcp.${ZONE}. 60 IN SRV 1 1 ${4_000 + i} n${i}.${ZONE}.\n`).join(''))
    })
    afterAll(async () => server?.close())

    it.each(['pool', 'single'] as const)('over UDP and, truncated, over TCP: %s', async sockets => {
      const client = dnsClient({ servers: [server.text], sockets })
      try {
        expect(await client.query(`ns.${ZONE}`, 'AAAA')).toMatchObject({ answers: [{ address: '::1' }], server: server.text })
        expect(ports((await client.query(`_many._tcp.${ZONE}`, 'SRV')).answers)).toEqual(Array.from({ length: 100 }, (_, i) => 4_000 + i))
      } finally {
        await client.close()
      }
    })
  })
})
