/** The orchestrator. One file a figure. */
import { run as discover } from './multi/discover.ts'
import { run as expiry } from './multi/expiry.ts'
import { run as idle } from './multi/idle.ts'
import { run as importing } from './multi/import.ts'
import { run as isolation } from './multi/isolation.ts'
import { run as pipeline } from './multi/pipeline.ts'
import type { Benchmark, BenchOptions, Result } from '../harness.ts'

const FIGURES: ReadonlyArray<Benchmark['run']> = [pipeline, isolation, discover, idle, importing, expiry]

export async function * run (progress: (text: string) => void, options: BenchOptions): AsyncGenerator<Result> {
  for (const figure of FIGURES) yield * figure(progress, options)
}
