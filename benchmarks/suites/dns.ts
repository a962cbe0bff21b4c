/** The DNS mechanism's client beside the platform's resolver, and beside dns2, whose codec it uses. One file a figure. */
import { run as concurrent } from './dns/concurrent.ts'
import { run as hostile } from './dns/hostile.ts'
import { run as srv } from './dns/srv.ts'
import type { Benchmark, BenchOptions, Result } from '../harness.ts'

const FIGURES: ReadonlyArray<Benchmark['run']> = [srv, concurrent, hostile]

export async function * run (progress: (text: string) => void, options: BenchOptions): AsyncGenerator<Result> {
  for (const figure of FIGURES) yield * figure(progress, options)
}
