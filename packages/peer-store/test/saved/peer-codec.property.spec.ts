/** What is saved of a peer comes back as it was; bytes that are not that are refused cleanly. */
import { limits } from '@peerweave/interface'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { MalformedError } from '../../src/saved/byte-reader.ts'
import { decodePeer, encodePeer } from '../../src/saved/peer-codec.ts'
import type { Item } from '../../src/claims.ts'
import type { SavedPeer } from '../../src/saved/saved-peer.ts'

const RUNS = process.env.PEERWEAVE_TIER === 'long' ? 100_000 : 3_000

const time = fc.double({ min: -1e15, max: 1e15, noNaN: true })
const text = fc.oneof(fc.string(), fc.string({ unit: 'grapheme', maxLength: 200 }), fc.constant('/ip4/10.0.0.1/tcp/1'))
const packed = fc.uint8Array({ maxLength: 300 }).map(bytes => String.fromCharCode(...bytes))
const optional = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(arbitrary, { nil: undefined })

const source = fc.record({
  path: text, type: text, group: text, reporter: optional(text), subgroup: optional(text), isChosen: fc.boolean()
})
const item = fc.record({
  kind: fc.constantFrom('address' as const, 'protocol' as const, 'metadata' as const, 'certified' as const),
  name: text, value: text, observedAt: time, expiresAt: time
}).map((one): Item => ({ ...one, value: one.kind === 'metadata' ? one.value : '' }))
const outcomes = fc.record({ lastSuccess: optional(time), failures: fc.nat(), lastFailure: optional(time) })

const saved: fc.Arbitrary<SavedPeer> = fc.record({
  id: fc.constant('12D3KooW'),
  firstSeen: time,
  contact: optional(fc.record({
    lastSeen: optional(time),
    outcomes,
    addressOutcomes: fc.array(fc.tuple(text, outcomes), { maxLength: limits.addressesPerPeer }).map(all => new Map(all)),
    reputation: fc.record({ mean: time, lower: time, n: time }),
    identity: optional(fc.record({
      protocols: fc.array(text, { maxLength: 8 }), agentVersion: optional(text), protocolVersion: optional(text)
    }))
  })),
  tried: optional(fc.record({
    id: fc.constant('12D3KooW'), group: text, subgroup: text, since: time, lastSuccess: time, failures: fc.nat(), lastFailure: optional(time)
  })),
  dormant: optional(fc.record({ since: time, addresses: fc.array(text, { maxLength: limits.addressesPerDial }) })),
  signed: optional(fc.record({
    seq: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), hash: packed, envelope: packed, rival: optional(packed.filter(some => some !== '')), expiresAt: time
  })),
  withdrawals: fc.array(fc.record({
    source, all: fc.oneof(time, fc.constant(-Infinity)), addresses: fc.oneof(time, fc.constant(-Infinity)),
    byAddress: fc.array(fc.tuple(text, time), { maxLength: 5 }).map(all => new Map(all))
  }), { maxLength: 3 }),
  sources: fc.array(fc.record({ source, items: fc.array(item, { maxLength: 10 }) }), { maxLength: 5 })
})

/** Lone surrogates are not text, and −0 is 0 after adding. */
function plain (peer: SavedPeer): string {
  return JSON.stringify(peer, (_, value: unknown) => {
    if (value instanceof Map) return [...value]
    if (typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value))) return String(value)
    return typeof value === 'string' ? value.toWellFormed() : value
  })
}

const NOW = (): number => 0

it(`every peer comes back (${RUNS} cases)`, () => {
  fc.assert(fc.property(saved, fc.nat(2 ** 32 - 1), (peer, boot) => {
    const boots: number[] = []
    const bytes = encodePeer(peer, boot).slice()
    const back = decodePeer(peer.id, bytes, number => {
      boots.push(number)
      return 0
    })
    expect(plain(back)).toBe(plain(peer))
    expect(boots).toEqual([boot])
  }), { numRuns: RUNS })
})

it('all times of a record move together', () => {
  fc.assert(fc.property(saved, fc.integer({ min: -1e9, max: 1e9 }), (peer, shift) => {
    const bytes = encodePeer(peer, 1).slice()
    const times = (of: SavedPeer): number[] => [
      of.firstSeen, of.contact?.lastSeen, of.tried?.since, of.tried?.lastSuccess, of.tried?.lastFailure, of.dormant?.since, of.contact?.outcomes.lastSuccess, of.signed?.expiresAt,
      ...of.withdrawals.flatMap(({ all, addresses, byAddress }) => [all, addresses, ...byAddress.values()]),
      ...of.sources.flatMap(({ items }) => items.flatMap(({ observedAt, expiresAt }) => [observedAt, expiresAt]))
    ].filter(one => one != null)
    expect(times(decodePeer(peer.id, bytes, () => shift))).toEqual(times(decodePeer(peer.id, bytes, NOW)).map(one => one + shift))
  }), { numRuns: RUNS / 10 })
})

it(`bytes that are none are refused as malformed, and nothing else happens (${RUNS} cases)`, () => {
  const cut = fc.tuple(saved, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })).map(([peer, part]) => {
    const bytes = encodePeer(peer, 1).slice()
    return bytes.slice(0, Math.floor(bytes.length * part))
  })
  const flipped = fc.tuple(saved, fc.nat(), fc.nat(7)).map(([peer, at, bit]) => {
    const bytes = encodePeer(peer, 1).slice()
    bytes[at % bytes.length] = (bytes[at % bytes.length] as number) ^ (1 << bit)
    return bytes
  })
  fc.assert(fc.property(fc.oneof(cut, flipped, fc.uint8Array({ maxLength: 2_000 })), bytes => {
    try {
      decodePeer('12D3KooW', bytes, NOW)
    } catch (error) {
      expect(error).toBeInstanceOf(MalformedError)
    }
  }), { numRuns: RUNS })
  fc.assert(fc.property(cut, bytes => { expect(() => decodePeer('12D3KooW', bytes, NOW)).toThrow(MalformedError) }), { numRuns: RUNS / 10 })
})
