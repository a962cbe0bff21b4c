/** What the zone printer prints is read by name servers as it was meant. */
import { decode, encode } from 'dns-packet'
import { describe, expect, it } from 'vitest'
import { exchange } from '../support/exchange.ts'
import { startServer, whyNoServer } from '../support/name-servers.ts'
import { zoneFile } from '../../src/write/zone-file.ts'
import type { OutRecord } from '../../src/write/wire.ts'

const ZONE = 'example.test'
const all = Uint8Array.from({ length: 255 }, (_, i) => i)
const strings = [all, Buffer.from('ÿ"; \\ $TTL'), new Uint8Array(), Buffer.alloc(255, 0xff)]
const records: OutRecord[] = [
  { name: `all.${ZONE}`, type: 'TXT', ttl: 77, strings },
  { name: `_a._tcp.${ZONE}`, type: 'SRV', ttl: 78, priority: 1, weight: 65_535, port: 4_001, target: `all.${ZONE}` },
  { name: `all.${ZONE}`, type: 'AAAA', ttl: 79, address: '2001:db8::7' },
  { name: `all.${ZONE}`, type: 'A', ttl: 80, address: '192.0.2.7' }
]

it('prints a line a record', () => {
  expect(zoneFile([records[1]!, { name: 'x', type: 'TXT', ttl: 1, strings: [Buffer.from('a "b" \\ é')] }, { name: 'y', type: 'TXT', ttl: 1, strings: [] }])).toBe(
    '_a._tcp.example.test. 78 IN SRV 1 65535 4001 all.example.test.\nx. 1 IN TXT "a \\"b\\" \\\\ \\195\\169"\ny. 1 IN TXT ""\n'
  )
})

describe.each(['named', 'knotd', 'nsd'] as const)('%s', kind => {
  const reason = whyNoServer(kind)
  if (reason !== undefined && process.env.REQUIRE_REALNET === '1') throw new Error(`REQUIRE_REALNET=1, but ${reason}`)
  if (reason !== undefined) console.warn(`skipped: ${reason}`)

  it.skipIf(reason !== undefined)('reads every byte back', async () => {
    const server = await startServer(kind, { zone: ZONE, records })
    try {
      const ask = async (name: string, type: 'TXT' | 'SRV' | 'A' | 'AAAA'): Promise<unknown> => {
        const answer = decode(Buffer.from(await exchange(encode({ type: 'query', id: 1, questions: [{ name, type }] }), server.address, { isTcp: true })))
        const [record] = answer.answers ?? []
        return record?.type === 'OPT' ? undefined : [record?.ttl, record?.data]
      }
      expect(await ask(`all.${ZONE}`, 'TXT')).toEqual([77, strings.map(string => Buffer.from(string))])
      expect(await ask(`_a._tcp.${ZONE}`, 'SRV')).toEqual([78, { priority: 1, weight: 65_535, port: 4_001, target: `all.${ZONE}` }])
      expect([await ask(`all.${ZONE}`, 'AAAA'), await ask(`all.${ZONE}`, 'A')]).toEqual([[79, '2001:db8::7'], [80, '192.0.2.7']])
    } finally {
      await server.close()
    }
  })
})
