/** `peerweave dns` as a user runs it, with a real name server that reads what it prints and takes what it pushes. */
import { createSocket } from 'node:dgram'
import { Resolver } from 'node:dns/promises'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startServer, whyNoServer, type NameServer } from '../../dns/test/support/name-servers.ts'
import { run, type Finished } from './command.ts'

const ZONE = 'example.test'
const SERVICE = '_olocus._tcp'
const SRV = `${SERVICE}.${ZONE}`
const SECRET = 'c2VjcmV0IG9mIHRoaXJ0eS10d28gYnl0ZXMsIG9yIHNvLi4='
const OTHER_SECRET = Buffer.alloc(32, 7).toString('base64')

const reason = whyNoServer('knotd')
if (reason !== undefined && process.env.REQUIRE_REALNET === '1') throw new Error(`REQUIRE_REALNET=1, but ${reason}`)
if (reason !== undefined) console.warn(`skipped: ${reason}`)

const id = async (): Promise<string> => peerIdFromPrivateKey(await generateKeyPair('Ed25519')).toString()
const dns = async (...args: string[]): Promise<Finished> => run('dns', ...args).finished
const zone = async (...args: string[]): Promise<Finished> => dns('zone', '--domain', ZONE, '--service', SERVICE, ...args)

function resolverOf (server: NameServer): Resolver {
  const resolver = new Resolver()
  resolver.setServers([server.address])
  return resolver
}

describe('peerweave dns zone', () => {
  it.skipIf(reason !== undefined)('prints what a name server loads, several addresses of one id as one peer', async () => {
    const [one, two] = [await id(), await id()]
    const { code, stdout, stderr } = await zone(
      '--ttl', '60', `/ip4/1.2.3.4/tcp/4001/p2p/${one}`, `/ip4/1.2.3.5/tcp/4002/p2p/${two}`, `/ip6/2606:4700::7/tcp/4001/p2p/${one}`
    )
    expect([code, stderr]).toEqual([0, ''])
    const server = await startServer('knotd', { zone: ZONE, records: [], lines: stdout })
    try {
      const resolver = resolverOf(server)
      const found = (await resolver.resolveSrv(SRV)).sort((a, b) => a.port - b.port)
      expect(found.map(({ port }) => port)).toEqual([4001, 4002])
      const [first, second] = found.map(({ name }) => name) as [string, string]
      expect(await resolver.resolve4(first, { ttl: true })).toEqual([{ address: '1.2.3.4', ttl: 60 }])
      expect(await resolver.resolve6(first)).toEqual(['2606:4700::7'])
      expect(await resolver.resolveTxt(`_olocus-peer.${first}`)).toEqual([[`peer_id=${one}`, 'addr=/ip4/1.2.3.4/tcp/4001', 'addr=/ip6/2606:4700::7/tcp/4001']])
      expect(await resolver.resolveTxt(`_olocus-peer.${second}`)).toEqual([[`peer_id=${two}`, 'addr=/ip4/1.2.3.5/tcp/4002']])
    } finally {
      await server.close()
    }
  })

  it('prints one JSON object a record', async () => {
    const peer = await id()
    const { code, stdout } = await zone('--json', `/ip4/1.2.3.4/tcp/4001/p2p/${peer}`)
    expect(code).toBe(0)
    const records = stdout.trimEnd().split('\n').map(line => JSON.parse(line) as Record<string, unknown>)
    const host = String(records[2]?.['name'])
    expect(host).toMatch(/^n-[a-z2-7]{20}\.example\.test\.$/)
    expect(records).toEqual([
      { peer, name: `${SRV}.`, ttl: 300, type: 'SRV', data: `0 0 4001 ${host}` },
      { peer, name: `_olocus-peer.${host}`, ttl: 300, type: 'TXT', data: `"peer_id=${peer}" "addr=/ip4/1.2.3.4/tcp/4001"` },
      { peer, name: host, ttl: 300, type: 'A', data: '1.2.3.4' }
    ])
  })

  it('leaves private addresses out, and says so, until they are asked for', async () => {
    const peer = await id()
    const addresses = [`/ip4/1.2.3.4/tcp/4001/p2p/${peer}`, `/ip4/10.0.0.1/tcp/4001/p2p/${peer}`, `/ip4/240.0.0.1/tcp/4001/p2p/${peer}`]
    const without = await zone(...addresses)
    expect(without.stdout).not.toContain('10.0.0.1')
    expect(without.stderr).toMatch(/left out: \/ip4\/10\.0\.0\.1\/tcp\/4001: private, which --private puts in\n.*\/ip4\/240\.0\.0\.1\/tcp\/4001: nobody can be reached there\n/)
    const withThem = await zone('--private', ...addresses)
    expect(withThem.stdout).toContain(' IN A 10.0.0.1\n')
    expect(withThem.stderr).toMatch(/^[^\n]*240\.0\.0\.1[^\n]*\n$/)
  })
})

describe.skipIf(reason !== undefined)('peerweave dns publish', () => {
  let server: NameServer
  let resolver: Resolver
  let folder: string

  beforeAll(async () => {
    server = await startServer('knotd', { zone: ZONE, records: [], key: { name: 'upd-key', algorithm: 'hmac-sha256', secret: SECRET } })
    resolver = resolverOf(server)
    folder = mkdtempSync(join(tmpdir(), 'pw-dns-cli-'))
  })

  afterAll(async () => {
    await server?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  /** As tsig-keygen prints it. */
  const keyFile = (secret: string): string => {
    const path = join(folder, `${secret === SECRET ? 'right' : 'wrong'}.key`)
    writeFileSync(path, `key "upd-key" {\n\talgorithm hmac-sha256;\n\tsecret "${secret}";\n};\n`)
    return path
  }
  const to = (): string[] => ['publish', '--zone', ZONE, '--service', SERVICE, '--server', server.address]
  const ports = async (): Promise<number[]> => (await resolver.resolveSrv(SRV).catch(() => [])).map(({ port }) => port).sort((a, b) => a - b)

  it('puts peers into the zone, in place of what it had of them, and takes them out', async () => {
    const [one, two] = [await id(), await id()]
    const key = ['--key-file', keyFile(SECRET)]
    const first = await dns(...to(), ...key, `/ip4/1.2.3.4/tcp/4001/p2p/${one}`, `/ip6/2606:4700::7/tcp/4001/p2p/${one}`, `/ip4/1.2.3.5/tcp/4002/p2p/${two}`)
    expect(first, first.stderr).toMatchObject({ code: 0, stderr: '' })
    expect(first.stdout).toMatch(`The zone ${ZONE} at ${server.address} now has`)
    expect(first.stdout).toContain(' IN A 1.2.3.4\n')
    expect(await ports()).toEqual([4001, 4002])
    const target = (await resolver.resolveSrv(SRV)).find(({ port }) => port === 4001)?.name as string
    expect(await resolver.resolveTxt(`_olocus-peer.${target}`)).toEqual([[`peer_id=${one}`, 'addr=/ip4/1.2.3.4/tcp/4001', 'addr=/ip6/2606:4700::7/tcp/4001']])

    const again = await dns(...to(), '--key', `upd-key:hmac-sha256:${SECRET}`, '--json', '--ttl', '60', `/ip4/1.2.3.9/tcp/5001/p2p/${one}`)
    expect(again.code, again.stderr).toBe(0)
    expect(JSON.parse(again.stdout)).toMatchObject({ type: 'published', zone: ZONE, server: server.address, peers: [one], records: [{}, {}, { peer: one, ttl: 60, type: 'A', data: '1.2.3.9' }] })
    expect(await ports()).toEqual([4002, 5001])
    expect(await resolver.resolve4(target, { ttl: true })).toEqual([{ address: '1.2.3.9', ttl: 60 }])
    await expect(resolver.resolve6(target)).rejects.toMatchObject({ code: 'ENODATA' })

    const removed = await dns(...to(), ...key, '--remove', `/p2p/${one}`)
    expect(removed).toMatchObject({ code: 0, stdout: `The zone ${ZONE} at ${server.address} has no ${SERVICE} records any more of\n${one}\n` })
    expect(await ports()).toEqual([4002])
    await expect(resolver.resolve4(target)).rejects.toMatchObject({ code: 'ENOTFOUND' })
    await expect(resolver.resolveTxt(`_olocus-peer.${target}`)).rejects.toMatchObject({ code: 'ENOTFOUND' })
    const last = await dns(...to(), ...key, '--remove', '--json', `/ip4/1.2.3.5/tcp/4002/p2p/${two}`)
    expect(JSON.parse(last.stdout)).toEqual({ type: 'removed', zone: ZONE, server: server.address, peers: [two], records: [] })
    expect(await ports()).toEqual([])
    for (const { stdout } of [first, again, removed, last]) expect(stdout).not.toContain(SECRET)
  })

  it('puts a whole list in with one update', async () => {
    const ids = await Promise.all(Array.from({ length: 40 }, id))
    const addresses = ids.map((peer, i) => `/ip4/1.2.4.${i}/tcp/4001/p2p/${peer}`)
    const key = ['--key', `upd-key:hmac-sha256:${SECRET}`]
    const { code, stderr } = await dns(...to(), ...key, ...addresses)
    expect(code, stderr).toBe(0)
    expect((await ports()).length).toBe(40)
    expect((await dns(...to(), ...key, '--remove', ...addresses)).code).toBe(0)
    expect(await ports()).toEqual([])
  })

  it.each([
    ['another secret', () => ['--key-file', keyFile(OTHER_SECRET)], /another secret for the key "upd-key" \(BADSIG\)/],
    ['a key that it does not know', () => ['--key', `other:hmac-sha256:${SECRET}`], /does not know the key "other" with hmac-sha256 \(BADKEY\)/],
    ['no key', () => [], /refused with (?:REFUSED|NOTAUTH)/],
    ['a zone that it does not have', () => ['--zone', 'other.test', '--key-file', keyFile(SECRET)], /REFUSED|NOTAUTH/]
  ])('with %s ends with 1, the server’s words, and the zone as it was', async (_what, args, words) => {
    const { code, stdout, stderr } = await dns(...to(), ...args(), `/ip4/1.2.3.4/tcp/4001/p2p/${await id()}`)
    expect([code, stdout], stderr).toEqual([1, ''])
    expect(stderr).toMatch(words)
    expect(stderr).toContain(server.address)
    for (const secret of [SECRET, OTHER_SECRET]) expect(stderr).not.toContain(secret)
    expect(await ports()).toEqual([])
  })
})

it('SIGINT ends a publish that its server does not answer', async () => {
  const socket = createSocket('udp4')
  const asked = new Promise(resolve => { socket.once('message', resolve) })
  await new Promise<void>(resolve => { socket.bind(0, '127.0.0.1', resolve) })
  try {
    const running = run('dns', 'publish', '--zone', ZONE, '--service', SERVICE, '--server', `127.0.0.1:${socket.address().port}`, `/ip4/1.2.3.4/tcp/1/p2p/${await id()}`)
    await asked
    running.kill('SIGINT')
    const { code, stdout, took } = await running.finished
    expect([code, stdout]).toEqual([130, ''])
    expect(took).toBeLessThan(2_000)
  } finally {
    socket.close()
  }
})

describe('peerweave dns', () => {
  it.each([
    [[], ['zone', 'publish']],
    [['zone'], ['--domain', '--service', '--private', '--ttl', '--json', 'Examples:', '/p2p/']],
    [['publish'], ['--zone', '--domain', '--service', '--server', '--key', '--key-file', '--remove', '--json', 'Examples:', 'tsig-keygen']]
  ])('%j has --help', async (args, words) => {
    const { code, stdout } = await dns(...args, '--help')
    expect(code).toBe(0)
    for (const word of words) expect(stdout).toContain(word)
  })

  const PEER = '12D3KooWPu4nHPUiKzt8tMwpbWvZVZaGAGTZBDRGYsMtCzmjU6L6'
  const ADDRESS = `/ip4/1.2.3.4/tcp/4001/p2p/${PEER}`
  const ZONE_ARGS = ['zone', '--domain', ZONE, '--service', SERVICE]
  const PUBLISH_ARGS = ['publish', '--zone', ZONE, '--service', SERVICE, '--server', '127.0.0.1:1']
  it.each([
    [[], /Usage: peerweave dns/],
    [['zoen'], /unknown command 'zoen'/],
    [ZONE_ARGS, /missing required argument 'address'/],
    [['zone', '--service', SERVICE, ADDRESS], /--domain <name>' not specified/],
    [[...ZONE_ARGS, '--ttl', '5', ADDRESS], /--ttl.*whole number from 30 to 86400/],
    [[...ZONE_ARGS, 'hullo'], /"hullo" is not a multiaddr/],
    [[...ZONE_ARGS, ''], /"" is not a multiaddr/],
    [[...ZONE_ARGS, '/ip4/1.2.3.4/tcp/4001'], /"\/ip4\/1\.2\.3\.4\/tcp\/4001" does not end in \/p2p\//],
    [[...ZONE_ARGS, `${ADDRESS}/p2p-circuit`], /does not end in \/p2p\//],
    [[...ZONE_ARGS, `/ip4/10.0.0.1/tcp/4001/p2p/${PEER}`], /left out.*--private[\s\S]*no public address over tcp for the zone "example.test"/],
    [[...ZONE_ARGS, `/ip4/1.2.3.4/udp/4001/quic-v1/p2p/${PEER}`], /no public address over tcp/],
    [['zone', '--domain', 'a b', '--service', SERVICE, ADDRESS], /domain must be a DNS name, got "a b"/],
    [['zone', '--domain', ZONE, '--service', 'olocus', ADDRESS], /service must be "_name\._tcp"/],
    [[...PUBLISH_ARGS, '--server', 'nowhere', ADDRESS], /a name server is an IP address.*got "nowhere"/],
    [[...PUBLISH_ARGS, '--domain', 'other.test', ADDRESS], /domain must be in the zone "example\.test", got "other\.test"/],
    [[...PUBLISH_ARGS, '--key', `upd-key:${SECRET}:hmac-sha256`, ADDRESS], /--key must be name:algorithm:base64, .*hmac-sha256/],
    [[...PUBLISH_ARGS, '--key', `upd-key:hmac-md5:${SECRET}`, ADDRESS], /hmac-sha1, hmac-sha256, hmac-sha384, hmac-sha512/],
    [[...PUBLISH_ARGS, '--key-file', '/does/not/exist', ADDRESS], /--key-file cannot be read: ENOENT/],
    [[...PUBLISH_ARGS, '--key-file', 'package.json', ADDRESS], /--key-file must hold one key as tsig-keygen prints it/],
    [[...PUBLISH_ARGS, '--key', `a:hmac-sha256:${SECRET}`, '--key-file', 'b', ADDRESS], /cannot be used with option '--key/]
  ])('%j ends with 2, and says why', async (args, message) => {
    const { code, stdout, stderr } = await dns(...args)
    expect([code, stdout], stderr).toEqual([2, ''])
    expect(stderr).toMatch(message)
    expect(stderr).not.toContain(SECRET)
  })
})
