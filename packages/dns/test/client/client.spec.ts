/** Several servers, several ways, one answer; and what is said when there is none. */
import { limits } from '@peerweave/interface'
import { decode } from 'dns-packet'
import { Packet } from 'dns2'
import { describe, expect, it } from 'vitest'
import { until } from '../../../../test/support/until.ts'
import { dnsClient, type DnsClientInit } from '../../src/client/client.ts'
import { RESEND_AFTER } from '../../src/client/constants.ts'
import { ask, clock, dropped, fakes, serve, udpSockets, useClients } from './clients.ts'
import { answerTo, dns2Server, srv, udpFake } from './fakes.ts'

const NAME = '_peer._tcp.example.test'

useClients()

const good: Parameters<typeof udpFake>[0] = (query, reply) => reply(answerTo(query, [srv(NAME, 1)]))
const coded = (flags: number): typeof good => (query, reply) => reply(answerTo(query, [], { flags }))
const silent: typeof good = () => {}
/** One record whose data is cut. */
const malformed: typeof good = (query, reply) => {
  const message = answerTo(query, [{ name: NAME, type: 'A', ttl: 1, data: '192.0.2.1' }])
  message.writeUInt16BE(3, message.length - 6)
  reply(message)
}

describe('the next server is asked', () => {
  it.each<[string, typeof good, string]>([
    ['SERVFAIL', coded(2), 'SERVFAIL'],
    ['REFUSED', coded(5), 'REFUSED'],
    ['NOTIMP', coded(4), 'NOTIMP'],
    ['FORMERR, with and without EDNS', coded(1), 'FORMERR'],
    ['a code that says nothing to us', coded(9), 'OTHER'],
    ['a malformed answer', malformed, 'malformed answer: data of A of a wrong length']
  ])('past %s', async (_, bad, fault) => {
    const [first, second] = [await serve(bad), await serve(good)]
    expect(await ask([first, second]).query(NAME, 'SRV')).toMatchObject({ answers: [{ port: 4_001 }], server: second.text })
    await expect(ask([first]).query(NAME, 'SRV')).rejects.toThrow(fault)
    expect(dropped).toEqual(bad === malformed ? { malformed: 2 } : {})
  })

  it('past one that is silent, after its share of the time', async () => {
    const [first, second] = [await serve(silent), await serve(good)]
    const asked = ask([first, second], { timeout: 1_000 }).query(NAME, 'SRV')
    await until(() => first.received.length === 1)
    await clock.advance(499)
    expect(second.received).toEqual([])
    await clock.advance(1)
    expect(await asked).toMatchObject({ server: second.text })
    expect(first.received).toHaveLength(2)
  })

  it('past one where nobody listens', async () => {
    const [first, second] = [await serve(silent), await serve(good)]
    await fakes.shift()!.close()
    expect(await ask([first, second]).query(NAME, 'SRV')).toMatchObject({ server: second.text })
  })

  it('not past NXDOMAIN, nor an answer without records', async () => {
    for (const flags of [3, 0]) {
      const [first, second] = [await serve(coded(flags)), await serve(good)]
      expect(await ask([first, second]).query(NAME, 'SRV')).toMatchObject({ code: flags === 3 ? 'NXDOMAIN' : 'NOERROR', answers: [], server: first.text })
      expect(second.received).toEqual([])
    }
  })

  it('first the next time, for the other may still be down; and not for ever', async () => {
    let isUp = true
    const [first, second] = [await serve(coded(2)), await serve((query, reply, from) => { (isUp ? good : coded(2))(query, reply, from) })]
    const client = ask([first, second])
    await client.query(NAME, 'SRV')
    await client.query(NAME, 'SRV')
    expect([first.received.length, second.received.length]).toEqual([1, 2])
    isUp = false
    await expect(client.query(NAME, 'SRV')).rejects.toThrow('SERVFAIL')
    expect([first.received.length, second.received.length]).toEqual([2, 3])
  })
})

describe('a name', () => {
  it('that cannot be asked for is refused, and nobody is asked', async () => {
    const fake = await serve(good)
    const client = ask([fake])
    for (const name of ['', '.', 'a..b', 'a b.test', `${'a'.repeat(64)}.test`]) {
      await expect(client.query(name, 'SRV')).rejects.toMatchObject({ name: 'InvalidDnsRecordError' })
    }
    expect(fake.received).toEqual([])
  })

  it('is asked in lower case, without the dot at its end', async () => {
    const fake = await serve(good)
    await ask([fake]).query('_Peer._TCP.Example.Test.', 'SRV')
    expect(decode(fake.received[0]!).questions).toMatchObject([{ name: NAME }])
  })
})

describe('when no server answers', () => {
  it('the error names each, with what it did', async () => {
    const servers = [await serve(coded(2)), await serve(coded(5)), await serve(silent), await serve(silent)]
    await servers.pop()!.close()
    fakes.pop()
    const closed = await udpFake(silent)
    await closed.close()
    const asked = ask([...servers, closed], { timeout: 2_000 }).query(NAME, 'SRV')
    const rejected = asked.catch((error: unknown) => error as Error)
    await until(() => servers[2]!.received.length === 1)
    await clock.advance(1_000)
    const error = await rejected
    expect(error).toMatchObject({ name: 'DnsError', code: 'ERR_DNS' })
    const [servfail, refused, quiet] = servers.map(({ text }) => text)
    expect((error as Error).message).toBe(
      `dns: no answer to SRV "${NAME}": ${servfail}: it answered SERVFAIL; ${refused}: it answered REFUSED; ` +
      `${quiet}: no answer in 1000 ms; ${closed.text}: recvmsg ECONNREFUSED`
    )
    const { errors } = (error as Error).cause as AggregateError
    expect(errors.map((each: Error) => (each.cause as Error).name)).toEqual(['DnsError', 'DnsError', 'TimeoutError', 'Error'])
  })

  it('nobody waits longer than the timeout, however many there are', async () => {
    const servers = await Promise.all(Array.from({ length: limits.dnsServers }, async () => serve(silent)))
    let error: Error | undefined
    ask(servers, { timeout: 1_000 }).query(NAME, 'SRV').catch((reason: Error) => { error = reason })
    for (let i = 0; i < limits.dnsServers; i++) {
      await until(() => servers[i]!.received.length === 1, `server ${i} is asked`)
      expect(error).toBeUndefined()
      await clock.advance(125)
    }
    await until(() => error !== undefined)
    for (const { text } of servers) expect(error!.message).toContain(text)
  })
})

describe('a look-up that is aborted', () => {
  it('before it began asks nobody', async () => {
    const fake = await serve(good)
    await expect(ask([fake]).query(NAME, 'SRV', { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' })
    expect(fake.received).toEqual([])
  })

  it('while it waits ends at once, and leaves nothing', async () => {
    const [first, second] = [await serve(silent), await serve(good)]
    const controller = new AbortController()
    const asked = ask([first, second], { sockets: 'single' }).query(NAME, 'SRV', { signal: controller.signal })
    asked.catch(() => {})
    await until(() => first.received.length === 1)
    await clock.advance(RESEND_AFTER)
    controller.abort(new Error('enough'))
    await expect(asked).rejects.toMatchObject({ name: 'AbortError', cause: { message: 'enough' } })
    expect(second.received).toEqual([])
    await until(() => udpSockets() === 2)
    expect(clock.pending).toBe(0)
  })

  it('while it waits for its turn leaves the others theirs', async () => {
    const replies: Array<() => void> = []
    const fake = await serve((query, reply) => { replies.push(() => reply(answerTo(query, []))) })
    const client = ask([fake])
    const under = Array.from({ length: limits.dnsQueries }, async () => client.query(NAME, 'SRV'))
    await until(() => replies.length === limits.dnsQueries)
    const controller = new AbortController()
    const aborted = client.query(NAME, 'SRV', { signal: controller.signal })
    aborted.catch(() => {})
    const last = client.query(NAME, 'SRV')
    controller.abort()
    await expect(aborted).rejects.toMatchObject({ name: 'AbortError' })
    expect(replies).toHaveLength(limits.dnsQueries)
    replies[0]!()
    await until(() => replies.length === limits.dnsQueries + 1)
    for (const reply of replies) reply()
    await Promise.all([...under, last])
  })
})

describe('more look-ups than there are places', () => {
  it('wait, and those whose time is over by then were not asked', async () => {
    const fake = await serve(silent)
    const client = ask([fake], { timeout: 300 })
    const asked = Promise.allSettled(Array.from({ length: limits.dnsQueries + 1 }, async () => client.query(NAME, 'SRV')))
    await until(() => fake.received.length === limits.dnsQueries)
    await clock.advance(300)
    const errors = (await asked).map(one => String((one as PromiseRejectedResult).reason))
    expect(errors.filter(text => text.includes('too many others'))).toHaveLength(1)
    expect(errors.filter(text => text.startsWith('DnsError'))).toHaveLength(limits.dnsQueries + 1)
  })

  it('are refused at the bound', async () => {
    const fake = await serve(silent)
    const client = ask([fake])
    const asked = Promise.allSettled(Array.from({ length: limits.dnsQueries + limits.dnsQueryQueue }, async () => client.query(NAME, 'SRV')))
    await expect(client.query(NAME, 'SRV')).rejects.toMatchObject({ name: 'LimitExceededError' })
    await client.close()
    for (const one of await asked) expect(one).toMatchObject({ status: 'rejected', reason: { name: 'AbortError' } })
  })
})

describe('a server that does not know EDNS', () => {
  it.each([1, 0])('is asked without it, when it says FORMERR with %i questions', async questions => {
    const fake = await serve((query, reply) => {
      const { additionals } = decode(query)
      if (additionals!.length === 0) reply(answerTo(query, [srv(NAME, 1)]))
      else reply(answerTo(query, [], { flags: 1, ...questions === 0 ? { questions: [] } : {} }))
    })
    expect(await ask([fake]).query(NAME, 'SRV')).toMatchObject({ answers: [{ port: 4_001 }] })
    expect(fake.received).toHaveLength(2)
  })

  it('is told of what we take of one that does', async () => {
    const fake = await serve(good)
    await ask([fake]).query(NAME, 'SRV')
    expect(decode(fake.received[0]!).additionals).toMatchObject([{ type: 'OPT', udpPayloadSize: 1_232 }])
    expect(decode(fake.received[0]!)).toMatchObject({ flag_rd: true, type: 'query' })
  })
})

describe('with dns2\'s own server', () => {
  it('a longer answer than 1,232 bytes comes over TCP', async () => {
    const server = await dns2Server((request, isTcp) => answerTo(request.toBuffer(), Array.from({ length: 100 }, (_, i) => srv(NAME, i)), { flags: isTcp ? 0 : 0x0200 }))
    fakes.push(server)
    const { answers } = await ask([server]).query(NAME, 'SRV')
    expect(answers.map(record => record.type === 'SRV' ? record.port : undefined)).toEqual(Array.from({ length: 100 }, (_, i) => 4_000 + i))
    expect([server.udp, server.tcp]).toEqual([1, 1])
  })

  it('every type is read from what dns2 encodes itself', async () => {
    const server = await dns2Server(request => {
      const response = Packet.createResponseFromRequest(request)
      const { TYPE, CLASS } = Packet
      const of = (type: number, data: object): void => { response.answers.push(new Packet.Resource({ name: NAME, type, class: CLASS.IN, ttl: 9, ...data })) }
      of(TYPE.A, { address: '192.0.2.1' })
      of(TYPE.AAAA, { address: '2001:db8::1' })
      of(TYPE.SRV, { priority: 1, weight: 2, port: 3, target: 'n1.example.test' })
      of(TYPE.TXT, { data: ['a', 'b'] })
      of(TYPE.CNAME, { domain: 'n1.example.test' })
      of(TYPE.SOA, { primary: 'ns.test', admin: 'root.test', serial: 1, refresh: 2, retry: 3, expiration: 4, minimum: 5 })
      return response.toBuffer()
    })
    fakes.push(server)
    const common = { name: NAME, ttl: 9 }
    expect((await ask([server]).query(NAME, 'SRV')).answers).toEqual([
      { ...common, type: 'A', address: '192.0.2.1' },
      { ...common, type: 'AAAA', address: '2001:db8::1' },
      { ...common, type: 'SRV', priority: 1, weight: 2, port: 3, target: 'n1.example.test' },
      { ...common, type: 'TXT', strings: [new Uint8Array([0x61]), new Uint8Array([0x62])] },
      { ...common, type: 'CNAME', target: 'n1.example.test' },
      { ...common, type: 'SOA', minimum: 5 }
    ])
  })
})

describe('a message of one\'s own', () => {
  const message = Packet.prototype.toBuffer.call(Object.assign(new Packet(), { header: { id: 0x4321, opcode: 5 } }))

  it('is sent as it is, and again; what has its id is the answer, whatever it says', async () => {
    const fake = await serve((query, reply) => {
      if (fake.received.length < 2) return
      reply(Buffer.from(query).fill(9, 0, 2)) // another id
      reply(query) // no response
      const answer = Buffer.from(query)
      answer[2]! |= 0x80
      answer[3] = 9
      reply(answer)
    })
    const client = ask([])
    const asked = client.exchange(message, fake.text, { isTcp: false })
    await until(() => fake.received.length === 1)
    await clock.advance(RESEND_AFTER)
    const answer = await asked
    expect([...answer.subarray(0, 4)]).toEqual([0x43, 0x21, 0xa8, 9])
    expect(fake.received[0]).toEqual(fake.received[1])
    expect(Buffer.compare(fake.received[0]!, message)).toBe(0)
    expect(new Set(fake.sources).size).toBe(2)
    expect(dropped).toEqual({ 'not-ours': 2 })
  })

  it('goes over TCP where that is wanted', async () => {
    const server = await dns2Server((request, isTcp) => {
      const answer = request.toBuffer()
      answer[2]! |= 0x80
      answer[3] = isTcp ? 1 : 2
      return answer
    })
    fakes.push(server)
    const client = ask([server])
    expect((await client.exchange(message, server.text, { isTcp: true }))[3]).toBe(1)
    expect((await client.exchange(message, server.text, { isTcp: false }))[3]).toBe(2)
  })

  it('may be under way more than once', async () => {
    const replies: Array<() => void> = []
    const fake = await serve((query, reply) => {
      const answer = Buffer.from(query)
      answer[2]! |= 0x80
      replies.push(() => reply(answer))
      if (replies.length === 60) for (const one of replies) one()
    })
    const client = ask([fake])
    await Promise.all(Array.from({ length: 60 }, async () => client.exchange(message, fake.text, { isTcp: false })))
  })

  it('has an end: by the timeout, by its signal, by close', async () => {
    const fake = await serve(silent)
    const client = ask([fake], { timeout: 100 })
    const controller = new AbortController()
    const asked = [
      client.exchange(message, fake.text, { isTcp: false }),
      client.exchange(message, fake.text, { isTcp: false, signal: controller.signal })
    ]
    const ended = Promise.allSettled(asked)
    await until(() => fake.received.length === 2)
    controller.abort()
    await clock.advance(100)
    const last = client.exchange(message, fake.text, { isTcp: false }).catch((error: unknown) => error)
    await until(() => fake.received.length === 3)
    await client.close()
    expect((await ended).map(one => ((one as PromiseRejectedResult).reason as Error).name)).toEqual(['TimeoutError', 'AbortError'])
    expect(await last).toMatchObject({ name: 'AbortError' })
  })

  it('goes to no server without an address, and has a header', async () => {
    const client = ask([])
    await expect(client.exchange(message, 'https://dns.test/', { isTcp: true })).rejects.toThrow(TypeError)
    await expect(client.exchange(new Uint8Array(11), '127.0.0.1:1', { isTcp: true })).rejects.toThrow('12 to 65535 bytes, got 11')
    await expect(client.exchange(new Uint8Array(65_536), '127.0.0.1:1', { isTcp: true })).rejects.toThrow('12 to 65535 bytes, got 65536')
  })
})

it.each<[DnsClientInit, string]>([
  [{ servers: [] }, 'servers must be an array of 1 to 8'],
  [{ servers: '127.0.0.1' as unknown as string[] }, 'servers must be an array'],
  [{ servers: ['nameserver'] }, 'got "nameserver"'],
  [{ timeout: 0 }, 'timeout'],
  [{ timeout: Infinity }, 'timeout'],
  [{ sockets: 'many' as 'pool' }, 'sockets must be \'pool\' or \'single\', got "many"']
])('a wrong option is told at once: %j', (init, fault) => {
  expect(() => dnsClient(init)).toThrow(TypeError)
  expect(() => dnsClient(init)).toThrow(fault)
})
