/** Whatever arrives, through everything that it passes: guard, decoder, both forms, both directions. */
import { limits, seededRng, virtualClock, type Sighting, type VirtualClock } from '@peerweave/interface'
import { encode } from 'dns-packet'
import fc from 'fast-check'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { MAX_TTL } from '../src/constants.ts'
import { claimsOf, createPeer, createPeerId, LoneLink, query, records, response, SERVICE, type Peer } from './support.ts'

const ME = '192.168.7.1'
const PORT = 5353
const TYPE = '_olocus._tcp.local'
const numRuns = { ci: 2_500, long: 250_000 }[process.env.PEERWEAVE_TIER ?? ''] ?? 500

describe('whatever a packet holds', { timeout: 3_600_000 }, () => {
  let valid: Buffer[]
  let clock: VirtualClock
  let peer: Peer
  let link: LoneLink

  beforeEach(async () => {
    clock = virtualClock()
    link = new LoneLink()
    peer = await createPeer({
      network: link.network(ME),
      clock,
      rng: seededRng(1),
      peerName: 'me',
      service: { type: '_olocus._tcp', name: 'me', host: 'host' }
    }, `/ip4/${ME}/tcp/4001`)
    peer.mechanism.addEventListener('sighting', ({ detail }) => check(detail))
    await peer.mechanism.start()
    await clock.advance(5_000)
  })

  // Whatever it was: it still runs, it holds a bounded number of peers, and an honest newcomer is found.
  afterEach(async () => {
    expect(peer.mechanism.status().state).toBe('running')
    const held = Array.fromAsync(peer.mechanism.discoverPeers({ limit: Infinity }))
    await clock.advance(10_000)
    expect(new Set((await held).map(sighting => 'peerId' in sighting ? String(sighting.peerId) : sighting.multiaddr.toString())).size).toBeLessThanOrEqual(limits.mdnsPeers)
    const honest = await createPeerId()
    link.deliver(response(...records('honest', [`/ip4/192.168.7.250/tcp/1/p2p/${honest}`])), { address: '192.168.7.250', port: PORT })
    await clock.advance(10)
    expect(claimsOf(peer.events, honest).length).toBe(1)
    await peer.leave()
    expect(clock.pending).toBe(0)
  })

  function check (sighting: Sighting): void {
    if (sighting.kind === 'withdraw') return
    const multiaddrs = sighting.kind === 'claim' ? sighting.multiaddrs : [sighting.multiaddr]
    expect(multiaddrs.length).toBeGreaterThan(0)
    expect(multiaddrs.length).toBeLessThanOrEqual(limits.addressesPerClaim)
    expect(sighting.ttl).toBeGreaterThan(0)
    expect(sighting.ttl).toBeLessThanOrEqual(MAX_TTL)
  }

  /** From one of so many sources at such a pace that the rate does not hide what the rest does. */
  let source = 0
  async function handle (bytes: Buffer): Promise<void> {
    const before = link.sent
    link.deliver(bytes, { address: `192.168.7.${2 + source++ % 200}`, port: PORT })
    await clock.advance(10)
    // Not a hundredfold echo of it.
    expect(link.sent - before).toBeLessThanOrEqual(20)
  }

  beforeAll(async () => {
    const ids = [await createPeerId(), await createPeerId()]
    const [one, two] = ids.map((id, i) => records(`p${i}`, ['tcp/1', 'udp/1/quic-v1'].map(port => `/ip4/127.0.0.1/${port}/p2p/${id}`)))
    valid = [
      query(),
      response(...one!),
      response(...one!, ...two!),
      response(...records('p0', [`/ip4/127.0.0.1/tcp/1/p2p/${ids[0]}`], { ttl: 0 })),
      encode({
        type: 'response',
        answers: [one![0]!, { name: `p0.${SERVICE}`, type: 'SRV', ttl: 120, data: { port: 1, target: 'host.local' } }],
        additionals: [one![1]!, { name: 'host.local', type: 'A', ttl: 120, data: '127.0.0.1' }]
      }),
      encode({
        type: 'response',
        answers: [
          { name: TYPE, type: 'PTR', ttl: 120, data: `a.${TYPE}` },
          { name: `a.${TYPE}`, type: 'SRV', ttl: 120, flush: true, data: { port: 1, target: 'a.local' } },
          { name: `a.${TYPE}`, type: 'TXT', ttl: 120, flush: true, data: [`peer_id=${ids[0]}`, 'protocol=/a/1', 'paper=A4', `addr=/ip4/192.168.7.9/tcp/1`] }
        ],
        additionals: [
          { name: 'a.local', type: 'A', ttl: 120, flush: true, data: '192.168.7.9' },
          { name: 'a.local', type: 'AAAA', ttl: 120, flush: true, data: 'fe80::9' },
          { name: 'a.local', type: 'NSEC', ttl: 120, flush: true, data: { nextDomain: 'a.local', rrtypes: ['A', 'AAAA'] } }
        ]
      }),
      // A probe for our names.
      encode({
        type: 'query',
        questions: [{ name: `me.${TYPE}`, type: 'ANY' as 'A' }, { name: 'host.local', type: 'ANY' as 'A' }],
        authorities: [{ name: `me.${TYPE}`, type: 'SRV', ttl: 120, data: { port: 1, target: 'host.local' } }, { name: 'host.local', type: 'A', ttl: 120, data: '192.168.7.9' }]
      }),
      encode({
        type: 'query',
        flags: 1 << 9,
        questions: [{ name: TYPE, type: 'PTR' }, { name: SERVICE, type: 'PTR' }, { name: '_services._dns-sd._udp.local', type: 'PTR' }],
        answers: [{ name: TYPE, type: 'PTR', ttl: 120, data: `me.${TYPE}` }]
      })
    ]
  })

  it('random bytes are dropped or read, and never thrown at', async () => {
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 600 }), bytes => handle(Buffer.from(bytes))), { numRuns })
  })

  it('random bytes behind an honest question are dropped or read, and never thrown at', async () => {
    await fc.assert(fc.asyncProperty(
      fc.uint8Array({ minLength: 11, maxLength: 400 }), fc.boolean(), fc.nat(4), fc.nat(4), async (body, isResponse, answers, additionals) => {
        // With our question in front, without which nobody would decode it.
        const packet = Buffer.concat([query(), body])
        packet.writeUInt16BE(isResponse ? 0x8400 : 0, 2)
        packet.writeUInt16BE(answers, 6)
        packet.writeUInt16BE(additionals, 10)
        await handle(packet)
      }
    ), { numRuns })
  })

  it('honest packets with bytes changed, cut or repeated are dropped or read, and never thrown at', async () => {
    const change = fc.record({ at: fc.nat(2_000), byte: fc.nat(255) })
    await fc.assert(fc.asyncProperty(fc.nat(valid.length - 1), fc.array(change, { minLength: 1, maxLength: 8 }), fc.option(fc.nat(2_000)), async (which, changes, cut) => {
      const bytes = Buffer.from(valid[which]!)
      for (const { at, byte } of changes) bytes[at % bytes.length] = byte
      await handle(cut == null ? bytes : bytes.subarray(0, cut % bytes.length))
    }), { numRuns })
  })

  it('texts of any kind in the TXT records are dropped or read, and never thrown at', async () => {
    const names = fc.constantFrom('peer_id=', 'addr=', 'dnsaddr=', 'protocol=', '')
    const part = fc.constantFrom('ip4', '127.0.0.1', 'tcp', '1', 'p2p', '', 'p2p-circuit', '12D3KooW', 'dns4', 'é', 'unix', '%2f', 'ip6zone')
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc.array(part, { maxLength: 14 }).map(parts => parts.join('/'))
    )
    await fc.assert(fc.asyncProperty(fc.array(text, { maxLength: 20 }), async texts => handle(response(...records('p', texts)))), { numRuns })
    await fc.assert(fc.asyncProperty(fc.array(fc.tuple(names, text).map(parts => Buffer.from(parts.join('')).subarray(0, 255)), { maxLength: 20 }), async data => {
      await handle(response(
        { name: TYPE, type: 'PTR', ttl: 120, data: `t.${TYPE}` },
        { name: `t.${TYPE}`, type: 'SRV', ttl: 120, data: { port: 1, target: 't.local' } },
        { name: `t.${TYPE}`, type: 'TXT', ttl: 120, data },
        { name: 't.local', type: 'A', ttl: 120, data: '192.168.7.9' }
      ))
    }), { numRuns })
  })
})
