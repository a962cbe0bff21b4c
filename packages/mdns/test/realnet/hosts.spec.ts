/** Ten hosts of one LAN: who is there, who leaves, who is cut off. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createLan, type Lan } from '../../../../test/support/namespaces.ts'
import { until } from '../../../../test/support/until.ts'
import { whyNotHere } from './needs.ts'
import { claimed, seen, startPeers, wallNow, type PeerChild } from './seen.ts'
import type { Seen } from './peer-main.ts'

const HOSTS = 10
/** A goodbye counts after a second (RFC 6762 §10.1); the rest is for the way. */
const GOODBYE_WITHIN = 1_500

const reason = whyNotHere('hosts of a LAN')

describe.skipIf(reason !== undefined)('hosts of a LAN', () => {
  let lan: Lan
  let hosts: PeerChild[]

  beforeAll(() => {
    lan = createLan(HOSTS)
    hosts = lan.hosts.map(startPeers)
  })
  afterAll(() => { lan?.close() })

  const addressOf = (i: number): string => `/ip4/${lan.hosts[i]!.address}/tcp/${4_001 + i}`
  /** Heard over IPv4 and over IPv6, each of which takes back what it said. */
  const isFound = (child: PeerChild, by: string, id: string): boolean =>
    new Set(seen(child, by, 'claim', id).map(({ from }) => from)).size === 2

  it('two find each other, and a goodbye of one reaches the other', async () => {
    const [one, other] = hosts as [PeerChild, PeerChild]
    const [a, b] = await Promise.all([
      one.ask<string>('peer', 'pair', {}, addressOf(0)), other.ask<string>('peer', 'pair', {}, addressOf(1))
    ])
    await until(() => isFound(one, 'pair', b) && isFound(other, 'pair', a), 'both found', 3_000)
    expect(claimed(other, 'pair', a)).toEqual([addressOf(0)])
    const reporters = seen(other, 'pair', 'claim', a).map(({ from, on }) => [from, on])
    expect(reporters).toContainEqual([`/ip4/${lan.hosts[0]!.address}/udp/5353`, 'eth0'])
    expect(claimed(one, 'pair', b)).toEqual([addressOf(1)])
    const leftAt = wallNow()
    await one.ask('leave', 'pair')
    await until(() => seen(other, 'pair', 'withdraw', a).length > 0, 'withdrawn', 5_000)
    expect(seen(other, 'pair', 'withdraw', a)[0]!.at - leftAt).toBeLessThanOrEqual(GOODBYE_WITHIN)
    await other.ask('leave', 'pair')
  })

  it('ten find each other, and the nine that stay learn within 1.5 s who has left', async () => {
    const ids = await Promise.all(hosts.map(async (host, i) => host.ask<string>('peer', 'all', {}, addressOf(i))))
    const missing = (): number[] => hosts.map((host, i) => ids.filter((id, j) => j !== i && !isFound(host, 'all', id)).length)
    await until(() => missing().every(count => count === 0), 'all found all', 10_000)
    const [gone] = ids as [string]
    const leftAt = wallNow()
    await hosts[0]!.ask('leave', 'all')
    const others = hosts.slice(1)
    const withdrawals = (): Seen[][] => others.map(host => seen(host, 'all', 'withdraw', gone))
    await until(() => withdrawals().every(({ length }) => length === 2), 'withdrawn everywhere', 5_000)
    expect(Math.max(...withdrawals().flat().map(({ at }) => at)) - leftAt).toBeLessThanOrEqual(GOODBYE_WITHIN)
    // Whom it told of nobody else.
    const isWrong = ({ by, kind, id }: Seen): boolean => by === 'all' && kind === 'withdraw' && id !== gone
    expect(others.flatMap(({ events }) => events.filter(isWrong))).toEqual([])
  })

  it('of one that is killed nothing is told, and after its TTL it is not known any more', async () => {
    const ttl = 3_000
    const serviceTag = '_short._udp.local'
    const [watcher, victim] = hosts.slice(-2) as [PeerChild, PeerChild]
    await watcher.ask('peer', 'short', { serviceTag, ttl, queryWindow: 100 }, addressOf(0))
    const id = await victim.ask<string>('peer', 'short', { serviceTag, ttl }, addressOf(HOSTS - 1))
    // The third of its announcements, or its first answer to a refresh: it lives longer than it said at first.
    const heardAt = (): number[] => seen(watcher, 'short', 'claim', id).map(({ at }) => at)
    await until(() => Math.max(...heardAt()) - Math.min(...heardAt()) > ttl, 'refreshed', 10_000)
    victim.kill()
    const killedAt = wallNow()
    await until(async () => !(await watcher.ask<Seen[]>('discover', 'short')).some(found => found.id === id), 'lapsed', 10_000)
    const lastHeard = seen(watcher, 'short', 'claim', id).at(-1)!
    // What was left of it when it was told.
    expect(lastHeard.ttl).toBeLessThanOrEqual(ttl)
    expect(lastHeard.ttl).toBeGreaterThan(ttl - 500)
    expect(wallNow() - killedAt).toBeLessThanOrEqual(ttl + 1_000)
    expect(wallNow() - lastHeard.at).toBeGreaterThanOrEqual(ttl - 500)
    expect(seen(watcher, 'short', 'withdraw', id)).toEqual([])
  })
})
