/** Many hosts on one link, in memory and in virtual time: what they cost, and that they keep each other. */
import { seededRng, type Sighting } from '@peerweave/interface'
import { describe, expect, it } from 'vitest'
import { clock, link, started, startPeer, useMemoryLan } from './memory-lan.ts'
import { query, type Peer, type SeenPacket } from './support.ts'
import type { MdnsOptions } from '../src/index.ts'

const HOSTS = 40
const TTL = 120_000
const PORT = 5353

useMemoryLan()

const addressOf = (i: number): string => `192.168.7.${i + 1}`

async function join (i: number, options: MdnsOptions = {}): Promise<Peer> {
  return await startPeer(addressOf(i), { rng: seededRng(1_000 + 7_919 * i), ...options })
}

/** Whom `peer` may still believe in. */
function listed (peer: Peer, at: Map<Sighting, number>): number {
  const alive = new Map<string, number>()
  for (const sighting of peer.events) {
    if (sighting.kind === 'claim') alive.set(String(sighting.peerId), (at.get(sighting) ?? 0) + sighting.ttl)
  }
  return [...alive.values()].filter(until => until > clock.now()).length
}

/** The least time between two answers of a host, ms. */
function shortestGap (seen: SeenPacket[], i: number): number {
  const times = seen.filter(({ from, packet }) => from === addressOf(i) && packet.type === 'response').map(({ at }) => at)
  expect(times.length).toBeGreaterThan(3)
  return Math.min(...times.slice(1).map((at, i) => at - times[i]!))
}

describe('many hosts', () => {
  it.each<[number, string, Partial<MdnsOptions>]>([
    [HOSTS, 'libp2p', {}],
    [15, 'DNS-SD', { libp2p: false, service: { type: '_olocus._tcp' } }]
  ])('%i in the %s form: each answers at most 1.5 times in a TTL, and all list all others ten minutes later', async (hosts, _form, options) => {
    const at = new Map<Sighting, number>()
    for (let i = 0; i < hosts; i++) {
      const peer = await join(i, options)
      peer.mechanism.addEventListener('sighting', ({ detail }) => at.set(detail, clock.now()))
      await clock.advance(500)
    }
    await clock.advance(60_000)
    const since = clock.now()
    const before = link.seen.length
    await clock.advance(5 * TTL)
    const steady = link.seen.slice(before)
    for (let i = 0; i < hosts; i++) expect(shortestGap(steady, i)).toBeGreaterThanOrEqual(TTL / 1.5)
    const questions = steady.filter(({ packet }) => packet.type === 'query' && packet.questions?.length !== 0).length
    // One question serves all whose time has come; far less than one of each host about each other.
    expect(questions / ((clock.now() - since) / TTL)).toBeLessThanOrEqual(hosts)
    expect(started.map(peer => listed(peer, at))).toEqual(started.map(() => hosts - 1))
  })

  it('answer askers that never say what they know no more often than that', async () => {
    for (let i = 0; i < 5; i++) await join(i)
    await clock.advance(60_000)
    const ask = async (seconds: number): Promise<void> => {
      // As forty hosts of `@libp2p/mdns`: each every ten seconds.
      for (let i = 0; i < seconds * 4; i++) {
        link.inject(query(), { address: `192.168.7.${100 + i % HOSTS}`, port: PORT })
        await clock.advance(250)
      }
    }
    await ask(60)
    const before = link.seen.length
    await ask(5 * TTL / 1_000)
    for (let i = 0; i < 5; i++) expect(shortestGap(link.seen.slice(before), i)).toBeGreaterThanOrEqual(TTL / 1.5)
  })

  it('tell a newcomer of all of them within 200 ms, and it them at once', async () => {
    for (let i = 0; i < HOSTS; i++) await join(i)
    await clock.advance(60_000)
    const newcomer = await join(HOSTS)
    const joinedAt = clock.now()
    const heard: number[] = []
    newcomer.mechanism.addEventListener('sighting', () => heard.push(clock.now() - joinedAt))
    await clock.advance(5_000)
    expect(heard.length).toBe(HOSTS)
    expect(Math.max(...heard)).toBeLessThan(200)
    const known = started.slice(0, -1).filter(({ events }) => events.some(sighting => sighting.kind === 'claim' && sighting.peerId.equals(newcomer.id)))
    expect(known.length).toBe(HOSTS)
    // Each once: who was heard is not told again.
    expect(link.seen.filter(({ from, at, packet }) => from === addressOf(3) && at > joinedAt && packet.type === 'response').length).toBe(1)
  })
})
