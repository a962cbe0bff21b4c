/** Announcing ourselves in a real zone. */
import { Resolver } from 'node:dns/promises'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { systemClock, type SelfRecord } from '@peerweave/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { exchange } from '../support/exchange.ts'
import { startServer, whyNoServer, type NameServer } from '../support/name-servers.ts'
import { Announcer, type AnnouncerInit } from '../../src/write/announcer.ts'
import { hostLabel } from '../../src/write/own-records.ts'
import { Updater } from '../../src/write/updater.ts'

const ZONE = 'example.test'
const SECRET = 'c2VjcmV0IG9mIHRoaXJ0eS10d28gYnl0ZXMsIG9yIHNvLi4='
const KEY = { name: 'upd-key', algorithm: 'hmac-sha256', secret: Buffer.from(SECRET, 'base64') } as const
const SRV = `_olocus._tcp.${ZONE}`

const reason = whyNoServer('knotd')
if (reason !== undefined && process.env.REQUIRE_REALNET === '1') throw new Error(`REQUIRE_REALNET=1, but ${reason}`)
if (reason !== undefined) console.warn(`skipped: ${reason}`)

async function self (...addresses: string[]): Promise<SelfRecord> {
  return { peerId: peerIdFromPrivateKey(await generateKeyPair('Ed25519')), multiaddrs: addresses.map(address => multiaddr(address)) }
}

describe.skipIf(reason !== undefined)('an announcer', () => {
  let server: NameServer
  let resolver: Resolver

  beforeAll(async () => {
    server = await startServer('knotd', { zone: ZONE, records: [], key: { name: KEY.name, algorithm: KEY.algorithm, secret: SECRET } })
    resolver = new Resolver()
    resolver.setServers([server.address])
  })

  afterAll(async () => server?.close())

  const announcer = (init: Partial<AnnouncerInit> = {}): Announcer => new Announcer({
    updater: new Updater({ exchange, clock: systemClock(), zone: ZONE, servers: [server.address], key: KEY }),
    clock: systemClock(),
    service: { name: 'olocus', transport: 'tcp' },
    domain: ZONE,
    text: new Map(),
    isPrivateMeant: false,
    ttl: 60_000,
    look: async (name, type) => type === 'TXT'
      ? (await texts(name)).map(strings => ({ type, name, ttl: 60, strings: strings.map(text => Buffer.from(text, 'latin1')) }))
      : (await resolver.resolveSrv(name).catch(() => [])).map(({ name: target, port, priority, weight }) => ({ type, name, ttl: 60, target, port, priority, weight })),
    ...init
  })
  const texts = async (name: string): Promise<string[][]> => resolver.resolveTxt(name).catch(() => [])
  const targets = async (): Promise<string[]> => (await resolver.resolveSrv(SRV).catch(() => [])).map(({ name, port }) => `${name}:${port}`).sort()

  it('adds what others need to reach us, replaces it, and takes it away', async () => {
    const me = { ...await self('/ip4/1.2.3.4/tcp/4001', '/ip6/2606:4700::7/tcp/4001', '/ip4/10.0.0.1/tcp/4001', '/ip4/127.0.0.1/tcp/4001'), protocols: ['/a/1'], signedPeerRecord: new Uint8Array(300).fill(7) }
    const ours = announcer()
    const target = `${hostLabel(me.peerId)}.${ZONE}`
    const before = Math.floor(Date.now() / 1_000)
    expect(await ours.announce(me)).toBe(true)
    expect(await targets()).toEqual([`${target}:4001`])
    expect([await resolver.resolve4(target), await resolver.resolve6(target)]).toEqual([['1.2.3.4'], ['2606:4700::7']])
    const [strings = []] = await texts(`_olocus-peer.${target}`)
    expect(strings.slice(1).filter(text => !text.startsWith('record='))).toEqual([`peer_id=${me.peerId}`, 'protocol=/a/1', 'addr=/ip4/1.2.3.4/tcp/4001', 'addr=/ip6/2606:4700::7/tcp/4001'])
    const expires = Number(strings[0]?.slice('expires='.length))
    expect(expires - before).toBeGreaterThanOrEqual(120)
    expect(expires - before).toBeLessThanOrEqual(125)
    expect(Buffer.from(strings.filter(text => text.startsWith('record=')).map(text => text.slice(7)).join(''), 'base64url').equals(me.signedPeerRecord)).toBe(true)
    const other = await self('/ip4/1.2.3.5/tcp/4001')
    const theirs = announcer()
    await theirs.announce(other)
    expect((await targets()).length).toBe(2)
    await ours.announce({ ...me, multiaddrs: [multiaddr('/ip4/1.2.3.9/tcp/5001')] })
    expect(await targets()).toEqual([`${target}:5001`, `${hostLabel(other.peerId)}.${ZONE}:4001`].sort())
    expect(await resolver.resolve4(target)).toEqual(['1.2.3.9'])
    await expect(resolver.resolve6(target)).rejects.toMatchObject({ code: 'ENODATA' })
    expect((await texts(`_olocus-peer.${target}`)).length).toBe(1)
    await ours.withdraw()
    await ours.withdraw()
    expect([await targets(), await texts(`_olocus-peer.${target}`)]).toEqual([[`${hostLabel(other.peerId)}.${ZONE}:4001`], []])
    await expect(resolver.resolve4(target)).rejects.toMatchObject({ code: 'ENOTFOUND' })
    await theirs.withdraw()
  })

  it('takes nobody’s host name, and its own again after a restart', async () => {
    const [me, other] = [await self('/ip4/1.2.3.4/tcp/1'), await self('/ip4/1.2.3.5/tcp/1')]
    await announcer({ host: 'kitchen' }).announce(me)
    await expect(announcer({ host: 'kitchen' }).announce(other)).rejects.toThrow(`that of the peer "${me.peerId}"`)
    expect(await resolver.resolve4(`kitchen.${ZONE}`)).toEqual(['1.2.3.4'])
    const restarted = announcer({ host: 'kitchen' })
    await restarted.announce({ ...me, multiaddrs: [multiaddr('/ip4/1.2.3.6/tcp/2')] })
    // What the run before left behind is gone as well.
    expect(await targets()).toEqual([`kitchen.${ZONE}:2`])
    expect(await resolver.resolve4(`kitchen.${ZONE}`)).toEqual(['1.2.3.6'])
    await restarted.withdraw()
  })

  it('says nothing without an address for the zone, and takes back what it said', async () => {
    const me = await self('/ip4/1.2.3.4/tcp/1')
    const ours = announcer()
    await ours.announce(me)
    expect(await ours.announce({ ...me, multiaddrs: [multiaddr('/ip4/10.0.0.1/tcp/1')] })).toBe(false)
    expect(await targets()).toEqual([])
    expect(await announcer({ isPrivateMeant: true }).announce({ ...me, multiaddrs: [multiaddr('/ip4/10.0.0.1/tcp/1')] })).toBe(true)
  })
})
