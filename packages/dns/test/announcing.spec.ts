/** When and what we announce, whatever the primary and the addresses do meanwhile. In virtual time. */
import { seededRng, virtualClock, type VirtualClock } from '@peerweave/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { describe, expect, it } from 'vitest'
import { memoryPrimary, type MemoryPrimary } from './support/memory-primary.ts'
import { createPeer, type Peer } from './support/mechanism.ts'
import { hostLabel } from '../src/write/own-records.ts'
import type { DnsAnnounceOptions } from '../src/index.ts'

const ZONE = 'example.test'
const SRV = `_olocus._tcp.${ZONE}`

interface Made {
  clock: VirtualClock
  primary: MemoryPrimary
  peer: Peer
  target: string
}

async function make (announce: Partial<DnsAnnounceOptions> = {}, ...addresses: string[]): Promise<Made> {
  const clock = virtualClock()
  const primary = memoryPrimary(clock)
  const peer = await createPeer({
    domains: [], clock, rng: seededRng(1), client: primary.client, announce: { zone: ZONE, service: '_olocus._tcp', servers: ['127.0.0.1:53'], ...announce }
  }, ...addresses)
  return { clock, primary, peer, target: `${announce.host ?? hostLabel(peer.id)}.${ZONE}` }
}

/** What `work` came to, moving time until it is done. */
async function during<T> (clock: VirtualClock, work: Promise<T>, most = 60_000): Promise<{ took: number, result: PromiseSettledResult<T> }> {
  let result: PromiseSettledResult<T> | undefined
  void Promise.allSettled([work]).then(([settled]) => { result = settled })
  const start = clock.now()
  await clock.settle()
  while (result == null && clock.now() - start < most) await clock.advance(10)
  if (result == null) throw new Error(`nothing within ${most} ms`)
  return { took: clock.now() - start, result }
}

describe('announcing', () => {
  it('takes all of it back, and leaves no timer', async () => {
    const { clock, primary, peer, target } = await make({}, '/ip4/1.2.3.4/tcp/1')
    await peer.mechanism.start()
    await clock.advance(1_000)
    expect(primary.updates).toBe(1)
    await during(clock, peer.mechanism.announceSelf!({ peerId: peer.id, multiaddrs: [multiaddr('/ip4/1.2.3.5/tcp/2')] }))
    await clock.advance(5_000)
    expect(primary.zone()).toEqual([`${SRV} SRV 2 ${target}`, `${target} A 1.2.3.5`])
    await during(clock, peer.leave())
    expect([primary.zone(), primary.open, clock.pending]).toEqual([[], 0, 0])
  })

  it('rejects when no address is meant for the zone, and says nothing there', async () => {
    const { clock, primary, peer } = await make()
    await peer.mechanism.start()
    const { result } = await during(clock, peer.mechanism.announceSelf!({ peerId: peer.id, multiaddrs: [multiaddr('/ip4/10.0.0.1/tcp/1')] }))
    expect(result).toMatchObject({ status: 'rejected', reason: { name: 'DnsError', message: expect.stringContaining('no public address over tcp') } })
    expect([primary.updates, primary.zone(), peer.mechanism.status().state]).toEqual([0, [], 'running'])
    await during(clock, peer.leave())
  })

  it('takes an address that came while it announced the one before', async () => {
    const { clock, primary, peer, target } = await make({}, '/ip4/1.2.3.4/tcp/1')
    await peer.mechanism.start()
    await clock.advance(25)
    expect(primary.updates).toBe(0) // on its way
    peer.setAddresses('/ip4/1.2.3.9/tcp/9')
    await clock.advance(5_000)
    expect(primary.zone()).toEqual([`${SRV} SRV 9 ${target}`, `${target} A 1.2.3.9`])
    await during(clock, peer.leave())
  })

  it('leaves nothing behind when the answer to the update was lost', async () => {
    const { clock, primary, peer } = await make({}, '/ip4/1.2.3.4/tcp/1')
    await peer.mechanism.start()
    await clock.advance(25)
    primary.silent = 'lost-answer'
    await clock.advance(100)
    expect(primary.zone().length).toBe(2)
    await clock.advance(5_000)
    primary.silent = false
    await during(clock, peer.leave())
    expect(primary.zone()).toEqual([])
  })

  it.each([false, true])('leaves nothing of its own under a name that it chose when the answer was lost, somebody else there: %s', async isTaken => {
    const { clock, primary, peer } = await make({ host: 'www' }, '/ip4/1.2.3.4/tcp/1')
    const theirs = ['_olocus._tcp.example.test SRV 80 www.example.test', 'www.example.test A 192.0.2.80']
    if (isTaken) {
      primary.put('www.example.test', 'A', '192.0.2.80')
      primary.put(SRV, 'SRV', '80 www.example.test')
    }
    await peer.mechanism.start()
    await clock.advance(25)
    primary.silent = 'lost-answer'
    await clock.advance(100)
    primary.silent = false
    await during(clock, peer.leave())
    expect(primary.zone()).toEqual(isTaken ? theirs : [])
  })

  it('leaves no port behind when the answer to its update was lost', async () => {
    const { clock, primary, peer, target } = await make({}, '/ip4/1.2.3.4/tcp/1')
    await peer.mechanism.start()
    await clock.advance(1_000)
    primary.silent = 'lost-answer'
    peer.setAddresses('/ip4/1.2.3.4/tcp/2')
    await clock.advance(1_000)
    peer.setAddresses('/ip4/1.2.3.4/tcp/3')
    await clock.advance(4_000)
    primary.silent = false
    await clock.advance(20_000)
    expect(primary.zone()).toEqual([`${SRV} SRV 3 ${target}`, `${target} A 1.2.3.4`])
    await during(clock, peer.leave())
    expect(primary.zone()).toEqual([])
  })

  it('stops within the time of a goodbye while the primary is silent, and libp2p hears of no failure', async () => {
    // In its look-up, in its update, and long after both.
    for (const when of [15, 25, 1_000]) {
      const { clock, primary, peer } = await make({ servers: ['127.0.0.1:53', '127.0.0.2:53', '127.0.0.3:53', '127.0.0.4:53'] }, '/ip4/1.2.3.4/tcp/1')
      await peer.mechanism.start()
      await clock.advance(when)
      primary.silent = 'no-update'
      await clock.advance(100)
      const { took, result } = await during(clock, peer.leave(), 200_000)
      expect(result.status).toBe('fulfilled')
      expect(took).toBeLessThanOrEqual(5_010)
      expect([primary.open, clock.pending]).toEqual([0, 0])
    }
  })

  it('goes on withdrawing what could not be withdrawn', async () => {
    const { clock, primary, peer } = await make({}, '/ip4/1.2.3.4/tcp/1')
    await peer.mechanism.start()
    await clock.advance(1_000)
    primary.silent = 'no-update'
    const { result } = await during(clock, peer.mechanism.withdrawSelf!())
    expect(result.status).toBe('rejected')
    primary.silent = false
    await clock.advance(10_000)
    expect([primary.zone(), peer.mechanism.status().state]).toEqual([[], 'running'])
    await during(clock, peer.leave())
  })

  it('is degraded until it worked, without being well in between', async () => {
    const { clock, primary, peer } = await make({}, '/ip4/1.2.3.4/tcp/1')
    primary.silent = 'no-update'
    await peer.mechanism.start()
    const states: string[] = []
    peer.mechanism.addEventListener('status', ({ detail }) => { states.push(detail.state) })
    await clock.advance(60_000)
    primary.silent = false
    await clock.advance(60_000)
    expect(states).toEqual(['degraded', 'running'])
    await during(clock, peer.leave())
  })

  it('takes no name of the zone that somebody else has', async () => {
    const { clock, primary, peer } = await make({ host: 'www' }, '/ip4/1.2.3.4/tcp/1')
    primary.put('www.example.test', 'A', '192.0.2.80')
    await peer.mechanism.start()
    await clock.advance(1_000)
    expect(primary.zone()).toEqual(['www.example.test A 192.0.2.80'])
    expect(peer.mechanism.status()).toMatchObject({ state: 'degraded', lastError: { message: expect.stringContaining('in use') } })
    await during(clock, peer.leave())
    expect(primary.zone()).toEqual(['www.example.test A 192.0.2.80'])
  })

  it('asks anew whose name it is after it gave it back', async () => {
    const { clock, primary, peer } = await make({ host: 'www' }, '/ip4/1.2.3.4/tcp/1')
    await peer.mechanism.start()
    await clock.advance(1_000)
    expect(primary.zone().length).toBe(2)
    await during(clock, peer.mechanism.withdrawSelf!())
    primary.put('www.example.test', 'A', '192.0.2.80')
    const { result } = await during(clock, peer.mechanism.announceSelf!({ peerId: peer.id, multiaddrs: [multiaddr('/ip4/1.2.3.5/tcp/2')] }))
    expect(result.status).toBe('rejected')
    expect(primary.zone()).toEqual(['www.example.test A 192.0.2.80'])
    await during(clock, peer.leave())
  })

  it('announces nothing after its goodbye', async () => {
    const { clock, primary, peer } = await make({}, '/ip4/1.2.3.4/tcp/1')
    await peer.mechanism.start()
    await clock.advance(1_000)
    await during(clock, Promise.resolve(peer.mechanism.beforeStop!()))
    const announcing = peer.mechanism.announceSelf!({ peerId: peer.id, multiaddrs: [multiaddr('/ip4/1.2.3.5/tcp/2')] }).catch(() => {})
    await during(clock, announcing)
    await during(clock, Promise.resolve(peer.mechanism.stop()))
    expect(primary.zone()).toEqual([])
  })

  it('is kept from it by no number of SRV records that somebody else wrote for our host', async () => {
    const { clock, primary, peer, target } = await make({}, '/ip4/1.2.3.4/tcp/1')
    for (let port = 2; port < 3_000; port++) primary.put(SRV, 'SRV', `${port} ${target}`)
    await peer.mechanism.start()
    await clock.advance(1_000)
    expect([peer.mechanism.status().state, primary.zone().includes(`${SRV} SRV 1 ${target}`)]).toEqual(['running', true])
    await during(clock, peer.leave())
  })
})
