/** What a browser loads: the package's entry and `./browser`, with all that they import of ours. */
import { existsSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { posix } from 'node:path'
import { expect, it } from 'vitest'
import { importsOf, read, root } from '../../../../test/source-text.ts'

/** Every file of ours that the entry loads, with the packages that they import. */
function loadedBy (entry: string, seen = new Map<string, string[]>()): Map<string, string[]> {
  if (seen.has(entry)) return seen
  const specifiers = importsOf(read(entry))
  seen.set(entry, specifiers.filter(specifier => !specifier.startsWith('.')))
  for (const specifier of specifiers) {
    const ours = /^@peerweave\/([^/]+)$/.exec(specifier)?.[1]
    if (specifier.startsWith('.')) loadedBy(posix.join(posix.dirname(entry), specifier), seen)
    else if (ours != null && existsSync(`${root}/packages/${ours}`)) loadedBy(`packages/${ours}/src/index.ts`, seen)
  }
  return seen
}

it.each(['index', 'browser'])('%s.ts brings nothing of Node, nor LevelDB, into a browser', entry => {
  const loaded = loadedBy(`packages/peer-store/src/${entry}.ts`)
  expect(loaded.size).toBeGreaterThan(5)
  const isWrong = (name: string): boolean => isBuiltin(name) || name === 'level'
  const wrong = [...loaded].flatMap(([file, packages]) => packages.filter(isWrong).map(name => `${file}: ${name}`))
  expect(wrong).toEqual([])
})

it('node.ts does, so that what is looked for here would be found', () => {
  const packages = [...loadedBy('packages/peer-store/src/node.ts').values()].flat()
  expect(packages).toEqual(expect.arrayContaining(['node:fs/promises', 'level']))
})
