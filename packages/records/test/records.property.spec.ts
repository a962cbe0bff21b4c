import { multiaddr } from '@multiformats/multiaddr'
import { openPeerRecord, recordCache, recordSigner, type OpenedRecord } from '@peerweave/records'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { readAddress } from '../src/address.ts'
import { decodeEnvelope, encodeEnvelope } from '../src/envelope.ts'
import { isPlainAddress } from '../src/plain-address.ts'
import { decodePeerRecord, encodePeerRecord } from '../src/peer-record.ts'
import { numRuns, sealed, signer, toyCrypto } from './support.ts'

const bytes = (maxLength: number, minLength = 0): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength, maxLength })
const same = (a: Uint8Array): number[] => [...a]

describe('what is decoded is what was encoded', () => {
  it('for envelopes', () => {
    const part = bytes(300, 1)
    fc.assert(fc.property(fc.record({ publicKey: part, payloadType: part, payload: part, signature: part }), envelope => {
      expect(decodeEnvelope(encodeEnvelope(envelope))).toEqual(envelope)
    }), { numRuns })
  })

  it('for peer records', () => {
    const seq = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
    fc.assert(fc.property(bytes(60), seq, fc.array(bytes(200), { maxLength: 16 }), (peerId, seq, addresses) => {
      const decoded = decodePeerRecord(encodePeerRecord({ peerId, seq, addresses }))
      if (typeof decoded === 'string') throw new Error(decoded)
      expect([same(decoded.peerId), decoded.seq, decoded.addresses.map(same)]).toEqual([same(peerId), seq, addresses.map(same)])
    }), { numRuns })
  })

  it('for addresses', () => {
    const port = fc.nat(65_535)
    fc.assert(fc.property(fc.ipV4(), fc.ipV6(), fc.domain(), port, (four, six, name, port) => {
      for (const text of [`/ip4/${four}/tcp/${port}`, `/ip6/${six}/udp/${port}/quic-v1`, `/dns/${name}/tcp/${port}/tls/ws`]) {
        const address = multiaddr(text)
        if (address.bytes.length <= 256) expect(readAddress(address.bytes)?.toString()).toBe(address.toString())
      }
    }), { numRuns })
  })
})

describe('an address that is told by its bytes alone', () => {
  const value = (code: number[], size: number): fc.Arbitrary<number[]> => bytes(size, size).map(value => [...code, ...value])
  const component = fc.oneof(
    value([4], 4), value([41], 16), value([6], 2), value([0x91, 2], 2), fc.constantFrom([0xcd, 3], [0xd1, 3], [0xdd, 3], [0xde, 3], [0xc0, 3], [0xa2, 2]),
    value([0xa5, 3, 38, 0, 36, 8, 1, 18, 32], 32), value([0xa5, 3, 34, 18, 32], 32)
  )
  const plain = fc.array(component, { minLength: 1, maxLength: 6 }).map(parts => Uint8Array.from(parts.flat()))

  it('is whole, and reads as itself when it is written down', () => {
    let told = 0
    const check = (address: Uint8Array): void => {
      if (!isPlainAddress(address)) return
      told++
      const read = multiaddr(address)
      expect(same(multiaddr(read.toString()).bytes)).toEqual(same(address))
      expect(read.getComponents().reduce((sum, { bytes }) => sum + (bytes?.length ?? 0), 0)).toBe(address.length)
    }
    const change = fc.record({ at: fc.nat(), byte: fc.nat(255), cut: fc.nat(3) })
    fc.assert(fc.property(plain, fc.option(change, { freq: 2 }), (address, change) => {
      if (change != null) {
        address[change.at % address.length] = change.byte
        address = address.subarray(0, address.length - change.cut)
      }
      check(address)
    }), { numRuns: 5 * numRuns })
    expect(told).toBeGreaterThan(numRuns)
  })

  it('is so for the forms that are usual, and not for names', () => {
    const id = '12D3KooWPjceQrSwdWXPyLLeABRXmuqt69Rg3sBYbU1Nft9HyQ6X'
    for (const text of [`/ip4/1.2.3.4/tcp/4001/p2p/${id}`, '/ip6/2a00::1/udp/4001/quic-v1', `/ip4/1.2.3.4/tcp/443/tls/ws/p2p/${id}/p2p-circuit`]) {
      expect(isPlainAddress(multiaddr(text).bytes)).toBe(true)
    }
    for (const text of ['/dns4/a.example/tcp/1', '/ip4/1.2.3.4/tcp/443/tls/sni/a.example/ws']) expect(isPlainAddress(multiaddr(text).bytes)).toBe(false)
    expect(isPlainAddress(new Uint8Array())).toBe(false)
  })
})

describe('whatever the bytes', () => {
  let valid: Uint8Array
  beforeAll(async () => { valid = await sealed() })

  it('random ones are refused and never thrown at', async () => {
    await fc.assert(fc.asyncProperty(bytes(2_100), async noise => {
      expect((await openPeerRecord(noise)).refused).toBeDefined()
    }), { numRuns })
  })

  it('a record with bytes changed, cut, added or removed is refused and never thrown at', async () => {
    const change = fc.record({ at: fc.nat(), add: fc.option(bytes(8)), remove: fc.nat(8), flip: fc.nat(255) })
    await fc.assert(fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async changes => {
      let mutated = Buffer.from(valid)
      for (const { at, add, remove, flip } of changes) {
        const place = at % (mutated.length + 1)
        mutated = Buffer.concat([mutated.subarray(0, place), add ?? Buffer.alloc(0), mutated.subarray(place + remove)])
        if (place < mutated.length) mutated[place]! ^= flip
      }
      fc.pre(!mutated.equals(valid))
      expect((await openPeerRecord(mutated)).refused).toBeDefined()
    }), { numRuns })
  })

  it('any key, payload and signature in an honest envelope is refused and never thrown at', async () => {
    const { publicKey, payloadType, payload, signature } = decodeEnvelope(valid)!
    const key = fc.oneof(fc.constant(publicKey), fc.tuple(fc.nat(5), bytes(600)).map(([type, data]) => {
      return Uint8Array.of(0x08, type, 0x12, ...data.length < 128 ? [data.length] : [data.length & 127 | 128, data.length >> 7], ...data)
    }))
    const content = fc.oneof(fc.constant(payload), bytes(300, 1))
    await fc.assert(fc.asyncProperty(key, content, bytes(600, 1), async (publicKey, payload, noise) => {
      fc.pre(!Buffer.from(noise).equals(signature))
      const envelope = encodeEnvelope({ publicKey, payloadType, payload, signature: noise })
      expect((await openPeerRecord(envelope)).refused).toBeDefined()
    }), { numRuns })
  })

  it('any claims, rightly signed, are read or refused and never thrown at', async () => {
    const { publicKey, payloadType, payload } = decodeEnvelope(valid)!
    const { sign } = toyCrypto.signer(await signer(1))
    const part = fc.tuple(fc.constantFrom(0x0a, 0x10, 0x1a, 0x22, 0x09, 0x0b), bytes(40)).map(([tag, data]) => [tag, data.length, ...data])
    const any = fc.tuple(fc.boolean(), fc.array(part, { maxLength: 20 })).map(([isOurs, parts]) => {
      return Uint8Array.from([...isOurs ? payload : [0x10, 1], ...parts.flat()])
    })
    const accepting = { ...toyCrypto, verify: async () => true }
    await fc.assert(fc.asyncProperty(any, async payload => {
      const envelope = encodeEnvelope({ publicKey, payloadType, payload, signature: await sign(payload) })
      const { record, refused } = await openPeerRecord(envelope, { crypto: accepting })
      expect(record == null).toBe(refused != null)
      expect(record?.addresses.every(address => multiaddr(address.toString()) != null) ?? true).toBe(true)
    }), { numRuns })
  })
})

describe('who signed it, as it says', () => {
  let valid: Uint8Array
  beforeAll(async () => { valid = await sealed() })

  it('is its signer, also where the signature is wrong: it is no proof', async () => {
    const { peerId } = await signer(1)
    expect(recordSigner(valid)?.equals(peerId)).toBe(true)
    expect(recordSigner(valid.map((byte, i, all) => i === all.length - 1 ? byte ^ 1 : byte))?.equals(peerId)).toBe(true)
  })

  it('is nobody where it is no envelope of a peer record, or too large', () => {
    const envelope = decodeEnvelope(valid)!
    expect(recordSigner(new Uint8Array())).toBeUndefined()
    expect(recordSigner(valid.subarray(1))).toBeUndefined()
    expect(recordSigner(encodeEnvelope({ ...envelope, payloadType: Uint8Array.of(3, 2) }))).toBeUndefined()
    expect(recordSigner(encodeEnvelope({ ...envelope, payload: new Uint8Array(2_000) }))).toBeUndefined()
    expect(recordSigner(encodeEnvelope({ ...envelope, publicKey: envelope.publicKey.with(0, 9) }))).toBeUndefined()
  })

  it('is whoever opening it says, whatever the bytes, and never thrown at', async () => {
    const change = fc.record({ at: fc.nat(), add: fc.option(bytes(8)), remove: fc.nat(8), flip: fc.nat(255) })
    const mutated = fc.array(change, { maxLength: 3 }).map(changes => changes.reduce<Buffer>((result, { at, add, remove, flip }) => {
      const place = at % (result.length + 1)
      const next = Buffer.concat([result.subarray(0, place), add ?? Buffer.alloc(0), result.subarray(place + remove)])
      if (place < next.length) next[place] = (next[place] ?? 0) ^ flip
      return next
    }, Buffer.from(valid)))
    await fc.assert(fc.asyncProperty(fc.oneof(bytes(2_100), mutated), async noise => {
      const said = recordSigner(noise)
      const { record, refused } = await openPeerRecord(noise)
      if (record != null) expect(said?.equals(record.peerId)).toBe(true)
      // What fails by the signature or after it has a signer, what fails before it has none. What is malformed may fail at both.
      else if (refused !== 'malformed') expect(said != null, refused).toBe(['bad-signature', 'id-mismatch', 'too-many-addresses'].includes(refused))
    }), { numRuns })
  })
})

describe('the law of the cache', () => {
  it('gives the answers that there are without it, in any order, at any bound, however many ask at once', async () => {
    const pool: Uint8Array[] = []
    for (let i = 0; i < 6; i++) {
      const good = await sealed({ signer: toyCrypto.signer(await signer(i)), seq: BigInt(i) })
      pool.push(good, good.map((byte, at) => at === good.length - 1 ? byte ^ 1 : byte), good.slice(1))
    }
    const answer = ({ record, refused }: OpenedRecord): unknown => refused ?? [record.peerId.toString(), record.seq]
    const expected = await Promise.all(pool.map(async bytes => answer(await openPeerRecord(bytes, { crypto: toyCrypto }))))
    const asked = fc.array(fc.array(fc.nat(pool.length - 1), { maxLength: 6 }), { maxLength: 8 })
    const bound = fc.integer({ min: 1, max: 8 })
    await fc.assert(fc.asyncProperty(asked, bound, bound, async (batches, capacity, refusals) => {
      const cache = recordCache({ crypto: toyCrypto, capacity, refusals })
      for (const batch of batches) {
        const answers = await Promise.all(batch.map(async i => answer(await openPeerRecord(pool[i]!, { cache }))))
        expect(answers).toEqual(batch.map(i => expected[i]))
        expect(cache.size).toBeLessThanOrEqual(capacity)
      }
    }), { numRuns: Math.min(numRuns, 100_000) })
  })
})
