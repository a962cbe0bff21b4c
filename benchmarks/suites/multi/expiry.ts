/**
 * Whom to offer: those in whom the store's confidence is above a bar, beside those heard of or seen within a fixed time,
 * where both miss as many of the peers that are there. The bar and the time are the best ones for each row, in
 * hindsight. Stale are offers of peers that are gone, in per cent of the peers that are there and were dialled, or heard of
 * by a record of their own, within 24 h; missed are those of the latter that are not offered.
 *
 * The seeds, and the peers of the traces, are others than those that confidence was tuned on.
 */
import { TRACES, type TraceName } from '@peerweave/simulator'
import { runWorld, type Half } from '../../multi/expiry-world.ts'
import { Offers } from '../../multi/offers.ts'
import type { BenchOptions, Measured } from '../../harness.ts'

const SEEDS = Array.from({ length: 20 }, (_, i) => 101 + i)
const PEERS = { quick: 250, full: 500 }
const MISSED = [0.01, 0.02, 0.05, 0.1]
const BASELINE = 'TTL, best in hindsight'

export interface Policies {
  readonly ours: Offers
  readonly ttl: Offers
}

export async function * run (progress: (text: string) => void, { full }: BenchOptions): AsyncGenerator<Measured> {
  const ratios: number[][] = []
  for (const trace of TRACES) {
    progress(`expiry, ${trace}, ${SEEDS.length} seeds …`)
    const { ours, ttl } = await compared(trace, { seeds: SEEDS, half: 'held-out', peers: full ? PEERS.full : PEERS.quick })
    const ofTrace: number[] = []
    for (const missed of MISSED) {
      const [value, baselineValue] = [100 * ours.staleAt(missed), 100 * ttl.staleAt(missed)]
      // Below one in a million neither has any.
      ofTrace.push((value + 1e-6) / (baselineValue + 1e-6))
      yield {
        metric: `expiry, ${trace}, stale at ${100 * missed} % missed`, value, unit: '%', baseline: BASELINE, baselineValue, ratio: baselineValue / value
      }
    }
    ratios.push(ofTrace)
  }
  // What cannot be had is no less, and a loss without bound.
  const won = ratios.filter(ofTrace => ofTrace.every(ratio => ratio < 1)).length
  yield {
    metric: 'expiry, traces on which ours has fewer stale (of 5)', value: won, unit: 'traces', baseline: 'all', baselineValue: TRACES.length,
    ratio: won / TRACES.length
  }
  const worst = Math.max(...ratios.flat().map(ratio => Number.isNaN(ratio) ? Infinity : ratio))
  yield { metric: 'expiry, worst ratio to TTL', value: worst, unit: '×', baseline: null, baselineValue: null, ratio: null }
}

export async function compared (
  trace: TraceName, { seeds, half, peers }: { seeds: readonly number[], half: Half, peers: number }
): Promise<Policies> {
  const policies: Policies = { ours: new Offers(), ttl: new Offers() }
  for (const seed of seeds) {
    await runWorld({ trace, seed, peers, half }, ({ observer, peer, isThere }) => {
      const scores = [[policies.ours, observer.byConfidence(peer)], [policies.ttl, observer.byAge(peer)]] as const
      for (const [offers, score] of scores) {
        if (!isThere) offers.gone(score)
        else if (observer.isProven(peer)) offers.there(score)
      }
    })
  }
  return policies
}
