/** Bootstrap, DHT and gossip in nets of fifty real nodes, beside libp2p's own modules. One file a figure. */
import { run as cost } from './mechanisms/cost.ts'
import { run as gossip } from './mechanisms/gossip.ts'
import { run as joins } from './mechanisms/joins.ts'
import { run as provide } from './mechanisms/provide.ts'
import { run as republish } from './mechanisms/republish.ts'
import { run as restart } from './mechanisms/restart.ts'
import { run as together } from './mechanisms/together.ts'
import type { Benchmark, BenchOptions, Result } from '../harness.ts'

const FIGURES: ReadonlyArray<Benchmark['run']> = [joins, together, restart, gossip, provide, republish, cost]

export async function * run (progress: (text: string) => void, options: BenchOptions): AsyncGenerator<Result> {
  for (const figure of FIGURES) yield * figure(progress, options)
}
