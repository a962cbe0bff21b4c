/** The vectors of docs/protocols/peer-record.md, in both directions. */
import { readFileSync } from 'node:fs'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { multiaddr } from '@multiformats/multiaddr'
import { keySigner, openPeerRecord, sealPeerRecord } from '@peerweave/records'
import { expect, it } from 'vitest'
import { PEER_RECORD_DOMAIN } from '../src/constants.ts'
import { decodeEnvelope, signedBytes } from '../src/envelope.ts'

interface Vector {
  seed: string
  peerId: string
  seq: string
  multiaddrs: string[]
  payload: string
  signed: string
  signature: string
  envelope: string
  payloadHash: string
}

const page = readFileSync(new URL('../../../docs/protocols/peer-record.md', import.meta.url), 'utf8')
const vectors = [...page.matchAll(/```json\n([\s\S]*?)```/g)].map(([, json = '']) => JSON.parse(json) as Vector)
const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'))

it('the page has vectors', () => {
  expect(vectors.length).toBeGreaterThan(0)
})

it.each(vectors)('the record of $peerId is sealed to these bytes', async ({ seed, peerId, seq, multiaddrs, envelope }) => {
  const signer = keySigner(await generateKeyPairFromSeed('Ed25519', bytes(seed)))
  expect(signer.peerId.toString()).toBe(peerId)
  expect(await sealPeerRecord({ signer, seq: BigInt(seq), multiaddrs: multiaddrs.map(text => multiaddr(text)) })).toEqual(bytes(envelope))
})

it.each(vectors)('the record of $peerId is opened from them', async vector => {
  const { envelope, peerId, seq, multiaddrs, payload, signed, signature, payloadHash } = vector
  const parts = decodeEnvelope(bytes(envelope))
  expect([parts?.payload, parts?.signature]).toEqual([bytes(payload), bytes(signature)])
  expect(signedBytes(PEER_RECORD_DOMAIN, parts!.payloadType, parts!.payload)).toEqual(bytes(signed))
  const { record } = await openPeerRecord(bytes(envelope))
  expect(record?.peerId.toString()).toBe(peerId)
  expect(record?.seq).toBe(BigInt(seq))
  expect(record?.addresses.map(String)).toEqual(multiaddrs)
  expect(new Uint8Array(record!.payloadHash)).toEqual(bytes(payloadHash))
})
