import { describe, expect, it } from 'vitest'
import { lowerName } from '@peerweave/interface'
import { instanceLabel, isAskable, serviceName, subtypeLabel } from '../src/service-name.ts'

describe('a service name', () => {
  it('is lower case, has its parts, and no dot at its end', () => {
    expect(serviceName('service', '_Olocus._TCP', 'Local.')).toEqual(
      { fqdn: '_olocus._tcp.local', type: '_olocus._tcp', domain: 'local', transport: 'tcp' }
    )
    expect(serviceName('service', '_p2p._udp', 'lan.example').transport).toBe('udp')
  })

  it.each(['_a._tcp', '_1a-2-b3._udp', `_${'a'.repeat(15)}._tcp`])('may have the type %s', type => {
    expect(serviceName('service', type, 'local').type).toBe(type)
  })

  it.each([
    'olocus._tcp', '_olocus', '_olocus._sctp', '_olocus._tcp.local', '__tcp', '_._tcp', '_123._tcp', '_-a._tcp', '_a-._tcp', '_a--b._tcp',
    '_a_b._tcp', `_${'a'.repeat(16)}._tcp`, '_olocus._tcp ', '_ölocus._tcp', '', 7, undefined
  ])('refuses the type %j', type => {
    expect(() => serviceName('service', type, 'local')).toThrow(/^service must be "_name\._tcp" or .*got /)
  })

  it.each(['', '.', 'a..b', '-a', 'a b', 'ä', 'a'.repeat(64), 'a.'.repeat(90), null])('refuses the domain %j', domain => {
    expect(() => serviceName('service', '_olocus._tcp', domain)).toThrow(/^the domain of service must be .*got /)
  })

  it('leaves room for a subtype within 255 bytes', () => {
    const domain = `${'a.'.repeat(85)}a`
    const { fqdn } = serviceName('service', '_olocus._tcp', domain)
    expect(fqdn.length).toBe(184)
    // A length byte for each label, and the root's.
    expect(`${'x'.repeat(63)}._sub.${fqdn}`.length + 2).toBe(255)
    expect(() => serviceName('service', '_olocus._tcp', `${domain}a`)).toThrow(TypeError)
  })
})

describe('a label', () => {
  it.each(['My Printer (3rd floor)', 'é'.repeat(31), 'a'.repeat(63), '日本'])('may be %s', text => {
    expect(instanceLabel('instance', text)).toBe(text)
  })

  it.each(['', 'a.b', 'a\nb', '\u007f', 'a'.repeat(64), 'é'.repeat(32), '\ud800', 1, undefined])('may not be %j', text => {
    expect(() => instanceLabel('instance', text)).toThrow(/^instance must be 1 to 63 bytes .*dns-packet.*got /)
    expect(() => subtypeLabel('subtype', text)).toThrow(/^subtype must be/)
  })

  it('is put into the normal form', () => {
    expect(instanceLabel('instance', 'e\u0301')).toBe('é')
  })

  it('of a subtype is lower case', () => {
    expect(subtypeLabel('subtype', '_Printer')).toBe('_printer')
  })
})

describe('a name that was heard', () => {
  it('loses the case of ASCII letters only', () => {
    expect(lowerName('AbC.Ä\u212a')).toBe('abc.Ä\u212a')
  })

  it.each([
    ['host.local', true], ['vm', true], ['a b._x._tcp.local', true],
    ['a..b', false], ['', false], ['a\ufffd.local', false], ['a\n.local', false],
    [`${'é'.repeat(32)}.local`, false], ['a.'.repeat(127), false]
  ])('%j can be asked for: %s', (name, can) => {
    expect(isAskable(name)).toBe(can)
  })
})
