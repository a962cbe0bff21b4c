/** Every figure of the peer store but those of its index alone, which are in `xor-index`. One file a figure. */
import { run as closest } from './peer-store/closest.ts'
import { run as expiry } from './peer-store/expiry.ts'
import { run as flush } from './peer-store/flush.ts'
import { run as memory } from './peer-store/memory.ts'
import { run as merge } from './peer-store/merge.ts'
import { run as open } from './peer-store/open.ts'
import { run as reads } from './peer-store/reads.ts'
import { run as refresh } from './peer-store/refresh.ts'
import type { Benchmark, BenchOptions, Result } from '../harness.ts'

const FIGURES: ReadonlyArray<Benchmark['run']> = [merge, flush, reads, closest, refresh, expiry, memory, open]

export async function * run (progress: (text: string) => void, options: BenchOptions): AsyncGenerator<Result> {
  for (const figure of FIGURES) yield * figure(progress, options)
}
