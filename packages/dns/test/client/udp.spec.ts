/** Over UDP: who is believed, from which sockets, how often. Time moves only where a test moves it. */
import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { decode } from 'dns-packet'
import { describe, expect, it } from 'vitest'
import { until } from '../../../../test/support/until.ts'
import { POOL_SOCKETS, RESEND_AFTER, SOCKET_AGE, SOCKET_QUERIES } from '../../src/client/constants.ts'
import { parseServer, type SocketServer } from '../../src/client/servers.ts'
import { udp } from '../../src/client/udp.ts'
import { ask, clock, drop, dropped, fakes, serve, udpSockets, useClients } from './clients.ts'
import { answerTo, srv } from './fakes.ts'

const NAME = '_peer._tcp.example.test'

useClients()

const good = (query: Buffer): Buffer => answerTo(query, [srv(NAME, 1)])

describe('what is no answer is not believed', () => {
  const forged = srv(NAME, 6_666)
  const id = (query: Buffer): number => query.readUInt16BE(0)

  it.each<[string, (query: Buffer) => Uint8Array]>([
    ['another id', query => answerTo(query, [forged], { id: id(query) ^ 1 })],
    ['another name', query => answerTo(query, [forged], { questions: [{ name: 'evil.example.test', type: 'SRV' }] })],
    ['another type', query => answerTo(query, [forged], { questions: [{ name: NAME, type: 'TXT' }] })],
    ['QR = 0', query => { const message = answerTo(query, [forged]); message[2]! &= 0x7f; return message }],
    ['its own question back', query => query],
    ['half a header', query => answerTo(query, [forged]).subarray(0, 6)],
    ['nothing', () => Buffer.alloc(0)]
  ])('%s', async (_, forge) => {
    const fake = await serve((query, reply) => {
      for (let i = 0; i < 5; i++) reply(forge(query))
      reply(good(query))
    })
    expect(await ask([fake]).query(NAME, 'SRV')).toMatchObject({ answers: [{ port: 4_001 }], server: fake.text })
    expect(dropped).toEqual({ 'not-ours': 5 })
  })

  it('the right one from another socket does not even arrive', async () => {
    const stranger = createSocket('udp4')
    const fake = await serve((query, reply, from) => {
      // Everything is right but where it comes from: sent first, and delivered before.
      stranger.send(answerTo(query, [forged]), from.port, from.address, () => reply(good(query)))
    })
    expect(await ask([fake]).query(NAME, 'SRV')).toMatchObject({ answers: [{ port: 4_001 }] })
    expect(dropped).toEqual({})
    await new Promise<void>(resolve => { stranger.close(resolve) })
  })

  it('one that comes twice, or late, is an answer to nothing', async () => {
    let late: (() => void) | undefined
    const fake = await serve((query, reply) => {
      if (late === undefined) {
        late = () => reply(answerTo(query, [forged]))
      } else {
        reply(good(query))
        reply(answerTo(query, [forged]))
      }
    })
    const client = ask([fake])
    const asked = client.query(NAME, 'SRV')
    await until(() => late !== undefined)
    await clock.advance(RESEND_AFTER)
    expect(await asked).toMatchObject({ answers: [{ port: 4_001 }] })
    await until(() => dropped['not-ours'] === 1)
    late!()
    await until(() => dropped['not-ours'] === 2)
    expect(await client.query(NAME, 'SRV')).toMatchObject({ answers: [{ port: 4_001 }] })
  })

  it('a late answer to the first copy counts while the question is open', async () => {
    const replies: Array<() => void> = []
    const fake = await serve((query, reply) => { replies.push(() => reply(good(query))) })
    const asked = ask([fake]).query(NAME, 'SRV')
    await until(() => replies.length === 1)
    await clock.advance(RESEND_AFTER)
    await until(() => replies.length === 2)
    replies[0]!()
    expect(await asked).toMatchObject({ answers: [{ port: 4_001 }] })
  })
})

describe('a question without an answer', () => {
  it('is sent again after 400, 800, 1,600 ms, each time from another port under another id', async () => {
    const fake = await serve(() => {})
    const client = ask([fake], { timeout: 4_000 })
    const asked = client.query(NAME, 'SRV')
    asked.catch(() => {})
    const times: number[] = []
    for (let i = 1; i <= 4; i++) {
      await until(() => fake.received.length === i)
      times.push(clock.now())
      await clock.advance(RESEND_AFTER * 2 ** (i - 1) - 1)
      expect(fake.received).toHaveLength(i)
      await clock.advance(1)
    }
    await expect(asked).rejects.toThrow(`dns: no answer to SRV "${NAME}": ${fake.text}: nothing within 4000 ms`)
    expect(times).toEqual([0, 400, 1_200, 2_800])
    expect(new Set(fake.sources).size).toBe(4)
    expect(new Set(fake.received.map(query => query.readUInt16BE(0))).size).toBe(4)
  })

  it('never leaves from the same port twice', async () => {
    const fake = await serve(() => {})
    const client = ask([fake], { timeout: 3_000 })
    const asked = Promise.allSettled(Array.from({ length: 20 }, async (_, i) => client.query(`n${i}.test`, 'SRV')))
    for (const [i, wait] of [400, 800, 1_600, 200].entries()) {
      await until(() => fake.received.length === 20 * (i + 1))
      await clock.advance(wait)
    }
    await asked
    const uses = fake.received.map((query, i) => `${decode(query).questions![0]!.name} from ${fake.sources[i]}`)
    expect(uses).toHaveLength(80)
    expect(new Set(uses).size).toBe(80)
  })

  it('at a closed port fails at once', async () => {
    const fake = await serve(() => {})
    await fakes.pop()!.close()
    await expect(ask([fake]).query(NAME, 'SRV')).rejects.toThrow('ECONNREFUSED')
    await expect(ask([fake], { sockets: 'single' }).query(NAME, 'SRV')).rejects.toThrow('ECONNREFUSED')
  })

  it('at a closed port fails for all that wait there, and the next one asks anew', async () => {
    let fake = await serve(() => {})
    const client = ask([fake])
    const asked = Promise.allSettled(Array.from({ length: 40 }, async () => client.query(NAME, 'SRV')))
    await until(() => fake.received.length === 40)
    await fakes.pop()!.close()
    // Their next copies meet the closed port.
    await clock.advance(RESEND_AFTER)
    for (const one of await asked) expect(one).toMatchObject({ status: 'rejected', reason: { message: expect.stringContaining('ECONNREFUSED') as string } })
    fake = await serve((query, reply) => reply(good(query)), { port: fake.port })
    expect(await client.query(NAME, 'SRV')).toMatchObject({ code: 'NOERROR' })
  })
})

describe('sockets', () => {
  it('in a pool: 16 random ports, each for a bounded number of questions', async () => {
    const fake = await serve((query, reply) => reply(good(query)))
    const client = ask([fake])
    const total = POOL_SOCKETS * SOCKET_QUERIES + 500
    for (let i = 0; i < total; i += 100) await Promise.all(Array.from({ length: 100 }, async () => client.query(NAME, 'SRV')))
    const used = new Map<number, number>()
    for (const port of fake.sources) used.set(port, (used.get(port) ?? 0) + 1)
    expect(Math.max(...used.values())).toBeLessThanOrEqual(SOCKET_QUERIES)
    expect(new Set(fake.sources.slice(0, 500)).size).toBe(POOL_SOCKETS)
    expect(used.size).toBeGreaterThan(POOL_SOCKETS + 4)
    // Those that are used up are gone: the fake's own is one more.
    await until(() => udpSockets() <= POOL_SOCKETS + 1)
    // Ports that follow one another could be guessed.
    const steps = new Set([...used.keys()].map((port, i, ports) => port - (ports[i - 1] ?? 0)))
    expect(steps.size).toBeGreaterThan(used.size / 2)
  })

  it('in a pool are given back after a while', async () => {
    const fake = await serve((query, reply) => reply(good(query)))
    const client = ask([fake])
    for (let i = 0; i < 50; i++) await client.query(NAME, 'SRV')
    const before = new Set(fake.sources)
    expect(udpSockets()).toBe(1 + before.size)
    await clock.advance(SOCKET_AGE)
    await until(() => udpSockets() === 1)
    expect(clock.pending).toBe(0)
    for (let i = 0; i < 50; i++) await client.query(NAME, 'SRV')
    expect([...new Set(fake.sources.slice(50))].filter(port => before.has(port)).length).toBeLessThan(3) // a port may come again by chance
  })

  it('that waits for an answer outlives its time until that comes', async () => {
    const replies: Array<() => void> = []
    const fake = await serve((query, reply) => { replies.push(() => reply(good(query))) })
    const asked = ask([fake], { timeout: 60_000 }).query(NAME, 'SRV')
    await until(() => replies.length === 1)
    await clock.advance(SOCKET_AGE + 1)
    replies[0]!()
    expect(await asked).toMatchObject({ code: 'NOERROR' })
  })

  it('one for each question where that is wanted, closed after it', async () => {
    const fake = await serve((query, reply) => reply(good(query)))
    const client = ask([fake], { sockets: 'single' })
    for (let i = 0; i < 40; i++) await client.query(NAME, 'SRV')
    expect(new Set(fake.sources).size).toBeGreaterThan(35)
    await until(() => udpSockets() === 1)
    expect(clock.pending).toBe(0)
  })

  it('none before the first question, none after close', async () => {
    const fake = await serve((query, reply) => reply(good(query)))
    const client = ask([fake])
    expect(udpSockets()).toBe(1)
    expect(clock.pending).toBe(0)
    for (let i = 0; i < 20; i++) await client.query(NAME, 'SRV')
    await client.close()
    await until(() => udpSockets() === 1)
    expect(clock.pending).toBe(0)
    await expect(client.query(NAME, 'SRV')).rejects.toMatchObject({ name: 'AbortError' })
    await client.close()
  })
})

describe('many at once', () => {
  it.each(['pool', 'single'] as const)('500 are all answered, each with its own, in whatever order: %s', async sockets => {
    // Nothing is resent while time stands still: each must be answered by the one copy that was sent.
    const waiting: Array<() => void> = []
    const fake = await serve((query, reply) => {
      const { questions } = decode(query)
      const port = Number(questions![0]!.name.slice(1).split('.')[0])
      waiting.push(() => reply(answerTo(query, [{ ...srv(NAME, 0), data: { port, target: 'a.test' } } as ReturnType<typeof srv>])))
      setImmediate(() => {
        for (const answer of waiting.splice(0).reverse()) answer()
      })
    })
    const client = ask([fake], { sockets })
    const answers = await Promise.all(Array.from({ length: 500 }, async (_, i) => client.query(`n${i}.example.test`, 'SRV')))
    expect(answers.map(({ answers: [record] }) => record?.type === 'SRV' ? record.port : undefined)).toEqual(answers.map((_, i) => i))
    expect(fake.received).toHaveLength(500)
    expect(dropped).toEqual({})
  })

  it('no two have one id at one socket', async () => {
    const waiting: Array<() => void> = []
    const fake = await serve((query, reply) => {
      waiting.push(() => reply(query))
      if (waiting.length === 200) for (const answer of waiting) answer()
    })
    const datagrams = udp({ clock, sockets: 'pool', drop })
    const { signal } = new AbortController()
    // Of 64 ids about 12 are taken at each socket.
    const answers = await Promise.all(Array.from({ length: 200 }, async (_, i) => datagrams.ask(parseServer(fake.text) as SocketServer, () => {
      const message = new Uint8Array(13).fill(i, 12)
      message[1] = randomInt(64)
      return { message, read: answer => answer[1] === message[1] ? answer[12] : undefined }
    }, { budget: 1_000, signal })))
    expect(answers).toEqual(answers.map((_, i) => i))
    await datagrams.close()
  })

  it('two clients do not disturb each other', async () => {
    const replies: Array<() => void> = []
    const fake = await serve((query, reply) => { replies.push(() => reply(good(query))) })
    const [one, other] = [ask([fake]), ask([fake])]
    const asked = [one.query(NAME, 'SRV'), other.query(NAME, 'SRV')]
    asked[0]!.catch(() => {})
    await until(() => replies.length === 2)
    await one.close()
    for (const reply of replies) reply()
    await expect(asked[0]).rejects.toMatchObject({ name: 'AbortError' })
    expect(await asked[1]).toMatchObject({ code: 'NOERROR' })
  })
})

it('servers with IPv6 addresses are asked', async () => {
  const fake = await serve((query, reply) => reply(good(query)), { address: '::1' })
  expect(await ask([fake]).query(NAME, 'SRV')).toMatchObject({ answers: [{ port: 4_001 }], server: `[::1]:${fake.port}` })
})
