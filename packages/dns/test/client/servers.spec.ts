/** Which servers: as written, and as the system has them. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { limits, virtualClock } from '@peerweave/interface'
import { describe, expect, it } from 'vitest'
import { SERVERS_AGE } from '../../src/client/constants.ts'
import { parseServer, parseServers, systemServers } from '../../src/client/servers.ts'

it.each([
  ['127.0.0.1', { kind: 'socket', text: '127.0.0.1:53', address: '127.0.0.1', port: 53, family: 4 }],
  ['127.0.0.1:5301', { kind: 'socket', text: '127.0.0.1:5301', address: '127.0.0.1', port: 5_301, family: 4 }],
  ['::1', { kind: 'socket', text: '[::1]:53', address: '::1', port: 53, family: 6 }],
  ['[::1]', { kind: 'socket', text: '[::1]:53', address: '::1', port: 53, family: 6 }],
  ['[::1]:5301', { kind: 'socket', text: '[::1]:5301', address: '::1', port: 5_301, family: 6 }],
  ['2001:db8::53', { kind: 'socket', text: '[2001:db8::53]:53', address: '2001:db8::53', port: 53, family: 6 }],
  ['fe80::1%eth0', { kind: 'socket', text: '[fe80::1%eth0]:53', address: 'fe80::1%eth0', port: 53, family: 6 }],
  ['https://dns.test/dns-query', { kind: 'https', text: 'https://dns.test/dns-query' }],
  ['http://127.0.0.1:8053/dns-query', { kind: 'https', text: 'http://127.0.0.1:8053/dns-query' }],
  ['http://[::1]:8053/', { kind: 'https', text: 'http://[::1]:8053/' }]
])('%s is a server', (text, server) => {
  expect(parseServer(text)).toEqual(server)
})

it.each([
  '', ':53', 'dns.test', 'dns.test:53', '127.0.0.1:0', '127.0.0.1:65536', '127.0.0.1:x', '127.0.0.1:', '127.1', '[127.0.0.1]:53', '[::1', '::1]:53', '[::1]:',
  '[]:53', '256.0.0.1', 'http://dns.test/', 'ftp://127.0.0.1/', 'https://', 'https://user:secret@dns.test/', 'udp://127.0.0.1:53'
])('%j is none', text => {
  expect(() => parseServer(text)).toThrow(TypeError)
  expect(() => parseServer(text)).toThrow('a name server is an IP address')
})

it.each([undefined, null, 5, {}, ['127.0.0.1']])('nor is %j', value => {
  expect(() => parseServer(value as string)).toThrow(TypeError)
})

it('several are taken, each once', () => {
  expect(parseServers(['::1', '127.0.0.1:53', '[::1]:53']).map(({ text }) => text)).toEqual(['[::1]:53', '127.0.0.1:53'])
  expect(() => parseServers(Array.from({ length: limits.dnsServers + 1 }, (_, i) => `127.0.0.${i + 1}`))).toThrow('1 to 8 name servers')
})

describe('the system\'s', () => {
  it('are looked at again after a while, each once, and no more than are asked', () => {
    const clock = virtualClock()
    let now = ['10.0.0.1', '::1', '10.0.0.1', 'rubbish']
    let looks = 0
    const servers = systemServers(clock, () => {
      looks++
      return now
    })
    expect(looks).toBe(0)
    expect(servers().map(({ text }) => text)).toEqual(['10.0.0.1:53', '[::1]:53'])
    now = Array.from({ length: 20 }, (_, i) => `10.0.0.${i}`)
    expect(servers()).toHaveLength(2)
    expect(looks).toBe(1)
  })

  it('are others after the time for which the last look is believed', async () => {
    const clock = virtualClock()
    let now = ['10.0.0.1']
    const servers = systemServers(clock, () => now)
    servers()
    now = Array.from({ length: 20 }, (_, i) => `10.0.0.${i}`)
    await clock.advance(SERVERS_AGE - 1)
    expect(servers().map(({ text }) => text)).toEqual(['10.0.0.1:53'])
    await clock.advance(1)
    expect(servers().map(({ text }) => text)).toEqual(now.slice(0, limits.dnsServers).map(address => `${address}:53`))
  })

  const reason = spawnSync('unshare', ['-m', 'true']).status === 0 ? undefined : 'no mount namespace'
  if (reason !== undefined && process.env.REQUIRE_REALNET === '1') throw new Error(`REQUIRE_REALNET=1, but ${reason}`)
  if (reason !== undefined) console.warn(`skipped, the system's name servers: ${reason}`)

  it.skipIf(reason !== undefined)('are those of resolv.conf, also when it changed', () => {
    const folder = mkdtempSync(join(tmpdir(), 'pw-resolv-'))
    const file = join(folder, 'resolv.conf')
    writeFileSync(file, 'nameserver 192.0.2.1\nnameserver 2001:db8::1\n')
    const script = join(folder, 'main.ts')
    writeFileSync(script, `
      import { writeFileSync } from 'node:fs'
      import { systemServers } from ${JSON.stringify(new URL('../../src/client/servers.ts', import.meta.url).pathname)}
      let now = 0
      const servers = systemServers({ now: () => now })
      const texts = () => servers().map(({ text }) => text)
      const before = texts()
      writeFileSync('/etc/resolv.conf', 'nameserver 192.0.2.9\\n')
      now += ${SERVERS_AGE}
      console.log(JSON.stringify([before, texts()]))
    `)
    try {
      const out = execFileSync('unshare', ['-m', 'sh', '-c', 'mount --bind "$0" /etc/resolv.conf && exec "$1" "$2"', file, process.execPath, script], { encoding: 'utf8' })
      expect(JSON.parse(out)).toEqual([['192.0.2.1:53', '[2001:db8::1]:53'], ['192.0.2.9:53']])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
