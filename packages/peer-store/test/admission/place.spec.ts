/** Where a dialled peer is counted. */
import { multiaddr } from '@multiformats/multiaddr'
import { expect, it } from 'vitest'
import { placeOf } from '../../src/admission/place.ts'

it.each([
  ['/ip4/8.8.4.4/tcp/1', 'net:8.8', 'net:8.8.4'],
  ['/ip6/2607:f8b0:4005:80b::200e/tcp/1', 'net:2607:f8b0', 'net:2607:f8b0:4005'],
  ['/ip6/2607:f8b0::1/udp/1/quic-v1', 'net:2607:f8b0', 'net:2607:f8b0:0'],
  // Who could be many is the relay.
  ['/ip4/8.8.4.4/tcp/1/p2p/12D3KooWGRUeqjbKhfiBLGrkY9Bk4P1wLRbRVRFs9ekYVxDQvbPX/p2p-circuit', 'net:8.8', 'net:8.8.4'],
  // A home network is one group, in which each address counts for itself.
  ['/ip4/192.168.1.7/tcp/1', 'if:eth0', 'ip:192.168.1.7'],
  ['/ip6zone/eth0/ip6/fe80::1/tcp/1', 'if:eth0', 'ip:fe80::1'],
  ['/ip4/127.0.0.1/tcp/1', 'if:eth0', 'ip:127.0.0.1'],
  // All names under a domain are its owner's.
  ['/dns4/a.b.Example.org/tcp/1', 'dns:example.org', 'dns:a.b.example.org'],
  ['/dns/localhost/tcp/1', 'dns:localhost', 'dns:localhost']
])('%s is in %s and %s', (address, group, subgroup) => {
  expect(placeOf(multiaddr(address), 'eth0')).toEqual({ group, subgroup })
})

it('names a local group by its scope when the interface is not known', () => {
  expect(placeOf(multiaddr('/ip4/192.168.1.7/tcp/1'))?.group).toBe('if:private')
  expect(placeOf(multiaddr('/ip4/127.0.0.1/tcp/1'))?.group).toBe('if:loopback')
})

it.each(['/ip4/8.8.4.4/tcp/0', '/ip4/169.254.169.254/tcp/80', '/unix/a', '/memory/1'])('%s has no place', address => {
  expect(placeOf(multiaddr(address))).toBe(undefined)
})
