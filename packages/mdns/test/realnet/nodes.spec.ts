/** libp2p nodes that have nothing but mDNS to find each other by, while the interface below them goes, comes and changes. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createLan, type Lan, type LanHost } from '../../../../test/support/namespaces.ts'
import { until } from '../../../../test/support/until.ts'
import { whyNotHere } from './needs.ts'
import { claimed, seen, startPeers, type PeerChild } from './seen.ts'
import type { Seen } from './peer-main.ts'

/** How long the network may have changed before everyone knows, ms. */
const RECOVERED_WITHIN = 5_000
const STUB_PORT = 4_001

const reason = whyNotHere('libp2p nodes on a LAN')

describe.skipIf(reason !== undefined)('libp2p nodes on a LAN', () => {
  let lan: Lan
  let host: LanHost
  /** On the host whose interface changes: a node and a peer whose addresses we set. */
  let here: PeerChild
  let there: PeerChild
  let [node, stub, other] = ['', '', '']

  beforeAll(async () => {
    lan = createLan(2)
    host = lan.hosts[0]!
    here = startPeers(host)
    there = startPeers(lan.hosts[1]!)
    ;[node, other, stub] = await Promise.all([
      here.ask<string>('node', 'node', {}, '/ip4/0.0.0.0/tcp/0'),
      there.ask<string>('node', 'other', {}, '/ip4/0.0.0.0/tcp/0'),
      here.ask<string>('peer', 'stub', { queryWindow: 100 }, `/ip4/${host.address}/tcp/${STUB_PORT}`),
      // It has nothing of its own and no round is run for it: all that it hears is an event.
      there.ask<string>('peer', 'watcher', {})
    ])
  })
  afterAll(() => { lan?.close() })

  /** Where `there` heard that `id` is, from that event on, over IPv4 from `address`. */
  const places = (id: string, after: number, address: string, on = 'eth0'): string[] =>
    seen(there, 'watcher', 'claim', id, after)
      .filter(seen => seen.on === on && seen.from === `/ip4/${address}/udp/5353`).flatMap(({ addresses }) => addresses)
  const arePlacesOn = (address: string, ids: string[], after: number, on?: string): boolean =>
    ids.every(id => places(id, after, address, on).some(place => place.startsWith(`/ip4/${address}/tcp/`)))

  it('one discovers the other and dials it by what it found', async () => {
    await until(() => seen(here, 'node', 'peer:discovery', other).length > 0, 'peer:discovery', 10_000)
    expect(await here.ask('dial', 'node', other)).toMatch(new RegExp(`^/ip4/${lan.hosts[1]!.address}/tcp/\\d+`))
  })

  it('are found again, and find others, when the interface went down and up', async () => {
    await until(() => claimed(here, 'stub', other).length > 0 && arePlacesOn(host.address, [node, stub], 0), 'everyone', 10_000)
    host.run('ip', ['link', 'set', 'eth0', 'down'])
    // What is left is the loopback interface, and whoever else is on this host.
    await until(async () => (await here.ask<Seen[]>('discover', 'stub')).every(({ on }) => on === 'lo'), 'it has noticed', 5_000)
    const [atHere, atThere] = [here.events.length, there.events.length]
    host.run('ip', ['link', 'set', 'eth0', 'up'])
    const areBack = (): boolean => arePlacesOn(host.address, [node, stub], atThere) &&
      claimed(here, 'stub', other, atHere).length > 0 && claimed(here, 'node', other, atHere).length > 0
    await until(areBack, 'found again', RECOVERED_WITHIN)
  })

  it('are found at their new address, and find others, when the interface has another', async () => {
    const [atHere, atThere] = [here.events.length, there.events.length]
    host.run('ip', ['address', 'del', `${host.address}/24`, 'dev', 'eth0'])
    host.run('ip', ['address', 'add', '10.77.0.77/24', 'dev', 'eth0'])
    await here.ask('setAddresses', 'stub', `/ip4/10.77.0.77/tcp/${STUB_PORT}`)
    const areThere = (): boolean => arePlacesOn('10.77.0.77', [node, stub], atThere) &&
      claimed(here, 'stub', other, atHere).length > 0 && claimed(here, 'node', other, atHere).length > 0
    await until(areThere, 'found at the new address', RECOVERED_WITHIN)
    // By then nothing of the old one is said any more.
    expect(places(node, atThere, '10.77.0.77').filter(place => place.includes(host.address))).toEqual([])
    const known = async (): Promise<string[]> => there.ask('known', 'other', node)
    await until(async () => (await known()).some(address => address.startsWith('/ip4/10.77.0.77/')), 'known to the other node', 5_000)
  })

  it('use a second interface that appears later', async () => {
    const [atHere, atThere] = [here.events.length, there.events.length]
    const second = lan.hosts[1]!
    host.run('ip', ['link', 'add', 'eth1', 'type', 'veth', 'peer', 'name', 'eth1', 'netns', second.namespace])
    for (const [i, end] of [host, second].entries()) {
      end.run('ip', ['address', 'add', `10.78.0.${i + 1}/24`, 'dev', 'eth1'])
      end.run('ip', ['link', 'set', 'eth1', 'up'])
    }
    const isHeard = (): boolean => places(node, atThere, '10.78.0.1', 'eth1').some(place => place.startsWith('/ip4/10.78.0.1/tcp/')) &&
      seen(here, 'node', 'claim', other, atHere)
        .some(({ on, addresses }) => on === 'eth1' && addresses.some(address => address.startsWith('/ip4/10.78.0.2/')))
    await until(isHeard, 'heard on the second interface', RECOVERED_WITHIN)
  })
})
