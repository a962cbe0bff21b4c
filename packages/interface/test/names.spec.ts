import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DEFAULT_PREFIX, names, type Names } from '../src/names.ts'

const alphanumeric = fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz0123456789'.split(''))
const prefix = fc.tuple(alphanumeric, fc.string({ unit: fc.oneof(alphanumeric, fc.constant('-')), maxLength: 30 }), alphanumeric)
  .map(parts => parts.join(''))

/** Everything that goes on the wire; the prefix itself does not. */
function onTheWire ({ protocols, topics, namespaces, recordDomain, identify, ...rest }: Names): string[] {
  expect(Object.keys(rest), 'a new name belongs into this list').toEqual(['prefix'])
  return [
    ...Object.values(protocols), ...Object.values(topics), ...Object.values(namespaces),
    recordDomain, identify.protocolVersion, identify.agentVersion('1.0.0')
  ]
}

describe('names', () => {
  it('are those of the specification for the default prefix', () => {
    expect(DEFAULT_PREFIX).toBe('peerweave')
    expect(onTheWire(names())).toEqual(onTheWire(names('peerweave')))
    expect(names().protocols.exchange).toBe('/peerweave/exchange/1.0.0')
    expect(names().identify.agentVersion('0.1.0')).toBe('peerweave/0.1.0')
  })

  it('of two prefixes share nothing, so that two networks never meet', () => {
    fc.assert(fc.property(prefix, prefix, (one, other) => {
      fc.pre(one !== other)
      const shared = new Set(onTheWire(names(one)))
      expect(onTheWire(names(other)).filter(name => shared.has(name))).toEqual([])
    }))
  })

  it('of a prefix and of one that looks like its names share nothing', () => {
    for (const other of ['a-record', 'a-1', 'record', 'exchange', 'kad', 'peers']) {
      expect(onTheWire(names('a')).filter(name => onTheWire(names(other)).includes(name)), other).toEqual([])
    }
  })

  it('differ among the protocols and among the topics of one prefix', () => {
    fc.assert(fc.property(prefix, value => {
      for (const group of [Object.values(names(value).protocols), Object.values(names(value).topics)]) {
        expect(new Set(group).size).toBe(group.length)
      }
    }))
  })

  it.each([
    ['', 'empty'],
    ['a'.repeat(33), 'longer than 32'],
    ['-a', 'starts with a hyphen'],
    ['a-', 'ends with a hyphen'],
    ['-', 'only a hyphen'],
    ['Peerweave', 'upper case: DNS would not tell it from lower case'],
    ['a/b', 'a slash would make another name'],
    ['a.b', 'a dot would make another DNS label'],
    ['a b', 'a space'],
    ['a\n', 'a line break at the end'],
    ['a_b', 'an underscore'],
    ['é', 'not ASCII'],
    ['a\u202E', 'a bidirectional override']
  ])('are refused for the prefix %j: %s', value => {
    expect(() => names(value)).toThrow(/^prefix must be 1 to 32 of a-z, 0-9 and inner "-", got /)
    expect(() => names(value)).toThrow(TypeError)
  })

  it.each(['a', '0', 'a-b', 'a'.repeat(32)])('are made for the prefix %j', value => {
    expect(names(value).prefix).toBe(value)
  })
})
