/** Options that are wrong: said at once, naming the option, and nothing that is secret. */
import { describe, expect, it } from 'vitest'
import { createPeer } from './support/mechanism.ts'
import { dns, publish, zone } from '../src/index.ts'

const SECRET = 'c2VjcmV0IG9mIHRoaXJ0eS10d28gYnl0ZXMsIG9yIHNvLi4='

function announcing (announce: object): unknown {
  return dns({ domains: [], announce: { zone: 'example.test', service: '_olocus._tcp', servers: ['127.0.0.1:53'], ...announce } })
}

describe('options of dns', () => {
  it.each([
    `hmac-sha256:upd-key:${SECRET}`, [SECRET], { name: 'upd-key', secret: SECRET, algorithm: 'md5' }, { name: '', secret: SECRET },
    { name: 'upd-key', secret: `${SECRET} ` }, { name: 'upd-key', secret: SECRET, more: 1 }, null, SECRET
  ])('never show a secret: %#', key => {
    let error: unknown
    try {
      announcing({ key })
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(TypeError)
    expect((error as TypeError).message).toContain('announce.key')
    expect((error as TypeError).message).not.toContain(SECRET.slice(0, 16))
  })

  it.each<[string, object]>([
    ['announce.servers', { servers: Array.from({ length: 9 }, (_, i) => `127.0.0.${i + 1}:53`) }],
    ['announce.servers', { servers: ['https://dns.example/dns-query'] }],
    ['announce.servers', { servers: [] }],
    ['announce.text', { text: { expires: '1' } }],
    ['announce.text', { text: { Expires: '1' } }],
    ['announce.domain', { domain: 'example.org' }],
    ['announce.domain', { domain: 'an-example.test' }],
    ['announce.ttl', { ttl: 29_999 }],
    ['announce.ttl', { ttl: 86_400_001 }],
    ['announce.host', { host: 'a.b' }]
  ])('names %s when it is wrong: %o', (option, announce) => {
    expect(() => announcing(announce)).toThrow(option)
  })

  it('say before the start what no TXT record has room for, with the end that is added', async () => {
    const text = Object.fromEntries(Array.from({ length: 32 }, (_, i) => [`k${i}`, '']))
    await expect(createPeer({ domains: [], announce: { zone: 'example.test', service: '_olocus._tcp', servers: ['127.0.0.1:53'], text } })).rejects.toThrow(/TXT entry/)
  })

  it('name announce.text when it has a key of ours', async () => {
    const announce = { zone: 'example.test', service: '_olocus._tcp', servers: ['127.0.0.1:53'], text: { peer_id: 'x' } }
    await expect(createPeer({ domains: [], announce })).rejects.toThrow(/^announce\.text: /)
  })

  it.each<[string, object]>([['host', { host: 'www' }], ['text', { text: {} }], ['publish.servers', { servers: [] }]])('of publish() are checked: %s', async (option, options) => {
    const given = { zone: 'example.test', service: '_olocus._tcp', servers: ['127.0.0.1:1'], ...options }
    await expect(publish([], given)).rejects.toThrow(option)
  })

  it('of publish() that name no peer ask nobody', async () => {
    await publish([], { zone: 'example.test', service: '_olocus._tcp', servers: ['127.0.0.1:1'] })
  })

  it.each<[string, object]>([
    ['domains', { domains: undefined }],
    ['domains', { domains: ['https://example.org'] }],
    ['domains', { domains: ['/dnsaddr/example.org'] }],
    ['domains', { domains: ['_dnsaddr.example.org'] }],
    ['domains', { domains: ['192.0.2.1'] }],
    ['domains', { domains: ['_olocus._tcp.example.org'] }],
    ['servers: ', { servers: ['dns.example'] }],
    ['enrtrees: ', { enrtrees: ['enrtree://key@example.org'] }],
    ['timeout', { timeout: '5s' }],
    ['timeout', { timeout: 0 }]
  ])('name %s when it is wrong, too: %o', (option, options) => {
    expect(() => dns({ domains: ['example.org'], ...options })).toThrow(new RegExp(`^${option}`))
  })

  it.each<[string, object]>([['ttl', { ttl: 29_999 }], ['ttl', { ttl: 86_400_001 }], ['expires', { expires: NaN }], ['tll', { tll: 300_000 }], ['private', { private: 'yes' }]])('of zone() are checked: %s', (option, options) => {
    expect(() => zone([], { domain: 'example.org', service: '_olocus._tcp', ...options })).toThrow(option)
  })

  it('take a domain of the zone in any case', () => {
    expect(() => announcing({ zone: 'Example.TEST', domain: 'peers.example.test' })).not.toThrow()
  })
})
