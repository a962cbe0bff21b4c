/** Zones that mean harm to whoever reads several, or prints what went wrong. In memory, in virtual time. */
import { reporterScope, seededRng, virtualClock, type Sighting } from '@peerweave/interface'
import { describe, expect, it } from 'vitest'
import { createPeer, createPeerId } from './support/mechanism.ts'
import { Signer } from './read/signer.ts'
import { all, reader } from './read/support.ts'
import { answer, serve, txt } from './zone.ts'
import { readDnsaddr } from '../src/read/dnsaddr.ts'
import { readService } from '../src/read/service.ts'
import type { DnsOptions } from '../src/index.ts'
import type { DnsRecord, Query } from '../src/records.ts'

async function found (query: Query, options: DnsOptions): Promise<Sighting[]> {
  const clock = virtualClock()
  const peer = await createPeer({
    clock, rng: seededRng(1), client: () => ({ query, exchange: async () => { throw new Error('not used') }, close: async () => {} }), ...options
  })
  await peer.mechanism.start()
  try {
    return await Array.fromAsync(peer.mechanism.discoverPeers())
  } finally {
    await peer.leave()
  }
}

describe('a hostile zone', () => {
  it.each(['\u001b[31m', '\u0007\r\nroot: all is well', '\u009b31m'])('writes nothing to a terminal by its names: %j', async name => {
    const aliases: DnsRecord[] = [
      { name: '_dnsaddr.a.test', ttl: 60, type: 'CNAME', target: name }, { name, ttl: 60, type: 'CNAME', target: name }
    ]
    for (const answers of [aliases, aliases.slice(0, 1)]) {
      const { init } = reader(async () => answer({ answers }))
      const error = await all(readDnsaddr(init, 'a.test')).catch((error: unknown) => error)
      expect((error as Error).name).toBe('InvalidDnsRecordError')
      expect((error as Error).message).toMatch(/^\P{C}*$/u)
    }
  })

  it('of a tree is nobody’s own, also where the domains are', async () => {
    const stranger = new Signer()
    const records = stranger.tree('tree.test', [stranger.record(['ip', Uint8Array.of(10, 0, 0, 1)], ['tcp', Uint8Array.of(1)])])
    const options = { domains: ['own.test'], private: true, enrtrees: [stranger.url('tree.test')] }
    const id = await createPeerId()
    const sightings = await found(serve([...records, txt('_dnsaddr.own.test', `dnsaddr=/ip4/10.0.0.2/tcp/1/p2p/${id}`)]).query, options)
    const scopes = sightings.map(({ reporter }) => `${reporter?.domain} ${reporterScope(reporter)}`)
    expect(scopes.toSorted()).toEqual(['own.test configured', 'tree.test public'])
  })

  it('with thousands of addresses is not read anew for each peer at them', async () => {
    const ids = await Promise.all(Array.from({ length: 40 }, createPeerId))
    let reads = 0
    const addresses = Array.from({ length: 4_000 }, (_, i): DnsRecord => Object.defineProperty(
      { name: 'n.a.test', ttl: 60, type: 'A' as const, address: '' }, 'address', { get: () => { reads++; return `1.1.${i >> 8}.${i & 255}` } }
    ))
    const { init } = reader(async (name, type) => answer({
      answers: type === 'A' ? addresses : type === 'TXT' ? ids.map(id => txt(name, `dnsaddr=/dns4/n.a.test/tcp/1/p2p/${id}`)) : []
    }))
    expect((await all(readDnsaddr(init, 'a.test'))).length).toBe(40)
    expect(reads).toBeLessThanOrEqual(40 * 9)
  })

  it('lets others have their turn between its answers, also when all of them are remembered', async () => {
    const id = await createPeerId()
    const targets = Array.from({ length: 64 }, (_, i): DnsRecord => ({ name: '_o._tcp.a.test', ttl: 60, type: 'SRV', priority: 0, weight: 0, port: 1, target: `t${i}.a.test` }))
    const { init } = reader(async (name, type) => {
      return answer({ answers: type === 'SRV' ? targets : Array.from({ length: 20 }, () => txt(name, `peer_id=${id}`, 'addr=/ip4/1.2.3.4/tcp/1')) })
    })
    for (let i = 0; i < 2; i++) {
      let turns = 0
      let isOver = false
      const turn = (): void => {
        turns++
        if (!isOver) setImmediate(turn)
      }
      setImmediate(turn)
      expect((await all(readService(init, { domain: 'a.test', service: 'o', transport: 'tcp' }))).length).toBeGreaterThan(0)
      isOver = true
      expect(turns).toBeGreaterThanOrEqual(64)
    }
  })
})
