import { generateKeyPair, publicKeyToProtobuf } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { PeerRecord, RecordEnvelope } from '@libp2p/peer-record'
import { multiaddr } from '@multiformats/multiaddr'
import { limits } from '@peerweave/interface'
import { isVerifiedRecord, keySigner, openPeerRecord, sealPeerRecord } from '@peerweave/records'
import { describe, expect, it } from 'vitest'
import { PEER_RECORD_DOMAIN, PEER_RECORD_TYPE } from '../src/constants.ts'
import { decodeEnvelope, encodeEnvelope, signedBytes } from '../src/envelope.ts'
import { encodePeerRecord } from '../src/peer-record.ts'
import { bytesField } from '../src/protobuf.ts'
import { addresses, counting, sealed, signer, toyCrypto } from './support.ts'
import type { PrivateKey } from '@libp2p/interface'

/** An envelope with any payload, rightly signed. */
async function signedWith (payload: Uint8Array, { type = PEER_RECORD_TYPE, domain = PEER_RECORD_DOMAIN } = {}): Promise<Uint8Array> {
  const { peerId, sign } = await signer(1)
  return encodeEnvelope({
    publicKey: publicKeyToProtobuf(peerId.publicKey!),
    payloadType: type,
    payload,
    signature: await sign(signedBytes(domain, type, payload))
  })
}

async function claims (multiaddrs: Uint8Array[], by = 1): Promise<Uint8Array> {
  return encodePeerRecord({ peerId: (await signer(by)).peerId.toMultihash().bytes, seq: 7n, addresses: multiaddrs })
}

describe('a record that was sealed', () => {
  it.each(['Ed25519', 'secp256k1', 'RSA'] as const)('with %s opens to what went in', async type => {
    const privateKey = type === 'RSA' ? await generateKeyPair('RSA', 2_048) : await generateKeyPair(type)
    const bytes = await sealPeerRecord({ signer: keySigner(privateKey), multiaddrs: addresses, seq: 42n })
    const { record } = await openPeerRecord(bytes)
    expect(record?.peerId.equals(peerIdFromPrivateKey(privateKey))).toBe(true)
    expect(record?.seq).toBe(42n)
    expect(record?.addresses.map(String)).toEqual(addresses.map(String))
    expect(record?.bytes).toEqual(bytes)
    expect(record?.payloadHash).toHaveLength(32)
  })

  it.each([0n, 1n, 127n, 128n, 2n ** 63n, 2n ** 64n - 1n])('keeps its seq of %s', async seq => {
    expect((await openPeerRecord(await sealed({ seq }))).record?.seq).toBe(seq)
  })

  it('needs nothing but a Crypto', async () => {
    const bytes = await sealed({ signer: toyCrypto.signer(await signer(1)) })
    expect((await openPeerRecord(bytes, { crypto: toyCrypto })).refused).toBeUndefined()
    expect((await openPeerRecord(bytes)).refused).toBe('bad-signature')
    expect((await openPeerRecord(await sealed(), { crypto: toyCrypto })).refused).toBe('bad-signature')
  })

  it('stays what it was when the caller uses the buffer again', async () => {
    const bytes = Buffer.from(await sealed())
    const opening = openPeerRecord(bytes)
    bytes.fill(0)
    const { record } = await opening
    expect(record?.bytes).toEqual(await sealed())
    expect(Object.isFrozen(record)).toBe(true)
  })

  it('is told from anything that only looks like it', async () => {
    const { record } = await openPeerRecord(await sealed())
    expect(isVerifiedRecord(record)).toBe(true)
    expect(isVerifiedRecord({ ...record })).toBe(false)
    expect(isVerifiedRecord(Object.create(record!))).toBe(false)
    expect(isVerifiedRecord(undefined)).toBe(false)
    // @ts-expect-error -- the brand is missing
    const forged: typeof record = { peerId: record!.peerId, seq: 1n, payloadHash: record!.payloadHash, addresses: [], bytes: record!.bytes }
    expect(isVerifiedRecord(forged)).toBe(false)
  })
})

describe('with @libp2p/peer-record', () => {
  it.each(['Ed25519', 'secp256k1', 'RSA'] as const)('%s records are read in both directions', async type => {
    const privateKey: PrivateKey = type === 'RSA' ? await generateKeyPair('RSA', 2_048) : await generateKeyPair(type)
    const peerId = peerIdFromPrivateKey(privateKey)
    for (const [seqNumber, multiaddrs] of [[0n, []], [1n, addresses], [2n ** 64n - 1n, addresses.slice(1)]] as const) {
      const theirs = (await RecordEnvelope.seal(new PeerRecord({ peerId, multiaddrs: [...multiaddrs], seqNumber }), privateKey)).marshal()
      const ours = await sealPeerRecord({ signer: keySigner(privateKey), multiaddrs, seq: seqNumber })
      const { record } = await openPeerRecord(theirs)
      expect([record?.seq, record?.addresses.map(String)]).toEqual([seqNumber, multiaddrs.map(String)])
      const envelope = await RecordEnvelope.openAndCertify(ours, PeerRecord.DOMAIN)
      const back = PeerRecord.createFromProtobuf(envelope.payload)
      expect(back.peerId.equals(peerId)).toBe(true)
      expect([back.seqNumber, back.multiaddrs.map(String)]).toEqual([seqNumber, multiaddrs.map(String)])
      // All three sign deterministically, so the bytes are the same.
      expect(ours).toEqual(new Uint8Array(theirs))
    }
  })
})

describe('an envelope is refused', () => {
  const refusal = async (bytes: Uint8Array): Promise<string | undefined> => (await openPeerRecord(bytes)).refused

  it('when it is larger than the limit, before anything else is asked', async () => {
    const at = async (length: number): Promise<string | undefined> => {
      const crypto = counting(toyCrypto)
      const payload = await claims([])
      const frame = (await signedWith(concat(payload, bytesField(9, new Uint8Array(1_500))))).length - 1_500
      const bytes = await signedWith(concat(payload, bytesField(9, new Uint8Array(length - frame))))
      expect(bytes).toHaveLength(length)
      const { refused } = await openPeerRecord(bytes, { crypto })
      if (refused === 'too-large') expect(crypto.verified).toBe(0)
      return refused === 'too-large' ? refused : refusal(bytes)
    }
    expect(await at(limits.peerRecordBytes - 1)).toBeUndefined()
    expect(await at(limits.peerRecordBytes)).toBeUndefined()
    expect(await at(limits.peerRecordBytes + 1)).toBe('too-large')
  })

  it('when it is dressed otherwise than it is written: the signature would not notice', async () => {
    const bytes = await sealed()
    const { publicKey, payloadType, payload, signature } = decodeEnvelope(bytes)!
    const dressed: Record<string, Uint8Array> = {
      'an unknown field': concat(bytes, bytesField(9, Uint8Array.of(1))),
      'a field twice': concat(bytesField(1, publicKey), bytes),
      'another order': concat(bytesField(2, payloadType), bytesField(1, publicKey), bytesField(3, payload), bytesField(5, signature)),
      'a longer varint': concat(Uint8Array.of(bytes[0]!, bytes[1]! | 0x80, 0), bytes.subarray(2)),
      'a padded key': encodeEnvelope({ publicKey: concat(publicKey, bytesField(3, Uint8Array.of(1))), payloadType, payload, signature }),
      'no signature': encodeEnvelope({ publicKey, payloadType, payload, signature: new Uint8Array() }),
      'nothing': new Uint8Array()
    }
    for (const [how, envelope] of Object.entries(dressed)) expect([how, await refusal(envelope)]).toEqual([how, 'malformed'])
  })

  it('when it is of another type or was signed for another domain', async () => {
    const payload = await claims([])
    expect(await refusal(await signedWith(payload))).toBeUndefined()
    expect(await refusal(await signedWith(payload, { type: Uint8Array.of(3, 2) }))).toBe('wrong-type')
    expect(await refusal(await signedWith(payload, { domain: 'libp2p-routing-state' }))).toBe('bad-signature')
  })

  it('when it speaks of another peer', async () => {
    expect(await refusal(await signedWith(await claims([], 2)))).toBe('id-mismatch')
  })

  it('when what was signed is no peer record', async () => {
    expect(await refusal(await signedWith(Uint8Array.of(0xff)))).toBe('malformed')
    expect(await refusal(await signedWith(bytesField(3, new Uint8Array())))).toBe('malformed')
    const whole = await claims([addresses[0]!.bytes])
    expect(await refusal(await signedWith(whole.slice(0, -1)))).toBe('malformed')
    expect(await refusal(await signedWith(concat(whole, Uint8Array.of(0x4d, 1, 2, 3))))).toBe('malformed')
  })

  it('when it has more addresses than a claim may', async () => {
    const of = async (count: number): Promise<string | undefined> => {
      return refusal(await signedWith(await claims(Array(count).fill(addresses[0]!.bytes))))
    }
    expect(await of(limits.addressesPerClaim - 1)).toBeUndefined()
    expect(await of(limits.addressesPerClaim)).toBeUndefined()
    expect(await of(limits.addressesPerClaim + 1)).toBe('too-many-addresses')
  })

  it('when its key is of a kind or size that is not verified', async () => {
    const { payload, signature } = decodeEnvelope(await sealed())!
    const as = (publicKey: Uint8Array): Promise<string | undefined> => {
      return refusal(encodeEnvelope({ publicKey, payloadType: PEER_RECORD_TYPE, payload, signature }))
    }
    const key = (type: number, data: Uint8Array): Uint8Array => concat(Uint8Array.of(0x08, type), bytesField(2, data))
    const ecdsa = await generateKeyPair('ECDSA')
    const weak = await generateKeyPair('RSA', 1_024)
    expect(await as(publicKeyToProtobuf(ecdsa.publicKey))).toBe('unsupported-key')
    expect(await as(publicKeyToProtobuf(weak.publicKey))).toBe('unsupported-key')
    expect(await as(key(0, new Uint8Array(1_062)))).toBe('unsupported-key')
    expect(await as(key(4, new Uint8Array(32)))).toBe('unsupported-key')
    expect(await as(key(1, new Uint8Array(31)))).toBe('malformed')
    expect(await as(key(2, new Uint8Array(33)))).toBe('malformed')
    expect(await as(key(2, new Uint8Array(32)))).toBe('malformed') // the length of an Ed25519 key
    expect(await as(key(0, new Uint8Array(300)))).toBe('malformed')
  })
})

describe('an address is left out', () => {
  it.each<[string, Uint8Array]>([
    ['empty', new Uint8Array()],
    ['longer than the limit', multiaddr(`/dns4/${'a'.repeat(limits.multiaddrBytes)}/tcp/1`).bytes],
    ['of a protocol that we do not know', Uint8Array.of(0xff, 0xff, 0x03, 1)],
    ['cut short', multiaddr('/dns4/example.org').bytes.slice(0, -1)],
    ['cut short in a fixed part', multiaddr('/ip4/192.0.2.1').bytes.slice(0, -1)],
    ['of more parts than the limit', multiaddr('/tls'.repeat(limits.multiaddrComponents + 1)).bytes],
    ['with a long varint', Uint8Array.of(0x36, 0x81, 0x00, 0x61)]
  ])('that is %s; the others stay', async (_, odd) => {
    const payload = await claims([addresses[0]!.bytes, odd, addresses[1]!.bytes])
    const { record } = await openPeerRecord(await signedWith(payload))
    expect(record?.addresses.map(String)).toEqual(addresses.slice(0, 2).map(String))
  })

  it('that is as long as the limit stays', async () => {
    const long = multiaddr(`/dns4/${'a'.repeat(limits.multiaddrBytes - 3)}`)
    expect(long.bytes).toHaveLength(limits.multiaddrBytes)
    const { record } = await openPeerRecord(await signedWith(await claims([long.bytes])))
    expect(record?.addresses.map(String)).toEqual([String(long)])
  })

  it('a field of later days is ignored', async () => {
    const fixed64 = Uint8Array.of(0x81, 1, 1, 2, 3, 4, 5, 6, 7, 8)
    const later = concat(await claims([addresses[0]!.bytes]), bytesField(15, Uint8Array.of(1)), fixed64)
    expect((await openPeerRecord(await signedWith(later))).record?.addresses).toHaveLength(1)
  })
})

describe('sealing refuses', () => {
  it.each<[string, () => Promise<Uint8Array>]>([
    ['seq', () => sealed({ seq: -1n })],
    ['seq', () => sealed({ seq: 2n ** 64n })],
    ['multiaddrs', () => sealed({ multiaddrs: Array(limits.addressesPerClaim + 1).fill(addresses[0]) })],
    ['multiaddrs', () => sealed({ multiaddrs: [multiaddr(`/dns4/${'a'.repeat(limits.multiaddrBytes)}`)] })],
    ['multiaddrs', () => sealed({ multiaddrs: Array(limits.addressesPerClaim).fill(multiaddr(`/dns4/${'a'.repeat(200)}`)) })]
  ])('a wrong %s (%#)', async (name, seal) => {
    await expect(seal()).rejects.toThrow(new RegExp(`^${name} `))
    await expect(seal()).rejects.toBeInstanceOf(TypeError)
  })
})

function concat (...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}
