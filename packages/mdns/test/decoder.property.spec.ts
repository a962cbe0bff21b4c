import { dropCounter, limits, systemClock } from '@peerweave/interface'
import { decode, encode } from 'dns-packet'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { parseAnswer } from '../src/answer.ts'
import { MAX_TTL } from '../src/constants.ts'
import { packetGuard } from '../src/packet-guard.ts'
import { isAskedForUs } from '../src/query.ts'
import { createPeerId, query, records, response, SERVICE } from './support.ts'
import type { Link } from '../src/network.ts'
import type { DecodedPacket } from '../src/transport.ts'

const LINK: Link = { name: 'lo', address: '127.0.0.1', prefix: 8, isLoopback: true }
const OWN = { serviceTag: SERVICE, instance: `me.${SERVICE}`, ttlSeconds: 120 }
const numRuns = process.env.PEERWEAVE_TIER === 'ci' ? 10_000 : 2_000

/** Everything a packet passes through, as a stranger sends it. */
function handle (bytes: Buffer): void {
  const { dropped, drop } = dropCounter()
  // A guard of its own for each, so that the rate does not hide what the rest does.
  packetGuard({ link: LINK, port: 5353, serviceTag: SERVICE, clock: systemClock(), drop })(bytes, { address: '127.0.0.1', port: 5353 })
  // What does not name our service is not counted; here it is decoded all the same.
  if (Object.keys(dropped).length > 0) {
    expect(Object.values(dropped)).toEqual([1])
    return
  }
  let packet: DecodedPacket
  try {
    packet = decode(bytes) as DecodedPacket
  } catch {
    return // counted as malformed by the transport
  }
  isAskedForUs(packet, OWN)
  const { present, departed } = parseAnswer(packet, { serviceTag: SERVICE, drop })
  expect(present.length + departed.length).toBeLessThanOrEqual(2 * limits.mdnsRecords)
  for (const { multiaddrs, ttl } of present) {
    expect(multiaddrs.length).toBeGreaterThan(0)
    expect(multiaddrs.length).toBeLessThanOrEqual(limits.addressesPerClaim)
    expect(ttl).toBeGreaterThanOrEqual(limits.ttlMin)
    expect(ttl).toBeLessThanOrEqual(MAX_TTL)
  }
}

describe('whatever a packet holds', () => {
  let valid: Buffer[]

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
      })
    ]
  })

  it('random bytes are dropped or read, and never thrown at', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 600 }), bytes => handle(Buffer.from(bytes))), { numRuns })
  })

  it('random bytes behind an honest header are dropped or read, and never thrown at', () => {
    fc.assert(fc.property(
      fc.uint8Array({ minLength: 11, maxLength: 400 }), fc.boolean(), fc.nat(4), fc.nat(4), (body, isResponse, answers, additionals) => {
        const header = Buffer.alloc(12)
        header.writeUInt16BE(isResponse ? 0x8400 : 0, 2)
        header.writeUInt16BE(answers, 6)
        header.writeUInt16BE(additionals, 10)
        handle(Buffer.concat([header, body]))
      }
    ), { numRuns })
  })

  it('honest packets with bytes changed, cut or repeated are dropped or read, and never thrown at', () => {
    const change = fc.record({ at: fc.nat(2_000), byte: fc.nat(255) })
    fc.assert(fc.property(fc.nat(4), fc.array(change, { minLength: 1, maxLength: 8 }), fc.option(fc.nat(2_000)), (which, changes, cut) => {
      const bytes = Buffer.from(valid[which]!)
      for (const { at, byte } of changes) bytes[at % bytes.length] = byte
      handle(cut == null ? bytes : bytes.subarray(0, cut % bytes.length))
    }), { numRuns })
  })

  it('texts of any kind in the TXT records are dropped or read, and never thrown at', () => {
    const part = fc.constantFrom('ip4', '127.0.0.1', 'tcp', '1', 'p2p', '', 'p2p-circuit', '12D3KooW', 'dns4', 'é', 'unix', '%2f', 'ip6zone')
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc.array(part, { maxLength: 14 }).map(parts => parts.join('/'))
    )
    fc.assert(fc.property(fc.array(text, { maxLength: 20 }), texts => handle(response(...records('p', texts)))), { numRuns })
  })
})
