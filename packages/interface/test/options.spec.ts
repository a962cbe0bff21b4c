import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { knownOptions, nameOption, numberOption, show } from '../src/options.ts'

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
    [{}, 'number from 1 to 8, got {}'],
    [Object.create(null), 'number from 1 to 8, got an object']
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

  it.each([
    [null, 'null'],
    [undefined, 'undefined'],
    ['eth0', '"eth0"'],
    [[], '[]'],
    [['eth0'], 'an array of 1'],
    [() => {}, 'a function']
  ])('refuses %o: no object of options', (options, shown) => {
    expect(() => knownOptions('mdns', options as object, ['port'])).toThrow(new TypeError(`mdns takes an object of options, got ${shown}`))
  })

  const components = new Proxy({ components: { logger: {} } }, {
    get (_, name) { throw new Error(`${String(name)} not set`) }
  })
  it.each([
    ['a mechanism context', { ports: {}, records: {}, logger: {} }],
    ['the components of libp2p, which throw on every name', components]
  ])('tells a factory that got %s that it was not called', (_, given) => {
    expect(() => knownOptions('mdns', given, ['interval', 'port'])).toThrow(TypeError)
    expect(() => knownOptions('mdns', given, ['interval', 'port'])).toThrow('call it first: `mdns()`, not `mdns`')
  })

  it('lets an option of the same name as a part pass where it is known', () => {
    knownOptions('scan', { ports: [4001] }, ['ports'])
  })
})

describe('nameOption', () => {
  it('gives the fallback only when the option was left out', () => {
    expect(nameOption('name', undefined, 'mdns')).toBe('mdns')
    expect(nameOption('name', 'lan_2.eth-0', 'mdns')).toBe('lan_2.eth-0')
    expect(nameOption('name', 'x'.repeat(64), 'mdns')).toHaveLength(64)
  })

  it.each([
    ['', '""'],
    ['x'.repeat(65), `"${'x'.repeat(65)}"`],
    ['home/mdns', '"home/mdns"'], // a path of nested mechanisms has one meaning
    ['two words', '"two words"'],
    ['mdns\n', '"mdns\\n"'],
    ['mḋns', '"mḋns"'],
    [null, 'null'],
    [7, '7'],
    [['mdns'], 'an array of 1'] // its text would pass
  ])('refuses %o', (value, shown) => {
    const wrong = (): string => nameOption('name', value as string, 'mdns')
    expect(wrong).toThrow(new TypeError(`name must be 1 to 64 letters, digits, ".", "_" or "-", got ${shown}`))
  })
})

describe('show', () => {
  it('puts a text into quotes on one line', () => {
    expect(show('a\n"b"\u202E')).toBe('"a\\n\\"b\\"\\u{202e}"')
  })

  it.each([
    [[], '[]'],
    [[1, 2], 'an array of 2'],
    [{}, '{}'],
    [{ port: 1, ttl: 2 }, 'an object with port, ttl'],
    [{ a: 1, b: 1, c: 1, d: 1, e: 1, f: 1, g: 1, h: 1, i: 1 }, 'an object with a, b, c, d, e, f, g, h, …'],
    [show, 'the function show'],
    [new Date(NaN), 'Invalid Date'],
    [Object.create(null), 'an object']
  ])('says what %o is', (value, shown) => {
    expect(show(value)).toBe(shown)
  })

  it('is bounded and never throws', () => {
    const cyclic: unknown[] = []
    cyclic.push(cyclic)
    for (const value of ['x'.repeat(1_000_000), cyclic, Symbol('s'), Object.create(null), { toString () { throw new Error('no') } }]) {
      expect(show(value).length).toBeLessThanOrEqual(512)
    }
  })
})
