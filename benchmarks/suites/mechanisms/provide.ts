/** A node provides a namespace in a DHT of fifty, then another looks for it: how long does each take. */
import { seededRng } from '@peerweave/interface'
import { quantile, type BenchOptions, type Result } from '../../harness.ts'
import { ours } from '../../mechanisms/ours.ts'
import { provider } from '../../mechanisms/plain.ts'
import { row } from '../../mechanisms/rows.ts'
import { openStage } from '../../mechanisms/stage.ts'
import type { Provider } from '../../mechanisms/sides.ts'

/** ms. */
const PATIENCE = 30_000

export async function * run (progress: (text: string) => void, { full }: BenchOptions): AsyncGenerator<Result> {
  const namespaces = full ? 100 : 30
  const mine = await measure(ours.provider, namespaces, progress)
  const theirs = await measure(provider, namespaces, progress)
  for (const [metric, value] of theirs) yield row(metric, 'ms', provider.name, mine.get(metric), value)
}

async function measure (side: Provider, namespaces: number, progress: (text: string) => void): Promise<Map<string, number>> {
  progress(`${side.name}: settling …`)
  await using net = await openStage(side)
  await side.ready(net.nodes)
  progress(`${side.name}: ${namespaces} namespaces …`)
  const rng = seededRng(1)
  const stored: number[] = []
  const found: number[] = []
  for (let i = 0; i < namespaces; i++) {
    const from = rng.int(net.nodes.length)
    const to = (from + 1 + rng.int(net.nodes.length - 1)) % net.nodes.length
    const namespace = `bench-${i}`
    const began = performance.now()
    await side.provide(net.node(from), namespace)
    const between = performance.now()
    stored.push(between - began)
    const signal = AbortSignal.timeout(PATIENCE)
    const isFound = await side.find(net.node(to), namespace, net.node(from).peerId.toString(), signal)
      .then(() => !signal.aborted, () => false)
    found.push(isFound ? performance.now() - between : Infinity)
  }
  const both = stored.map((time, i) => time + (found[i] ?? Infinity))
  const all = { 'namespace is provided': stored, 'provider is found': found, 'from providing to being found': both }
  const values = new Map(Object.entries(all).flatMap(([name, times]) => {
    return [0.5, 0.95].map(share => [`${name}, p${share * 100}`, quantile(times, share)] as const)
  }))
  progress(`${side.name}: ${[...values].map(([metric, value]) => `${metric} ${value.toFixed(0)}`).join('; ')}`)
  return values
}
