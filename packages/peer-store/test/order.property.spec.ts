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

const RUNS = { ci: 10_000, long: 100_000 }[process.env.PEERWEAVE_TIER ?? ''] ?? 2_000
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

interface Hold {
  /** Seconds. */
  readonly at: number
  readonly for: number
}

/** When a step is said, in seconds. */
function saidAt (step: Step): number {
  return (step.kind === 'claim' ? step.evidence.observedAt : step.at) / SECOND
}

/**
 * The view after all steps, as text, at several later times. Everything arrives at one moment, within R of each `at`; with
 * holds, what was said before one arrives before or after it, as `isEarly` says.
 */
async function views (steps: Step[], holds: readonly Hold[] = [], isEarly: (step: Step, i: number) => boolean = () => false): Promise<string[]> {
  const clock = virtualClock({ now: 16 * SECOND, wall: 16 * SECOND })
  const store = memoryPeerStore({ clock, hashKey: new Uint8Array(8) })
  // The clock is moved by hand: advancing it 40,000 times would cost more than the law.
  const move = (seconds: number): void => { Object.assign(clock, { now: () => seconds * SECOND, wall: () => seconds * SECOND }) }
  const take = async (step: Step): Promise<void> => {
    if (step.kind === 'claim') await store.addPeer(step.evidence)
    else await store.withdraw(step.peerId, step.from, step.at, step.addresses?.map(text => multiaddr(text)))
  }
  const left = new Set(steps.keys())
  for (const hold of holds) {
    move(hold.at)
    for (const [i, step] of steps.entries()) if (saidAt(step) <= hold.at && isEarly(step, i) && left.delete(i)) await take(step)
    store.hold(hold.for * SECOND)
  }
  move(16)
  for (const i of left) await take(steps[i] as Step)
  const result: string[] = []
  for (const later of [0, 3, 6, 10]) {
    move(16 + later)
    const text = JSON.stringify(ids.map(id => store.peek(id)), (_, value) => value instanceof Map ? [...value] : value)
    // When something first came of a peer is history, so it is compared only where all comes at once. Over holds times have
    // a fraction, and the last bit of a confidence depends on when it was asked for first.
    result.push(holds.length === 0 ? text : text.replaceAll(/"firstSeen":[\d.]+/g, '').replaceAll(/\d+\.\d{6,}/g, number => Number(number).toFixed(6)))
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

it(`so it is with holds in between, wherever they come in the order (${RUNS} cases)`, async () => {
  const holds = fc.uniqueArray(fc.record({ at: fc.integer({ min: 1, max: 15 }), for: fc.integer({ min: 1, max: 6 }) }), {
    minLength: 1, maxLength: 3, selector: ({ at }) => at
  }).map(list => list.sort((a, b) => a.at - b.at)
    // No time is held twice: that would press its stamps until two are one.
    .map((hold, i) => ({ at: hold.at, for: Math.min(hold.for, hold.at - (list[i - 1]?.at ?? 0)) })))
  const cases = fc.tuple(fc.array(step, { minLength: 1, maxLength: 10 }), holds).chain(([steps, holds]) => fc.tuple(
    fc.constant(steps),
    fc.shuffledSubarray(steps, { minLength: steps.length, maxLength: steps.length }),
    fc.constant(holds),
    fc.infiniteStream(fc.boolean())
  ))
  await fc.assert(fc.asyncProperty(cases, async ([steps, shuffled, holds, early]) => {
    const order = Array.from({ length: steps.length }, () => early.next().value as boolean)
    expect(await views(shuffled, holds, (_, i) => order[i] === true)).toEqual(await views(steps, holds))
  }), { numRuns: RUNS })
}, 600_000)
