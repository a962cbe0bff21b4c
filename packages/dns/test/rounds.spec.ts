/** One round over several domains: what it leaves behind, and what the status says of it. In virtual time. */
import { DnsError, seededRng, TimeoutError, virtualClock, type Sighting, type VirtualClock } from '@peerweave/interface'
import { describe, expect, it } from 'vitest'
import { createPeer, createPeerId, type Peer } from './support/mechanism.ts'
import type { DnsAnswer, DnsRecord } from '../src/records.ts'

/** What becomes of a question about a name in this domain. */
type Way = 'answered' | 'refused' | 'silent'

interface Made {
  clock: VirtualClock
  peer: Peer
  ways: Map<string, Way>
  open: () => number
}

async function make (...domains: string[]): Promise<Made> {
  const clock = virtualClock()
  const id = await createPeerId()
  const ways = new Map<string, Way>()
  let open = 0
  const peer = await createPeer({
    domains,
    clock,
    rng: seededRng(1),
    client: () => ({
      async query (name, type, { signal } = {}): Promise<DnsAnswer> {
        open++
        try {
          const way = ways.get(name.replace(/^_dnsaddr\./, '')) ?? 'answered'
          await clock.sleep(way === 'silent' ? 5_000 : 10, { signal })
          if (way === 'silent') throw new TimeoutError('no answer in 5000 ms')
          if (way === 'refused') throw new DnsError(`no answer to ${type} "${name}": it answered REFUSED`)
          const answers: DnsRecord[] = [{ name, type: 'TXT', ttl: 60, strings: [Buffer.from(`dnsaddr=/ip4/1.2.3.4/tcp/1/p2p/${id}`)] }]
          return { code: 'NOERROR', answers, authorities: [], additionals: [], server: 'memory' }
        } finally {
          open--
        }
      },
      exchange: async () => { throw new Error('not used') },
      close: async () => {}
    })
  })
  await peer.mechanism.start()
  return { clock, peer, ways, open: () => open }
}

async function round ({ clock, peer }: Made): Promise<Sighting[]> {
  let found: Sighting[] | undefined
  let failure: unknown
  Array.fromAsync(peer.mechanism.discoverPeers()).then(all => { found = all }, error => { failure = error })
  for (let i = 0; i < 2_000 && found == null && failure == null; i++) await clock.advance(10)
  if (found == null) throw failure
  return found
}

describe('a round', () => {
  it('asks nothing more when its reader leaves', async () => {
    const made = await make('a.test', 'b.test')
    const { clock, peer, ways, open } = made
    ways.set('b.test', 'silent')
    const rounds = peer.mechanism.discoverPeers()[Symbol.asyncIterator]()
    const first = rounds.next()
    await clock.advance(20)
    expect((await first).done).toBe(false)
    await rounds.return?.()
    await clock.settle()
    expect([open(), clock.pending]).toEqual([0, 0])
    await peer.leave()
  })

  it('of a reader who gave up says nothing of the servers', async () => {
    const made = await make('a.test', 'b.test')
    const { clock, peer, ways } = made
    ways.set('b.test', 'silent')
    const controller = new AbortController()
    const reading = Array.fromAsync(peer.mechanism.discoverPeers({ signal: controller.signal })).catch(() => {})
    await clock.advance(20)
    controller.abort()
    await clock.advance(20)
    await reading
    expect(peer.mechanism.status()).toMatchObject({ state: 'running', lastError: undefined })
    await peer.leave()
  })

  it('that could not read one domain degrades it until one could, without being well in between', async () => {
    const made = await make('a.test', 'b.test')
    const { clock, peer, ways } = made
    const states: string[] = []
    peer.mechanism.addEventListener('status', ({ detail }) => { states.push(detail.state) })
    ways.set('b.test', 'refused')
    for (let i = 0; i < 3; i++) {
      expect((await round(made)).length).toBe(1)
      await clock.advance(300_000)
    }
    ways.set('b.test', 'answered')
    expect((await round(made)).length).toBe(2)
    expect(states).toEqual(['degraded', 'running'])
    await peer.leave()
  })

  it('says so when what it serves of one domain has lapsed, also when another answers', async () => {
    const made = await make('a.test', 'b.test', 'c.test')
    const { clock, peer, ways } = made
    expect((await round(made)).length).toBe(3)
    for (const way of ['refused', 'silent'] as const) {
      ways.set('b.test', way)
      await clock.advance(300_000)
      expect((await round(made)).length).toBe(3)
      await clock.advance(10_000)
      expect(peer.mechanism.status().state).toBe('degraded')
    }
    ways.set('b.test', 'answered')
    await clock.advance(300_000)
    await round(made)
    await clock.advance(300_000)
    await round(made)
    expect(peer.mechanism.status().state).toBe('running')
    await peer.leave()
  })
})
