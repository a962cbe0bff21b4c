import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { clauses } from '../src/index.ts'

it('the README lists every clause, in order, as the code has it', async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  const rows = readme.split('\n').filter(line => /^\| `[a-z-]+` \| .* \| .* \|$/.test(line) && !line.includes('supports.'))
  const code = (text: string): string => `\`${text}\``
  expect(rows).toEqual(clauses.map(({ id, sentence, needs }) => `| ${code(id)} | ${sentence} | ${needs.map(code).join(', ')} |`))
})
