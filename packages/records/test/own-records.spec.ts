/** What we say of ourselves, and to whom. */
import { generateKeyPair } from '@libp2p/crypto/keys'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { addressScope, limits, mayReport, virtualClock, type ReporterScope, type Signer, type VerifiedRecord } from '@peerweave/interface'
import { keySigner, openPeerRecord, ownRecords, ownSeq, type OwnRecords } from '@peerweave/records'
import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { numRuns, signer } from './support.ts'

const PUBLIC = '/ip4/8.8.8.8/tcp/4001'
const PRIVATE = '/ip4/192.168.1.7/tcp/4001'
const LOOPBACK = '/ip4/127.0.0.1/tcp/4001'

let addresses: string[]
let host: { addresses: () => Multiaddr[], signer: Signer }
let own: OwnRecords

beforeEach(async () => {
  addresses = [LOOPBACK, PUBLIC, PRIVATE]
  host = { addresses: () => addresses.map(text => multiaddr(text)), signer: await signer(1) }
  own = make()
})

function make (): OwnRecords {
  return ownRecords({ host, seq: ownSeq({ self: host.signer.peerId, clock: virtualClock() }) })
}

async function read (bytes: Uint8Array | undefined): Promise<VerifiedRecord> {
  const { record, refused } = await openPeerRecord(bytes ?? new Uint8Array())
  if (record == null) throw new Error(refused)
  return record
}

async function told (scope: ReporterScope): Promise<string[] | undefined> {
  const bytes = await own.for(scope)
  return bytes && (await read(bytes)).addresses.map(String)
}

describe('a record', () => {
  it.each<[ReporterScope, string[]]>([
    ['public', [PUBLIC]],
    ['name', [PUBLIC]],
    ['never', [PUBLIC]],
    ['private', [PUBLIC, PRIVATE]],
    ['link-local', [PUBLIC, PRIVATE]],
    ['loopback', [LOOPBACK, PUBLIC, PRIVATE]],
    ['configured', [LOOPBACK, PUBLIC, PRIVATE]]
  ])('for %s has what may be believed of us there', async (scope, expected) => {
    expect(await told(scope)).toEqual(expected)
  })

  it('is none where nothing may be said', async () => {
    addresses = [PRIVATE]
    expect([await told('public'), await told('private')]).toEqual([undefined, [PRIVATE]])
    addresses = ['/ip4/192.0.2.1/tcp/1', '/unix/tmp%2fa', '/ip4/169.254.169.254/tcp/80']
    expect([await told('public'), await told('loopback')]).toEqual([undefined, undefined])
  })

  it('names no peer in its addresses', async () => {
    addresses = [`${PUBLIC}/p2p/${host.signer.peerId}`]
    expect(await told('public')).toEqual([PUBLIC])
  })

  it('is sealed once, and again when our addresses change', async () => {
    let sealed = 0
    const { sign, peerId } = host.signer
    host.signer = { peerId, sign: async data => { sealed++; return await sign(data) } }
    own = make()
    const records = await Promise.all(['public', 'private', 'loopback', 'public'].map(async scope => await own.for(scope as ReporterScope)))
    expect([sealed, records[0] === records[3]]).toEqual([3, true])
    addresses = [...addresses, '/ip4/8.8.4.4/tcp/1']
    expect(await told('public')).toEqual([PUBLIC, '/ip4/8.8.4.4/tcp/1'])
    expect(sealed).toBe(6)
  })

  it('is one and the same for all who may hear the same', async () => {
    addresses = [PUBLIC]
    expect(new Set([await own.for('public'), await own.for('private'), await own.for('loopback')]).size).toBe(1)
    addresses = [PUBLIC, PRIVATE]
    expect(new Set([await own.for('public'), await own.for('private'), await own.for('loopback')]).size).toBe(2)
  })

  it('that says more is newer: who hears both keeps that one', async () => {
    for (const _ of [1, 2]) {
      // In whatever order they are asked for.
      const [loopback, open, site] = await Promise.all([own.for('loopback'), own.for('public'), own.for('private')].map(async bytes => (await read(await bytes)).seq))
      expect((open as bigint) < (site as bigint) && (site as bigint) < (loopback as bigint)).toBe(true)
      own.renew()
    }
  })
})

describe('announcing', () => {
  it('says given addresses, then none, then the host\'s again as they come and go', async () => {
    own.announce([multiaddr('/ip4/9.9.9.9/tcp/9')])
    addresses = [LOOPBACK]
    expect(await told('public')).toEqual(['/ip4/9.9.9.9/tcp/9'])
    own.announce([])
    expect([await told('public'), await told('loopback')]).toEqual([undefined, undefined])
    own.announce(undefined)
    expect([await told('public'), await told('loopback')]).toEqual([undefined, [LOOPBACK]])
  })

  it('is filtered like the host\'s own', async () => {
    own.announce([multiaddr(PRIVATE), multiaddr('/unix/tmp%2fa')])
    expect([await told('public'), await told('private')]).toEqual([undefined, [PRIVATE]])
  })

  it('renewed says the same by a newer record', async () => {
    const before = await read(await own.for('public'))
    own.renew()
    const after = await read(await own.for('public'))
    expect(after.addresses.map(String)).toEqual(before.addresses.map(String))
    expect(after.seq).toBeGreaterThan(before.seq)
  })

  it('a goodbye has no address, and is newer than all that we said', async () => {
    const said = await Promise.all((['public', 'private', 'loopback'] as const).map(async scope => (await read(await own.for(scope))).seq))
    const goodbye = await read(await own.farewell())
    expect(goodbye.addresses).toEqual([])
    expect(said.every(seq => seq < goodbye.seq)).toBe(true)
    expect(own.seq.last).toBe(goodbye.seq)
  })

  it('what we say after a goodbye is newer than it, though it is the same', async () => {
    await own.for('public')
    const goodbye = await read(await own.farewell())
    expect((await read(await own.for('public'))).seq).toBeGreaterThan(goodbye.seq)
  })

  it('what is said later is newer, whichever signature is done first', async () => {
    const { sign, peerId } = host.signer
    const { promise: held, resolve: release } = Promise.withResolvers<void>()
    let signed = 0
    host.signer = {
      peerId,
      async sign (data) {
        if (signed++ === 0) await held
        return await sign(data)
      }
    }
    own = make()
    addresses = [PUBLIC, PRIVATE]
    const before = own.for('private')
    addresses = [PUBLIC]
    const after = (await read(await own.for('public'))).seq
    release()
    expect((await read(await before)).seq).toBeLessThan(after)
  })

  it('that cannot be signed now is tried again the next time', async () => {
    const { sign } = host.signer
    let isBroken = true
    host.signer = { ...host.signer, sign: async data => isBroken ? Promise.reject(new Error('no key')) : await sign(data) }
    own = make()
    await expect(own.for('public')).rejects.toThrow('no key')
    isBroken = false
    expect(await told('public')).toEqual([PUBLIC])
  })
})

describe('the bounds of a record', () => {
  const many = (count: number, make: (i: number) => string): string[] => Array.from({ length: count }, (_, i) => make(i))

  it.each([[15, 15], [16, 16], [17, 16]])('of %i addresses the first %i are said', async (count, said) => {
    addresses = many(count, i => `/ip4/8.8.8.${i}/tcp/1`)
    expect(await told('public')).toEqual(addresses.slice(0, said))
  })

  it('those of other scopes take no room', async () => {
    addresses = [...many(20, i => `/ip4/192.168.1.${i}/tcp/1`), PUBLIC]
    expect(await told('public')).toEqual([PUBLIC])
  })

  it('one that is too long is left out, and so is what does not fit into 2 KiB', async () => {
    const long = (length: number): string => `/dns4/${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(length - 142)}.example.org/tcp/1`
    addresses = [long(400), long(200), PUBLIC]
    expect(await told('public')).toEqual([long(200), PUBLIC])
    addresses = [...many(10, i => `/dns4/${i}${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}.example.org/tcp/1`), PUBLIC]
    const bytes = await own.for('public')
    expect(bytes?.length).toBeLessThanOrEqual(limits.peerRecordBytes)
    const said = await told('public')
    expect(said?.length).toBeLessThan(addresses.length)
    expect(said).toContain(PUBLIC) // what fits is said, though something before it did not
  })

  it('fits with the longest key that is usual, too', async () => {
    host.signer = keySigner(await generateKeyPair('RSA', 4_096))
    own = make()
    addresses = many(16, i => `/dns4/${'a'.repeat(60)}${i}.example.org/tcp/1`)
    expect((await own.for('public'))?.length).toBeLessThanOrEqual(limits.peerRecordBytes)
    expect((await told('public'))?.length).toBeGreaterThan(5)
  }, 60_000)

  it('hold for any addresses, and nobody hears what he may not', async () => {
    const byte = fc.nat(255)
    const ip = fc.oneof(
      fc.constantFrom(PUBLIC, PRIVATE, LOOPBACK, '/ip4/169.254.1.1/tcp/1', '/ip6/::1/tcp/1', '/ip6/fd00::1/udp/1/quic-v1', '/ip4/0.0.0.0/tcp/1', '/unix/tmp%2fa'),
      fc.tuple(byte, byte, byte, byte, fc.nat(65_535)).map(([a, b, c, d, port]) => `/ip4/${a}.${b}.${c}.${d}/tcp/${port}`),
      fc.domain().filter(name => name.length < 300).map(name => `/dns/${name}/tcp/443/tls/ws`)
    )
    const scopes: ReporterScope[] = ['public', 'private', 'loopback']
    await fc.assert(fc.asyncProperty(fc.array(ip, { maxLength: 24 }), async given => {
      own = make()
      own.announce(given.map(text => multiaddr(text)))
      let last = -1n
      for (const scope of scopes) {
        const bytes = await own.for(scope)
        const fit = given.filter(text => mayReport(scope, addressScope(multiaddr(text))))
        expect(bytes == null).toBe(fit.length === 0)
        if (bytes == null) continue
        expect(bytes.length).toBeLessThanOrEqual(limits.peerRecordBytes)
        const { addresses: said, seq } = await read(bytes)
        expect(said.length).toBeLessThanOrEqual(limits.addressesPerClaim)
        expect(said.filter(address => !mayReport(scope, addressScope(address)))).toEqual([])
        expect(seq).toBeGreaterThanOrEqual(last)
        last = seq
      }
    }), { numRuns: Math.min(numRuns, 5_000) / 10 })
  })
})
