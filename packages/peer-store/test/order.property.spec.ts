/**
 * The law of the ledger: the same evidence in any order, with repeats, gives the same view. Model and counter-examples:
 * 3 sources, 4 addresses, sequence numbers 1–3 with 3 payloads each, times 0–16, TTLs up to 8, as in the research that
 * shaped the rules.
 */
import { virtualClock, type Evidence, type Source } from '@peerweave/interface'
import { multiaddr } from '@multiformats/multiaddr'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { memoryPeerStore } from '../src/index.ts'
import { claim, peer, record, source } from './support.ts'
import type { PeerId } from '@libp2p/interface'

const RUNS = process.env.PEERWEAVE_TIER === 'long' ? 100_000 : 10_000
const SECOND = 1_000

type Step =
  | { kind: 'claim', evidence: Evidence }
  | { kind: 'withdraw', peerId: PeerId, from: Source, at: number, addresses: string[] | undefined }

const ids = [await peer(1), await peer(2)]
const sources = [source('mdns'), source('dns'), source('gossip', { reporter: 'a' })]
const addresses = [1, 2, 3, 4].map(n => `/ip4/10.0.0.${n}/tcp/1`)

/** Of each peer, three payloads under each of three sequence numbers. */
const records = await Promise.all([1, 2].map(async number => Promise.all([1, 2, 3].flatMap(seq => [[0, 1], [1, 2], [3]].map(async held => {
  return record(number, seq, held.map(n => addresses[n] as string))
})))))

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    id: fc.constantFrom(...ids),
    from: fc.constantFrom(...sources),
    at: fc.nat(16),
    ttl: fc.integer({ min: 1, max: 8 }),
    claimed: fc.uniqueArray(fc.constantFrom(...addresses), { minLength: 1, maxLength: 4 }),
    protocols: fc.uniqueArray(fc.constantFrom('/a', '/b'), { maxLength: 2 }),
    note: fc.option(fc.constantFrom('x', 'y', 'z'), { nil: undefined }),
    signed: fc.option(fc.nat(8), { nil: undefined })
  }).map(({ id, from, at, ttl, claimed, protocols, note, signed }): Step => {
    const held = signed == null ? undefined : records[ids.indexOf(id)]?.[signed]
    const said = [...new Set([...claimed, ...held?.addresses.map(String) ?? []])]
    const metadata = note == null ? undefined : new Map([['note', note]])
    return {
      kind: 'claim',
      evidence: claim(id, { from, at: at * SECOND, ttl: ttl * SECOND, addresses: said, protocols, metadata, record: held })
    }
  }),
  fc.record({
    peerId: fc.constantFrom(...ids),
    from: fc.constantFrom(...sources),
    at: fc.nat(16).map(n => n * SECOND),
    addresses: fc.option(fc.uniqueArray(fc.constantFrom(...addresses), { minLength: 1, maxLength: 2 }), { nil: undefined })
  }).map((withdrawal): Step => ({ kind: 'withdraw', ...withdrawal }))
)

/** The view after all steps, as text, at several later times. Everything arrives at one moment, within R of each `at`. */
async function views (steps: Step[]): Promise<string[]> {
  const clock = virtualClock({ now: 16 * SECOND, wall: 16 * SECOND })
  const store = memoryPeerStore({ clock, hashKey: new Uint8Array(8) })
  for (const step of steps) {
    if (step.kind === 'claim') await store.addPeer(step.evidence)
    else await store.withdraw(step.peerId, step.from, step.at, step.addresses?.map(text => multiaddr(text)))
  }
  const result: string[] = []
  for (const later of [0, 3, 6, 10]) {
    const now = (16 + later) * SECOND
    // The clock is moved by hand: advancing it 40,000 times would cost more than the law.
    Object.assign(clock, { now: () => now, wall: () => now })
    result.push(JSON.stringify(ids.map(id => store.peek(id)), (_, value) => value instanceof Map ? [...value] : value))
  }
  return result
}

it(`any order and any repeats of the same evidence give the same view (${RUNS} cases)`, async () => {
  const cases = fc.array(step, { minLength: 1, maxLength: 10 }).chain(steps => fc.tuple(
    fc.constant(steps),
    // A permutation, followed by repeats of some of it.
    fc.tuple(
      fc.shuffledSubarray(steps, { minLength: steps.length, maxLength: steps.length }),
      fc.array(fc.constantFrom(...steps), { maxLength: 4 })
    ).map(([all, repeats]) => [...all, ...repeats])
  ))
  await fc.assert(fc.asyncProperty(cases, async ([steps, shuffled]) => {
    expect(await views(shuffled)).toEqual(await views(steps))
  }), { numRuns: RUNS })
}, 600_000)
