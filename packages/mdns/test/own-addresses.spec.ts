import { multiaddr } from '@multiformats/multiaddr'
import { describe, expect, it } from 'vitest'
import { addressesFor } from '../src/own-addresses.ts'
import { zoneOf } from '../src/links.ts'
import { createPeerId } from './support.ts'

const LAN = { name: 'eth0', index: 2, addresses: ['192.168.7.1', '8.8.4.4', 'fe80::1', '2a00::1'], isLoopback: false }
const LOOPBACK = { name: 'lo', addresses: ['127.0.0.1', '::1'], isLoopback: true }
const OTHERS = new Set(['127.0.0.1', '::1', '172.17.0.1', '169.254.3.3', 'fd00:8::1', 'fe80::2', '8.8.8.8'])
const ZONE = zoneOf(LAN)

const self = await createPeerId()

function told (address: string, link: typeof LAN | typeof LOOPBACK = LAN): string[] {
  return addressesFor(link, self, [multiaddr(address)], OTHERS).map(String)
}

describe('own addresses', () => {
  it.each([
    '/ip4/192.168.7.1/tcp/1',
    '/ip4/192.168.7.1/udp/1/quic-v1',
    '/ip4/192.168.7.1/udp/1/webrtc-direct',
    '/ip4/10.9.9.9/tcp/1', // not this machine's: a router's, set by hand
    '/ip4/169.254.1.1/tcp/1',
    '/ip6/fd00:7::1/tcp/1',
    '/ip4/8.8.4.4/tcp/1', // public, and this interface's
    '/ip6/2a00::1/tcp/1',
    '/ip6/fe80::1/tcp/1'
  ])('tells %s', address => {
    expect(told(address)).toEqual([`${address}/p2p/${self.toString()}`])
  })

  it.each([
    '/ip4/172.17.0.1/tcp/1', // another interface's
    '/ip4/169.254.3.3/tcp/1',
    '/ip6/fd00:8::1/tcp/1',
    '/ip4/8.8.8.8/tcp/1',
    '/ip6/fe80::2/tcp/1',
    '/ip6/fe80::3/tcp/1', // nobody's
    '/ip6zone/eth1/ip6/fe80::1/tcp/1', // the same on another interface
    '/ip6zone/eth1/ip6/fe80::2/tcp/1',
    '/ip4/9.9.9.9/tcp/1',
    '/ip6/2a00::2/tcp/1',
    '/ip4/127.0.0.1/tcp/1',
    '/ip6/::1/tcp/1',
    '/ip4/0.0.0.0/tcp/1',
    '/ip6/::/tcp/1',
    '/ip4/192.168.7.1/tcp/0',
    '/ip6/fe80::1/tcp/0',
    '/ip4/192.168.7.1/tcp/1/p2p/QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N/p2p-circuit',
    '/p2p-circuit',
    '/dns4/example.com/tcp/1',
    '/unix/%2Ftmp%2Fx'
  ])('keeps %s to itself', address => {
    expect(told(address)).toEqual([])
  })

  it('tells a link-local IPv6 address of the interface without our zone, once', () => {
    const addresses = [`/ip6zone/${ZONE}/ip6/fe80::1/tcp/1`, '/ip6/fe80::1/tcp/1'].map(address => multiaddr(address))
    expect(addressesFor(LAN, self, addresses, OTHERS).map(String)).toEqual([`/ip6/fe80::1/tcp/1/p2p/${self.toString()}`])
  })

  it('names us once', () => {
    const address = `/ip4/192.168.7.1/tcp/1/p2p/${self.toString()}`
    expect(told(address)).toEqual([address])
  })

  it('tells what two interfaces share on both', () => {
    expect(addressesFor(LAN, self, [multiaddr('/ip4/192.168.7.1/tcp/1')], new Set(LAN.addresses))).toHaveLength(1)
  })

  it('tells loopback addresses on the loopback interface, and no other', () => {
    expect(told('/ip4/127.0.0.1/tcp/1', LOOPBACK)).toEqual([`/ip4/127.0.0.1/tcp/1/p2p/${self.toString()}`])
    expect(told('/ip6/::1/tcp/1', LOOPBACK)).toEqual([`/ip6/::1/tcp/1/p2p/${self.toString()}`])
    expect(told('/ip4/192.168.7.1/tcp/1', LOOPBACK)).toEqual([])
    expect(told('/ip6/fe80::1/tcp/1', LOOPBACK)).toEqual([])
  })
})
