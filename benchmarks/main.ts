/**
 * `npm run bench -- NAME… [--full] [--json]`: measures ours beside a baseline, alternated in one process.
 *
 * stdout holds the rows (JSON lines with `--json`, a table without), stderr the progress. Exit 1 when a row misses its
 * goal, or a goal of `goals.json` has no row; what this machine cannot measure is skipped with the reason. `NAME/PART`
 * measures one part of a benchmark.
 */
import { readdirSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { describeGoal, goalsOf, isOnlyInFull, isReached, type Goal } from './goals.ts'
import type { Benchmark, Measured } from './harness.ts'

interface Row extends Measured {
  bench: string
  goal: Goal
  ok: boolean
}

const names = readdirSync(new URL('suites', import.meta.url), { recursive: true, encoding: 'utf8' })
  .filter(file => file.endsWith('.ts')).map(file => file.slice(0, -3).replaceAll('\\', '/')).sort()
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false }, full: { type: 'boolean', default: false } }
})
const unknown = positionals.filter(name => !names.includes(name))
if (positionals.length === 0 || unknown.length > 0) {
  if (unknown.length > 0) console.error(`no benchmark is named ${unknown.join(', ')}`)
  console.error(`usage: npm run bench -- NAME… [--full] [--json]\nNAME: ${names.join(', ')}`)
  process.exit(2)
}

let isMet = true
for (const name of positionals) {
  const { run } = await import(`./suites/${name}.ts`) as Benchmark
  const [bench = name, part] = name.split('/')
  const expected = new Map(goalsOf(bench))
  for await (const result of run(text => console.error(`${name}: ${text}`), { full: values.full })) {
    const isKnown = expected.has(result.metric)
    const goal = expected.get(result.metric) ?? null
    expected.delete(result.metric)
    if ('skipped' in result) console.log(values.json ? JSON.stringify({ bench, ...result }) : `skip ${bench} ${result.metric}: ${result.skipped}`)
    else report({ bench, ...result, goal, ok: isKnown && isReached(goal, result) })
  }
  // What the other parts measure is not missing.
  if (part != null) continue
  for (const [metric, goal] of expected) {
    if (!values.full && isOnlyInFull(goal)) continue
    report({ bench, metric, value: null, unit: '', baseline: null, baselineValue: null, ratio: null, goal, ok: false })
  }
}
process.exit(isMet ? 0 : 1)

function report (row: Row): void {
  isMet &&= row.ok
  if (values.json) {
    console.log(JSON.stringify(row))
    return
  }
  const { bench, metric, value, unit, baseline, baselineValue, ratio, goal, ok } = row
  const compared = baseline == null ? '' : `, ${baseline} ${round(baselineValue)} ${unit}: ${round(ratio)}×`
  console.log(`${ok ? 'ok  ' : 'MISS'} ${bench} ${metric}: ${round(value)} ${unit}${compared}${describeGoal(goal)}`)
}

function round (value: number | null): string {
  if (value == null) return 'nothing'
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3)
}
