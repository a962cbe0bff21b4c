import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { beforeAll, describe, expect, it } from 'vitest'
import { dropCounter } from '../src/define-mechanism.ts'
import { limits } from '../src/limits.ts'
import { readPeerText, writePeerText, type PeerText } from '../src/peer-text.ts'
import type { PeerId } from '@libp2p/interface'

let a: PeerId
let b: PeerId

beforeAll(async () => {
  a = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
  b = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
})

function read (...strings: Array<string | number[]>): { text: PeerText | undefined, dropped: Record<string, number> } {
  const { dropped, drop } = dropCounter()
  const bytes = strings.map(string => typeof string === 'string' ? Buffer.from(string) : Buffer.from(string))
  return { text: readPeerText(bytes, drop), dropped }
}

const ids = (text: string): string => text.replaceAll('A_ID', a.toString()).replaceAll('B_ID', b.toString())
const many = (count: number, string: (i: number) => string): string[] => Array.from({ length: count }, (_, i) => string(i))

describe('reading a text', () => {
  it('finds the peer, its addresses, protocols and the rest', () => {
    const { text, dropped } = read(
      'txtvers=1', `peer_id=${a}`, 'protocol=/x/1', 'protocol=/y/1', 'protocol=/x/1',
      'addr=/ip4/10.0.0.1/tcp/1', 'Note=a=b', 'flag', 'empty='
    )
    expect(text?.peerId?.equals(a)).toBe(true)
    expect(text?.addresses.map(String)).toEqual(['/ip4/10.0.0.1/tcp/1'])
    expect(text?.protocols).toEqual(['/x/1', '/y/1'])
    expect([...text!.entries]).toEqual([['txtvers', '1'], ['note', 'a=b'], ['flag', ''], ['empty', '']])
    expect(dropped).toEqual({})
  })

  it.each([[['']], [[]], [['=ignored', '=']]])('finds nothing in %j, and nothing wrong', strings => {
    expect(read(...strings)).toEqual({ text: { addresses: [], protocols: [], entries: new Map() }, dropped: {} })
  })

  it('takes the first of equal keys, in whatever case', () => {
    const { text, dropped } = read('Key=1', 'kEY=2', `PEER_ID=${a}`, `peer_id=${b}`)
    expect([...text!.entries]).toEqual([['key', '1']])
    expect(text?.peerId?.equals(a)).toBe(true)
    expect(dropped).toEqual({})
  })

  it.each([
    ['with the id at its end', ['peer_id=A_ID', 'addr=/ip4/10.0.0.1/tcp/1/p2p/A_ID'], ['/ip4/10.0.0.1/tcp/1']],
    ['before the id is said', ['addr=/ip4/10.0.0.1/tcp/1/p2p/A_ID', 'peer_id=A_ID'], ['/ip4/10.0.0.1/tcp/1']],
    ['that alone says the id', ['dnsaddr=/ip4/10.0.0.1/tcp/1/p2p/A_ID'], ['/ip4/10.0.0.1/tcp/1']],
    ['twice', ['peer_id=A_ID', 'addr=/ip4/10.0.0.1/tcp/1', 'addr=/ip4/10.0.0.1/tcp/1/p2p/A_ID'], ['/ip4/10.0.0.1/tcp/1']],
    ['behind a relay', ['peer_id=A_ID', 'addr=/ip4/10.0.0.1/tcp/1/p2p/B_ID/p2p-circuit'], ['/ip4/10.0.0.1/tcp/1/p2p/B_ID/p2p-circuit']],
    ['behind a relay, with the id', ['addr=/dns/r/tcp/1/p2p/B_ID/p2p-circuit/p2p/A_ID'], ['/dns/r/tcp/1/p2p/B_ID/p2p-circuit']]
  ])('takes an address %s', (_what, strings, addresses) => {
    const { text, dropped } = read(...strings.map(ids))
    expect(text?.peerId?.equals(a)).toBe(true)
    expect(text?.addresses.map(String)).toEqual(addresses.map(ids))
    expect(dropped).toEqual({})
  })

  it('takes an address that nobody’s id is with', () => {
    const { text } = read('addr=/ip4/10.0.0.1/tcp/1')
    expect(text?.peerId).toBeUndefined()
    expect(text?.addresses.map(String)).toEqual(['/ip4/10.0.0.1/tcp/1'])
  })

  it.each([
    ['two ids', ['peer_id=A_ID', 'addr=/ip4/10.0.0.1/tcp/1/p2p/B_ID'], 'mixed-ids'],
    ['two ids in addresses', ['addr=/ip4/10.0.0.1/tcp/1/p2p/A_ID', 'dnsaddr=/ip4/10.0.0.1/tcp/1/p2p/B_ID'], 'mixed-ids'],
    ['an id that is none', ['peer_id=12D3KooW', 'addr=/ip4/10.0.0.1/tcp/1/p2p/A_ID'], 'no-peer-id'],
    ['an empty id', ['peer_id='], 'no-peer-id'],
    ['no value for the id', ['peer_id'], 'no-peer-id']
  ])('refuses all of a text with %s', (_what, strings, reason) => {
    expect(read(...strings.map(ids))).toEqual({ text: undefined, dropped: { [reason]: 1 } })
  })

  it.each([
    ['an address that is none', 'addr=no-such-thing', 'bad-address'],
    ['an empty address', 'addr=', 'bad-address'],
    ['an address with nothing but an id', 'addr=/p2p/A_ID', 'bad-address'],
    ['an address with a broken id', 'addr=/ip4/10.0.0.1/tcp/1/p2p/xyz', 'bad-address'],
    ['a long address', `addr=/dns4/${'a'.repeat(300)}/tcp/1`, 'address-too-long'],
    ['an address with too many components', `addr=${'/tcp/1'.repeat(11)}`, 'address-too-long'],
    ['a long key', `${'k'.repeat(65)}=1`, 'bad-text'],
    ['a key that is not ASCII', 'ä=1', 'bad-text'],
    ['a key with a control character', 'a\tb=1', 'bad-text'],
    ['a long value', `k=${'v'.repeat(257)}`, 'bad-text'],
    ['a binary value', [0x6b, 0x3d, 0xff], 'bad-text'],
    ['an empty protocol', 'protocol=', 'bad-text'],
    ['a long protocol', `protocol=${'p'.repeat(141)}`, 'bad-text']
  ])('leaves out and counts %s, and keeps the rest', (_what, string, reason) => {
    const { text, dropped } = read(typeof string === 'string' ? ids(string) : string, 'addr=/ip4/10.0.0.1/tcp/1', 'ok=1')
    expect(text?.addresses.map(String)).toEqual(['/ip4/10.0.0.1/tcp/1'])
    expect([...text!.entries]).toEqual([['ok', '1']])
    expect(text?.protocols).toEqual([])
    expect(dropped).toEqual({ [reason]: 1 })
  })

  it('keeps a bounded number of each', () => {
    const addresses = read(...many(limits.addressesPerClaim + 4, i => `addr=/ip4/10.0.0.1/tcp/${i + 1}`))
    expect(addresses.text?.addresses.length).toBe(limits.addressesPerClaim)
    expect(addresses.dropped).toEqual({ 'too-many-addresses': 1 })
    const protocols = read(...many(limits.protocolsPerPeer + 2, i => `protocol=${i}`), 'protocol=0')
    expect(protocols.text?.protocols.length).toBe(limits.protocolsPerPeer)
    expect(protocols.dropped).toEqual({ 'bad-text': 2 })
    const entries = read(...many(limits.metadataKeys + 1, i => `k${i}=`), 'k0=')
    expect(entries.text?.entries.size).toBe(limits.metadataKeys)
    expect(entries.dropped).toEqual({ 'bad-text': 1 })
  })

  it('parses no more addresses than it keeps', () => {
    expect(read(...many(100, () => 'addr=x')).dropped).toEqual({ 'too-many-addresses': 1, 'bad-address': limits.addressesPerClaim })
  })

  it('looks at a bounded number of strings', () => {
    const { text, dropped } = read(...many(177, () => 'a'), 'addr=/ip4/10.0.0.1/tcp/1')
    expect(text?.addresses).toEqual([])
    expect(dropped).toEqual({ 'bad-text': 1 })
    expect(read(...many(176, () => 'a'), 'addr=/ip4/10.0.0.1/tcp/1').text?.addresses.length).toBe(1)
  })

  it('looks at a bounded number of wrong addresses of several texts', () => {
    const { dropped, drop } = dropCounter()
    const faults = { left: 3 }
    const strings = ['addr=/ip4/10.0.0.1/tcp/1', 'addr=x', 'addr=y', 'addr=/ip4/10.0.0.2/tcp/1'].map(string => Buffer.from(string))
    expect([1, 2, 3].map(() => readPeerText(strings, drop, faults)?.addresses.length)).toEqual([2, 1, 0])
    expect(dropped).toEqual({ 'bad-address': 3 })
  })
})

describe('writing a text', () => {
  const write = (parts: Partial<Parameters<typeof writePeerText>[0]> = {}): string[] =>
    writePeerText({ peerId: a, protocols: [], entries: new Map(), addresses: [], ...parts }).map(string => Buffer.from(string).toString())

  it('is in order: txtvers, entries, the peer, protocols, addresses without our id', () => {
    expect(write({
      protocols: ['/x/1', '/y/1', '/x/1'],
      entries: new Map([['note', 'a=b'], ['txtvers', '1'], ['empty', '']]),
      addresses: ['/ip4/10.0.0.1/tcp/1', `/ip4/10.0.0.2/tcp/1/p2p/${a}`].map(text => multiaddr(text))
    })).toEqual([
      'txtvers=1', 'note=a=b', 'empty=', `peer_id=${a}`, 'protocol=/x/1', 'protocol=/y/1',
      'addr=/ip4/10.0.0.1/tcp/1', 'addr=/ip4/10.0.0.2/tcp/1'
    ])
  })

  it('is read as it was meant', () => {
    const addresses = ['/ip4/10.0.0.1/tcp/1', `/ip4/10.0.0.1/tcp/1/p2p/${b}/p2p-circuit`, '/ip6/fd00::1/udp/1/quic-v1']
      .map(text => multiaddr(text))
    const entries = new Map([['txtvers', '1'], ['name', 'Käse']])
    const { dropped, drop } = dropCounter()
    const text = readPeerText(writePeerText({ peerId: a, protocols: ['/x/1'], entries, addresses }), drop)
    expect(text?.peerId?.equals(a)).toBe(true)
    expect(text?.addresses.map(String)).toEqual(addresses.map(String))
    expect(text?.protocols).toEqual(['/x/1'])
    expect(text?.entries).toEqual(entries)
    expect(dropped).toEqual({})
  })

  it('has as many addresses as fit 1,000 bytes, and a short one after a long one', () => {
    const long = multiaddr(`/dns4/${'a'.repeat(230)}/tcp/1`)
    const tooLong = multiaddr(`/dns4/${'a'.repeat(250)}/tcp/1`)
    const short = multiaddr('/ip4/10.0.0.1/tcp/1')
    const strings = write({ addresses: [tooLong, long, long, long, long, short] })
    expect(strings.slice(1)).toEqual([`addr=${long}`, `addr=${long}`, `addr=${long}`, `addr=${short}`])
    const bytes = (strings: string[]): number => strings.reduce((sum, string) => sum + Buffer.byteLength(string) + 1, 0)
    expect(bytes(strings)).toBeLessThanOrEqual(1_000)
    expect(bytes([...strings, `addr=${long}`])).toBeGreaterThan(1_000)
    const ports = many(20, i => `/ip4/10.0.0.1/tcp/${i + 1}`).map(text => multiaddr(text))
    expect(write({ addresses: ports }).length).toBe(1 + limits.addressesPerClaim)
  })

  it('keeps room for an address beside many protocols and a signed record', () => {
    const protocols = many(100, i => `/protocol/${i}/${'x'.repeat(20)}`)
    const addresses = [multiaddr('/ip4/10.0.0.1/udp/1/quic-v1')]
    expect(write({ protocols, addresses }).at(-1)).toBe('addr=/ip4/10.0.0.1/udp/1/quic-v1')
    expect(write({ protocols, addresses, record: new Uint8Array(100) }).at(-1)).toBe('addr=/ip4/10.0.0.1/udp/1/quic-v1')
  })

  it('leaves out protocols that do not fit', () => {
    expect(write({ protocols: ['', 'p'.repeat(141), '/x'] })).toEqual([`peer_id=${a}`, 'protocol=/x'])
    expect(write({ protocols: many(50, i => `/${'p'.repeat(100)}/${i}`) }).length).toBeLessThan(11)
  })

  it.each<[string, Array<[string, string]>]>([
    ['an empty key', [['', '1']]],
    ['a key with "="', [['a=b', '1']]],
    ['a key that is not ASCII', [['ä', '1']]],
    ['a long key', [['k'.repeat(65), '1']]],
    ['a key of ours', [['Addr', '1']]],
    ['a key twice', [['a', '1'], ['A', '2']]],
    ['a long value', [['k', 'v'.repeat(254)]]],
    ['a lone surrogate', [['k', '\ud800']]],
    ['no room for the peer id', many(4, i => `k${i}`).map(key => [key, 'v'.repeat(235)])],
    ['too many', many(33, i => `k${i}`).map(key => [key, ''])]
  ])('refuses entries with %s', (_what, entries) => {
    expect(() => write({ entries: new Map(entries) })).toThrow(/^a TXT entry must have .*got /)
  })
})
