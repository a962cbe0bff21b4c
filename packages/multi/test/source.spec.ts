/** Who counts as one party: the group and subgroup that a report is stamped with. */
import { multiaddr } from '@multiformats/multiaddr'
import { expect, it } from 'vitest'
import { sourceOf } from '../src/source.ts'
import { peer } from './support.ts'
import type { Reporter } from '@peerweave/interface'

const origin = { path: 'gossip', type: 'gossip' }
const from = (address: string): Reporter => ({ remoteAddr: multiaddr(address) })

it.each([
  ['an IPv4 reporter', from('/ip4/8.8.4.4/tcp/1'), 'net:8.8', 'net:8.8.4'],
  ['an IPv6 reporter', from('/ip6/2607:f8b0:4005:80b::200e/tcp/1'), 'net:2607:f8b0', 'net:2607:f8b0:4005'],
  ['an IPv6 reporter whose third group is behind the ::', from('/ip6/2607:f8b0::1/tcp/1'), 'net:2607:f8b0', 'net:2607:f8b0:0'],
  ['an IPv6 reporter with a zero group', from('/ip6/2607::1/tcp/1'), 'net:2607:0', 'net:2607:0:0'],
  ['a relayed reporter, which is where its relay is',
    from('/ip4/8.8.4.4/tcp/1/p2p/12D3KooWGRUeqjbKhfiBLGrkY9Bk4P1wLRbRVRFs9ekYVxDQvbPX/p2p-circuit'), 'net:8.8', 'net:8.8.4'],
  ['a private one: its interface is one party', { ...from('/ip4/192.168.1.7/tcp/1'), interface: 'eth0' }, 'if:eth0', undefined],
  ['loopback', from('/ip4/127.0.0.1/tcp/1'), 'if:unknown', undefined],
  ['an interface alone', { interface: 'eth0' }, 'if:eth0', undefined],
  ['a domain, wherever its servers are', { ...from('/ip4/8.8.4.4/tcp/1'), domain: 'example.org' }, 'dns:example.org', undefined],
  ['what the user named', { ...from('/ip4/8.8.4.4/tcp/1'), configured: true }, 'configured:gossip', undefined],
  ['an address that nobody can report from', from('/ip4/192.0.2.1/tcp/1'), 'net:unknown', undefined],
  ['nobody', undefined, 'unknown:gossip', undefined]
])('%s', (_who, reporter, group, subgroup) => {
  expect(sourceOf(origin, reporter)).toMatchObject({ group, subgroup })
})

it('the name of a reporter, which is part of the ledger key, does not change with its subgroup', async () => {
  const id = await peer(1)
  const [here, there] = ['/ip4/8.8.4.4/tcp/1', '/ip4/8.8.5.5/tcp/1'].map(address => sourceOf(origin, { ...from(address), peer: id }))
  expect(here?.subgroup).not.toBe(there?.subgroup)
  expect([here?.path, here?.group, here?.reporter]).toEqual([there?.path, there?.group, there?.reporter])
})

it('names each host of a link by its own address', () => {
  const named = (host: string): string | undefined => sourceOf(origin, { ...from(`/ip6zone/eth0/ip6/${host}/udp/5353`), interface: 'eth0' }).reporter
  expect([named('fe80::1'), named('fe80::2')]).toEqual(['fe80::1', 'fe80::2'])
})
