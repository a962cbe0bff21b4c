/** The vectors of docs/protocols/dns.md. */
import { readFileSync } from 'node:fs'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { dropCounter } from '@peerweave/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { beforeAll, describe, expect, it } from 'vitest'
import { encodeQuestion } from '../src/client/message.ts'
import { readDnsText } from '../src/read/dns-text.ts'
import { hostLabel, ownRecords, type OwnRecords } from '../src/write/own-records.ts'
import { signMessage } from '../src/write/tsig.ts'
import { encodeUpdate } from '../src/write/update.ts'
import { zoneFile } from '../src/write/zone-file.ts'
import type { PeerId } from '@libp2p/interface'

interface Vectors {
  seed: string
  peerId: string
  addresses: string[]
  protocol: string
  expires: number
  host: string
  zone: string[]
  question: string
  key: { name: string, algorithm: 'hmac-sha256', secret: string }
  time: number
  update: string
  signed: string
}

const page = readFileSync(new URL('../../../docs/protocols/dns.md', import.meta.url), 'utf8')
const vectors = JSON.parse(/```json\n([^]*?)```/.exec(page)?.[1] ?? '') as Vectors
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

describe('the vectors of the DNS page', () => {
  let peerId: PeerId
  let records: OwnRecords

  beforeAll(async () => {
    peerId = peerIdFromPrivateKey(await generateKeyPairFromSeed('Ed25519', Buffer.from(vectors.seed, 'hex')))
    records = ownRecords({
      service: { name: 'olocus', transport: 'tcp' },
      domain: 'example.org',
      host: hostLabel(peerId),
      self: { peerId, multiaddrs: vectors.addresses.map(address => multiaddr(address)), protocols: [vectors.protocol] },
      text: new Map(),
      isPrivateMeant: false,
      ttl: 300,
      expires: vectors.expires
    })!
  })

  it('are what we write into a zone', () => {
    expect([String(peerId), hostLabel(peerId)]).toEqual([vectors.peerId, vectors.host])
    expect(zoneFile([records.srv, records.txt, ...records.addresses])).toBe(vectors.zone.map(line => `${line}\n`).join(''))
  })

  it('are what we ask, and how we change a zone', () => {
    const { name, algorithm, secret } = vectors.key
    const update = encodeUpdate({
      id: 7,
      zone: 'example.org',
      prerequisites: [{ kind: 'name-not-in-use', name: records.txt.name }],
      changes: [records.srv, records.txt, ...records.addresses].map(record => ({ kind: 'add', record }))
    })
    const signed = signMessage(update, { name, algorithm, secret: Buffer.from(secret, 'hex') }, vectors.time)
    expect([hex(update), hex(signed.message)]).toEqual([vectors.update, vectors.signed])
    expect(hex(encodeQuestion({ id: 7, name: '_olocus._tcp.example.org', type: 'SRV', hasEdns: true }))).toBe(vectors.question)
  })

  it('are read as they are meant, until they expire', () => {
    const { dropped, drop } = dropCounter()
    const strings = records.txt.type === 'TXT' ? records.txt.strings : []
    const text = readDnsText(strings, vectors.time * 1_000, drop)
    expect([String(text?.peerId), text?.addresses.map(String), text?.protocols]).toEqual([vectors.peerId, vectors.addresses, [vectors.protocol]])
    expect(readDnsText(strings, (vectors.expires + 301) * 1_000, drop)).toBeUndefined()
    expect(dropped).toEqual({ expired: 1 })
  })
})
