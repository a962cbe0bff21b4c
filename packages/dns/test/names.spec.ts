/** Which names can be asked for, and how they are compared. */
import { InvalidDnsRecordError } from '@peerweave/interface'
import { describe, expect, it } from 'vitest'
import { askableName, domainOf, isAskable, isWithin, plainName } from '../src/names.ts'

describe('a name to be asked for', () => {
  it.each([
    ['', 'ASCII'], ['.', 'label'], ['..', 'label'], ['a..b', 'label'], ['a..', 'label'], ['.a', 'label'], [`${'a'.repeat(64)}.b`, 'label'],
    ['münchen.test', 'xn--'], ['a b.test', 'xn--'], ['a\\.b.test', 'xn--'], ['a\n.test', 'xn--'], ['a.test\n', 'xn--'], [`${'a.'.repeat(126)}ab`, '253']
  ])('is not %j, and the error says what is wrong', (name, fault) => {
    expect(() => askableName(name)).toThrow(InvalidDnsRecordError)
    expect(() => askableName(name)).toThrow(fault)
    expect(isAskable(plainName(name))).toBe(false)
  })

  it.each([
    ['Example.Test.', 'example.test'], ['_X._Tcp.a', '_x._tcp.a'], ['*.a!', '*.a!'],
    ['a.'.repeat(127), `${'a.'.repeat(126)}a`], [`${'a'.repeat(63)}.b`, `${'a'.repeat(63)}.b`]
  ])('%j is one, as %j', (name, asked) => {
    expect(askableName(name)).toBe(asked)
    expect(plainName(name)).toBe(asked)
    expect(isAskable(asked)).toBe(true)
  })
})

it('a name is compared in lower case, of ASCII alone, and the root stays', () => {
  expect(['.', '', 'Ä.B.', 'b..'].map(plainName)).toEqual(['.', '', 'Ä.b', 'b.'])
})

it('the domain of a name follows its labels with an underscore', () => {
  expect(['_x._tcp.a.b', '_dnsaddr.a', 'a._b.c', '_a'].map(domainOf)).toEqual(['a.b', 'a', 'a._b.c', '_a'])
})

it('what ends alike is in a domain only from a dot on', () => {
  expect(['a.b', 'x.a.b', 'xa.b', 'b'].map(name => isWithin(name, 'a.b'))).toEqual([true, true, false, false])
})
