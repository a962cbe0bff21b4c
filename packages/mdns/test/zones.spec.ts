import { multiaddr } from '@multiformats/multiaddr'
import { expect, it } from 'vitest'
import { onLink } from '../src/zones.ts'

it.each([
  ['/ip6/fe80::1/tcp/1', '/ip6zone/eth0/ip6/fe80::1/tcp/1'],
  ['/ip6/febf::1/udp/1/quic-v1', '/ip6zone/eth0/ip6/febf::1/udp/1/quic-v1'],
  ['/ip6/fd00::1/tcp/1', '/ip6/fd00::1/tcp/1'],
  ['/ip4/169.254.1.1/tcp/1', '/ip4/169.254.1.1/tcp/1'],
  ['/ip6zone/other/ip6/fe80::1/tcp/1', '/ip6zone/eth0/ip6/fe80::1/tcp/1'],
  ['/ip6zone/other/ip6/fd00::1/tcp/1', '/ip6/fd00::1/tcp/1'],
  ['/dns4/example.org/tcp/1', '/dns4/example.org/tcp/1']
])('what is heard as %s on eth0 is %s', (told, meant) => {
  expect(onLink({ name: 'eth0' }, multiaddr(told)).toString()).toBe(meant)
})
