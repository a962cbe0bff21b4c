/** Fifty nodes that start in the same moment, where one is up: after how long does each know 20 others, 40, and all. */
import { median, type BenchOptions, type Result } from '../../harness.ts'
import { ours } from '../../mechanisms/ours.ts'
import { finders } from '../../mechanisms/plain.ts'
import { andBeside, row } from '../../mechanisms/rows.ts'
import { follow, NODES, openStage, SEEDS } from '../../mechanisms/stage.ts'
import type { Finder } from '../../mechanisms/sides.ts'

/** ms. Who has not got there by then counts as if he had just. */
const DEADLINE = 30_000
const ALL = NODES + SEEDS - 1

export async function * run (progress: (text: string) => void, { full }: BenchOptions): AsyncGenerator<Result> {
  const rounds = full ? 5 : 3
  const runs = new Map<Finder, Array<Map<string, number>>>([ours.finder, ...finders].map(side => [side, []]))
  for (let i = 0; i < rounds; i++) {
    for (const [side, values] of runs) values.push(await measure(side, 1 + i, progress))
  }
  const [mine, ...theirs] = [...runs].map(([side, values]) => ({ side, of: (metric: string) => median(values.map(run => run.get(metric) ?? NaN)) }))
  for (const [i, { side, of }] of theirs.entries()) {
    for (const [metric, unit] of METRICS) {
      yield row(`${metric}${andBeside(i, side.name)}`, unit, side.name, mine?.of(metric), of(metric), unit === 'peers')
    }
  }
}

const METRICS = [
  ['50 at once, the median node knows 20', 'ms'],
  ['50 at once, the median node knows 40', 'ms'],
  ['50 at once, the last node knows 40', 'ms'],
  ['50 at once, all know all', 'ms'],
  ['50 at once, the least knowing knows after 30 s', 'peers']
] as const

async function measure (side: Finder, seed: number, progress: (text: string) => void): Promise<Map<string, number>> {
  await using net = await openStage(side, { nodes: SEEDS, seed })
  const newcomers = []
  for (let n = 0; n < NODES; n++) newcomers.push(await net.add({ start: false }))
  progress(`${side.name}: ${NODES} at once …`)
  const joined = await Promise.all(newcomers.map(async node => {
    return await follow(node, side, { marks: [20, 40, ALL], others: net.nodes.filter(other => other !== node), deadline: DEADLINE })
  }))
  const times = (mark: number): number[] => joined.map(({ times }) => Math.min(DEADLINE, times.get(mark) ?? DEADLINE))
  const values = new Map<string, number>([
    [METRICS[0][0], median(times(20))],
    [METRICS[1][0], median(times(40))],
    [METRICS[2][0], Math.max(...times(40))],
    [METRICS[3][0], Math.max(...times(ALL))],
    [METRICS[4][0], Math.min(...joined.map(({ known }) => known))]
  ])
  progress(`${side.name}: ${[...values].map(([metric, value]) => `${metric} ${value.toFixed(0)}`).join('; ')}`)
  return values
}
