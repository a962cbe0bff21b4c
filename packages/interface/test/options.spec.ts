import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { knownOptions, numberOption, show } from '../src/options.ts'

describe('numberOption', () => {
  it('gives the fallback only when the option was left out', () => {
    expect(numberOption('alpha', undefined, 3)).toBe(3)
    expect(numberOption('alpha', 0, 3)).toBe(0)
  })

  it.each([
    ['nine', 'number from 1 to 8, got "nine"'],
    [null, 'number from 1 to 8, got null'],
    [NaN, 'number from 1 to 8, got NaN'],
    [0, 'number from 1 to 8, got 0'],
    [9, 'number from 1 to 8, got 9'],
    [Infinity, 'number from 1 to 8, got Infinity'],
    [-Infinity, 'number from 1 to 8, got -Infinity'],
    [3n, 'number from 1 to 8, got 3'],
    [{}, 'number from 1 to 8, got [object Object]'],
    [Object.create(null), 'number from 1 to 8, got a object']
  ])('refuses %o with the option, its bounds and the value', (value, message) => {
    const wrong = (): number => numberOption('alpha', value as number, 3, { min: 1, max: 8 })
    expect(wrong).toThrow(TypeError)
    expect(wrong).toThrow(`alpha must be a ${message}`)
  })

  it('takes whole numbers only where it is told to, and says so', () => {
    expect(numberOption('k', 20, 3, { integer: true })).toBe(20)
    expect(() => numberOption('k', 2.5, 3, { integer: true })).toThrow('k must be a whole number from 0 to 9007199254740991, got 2.5')
  })

  it('takes Infinity only where it is a bound', () => {
    expect(numberOption('timeout', Infinity, 3, { max: Infinity })).toBe(Infinity)
    expect(numberOption('timeout', Infinity, 3, { max: Infinity, integer: true })).toBe(Infinity)
    expect(() => numberOption('timeout', Infinity, 3)).toThrow(TypeError)
  })

  it('gives every number within its bounds as it is and no other', () => {
    fc.assert(fc.property(fc.double(), fc.integer(), fc.nat(), (value, min, span) => {
      const option = (): number => numberOption('x', value, 0, { min, max: min + span })
      if (value >= min && value <= min + span) expect(option()).toBe(value)
      else expect(option).toThrow(TypeError)
    }))
  })
})

describe('knownOptions', () => {
  it('names the owner, the wrong key and the right ones', () => {
    expect(() => knownOptions('mdns', { intervall: 1 }, ['interval', 'port']))
      .toThrow(new TypeError('mdns has no option "intervall"; it knows interval, port'))
  })

  it('lets known keys pass, also unset ones', () => {
    knownOptions('mdns', { port: undefined }, ['interval', 'port'])
    knownOptions('mdns', {}, [])
  })
})

describe('show', () => {
  it('puts a text into quotes on one line', () => {
    expect(show('a\n"b"\u202E')).toBe('"a\\n\\"b\\"\\u{202e}"')
  })

  it('is bounded and never throws', () => {
    const cyclic: unknown[] = []
    cyclic.push(cyclic)
    for (const value of ['x'.repeat(1_000_000), cyclic, Symbol('s'), Object.create(null), { toString () { throw new Error('no') } }]) {
      expect(show(value).length).toBeLessThanOrEqual(512)
    }
  })
})
