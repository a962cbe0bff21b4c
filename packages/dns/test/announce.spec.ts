/** One announces itself in a real zone, another finds it there. */
import { systemClock, type Clock, type Sighting } from '@peerweave/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { until } from '../../../test/support/until.ts'
import { createPeer, type Peer } from './support/mechanism.ts'
import { startServer, whyNoServer, type NameServer } from './support/name-servers.ts'
import type { DnsAnnounceOptions, DnsOptions } from '../src/index.ts'

const ZONE = 'example.test'
const KEY = { name: 'upd-key', algorithm: 'hmac-sha256', secret: 'c2VjcmV0IG9mIHRoaXJ0eS10d28gYnl0ZXMsIG9yIHNvLi4=' } as const

/** A wall clock that is ahead. */
function later (ms: number): Clock {
  const clock = systemClock()
  return Object.assign(Object.create(clock) as Clock, { wall: () => clock.wall() + ms })
}

describe.each(['named', 'knotd'] as const)('announced in a zone of %s', kind => {
  const reason = whyNoServer(kind)
  if (reason !== undefined && process.env.REQUIRE_REALNET === '1') throw new Error(`REQUIRE_REALNET=1, but ${reason}`)
  if (reason !== undefined) console.warn(`skipped: ${reason}`)

  describe.skipIf(reason !== undefined)('where it is installed', () => {
    let server: NameServer
    const started: Peer[] = []

    beforeAll(async () => { server = await startServer(kind, { zone: ZONE, records: [], key: KEY }) })
    afterAll(async () => server?.close())
    afterEach(async () => { for (const peer of started.splice(0)) await peer.leave() })

    async function announcer (announce: Partial<DnsAnnounceOptions>, ...addresses: string[]): Promise<Peer> {
      const peer = await createPeer({ domains: [], announce: { zone: ZONE, service: '_olocus._tcp', servers: [server.address], key: KEY, ...announce } }, ...addresses)
      await peer.mechanism.start()
      started.push(peer)
      return peer
    }

    /** What somebody who comes now, and remembers nothing, reads. */
    async function read (options: Partial<DnsOptions> = {}): Promise<Sighting[]> {
      const reader = await createPeer({ domains: [ZONE], service: '_olocus._tcp', dnsaddr: false, servers: [server.address], ...options })
      await reader.mechanism.start()
      try {
        return await Array.fromAsync(reader.mechanism.discoverPeers())
      } finally {
        await reader.leave()
      }
    }

    async function addressesOf (peer: Peer, options: Partial<DnsOptions> = {}): Promise<string[]> {
      return (await read(options)).flatMap(sighting => sighting.kind === 'claim' && sighting.peerId.equals(peer.id) ? sighting.multiaddrs.map(String) : [])
    }

    it('is found, follows its addresses, tells no private ones, and is gone when it leaves', async () => {
      const me = await announcer({}, '/ip4/1.2.3.4/tcp/4001', '/ip4/192.168.1.5/tcp/4001')
      await until(async () => (await addressesOf(me)).length > 0, 'it is found')
      expect(await addressesOf(me)).toEqual(['/ip4/1.2.3.4/tcp/4001'])
      me.setAddresses('/ip4/1.2.3.9/tcp/5001')
      await until(async () => (await addressesOf(me))[0] === '/ip4/1.2.3.9/tcp/5001', 'it is found anew')
      const other = await announcer({ host: 'kitchen', private: true, text: { room: 'kitchen' } }, '/ip4/10.0.0.7/tcp/4001')
      await until(async () => (await addressesOf(other, { private: true })).length > 0, 'the other is found')
      const metadata = (await read({ private: true })).find(sighting => sighting.kind === 'claim' && sighting.peerId.equals(other.id))
      expect(metadata?.kind === 'claim' && [...metadata.metadata ?? []]).toEqual([['room', 'kitchen']])
      await me.leave()
      expect(await addressesOf(me)).toEqual([])
      expect((await addressesOf(other, { private: true })).length).toBe(1)
    })

    it('is taken for gone by readers when it was not refreshed for twice its TTL', async () => {
      const me = await announcer({ ttl: 30_000 }, '/ip4/1.2.3.4/tcp/4001')
      await until(async () => (await addressesOf(me)).length > 0, 'it is found')
      // Clocks may differ by five minutes.
      expect((await addressesOf(me, { clock: later(55_000 + 300_000) })).length).toBe(1)
      expect(await addressesOf(me, { clock: later(65_000 + 300_000) })).toEqual([])
    })

    it('is what announceSelf gives, until withdrawSelf', async () => {
      const me = await announcer({}, '/ip4/1.2.3.4/tcp/4001')
      expect(await me.mechanism.announceSelf?.({ peerId: me.id, multiaddrs: [multiaddr('/ip4/1.2.3.5/tcp/1')] })).toEqual({ ttl: 300_000 })
      expect(await addressesOf(me)).toEqual(['/ip4/1.2.3.5/tcp/1'])
      me.setAddresses('/ip4/1.2.3.6/tcp/1')
      await me.mechanism.withdrawSelf?.()
      expect(await addressesOf(me)).toEqual([])
    })

    it('says what is wrong with its key, is degraded, and starts all the same', async () => {
      const me = await announcer({ key: { ...KEY, secret: Buffer.alloc(32).toString('base64') } }, '/ip4/1.2.3.4/tcp/4001')
      await until(() => me.mechanism.status().state === 'degraded', 'degraded')
      expect(me.mechanism.status().lastError?.message).toMatch(/BADSIG/)
      await expect(me.mechanism.announceSelf?.({ peerId: me.id, multiaddrs: [multiaddr('/ip4/1.2.3.5/tcp/1')] })).rejects.toThrow(/BADSIG/)
    })
  })
})
