/**
 * The mDNS mechanism beside `@libp2p/mdns`, each peer in a process of its own on a host of its own (a network namespace
 * on a bridge). One file a figure.
 */
import { run as hostile } from './mdns/hostile.ts'
import { run as joins } from './mdns/joins.ts'
import { run as loss } from './mdns/loss.ts'
import { run as steady } from './mdns/steady.ts'
import type { Benchmark, BenchOptions, Result } from '../harness.ts'

const FIGURES: ReadonlyArray<Benchmark['run']> = [joins, loss, steady, hostile]

export async function * run (progress: (text: string) => void, options: BenchOptions): AsyncGenerator<Result> {
  for (const figure of FIGURES) yield * figure(progress, options)
}
