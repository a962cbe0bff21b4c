import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { clauses, storeClauses } from '../src/index.ts'

it.each([
  ['mechanism', clauses],
  ['peer store', storeClauses]
])('the README lists every clause of the %s contract, in order, as the code has it', async (what, expected) => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  const [, table = ''] = readme.split(`| id | what a ${what} owes | needs |\n|---|---|---|\n`)
  const code = (text: string): string => `\`${text}\``
  const rows = expected.map(({ id, sentence, needs }) => `| ${code(id)} | ${sentence} | ${needs.map(code).join(', ')} |`)
  expect(table.split('\n\n', 1)[0]?.split('\n')).toEqual(rows)
})
