/**
 * `npm run bench -- NAME… [--json]`: measures ours beside a baseline, alternated in one process.
 *
 * stdout holds the rows (JSON lines with `--json`, a table without), stderr the progress. Exit 1 when a row misses its
 * goal, or a goal of `goals.json` has no row.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import type { Benchmark, Row } from './harness.ts'

const names = readdirSync(new URL('suites', import.meta.url)).filter(file => file.endsWith('.ts')).map(file => file.slice(0, -3))
const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: 'boolean', default: false } } })
const unknown = positionals.filter(name => !names.includes(name))
if (positionals.length === 0 || unknown.length > 0) {
  if (unknown.length > 0) console.error(`no benchmark is named ${unknown.join(', ')}`)
  console.error(`usage: npm run bench -- NAME… [--json]\nNAME: ${names.join(', ')}`)
  process.exit(2)
}

/** Bench → metric → goal as the issues state it: a ratio to reach, or `null` where they state none. */
const goals = JSON.parse(readFileSync(new URL('goals.json', import.meta.url), 'utf8')) as Record<string, Record<string, number | null>>

let isMet = true
for (const bench of positionals) {
  const { run } = await import(`./suites/${bench}.ts`) as Benchmark
  const expected = new Map(Object.entries(goals[bench] ?? {}))
  for await (const measured of run(text => console.error(`${bench}: ${text}`))) {
    const isKnown = expected.has(measured.metric)
    const goal = expected.get(measured.metric) ?? null
    expected.delete(measured.metric)
    report({ bench, ...measured, goal, ok: isKnown && (goal == null || (measured.ratio ?? NaN) >= goal) })
  }
  for (const [metric, goal] of expected) {
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
  const beside = baseline == null ? '' : `, ${baseline} ${round(baselineValue)} ${unit}: ${round(ratio)}×`
  console.log(`${ok ? 'ok  ' : 'MISS'} ${bench} ${metric}: ${round(value)} ${unit}${beside}${goal == null ? '' : ` (goal ${goal}×)`}`)
}

function round (value: number | null): string {
  return value == null ? 'nothing' : value.toPrecision(3)
}
