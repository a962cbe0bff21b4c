/** Updates of real zones. */
import { Resolver } from 'node:dns/promises'
import { DnsError, systemClock, type Clock } from '@peerweave/interface'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { exchange } from '../support/exchange.ts'
import { startServer, whyNoServer, type NameServer } from '../support/name-servers.ts'
import { Updater, type UpdaterInit } from '../../src/write/updater.ts'
import type { TsigKey } from '../../src/write/tsig.ts'
import type { OutRecord } from '../../src/write/wire.ts'

const ZONE = 'example.test'
const SECRET = 'c2VjcmV0IG9mIHRoaXJ0eS10d28gYnl0ZXMsIG9yIHNvLi4='
const KEY: TsigKey = { name: 'upd-key', algorithm: 'hmac-sha256', secret: Buffer.from(SECRET, 'base64') }

/** A wall clock that is wrong. */
function skewed (seconds: number): Clock {
  const clock = systemClock()
  return Object.assign(Object.create(clock) as Clock, { wall: () => clock.wall() + seconds * 1_000 })
}

describe.each(['named', 'knotd'] as const)('updates of a zone of %s', kind => {
  const reason = whyNoServer(kind)
  if (reason !== undefined && process.env.REQUIRE_REALNET === '1') throw new Error(`REQUIRE_REALNET=1, but ${reason}`)
  if (reason !== undefined) console.warn(`skipped: ${reason}`)

  describe.skipIf(reason !== undefined)('where it is installed', () => {
    let server: NameServer
    let resolver: Resolver

    beforeAll(async () => {
      server = await startServer(kind, { zone: ZONE, records: [], key: { name: KEY.name, algorithm: KEY.algorithm, secret: SECRET } })
      resolver = new Resolver()
      resolver.setServers([server.address])
    })

    afterAll(async () => server?.close())

    const updater = (init: Partial<UpdaterInit> = {}): Updater =>
      new Updater({ exchange, clock: systemClock(), zone: ZONE, servers: [server.address], key: KEY, ...init })
    const record = (label: string, port = 4_001): OutRecord => ({ name: `_svc._tcp.${ZONE}`, type: 'SRV', ttl: 60, priority: 1, weight: 2, port, target: `${label}.${ZONE}` })
    const text = (name: string, ...strings: string[]): OutRecord => ({ name: `${name}.${ZONE}`, type: 'TXT', ttl: 60, strings: strings.map(string => Buffer.from(string)) })

    it('adds every type that we write, and takes one record and a set away', async () => {
      const changes = [
        record('one'), record('two'), text('one', 'peer_id=x', 'a "quoted\\" one', 'Käse'),
        { name: `one.${ZONE}`, type: 'A', ttl: 60, address: '192.0.2.1' }, { name: `one.${ZONE}`, type: 'AAAA', ttl: 60, address: '2001:db8::1:0:0:7' }
      ] satisfies OutRecord[]
      expect(await updater().update(changes.map(record => ({ kind: 'add', record })))).toBe('made')
      expect((await resolver.resolveSrv(`_svc._tcp.${ZONE}`)).map(({ name }) => name).sort()).toEqual([`one.${ZONE}`, `two.${ZONE}`])
      expect(await resolver.resolveTxt(`one.${ZONE}`)).toEqual([['peer_id=x', 'a "quoted\\" one', Buffer.from('Käse').toString('latin1')]])
      expect([await resolver.resolve4(`one.${ZONE}`), await resolver.resolve6(`one.${ZONE}`)]).toEqual([['192.0.2.1'], ['2001:db8::1:0:0:7']])
      await updater().update([{ kind: 'delete-record', record: record('one') }, { kind: 'delete-set', name: `one.${ZONE}`, type: 'TXT' }])
      expect((await resolver.resolveSrv(`_svc._tcp.${ZONE}`)).map(({ name }) => name)).toEqual([`two.${ZONE}`])
      await expect(resolver.resolveTxt(`one.${ZONE}`)).rejects.toMatchObject({ code: 'ENODATA' })
    })

    it('changes nothing when a prerequisite does not hold', async () => {
      const add = [{ kind: 'add', record: text('taken', 'mine') }] as const
      const free = { prerequisites: [{ kind: 'name-not-in-use', name: `taken.${ZONE}` }] } as const
      expect(await updater().update(add, free)).toBe('made')
      expect(await updater().update([{ kind: 'add', record: text('taken', 'theirs') }], free)).toBe('unmet')
      expect(await resolver.resolveTxt(`taken.${ZONE}`)).toEqual([['mine']])
    })

    it('sends what is too long for UDP over TCP', async () => {
      const strings = Array.from({ length: 6 }, (_, i) => `${i}${'x'.repeat(200)}`)
      expect(await updater().update([{ kind: 'add', record: text('long', ...strings) }])).toBe('made')
      expect(await resolver.resolveTxt(`long.${ZONE}`)).toEqual([strings])
    })

    it.each(['hmac-sha1', 'hmac-sha384', 'hmac-sha512'] as const)('is refused with a key of another algorithm, %s', async algorithm => {
      await expect(updater({ key: { ...KEY, algorithm } }).update([{ kind: 'add', record: text('x', 'y') }])).rejects.toThrow(/BADKEY|not signed/)
    })

    it('says what is wrong with a wrong secret, an unknown key and no key, and changes nothing', async () => {
      const add = [{ kind: 'add', record: text('refused', 'y') }] as const
      await expect(updater({ key: { ...KEY, secret: Buffer.alloc(32) } }).update(add)).rejects.toThrow(/BADSIG/)
      await expect(updater({ key: { ...KEY, name: 'other' } }).update(add)).rejects.toThrow(/BADKEY/)
      await expect(updater({ key: undefined }).update(add)).rejects.toThrow(/REFUSED|NOTAUTH/)
      await expect(updater({ zone: 'elsewhere.test' }).update(add)).rejects.toThrow(DnsError)
      await expect(resolver.resolveTxt(`refused.${ZONE}`)).rejects.toMatchObject({ code: 'ENOTFOUND' })
    })

    it.each([3_600, -3_600, 400_000_000])('goes by the server’s clock when ours is wrong by %i s', async seconds => {
      expect(await updater({ clock: skewed(seconds) }).update([{ kind: 'add', record: text(`skew${seconds + 3_601}`, 'y') }])).toBe('made')
    })

    it('does not believe an answer that was tampered with, or that is not signed', async () => {
      const add = [{ kind: 'add', record: text('tampered', 'y') }] as const
      const tampered = (change: (answer: Buffer) => Uint8Array): Partial<UpdaterInit> =>
        ({ exchange: async (...args) => change(Buffer.from(await exchange(...args))) })
      await expect(updater(tampered(answer => { answer[3]! ^= 5; return answer })).update(add)).rejects.toThrow(/not signed with the key/)
      await expect(updater(tampered(answer => { answer.writeUInt16BE(0, 10); return answer.subarray(0, 12 + ZONE.length + 6) })).update(add)).rejects.toThrow(/is not signed/)
      await expect(updater(tampered(answer => { answer[0]! ^= 1; return answer })).update(add)).rejects.toThrow(/not the answer/)
      await expect(updater(tampered(answer => answer.subarray(0, 7))).update(add)).rejects.toThrow(/not the answer/)
    })

    it('tries the next server when one does not answer, and names each when none does', async () => {
      const add = [{ kind: 'add', record: text('next', 'y') }] as const
      expect(await updater({ servers: ['127.0.0.1:1', server.address] }).update(add)).toBe('made')
      await expect(updater({ servers: ['127.0.0.1:1', '127.0.0.1:2'] }).update(add)).rejects.toThrow(/127\.0\.0\.1:1: .*; 127\.0\.0\.1:2: /)
    })
  })
})
