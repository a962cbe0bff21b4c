/** The worked examples of docs/dns-in-clusters.md: each zone in a real name server, read with the options of the page. */
import { readFileSync } from 'node:fs'
import { afterEach, describe, expect, it } from 'vitest'
import { createPeer } from './support/mechanism.ts'
import { startServer, whyNoServer, type NameServer, type ServerKind } from './support/name-servers.ts'
import type { DnsOptions } from '../src/index.ts'

const page = readFileSync(new URL('../../../docs/dns-in-clusters.md', import.meta.url), 'utf8')
const KINDS: ServerKind[] = ['named', 'knotd', 'nsd']

/** The block of this language under this heading. */
function block (heading: string, language: string): string {
  const section = page.split(/^## /m).find(text => text.startsWith(`${heading}\n`)) ?? ''
  const text = new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, 'm').exec(section)?.[1]
  if (text == null) throw new Error(`the page has no ${language} under ${heading}`)
  return text
}

let server: NameServer | undefined

afterEach(async () => {
  await server?.close()
  server = undefined
})

describe.each(KINDS)('served by %s', kind => {
  const reason = whyNoServer(kind)
  if (reason !== undefined && process.env.REQUIRE_REALNET === '1') throw new Error(`REQUIRE_REALNET=1, but ${reason}`)
  if (reason !== undefined) console.warn(`skipped: ${reason}`)

  it.skipIf(reason !== undefined).each([
    { heading: 'Kubernetes', zone: 'cluster.local' },
    { heading: 'Consul', zone: 'consul' }
  ])('$heading is read as the page says', async ({ heading, zone }) => {
    server = await startServer(kind, { zone, records: [], lines: block(heading, 'zone') })
    const options = JSON.parse(block(heading, 'json')) as DnsOptions
    const { mechanism, leave } = await createPeer({ ...options, servers: [server.address] })
    await mechanism.start()
    try {
      const found = await Array.fromAsync(mechanism.discoverPeers())
      const lines = found.map(sighting => sighting.kind === 'endpoint' ? `endpoint ${String(sighting.multiaddr)}\n` : sighting.kind)
      expect(lines.sort((a, b) => a < b ? -1 : 1).join('')).toBe(block(heading, 'text'))
      expect(found.every(sighting => 'ttl' in sighting && sighting.ttl > 29_000 && sighting.ttl <= 30_000)).toBe(true)
      expect(mechanism.status()).toMatchObject({ state: 'running', dropped: {} })
    } finally {
      await leave()
    }
  })
})
