/** DNS over HTTPS, RFC 8484: dns2's own server, and others that do it wrong. Plain HTTP stays on this machine. */
import { execFileSync, spawnSync } from 'node:child_process'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { dropCounter, virtualClock, type VirtualClock } from '@peerweave/interface'
import { createDOHServer, Packet } from 'dns2'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { until } from '../../../../test/support/until.ts'
import { dnsClient, type DnsClient } from '../../src/client/client.ts'
import { answerTo, srv, udpFake } from './fakes.ts'
import type { DOHServer, DohServerOptions } from 'dns2'

const NAME = '_peer._tcp.example.test'
const TYPE = 'application/dns-message'

let clock: VirtualClock
let client: DnsClient | undefined
let server: Server | undefined

beforeEach(() => { clock = virtualClock() })

afterEach(async () => {
  await client?.close()
  server?.closeAllConnections()
  server?.close()
  client = server = undefined
  expect(clock.pending).toBe(0)
})

interface Asked {
  request: IncomingMessage
  query: Buffer
}

async function serve (onRequest: (asked: Asked, response: ServerResponse) => void): Promise<{ client: DnsClient, asked: Asked[], url: string }> {
  const asked: Asked[] = []
  const here = server = createServer((request, response) => {
    void (async () => {
      const query = Buffer.concat(await request.toArray() as Buffer[])
      asked.push({ request, query })
      onRequest({ request, query }, response)
    })()
  })
  await new Promise<void>(resolve => { here.listen(0, '127.0.0.1', resolve) })
  const url = `http://127.0.0.1:${(here.address() as { port: number }).port}/dns-query`
  client = dnsClient({ servers: [url], clock, timeout: 1_000 })
  return { client, asked, url }
}

function send (response: ServerResponse, body: Uint8Array, type = TYPE): void {
  response.writeHead(200, { 'content-type': type })
  response.end(body)
}

const good = (query: Buffer): Buffer => answerTo(query, [srv(NAME, 1)])

describe('dns2\'s own server', () => {
  let doh: DOHServer

  async function start (options: DohServerOptions): Promise<number> {
    doh = createDOHServer(options)
    doh.on('request', (request, reply) => {
      const response = Packet.createResponseFromRequest(request)
      response.answers.push(new Packet.Resource({ name: NAME, type: Packet.TYPE.SRV, class: Packet.CLASS.IN, ttl: 60, priority: 1, weight: 2, port: 4_001, target: 'n1.test' }))
      void reply(response)
    })
    await new Promise(resolve => {
      doh.on('listening', resolve)
      doh.listen(0, '127.0.0.1')
    })
    return doh.address()!.port
  }

  afterEach(() => doh.close())

  it('answers over plain HTTP on this machine', async () => {
    const url = `http://127.0.0.1:${await start({ ssl: false })}/dns-query`
    client = dnsClient({ servers: [url], clock })
    expect(await client.query(NAME, 'SRV')).toMatchObject({ answers: [{ port: 4_001 }], server: url })
  })

  const hasOpenssl = spawnSync('openssl', ['version']).status === 0
  if (!hasOpenssl && process.env.REQUIRE_REALNET === '1') throw new Error('REQUIRE_REALNET=1, but there is no openssl')
  if (!hasOpenssl) console.warn('skipped, DNS over TLS: no openssl')

  it.skipIf(!hasOpenssl)('answers over HTTPS, once its certificate is trusted', async () => {
    const pem = execFileSync('openssl', [
      'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', '-', '-days', '2', '-subj', '/CN=dns.test', '-addext', 'subjectAltName=IP:127.0.0.1'
    ], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    const url = `https://127.0.0.1:${await start({ ssl: true, key: pem, cert: pem })}/dns-query`
    client = dnsClient({ servers: [url], clock })
    await expect(client.query(NAME, 'SRV')).rejects.toThrow('self-signed certificate')
    const before = getCACertificates('default')
    setDefaultCACertificates([...before, pem.slice(pem.indexOf('-----BEGIN CERTIFICATE'))])
    try {
      expect(await client.query(NAME, 'SRV')).toMatchObject({ answers: [{ port: 4_001 }], server: url })
    } finally {
      setDefaultCACertificates(before)
    }
  })
})

it('a question is posted as RFC 8484 §4.1 says, with id 0', async () => {
  const { client, asked: [...none], url } = await serve(({ query }, response) => send(response, good(query), `${TYPE}; charset=binary`))
  expect(none).toEqual([])
  const { server } = await client.query(NAME, 'SRV')
  expect(server).toBe(url)
})

it('its request says what it is', async () => {
  const { client, asked } = await serve(({ query }, response) => send(response, good(query)))
  await client.query(NAME, 'SRV')
  const [{ request, query } = {} as Asked] = asked
  expect(request).toMatchObject({ method: 'POST', url: '/dns-query', headers: { accept: TYPE, 'content-type': TYPE } })
  expect(query.readUInt16BE(0)).toBe(0)
  expect(request.headers.cookie ?? request.headers.authorization ?? request.headers.referer).toBeUndefined()
})

describe('is refused', () => {
  it.each<[string, (asked: Asked, response: ServerResponse) => void, string]>([
    ['another question', ({ query }, response) => send(response, answerTo(query, [], { questions: [{ name: 'evil.test', type: 'SRV' }] })), 'something else'],
    ['another id', ({ query }, response) => send(response, answerTo(query, [], { id: 5 })), 'something else'],
    ['an empty answer', (_, response) => send(response, Buffer.alloc(0)), 'something else'],
    ['a truncated answer', ({ query }, response) => send(response, answerTo(query, [], { flags: 0x0200 })), 'truncated'],
    ['another media type', ({ query }, response) => send(response, good(query), 'text/html'), 'media type'],
    ['an error of HTTP', (_, response) => { response.writeHead(503).end() }, 'HTTP status 503'],
    ['an error of HTTP that looks like an answer', ({ query }, response) => { response.writeHead(404, { 'content-type': TYPE }).end(good(query)) }, 'HTTP status 404'],
    ['a redirect', (_, response) => { response.writeHead(307, { location: 'http://127.0.0.1:1/' }).end() }, 'redirect'],
    ['more than a message can be', (_, response) => send(response, Buffer.alloc(65_536)), 'more than 65535 bytes'],
    ['an answer that breaks off', ({ query }, response) => {
      response.writeHead(200, { 'content-type': TYPE, 'content-length': 500 })
      response.write(good(query), () => response.destroy())
    }, ''],
    ['SERVFAIL', ({ query }, response) => send(response, answerTo(query, [], { flags: 2 })), 'SERVFAIL']
  ])('%s', async (_, onRequest, fault) => {
    const { client, url } = await serve(onRequest)
    const error = await client.query(NAME, 'SRV').catch((error: unknown) => error as Error)
    expect(error).toMatchObject({ name: 'DnsError', message: expect.stringContaining(`${url}: `) as string })
    expect((error as Error).message).toContain(fault)
    expect((error as Error).message).not.toContain('fetch failed')
  })

  it('an answer without end, after 65,535 bytes of it', async () => {
    let written = 0
    const { client } = await serve((_, response) => {
      response.writeHead(200, { 'content-type': TYPE })
      const more = (): void => {
        if (response.destroyed) return
        written += 16_384
        response.write(Buffer.alloc(16_384), more)
      }
      more()
    })
    await expect(client.query(NAME, 'SRV')).rejects.toThrow('more than 65535 bytes')
    expect(written).toBeLessThan(10_000_000)
  })
})

it.each<[string, (asked: Asked, response: ServerResponse) => void]>([
  ['nothing', () => {}],
  ['half an answer', ({ query }, response) => {
    response.writeHead(200, { 'content-type': TYPE })
    response.write(good(query).subarray(0, 20))
  }]
])('a server that sends %s is left by the deadline', async (_, onRequest) => {
  const { client, asked } = await serve(onRequest)
  let error: Error | undefined
  client.query(NAME, 'SRV').catch((reason: Error) => { error = reason })
  await until(() => asked.length === 1)
  await clock.advance(999)
  expect(error).toBeUndefined()
  await clock.advance(1)
  await until(() => error !== undefined)
  expect(error!.message).toContain('within 1000 ms')
})

it('a silent server leaves the next one its share of the time', async () => {
  const { client: first, asked, url } = await serve(() => {})
  await first.close()
  const other = await udpFake((query, reply) => reply(good(query)))
  client = dnsClient({ servers: [url, other.text], clock, timeout: 1_000 })
  const result = client.query(NAME, 'SRV')
  await until(() => asked.length === 1)
  await clock.advance(500)
  expect(await result).toMatchObject({ server: other.text })
  await other.close()
})

it('one that is down is no reason not to ask another', async () => {
  const { client: first, url } = await serve(({ query }, response) => send(response, good(query)))
  await first.close()
  const { drop, dropped } = dropCounter()
  client = dnsClient({ servers: ['http://127.0.0.1:1/', url], clock, drop })
  expect(await client.query(NAME, 'SRV')).toMatchObject({ server: url })
  expect(dropped).toEqual({})
  await expect(dnsClient({ servers: ['http://127.0.0.1:1/'], clock }).query(NAME, 'SRV')).rejects.toThrow(/bad port|ECONNREFUSED/)
})

it('an aborted look-up ends its request', async () => {
  let hasEnded = false
  const { client, asked } = await serve(({ request }) => { request.socket.on('close', () => { hasEnded = true }) })
  const controller = new AbortController()
  const result = client.query(NAME, 'SRV', { signal: controller.signal })
  result.catch(() => {})
  await until(() => asked.length === 1)
  controller.abort()
  await expect(result).rejects.toMatchObject({ name: 'AbortError' })
  await until(() => hasEnded)
})
