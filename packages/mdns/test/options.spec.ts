import { describe, expect, it } from 'vitest'
import { mdns, type MdnsOptions } from '../src/index.ts'
import { randomPeerName } from '../src/peer-name.ts'

describe('options', () => {
  it.each<[string, object]>([
    ['serviceTag', { serviceTag: '' }],
    ['serviceTag', { serviceTag: 'a..local' }],
    ['serviceTag', { serviceTag: `${'a'.repeat(64)}.local` }],
    ['serviceTag', { serviceTag: Array.from({ length: 100 }, () => 'ab').join('.') }],
    ['ttl', { ttl: 4_500_001 }],
    ['name', { name: 'lan/mdns' }],
    ['port', { port: 0 }],
    ['port', { port: 65_536 }],
    ['port', { port: 53.53 }],
    ['ttl', { ttl: 999 }],
    ['ttl', { ttl: Number.NaN }],
    ['peerName', { peerName: '' }],
    ['peerName', { peerName: 'a.b' }],
    ['peerName', { peerName: 'a'.repeat(64) }],
    ['queryWindow', { queryWindow: 0 }],
    ['interfaces', { interfaces: 'eth0' }],
    ['interfaces', { interfaces: [7] }],
    ['interfaces', { interfaces: ['a*b*'] }],
    ['excludeInterfaces', { excludeInterfaces: [''] }],
    ['excludeInterfaces', { excludeInterfaces: 7 }],
    ['families', { families: [] }],
    ['families', { families: ['IPv5'] }],
    ['libp2p', { libp2p: 1 }],
    ['libp2p', { libp2p: false }],
    ['privateNetwork', { privateNetwork: 'abc' }],
    ['privateNetwork', { privateNetwork: 'ab'.repeat(16), serviceTag: '_x._udp.local' }],
    ['service.type', { service: {} }],
    ['service.type', { service: { type: 'olocus' } }],
    ['service.type', { service: { type: '_olocus._tcp', domain: '' } }],
    ['service.name', { service: { type: '_olocus._tcp', name: 'a.b' } }],
    ['service.host', { service: { type: '_olocus._tcp', host: 'a.b' } }],
    ['service.port', { service: { type: '_olocus._tcp', port: 0 } }],
    ['service.subtypes', { service: { type: '_olocus._tcp', subtypes: 'a' } }],
    ['service.protocols', { service: { type: '_olocus._tcp', protocols: [''] } }],
    ['service.text', { service: { type: '_olocus._tcp', text: { a: 1 } } }],
    ['service.text', { service: { type: '_olocus._tcp', text: new Map([['a', 'b']]) } }],
    ['service.text', { service: { type: '_olocus._tcp', text: ['a=b'] } }],
    ['another type', { service: { type: '_p2p._udp' } }],
    ['nmae', { service: { type: '_olocus._tcp', nmae: 'x' } }],
    ['broadcast', { broadcast: 'no' }],
    ['intervall', { intervall: 1 }]
  ])('a wrong %s is a TypeError that names it, before anything is built: %o', (name, options) => {
    expect(() => mdns(options as MdnsOptions)).toThrow(TypeError)
    expect(() => mdns(options as MdnsOptions)).toThrow(name)
  })

  it('take the longest peer name and the shortest TTL', () => {
    expect(() => mdns({ peerName: 'a'.repeat(63), ttl: 1_000, port: 65_535, serviceTag: '_x._udp.local' })).not.toThrow()
  })

  it('give a peer name of 32 characters that is another one each time', () => {
    const names = Array.from({ length: 100 }, () => randomPeerName())
    for (const name of names) expect(name).toMatch(/^[a-z2-7]{32}$/)
    expect(new Set(names).size).toBe(100)
  })
})
