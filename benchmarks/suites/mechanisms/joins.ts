/** A newcomer to a settled net: after how long, from its `start()`, does it know 20 of fifty others, and 40. */
import { median, quantile, type BenchOptions, type Result } from '../../harness.ts'
import { ours } from '../../mechanisms/ours.ts'
import { finders } from '../../mechanisms/plain.ts'
import { andBeside, row } from '../../mechanisms/rows.ts'
import { follow, openStage, settle, type Joined } from '../../mechanisms/stage.ts'
import type { Finder } from '../../mechanisms/sides.ts'

const MARKS = [20, 40]
/** ms. Who has not got there by then counts as if he had just. */
const DEADLINE = 30_000

export async function * run (progress: (text: string) => void, { full }: BenchOptions): AsyncGenerator<Result> {
  const joins = full ? 20 : 10
  // A baseline that never knows all takes its 30 s each time.
  const baselineJoins = full ? 10 : 4
  const results = new Map<Finder, Joined[]>([ours.finder, ...finders].map(side => [side, []]))
  // Each side twice, once before the others and once after them: what else the machine does falls on all.
  for (const sides of [[...results.keys()], [...results.keys()].reverse()]) {
    for (const side of sides) results.get(side)?.push(...await measure(side, (side === ours.finder ? joins : baselineJoins) / 2, progress))
  }
  const [mine, ...theirs] = [...results].map(([side, joins]) => ({ side, values: summary(joins) }))
  for (const [i, { side, values }] of theirs.entries()) {
    for (const [metric, unit] of METRICS) {
      yield row(`${metric}${andBeside(i, side.name)}`, unit, side.name, mine?.values.get(metric), values.get(metric) ?? NaN, unit === 'peers')
    }
  }
}

const METRICS = [
  ['newcomer knows 20 of 50, median', 'ms'],
  ['newcomer knows 20 of 50, worst', 'ms'],
  ['newcomer knows 40 of 50, median', 'ms'],
  ['newcomer knows 40 of 50, worst', 'ms'],
  ['newcomer knows after 30 s, median', 'peers']
] as const

async function measure (side: Finder, joins: number, progress: (text: string) => void): Promise<Joined[]> {
  progress(`${side.name}: settling …`)
  await using net = await openStage(side)
  progress(`${side.name}: settled, everybody knows ${await settle(net, side)} or more; ${joins} joins …`)
  const results: Joined[] = []
  for (let i = 0; i < joins; i++) {
    const newcomer = await net.add({ start: false })
    const joined = await follow(newcomer, side, { marks: MARKS, others: net.nodes.filter(({ isUp }) => isUp), deadline: DEADLINE })
    results.push(joined)
    const times = MARKS.map(mark => `${mark} after ${joined.times.get(mark)?.toFixed(0)} ms`).join(', ')
    progress(`${side.name}: ${times}, ${joined.known} in the end`)
    await newcomer.stop()
  }
  return results
}

function summary (joins: readonly Joined[]): Map<string, number> {
  const times = (mark: number): number[] => joins.map(({ times }) => Math.min(DEADLINE, times.get(mark) ?? DEADLINE))
  return new Map([
    ...MARKS.flatMap(mark => [
      [`newcomer knows ${mark} of 50, median`, median(times(mark))] as const,
      [`newcomer knows ${mark} of 50, worst`, quantile(times(mark), 1)] as const
    ]),
    ['newcomer knows after 30 s, median', median(joins.map(({ known }) => known))]
  ])
}
