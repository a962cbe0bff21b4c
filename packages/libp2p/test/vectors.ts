/**
 * Addresses a stranger may try to have us dial, with what they are: the fixed vectors of the address policy. Public ones
 * are real registries' ranges; nothing here is ever dialled.
 */
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import type { AddressScope } from '@peerweave/interface'

const tcp4 = (ip: string): string => `/ip4/${ip}/tcp/4001`
const tcp6 = (ip: string): string => `/ip6/${ip}/tcp/4001`

const TABLE: Array<[AddressScope, string, string]> = [
  // loopback
  ['loopback', tcp4('127.0.0.1'), 'this machine'],
  ['loopback', tcp4('127.255.255.254'), 'all of 127/8'],
  ['loopback', tcp6('::1'), 'this machine'],
  ['loopback', tcp6('::ffff:127.0.0.1'), 'IPv4-mapped: the same socket'],
  ['loopback', '/ip4/127.0.0.1/udp/4001/quic-v1', 'over UDP'],
  ['loopback', '/ip4/127.0.0.1/tcp/4001/ws', 'over WebSocket'],
  // private
  ['private', tcp4('10.0.0.1'), 'RFC 1918'],
  ['private', tcp4('10.255.255.255'), 'RFC 1918'],
  ['private', tcp4('172.16.0.1'), 'RFC 1918'],
  ['private', tcp4('172.31.255.255'), 'RFC 1918, last'],
  ['private', tcp4('192.168.1.1'), 'RFC 1918, the router'],
  ['private', tcp4('100.64.0.1'), 'carrier NAT, RFC 6598'],
  ['private', tcp6('fc00::1'), 'RFC 4193'],
  ['private', tcp6('fd12:3456:789a::1'), 'RFC 4193'],
  ['private', tcp6('::ffff:192.168.1.1'), 'IPv4-mapped'],
  // link-local
  ['link-local', tcp4('169.254.1.1'), 'RFC 3927'],
  ['link-local', '/ip6zone/eth0/ip6/fe80::1/tcp/4001', 'RFC 4291, with its zone'],
  // public
  ['public', tcp4('8.8.8.8'), 'unicast'],
  ['public', tcp4('172.32.0.1'), 'just above RFC 1918'],
  ['public', tcp4('172.15.255.255'), 'just below RFC 1918'],
  ['public', tcp4('100.128.0.1'), 'just above RFC 6598'],
  ['public', tcp4('126.255.255.255'), 'just below loopback'],
  ['public', tcp4('128.0.0.1'), 'just above loopback'],
  ['public', tcp4('223.255.255.255'), 'the last unicast'],
  ['public', tcp6('2606:4700::1'), 'unicast'],
  ['public', tcp6('64:ff9b::808:808'), 'NAT64 of a public address'],
  ['public', tcp6('2002:808:808::1'), '6to4 of a public address'],
  ['public', '/ip4/8.8.8.8/udp/4001/quic-v1/webtransport', 'over WebTransport'],
  // never
  ['never', tcp4('0.0.0.0'), 'this network: the kernel connects to loopback'],
  ['never', tcp4('0.1.2.3'), 'this network'],
  ['never', tcp4('169.254.169.254'), 'cloud metadata'],
  ['never', tcp4('100.100.100.200'), 'cloud metadata'],
  ['never', tcp6('fd00:ec2::254'), 'cloud metadata'],
  ['never', tcp6('::ffff:169.254.169.254'), 'cloud metadata, mapped'],
  ['never', tcp4('192.0.0.8'), 'protocol assignments'],
  ['never', tcp4('192.0.2.1'), 'documentation'],
  ['never', tcp4('198.51.100.1'), 'documentation'],
  ['never', tcp4('203.0.113.1'), 'documentation'],
  ['never', tcp4('192.88.99.1'), '6to4 relays'],
  ['never', tcp4('198.18.0.1'), 'benchmarking'],
  ['never', tcp4('224.0.0.1'), 'multicast'],
  ['never', tcp4('239.255.255.250'), 'multicast, SSDP'],
  ['never', tcp4('240.0.0.1'), 'reserved'],
  ['never', tcp4('255.255.255.255'), 'broadcast'],
  ['never', tcp6('::'), 'unspecified: the kernel connects to loopback'],
  ['never', tcp6('::127.0.0.1'), 'IPv4-compatible, deprecated'],
  ['never', tcp6('64:ff9b::7f00:1'), 'NAT64 of loopback (F11)'],
  ['never', tcp6('64:ff9b::a9fe:a9fe'), 'NAT64 of metadata (F11)'],
  ['never', tcp6('64:ff9b::c0a8:101'), 'NAT64 of a private address'],
  ['never', tcp6('64:ff9b:1::1'), 'local NAT64, RFC 8215 (F11)'],
  ['never', tcp6('2002:7f00:1::'), '6to4 of loopback (F11)'],
  ['never', tcp6('2002:c0a8:101::1'), '6to4 of a private address'],
  ['never', tcp6('2001::1'), 'Teredo (F11)'],
  ['never', tcp6('2001:db8::1'), 'documentation (F11)'],
  ['never', tcp6('3fff::1'), 'documentation'],
  ['never', tcp6('fec0::1'), 'site-local, deprecated (F11)'],
  ['never', tcp6('fe80::1'), 'link-local without a zone'],
  ['never', tcp6('ff02::1'), 'multicast'],
  ['never', tcp6('100::1'), 'discard only'],
  ['never', '/ip4/8.8.8.8/tcp/0', 'port 0'],
  ['never', '/ip4/8.8.8.8', 'no transport'],
  ['never', '/unix/%2Fvar%2Frun%2Fdocker.sock', 'a Unix socket (F3)'],
  ['never', '/memory/1', 'this process (F11)'],
  ['never', '/ip4/127.0.0.1/udp/0/quic-v1', 'port 0']
]

export const VECTORS: Array<{ scope: AddressScope, text: string, why: string, address: Multiaddr }> =
  TABLE.map(([scope, text, why]) => ({ scope, text, why, address: multiaddr(text) }))
