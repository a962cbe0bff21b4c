/** Hosts that have IPv6 and nothing else. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createLan, type Lan, type LanHost } from '../../../../test/support/namespaces.ts'
import { until } from '../../../../test/support/until.ts'
import { whyNotHere } from './needs.ts'
import { claimed, seen, startPeers, type PeerChild } from './seen.ts'

const reason = whyNotHere('a LAN with IPv6 alone')

describe.skipIf(reason !== undefined)('a LAN with IPv6 alone', () => {
  let lan: Lan
  let one: PeerChild
  let other: PeerChild
  let [linkLocal, id, otherId] = ['', '', '']

  beforeAll(() => {
    lan = createLan(2)
    for (const host of lan.hosts) host.run('ip', ['-4', 'address', 'flush', 'dev', 'eth0'])
    ;[one, other] = lan.hosts.map(startPeers) as [PeerChild, PeerChild]
    linkLocal = linkLocalOf(lan.hosts[0]!)
  })
  afterAll(() => { lan?.close() })

  it('two find each other by their link-local addresses, and know by which interface', async () => {
    ;[id, otherId] = await Promise.all([
      one.ask<string>('peer', 'one', {}, `/ip6zone/eth0/ip6/${linkLocal}/tcp/4001`),
      other.ask<string>('peer', 'other', {}, `/ip6/${linkLocalOf(lan.hosts[1]!)}/tcp/4002`)
    ])
    await until(() => claimed(other, 'other', id).length > 0 && claimed(one, 'one', otherId).length > 0, 'both found', 5_000)
    expect(seen(other, 'other', 'claim', id)[0]).toMatchObject({
      // With the zone that it has here; a zone is not told.
      addresses: [`/ip6zone/eth0/ip6/${linkLocal}/tcp/4001`], from: `/ip6zone/eth0/ip6/${linkLocal}/udp/5353`, on: 'eth0'
    })
  })

  it('an address that reaches further arrives as it is', async () => {
    lan.hosts[0]!.run('ip', ['address', 'add', 'fd77::1/64', 'dev', 'eth0'])
    lan.hosts[1]!.run('ip', ['address', 'add', 'fd77::2/64', 'dev', 'eth0'])
    await one.ask('setAddresses', 'one', '/ip6/fd77::1/tcp/4001')
    await until(() => claimed(other, 'other', id).includes('/ip6/fd77::1/tcp/4001'), 'the address', 5_000)
  })
})

function linkLocalOf (host: LanHost): string {
  return /inet6 (fe80::[0-9a-f:]+)/.exec(host.run('ip', ['-6', 'address', 'show', 'dev', 'eth0']))![1]!
}
