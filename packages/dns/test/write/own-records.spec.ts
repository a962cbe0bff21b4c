/** What of a peer's addresses becomes which record. */
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { describe, expect, it } from 'vitest'
import { isForZone, zone } from '../../src/index.ts'

const PEER = '12D3KooWA4Xop1JaT3MHxwYMkCepYsv4iPVopMXwCz5iHYdBfeSB'
const RELAY = '12D3KooWGzxzKZYveHXtpG6AsrUJBcWxHBFS2HsEoGTxrMLvKXtf'
const RELAYED = `/ip4/4.3.2.1/tcp/4002/p2p/${RELAY}/p2p-circuit`

/** Type and data of each record. */
function recordsOf (...addresses: string[]): string[] {
  const self = { peerId: peerIdFromString(PEER), multiaddrs: addresses.map(address => multiaddr(address)) }
  return zone([self], { domain: 'example.org', service: '_olocus._tcp' }).trimEnd().split('\n').map(line => line.split(' ').slice(3).join(' '))
}

describe('a relay’s host', () => {
  const host = 'n-ybqddktl42mzvvldjzzg.example.org.'

  it('is in the text, and is not taken for ours', () => {
    expect(recordsOf(RELAYED, '/ip4/1.2.3.4/tcp/4001')).toEqual([
      `SRV 0 0 4001 ${host}`,
      expect.stringContaining(`"addr=${RELAYED}"`),
      'A 1.2.3.4'
    ])
  })

  it('gives no address record to a peer that is behind it alone', () => {
    expect(recordsOf(RELAYED)).toEqual([`SRV 0 0 4002 ${host}`, expect.stringContaining(`"addr=${RELAYED}"`)])
  })
})

it('a peer without an address for the zone is named, and a name alone is none', () => {
  expect(() => recordsOf('/ip4/10.0.0.1/tcp/1')).toThrow(/no public address over tcp/)
  expect(() => recordsOf('/dns4/example.org/tcp/1')).toThrow(/no public address over tcp/)
  expect(() => recordsOf('/ip4/1.2.3.4/udp/1/quic-v1')).toThrow(/no public address over tcp/)
})

it.each([
  ['/ip4/1.2.3.4/tcp/1', true, true],
  ['/ip4/10.0.0.1/tcp/1', false, true],
  ['/ip4/127.0.0.1/tcp/1', false, true],
  ['/ip6zone/eth0/ip6/fe80::1/tcp/1', false, true],
  ['/dns4/example.org/tcp/1', false, true],
  ['/ip4/240.0.0.1/tcp/1', false, false],
  ['/ip4/169.254.169.254/tcp/1', false, false],
  ['/ip4/1.2.3.4', false, false]
])('%s is for a zone: %s, and for one where private addresses are meant: %s', (text, isForAny, isForPrivate) => {
  expect([false, true].map(isPrivateMeant => isForZone(multiaddr(text), isPrivateMeant))).toEqual([isForAny, isForPrivate])
})
