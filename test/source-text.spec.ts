import { describe, expect, it } from 'vitest'
import { codeOnly, importsOf, withoutComments } from './source-text.ts'

describe('codeOnly', () => {
  it.each([
    ["a // Date.now()\nb", 'a              \nb', 'a line comment'],
    ['a /* b\n c */ d', 'a     \n      d', 'a block comment keeps its lines'],
    ["f('Date.now()')", "f('          ')", 'a string'],
    ["f('it\\'s // no comment')", "f('                   ')", 'a quote and slashes in a string'],
    ['f(`a ${b} //`)', 'f(`         `)', 'a template'],
    ["x = /'\\/[/']/g; y", "x = /        g; y", 'quotes and slashes in a regular expression'],
    ['a / b / c', 'a / b / c', 'two divisions are no regular expression'],
    ["const url = 'http://x' // see 'y'", "const url = '        '           ", 'a URL, then a comment with a quote']
  ])('makes %j into %j: %s', (source, expected) => {
    expect(codeOnly(source)).toBe(expected)
  })

  it('keeps every position', () => {
    const source = "import a from 'b' // c\n/* d */ const e = `f\n${g}` + /h/.source\n"
    expect(codeOnly(source)).toHaveLength(source.length)
    expect(withoutComments(source)).toHaveLength(source.length)
  })
})

describe('importsOf', () => {
  it.each([
    ["import a from 'x'", ['x']],
    ["import { a,\n  type B } from 'x'", ['x']],
    ["import type { A } from 'x'", ['x']],
    ["import * as a from 'x'; import 'y'", ['x', 'y']],
    ["export * from './x.ts'", ['./x.ts']],
    ["export type { A } from './x.ts'", ['./x.ts']],
    ["const a = await import('x')", ['x']],
    ["type A = import('x').A", ['x']],
    ["// import a from 'x'", []],
    ["/**\n * import a from 'x'\n */", []],
    ["export const a = 'x'", []],
    ["const text = \"see import 'x'\"", []],
    ["export function f () { return 'from' }\nconst b = 'x'", []]
  ])('finds in %j: %j', (source, expected) => {
    expect(importsOf(source)).toEqual(expected)
  })
})
