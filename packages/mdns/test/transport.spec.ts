/** Real sockets, on the loopback interface and a port of their own. */
import { createSocket } from 'node:dgram'
import { dropCounter } from '@peerweave/interface'
import { afterEach, describe, expect, it } from 'vitest'
import { until } from '../../../test/support/until.ts'
import { selectLinks, zoneOf, type Link } from '../src/links.ts'
import { systemNetwork, type MdnsNetwork, type MdnsSocket, type PacketSource } from '../src/network.ts'
import { openTransport, type DecodedPacket, type Transport, type TransportInit } from '../src/transport.ts'
import { randomPort, records, SERVICE } from './support.ts'

const questions = [{ name: SERVICE, type: 'PTR' as const }]
const answers = records('one', ['/ip4/127.0.0.1/tcp/1'])
const GROUP6 = 'ff02::fb'

const [loopback, loopback6] = ['127.0.0.1', '::1'].map(address =>
  selectLinks(systemNetwork.interfaces(), { allow: [address], deny: [], families: ['IPv4', 'IPv6'] })[0])

/** Linux sends nothing to a link-local group on the loopback interface: it has no multicast there. */
const hasIPv6 = loopback6 != null && await hearsItself(loopback6)

const open: Transport[] = []

afterEach(async () => {
  for (const transport of open.splice(0)) await transport.close()
})

interface End {
  transport: Transport
  queries: Array<[DecodedPacket, PacketSource]>
  responses: Array<[DecodedPacket, PacketSource]>
  errors: Error[]
  dropped: Record<string, number>
}

async function startEnd (link: Link, port: number, init: Partial<TransportInit> = {}): Promise<End> {
  const { dropped, drop } = dropCounter()
  const end: Omit<End, 'transport'> = { queries: [], responses: [], errors: [], dropped }
  const transport = await openTransport({
    network: systemNetwork,
    link,
    port,
    guard: () => true,
    drop,
    onQuery: (...args) => end.queries.push(args),
    onResponse: (...args) => end.responses.push(args),
    onError: error => end.errors.push(error),
    ...init
  })
  open.push(transport)
  return { ...end, transport }
}

describe.each([
  ['IPv4', loopback, '127.0.0.1', true],
  ['IPv6, where the loopback interface has multicast', loopback6, '::1', hasIPv6]
] as const)('the transport over %s', (_name, link, address, isThere) => {
  it.skipIf(!isThere)('carries queries and answers both ways, and to oneself', async () => {
    const port = randomPort()
    const ends = [await startEnd(link!, port), await startEnd(link!, port)] as const
    await ends[0].transport.query({ questions, flags: 0x200 })
    await ends[1].transport.respond({ answers })
    await until(() => ends.every(({ queries, responses }) => queries.length === 1 && responses.length === 1), 'everyone has both', 3_000)
    for (const { queries, responses, errors } of ends) {
      expect(queries[0]![1]).toMatchObject({ address, port })
      expect(queries[0]![0]).toMatchObject({ questions, answers: [], authorities: [], additionals: [], flag_tc: true })
      expect(responses[0]![0]).toMatchObject({ questions: [], authorities: [], flag_tc: false })
      expect(responses[0]![0].answers.map(({ name }) => name)).toEqual(answers.map(({ name }) => name))
      expect(errors).toEqual([])
    }
  })
})

describe('the transport', () => {
  it('answers one host alone', async () => {
    const port = randomPort()
    const one = await startEnd(loopback!, port)
    const other = createSocket('udp4')
    const heard: number[] = []
    other.on('message', message => heard.push(message.length))
    await new Promise<void>(resolve => { other.bind(0, '127.0.0.1', resolve) })
    await one.transport.respond({ answers }, { address: '127.0.0.1', port: other.address().port })
    await until(() => heard.length === 1, 'the host has it', 3_000)
    await one.transport.respond({ answers })
    await until(() => one.responses.length > 0, 'the group has the other', 3_000)
    expect([one.responses.length, heard.length]).toEqual([1, 1])
    other.close()
  })

  it('tells onError of what it cannot encode, and goes on', async () => {
    const { transport, errors, queries } = await startEnd(loopback!, randomPort())
    await transport.respond({ answers: [{ name: SERVICE, type: 'SRV', ttl: 1, data: undefined as never }] })
    await transport.query({ questions: [{ name: SERVICE, type: 'PTR' }], answers: [{ name: SERVICE, type: 'TXT', data: 1 as never }] })
    expect(errors).toHaveLength(2)
    await transport.query({ questions })
    await until(() => queries.length === 1, 'a sound one arrives', 3_000)
  })

  it('tells onError of what it cannot send, and of its socket, until it is closed', async () => {
    const fake = fakeNetwork()
    const { transport, errors } = await startEnd(loopback!, 1, { network: fake.network })
    const [socket] = fake.sockets
    fake.sendError = new Error('ENETUNREACH')
    await transport.query({ questions })
    socket!.fail(new Error('ENODEV'))
    expect(errors.map(({ message }) => message)).toEqual(['ENETUNREACH', 'ENODEV'])
    await transport.close()
    socket!.fail(new Error('late'))
    await transport.query({ questions })
    await transport.respond({ answers: [{ name: SERVICE, type: 'SRV', data: undefined as never }] })
    expect([errors.length, socket!.isClosed]).toEqual([2, true])
  })

  it('leaves nobody waiting for a packet that the closed socket never sent', async () => {
    const fake = fakeNetwork()
    fake.isStuck = true
    const { transport, errors } = await startEnd(loopback!, 1, { network: fake.network })
    const sent = transport.query({ questions })
    await new Promise(setImmediate)
    await transport.close()
    await sent
    await transport.close()
    expect(errors).toEqual([])
  })

  it('names an IPv6 interface by its zone, and sends as far as the link goes', async () => {
    const fake = fakeNetwork()
    const link: Link = { ...loopback!, key: 'eth9/IPv6', name: 'eth9', family: 'IPv6', address: 'fe80::9', index: 9 }
    const { transport } = await startEnd(link, 5_353, { network: fake.network })
    await transport.query({ questions })
    const zone = zoneOf(link)
    expect(fake.sockets.map(({ isClosed }) => isClosed)).toEqual([false, true])
    expect(fake.calls).toEqual([
      ['createSocket', 'IPv6'],
      // Whether it can be sent from, with a socket of its own.
      ['createSocket', 'IPv6'],
      ['bind', 0, `fe80::9%${zone}`],
      ['bind', 5_353, '::'],
      ['addMembership', GROUP6, `::%${zone}`],
      ['setMulticastInterface', `::%${zone}`],
      ['setMulticastTTL', 255],
      ['setTTL', 255],
      ['setMulticastLoopback', true],
      ['send', 5_353, `${GROUP6}%${zone}`]
    ])
  })

  it('does not open on an interface that is not there, says why, and leaves no socket', async () => {
    const link: Link = { ...loopback!, name: 'eth9', address: '192.0.2.9' }
    await expect(startEnd(link, randomPort())).rejects.toMatchObject({
      code: 'ERR_MDNS',
      message: expect.stringMatching(/^mdns: no multicast on 192\.0\.2\.9 \(eth9\), port \d+: .*ENODEV/)
    })
    const fake = fakeNetwork()
    fake.bindError = new Error('EADDRINUSE')
    await expect(startEnd(link, 1, { network: fake.network })).rejects.toThrow('EADDRINUSE')
    expect(fake.sockets.map(({ isClosed }) => isClosed)).toEqual([true])
  })

  it('does not open over IPv6 while the address is not yet ours to send from', async () => {
    // As the system says it of an address that it still asks others about; here, of one that it never had.
    const link: Link = { ...loopback!, family: 'IPv6', address: 'fd00:dead::1' }
    await expect(startEnd(link, randomPort())).rejects.toThrow('mdns: no multicast on fd00:dead::1')
    const fake = fakeNetwork()
    fake.bindError = new Error('EADDRNOTAVAIL')
    await expect(startEnd(link, 1, { network: fake.network })).rejects.toThrow('EADDRNOTAVAIL')
    expect(fake.sockets.map(({ isClosed }) => isClosed)).toEqual([true, true])
  })

  it('decodes only what the guard lets pass, and counts what does not decode', async () => {
    const port = randomPort()
    const { queries, dropped } = await startEnd(loopback!, port, { guard: packet => packet.length !== 13 })
    const socket = createSocket('udp4')
    await new Promise<void>(resolve => { socket.bind(0, '127.0.0.1', resolve) })
    const send = (message: Uint8Array): void => socket.send(message, port, '127.0.0.1')
    send(Buffer.alloc(13))
    send(Buffer.alloc(12))
    await until(() => queries.length > 0, 'the last arrives', 3_000)
    expect([queries.length, dropped]).toEqual([1, {}])
    const broken = Buffer.alloc(14)
    broken[5] = 1 // one question, of which two bytes are there
    broken[12] = 9
    send(broken)
    await until(() => dropped['malformed'] === 1, 'the broken one is counted', 3_000)
    socket.close()
  })
})

/** Sockets that write down what they are asked. */
class FakeNetwork {
  readonly calls: unknown[][] = []
  readonly sockets: Array<{ fail: (error: Error) => void, isClosed: boolean }> = []
  sendError: Error | null = null
  bindError: Error | undefined
  /** Nothing that is sent is ever done. */
  isStuck = false
  readonly network: MdnsNetwork

  constructor () {
    this.network = {
      interfaces: () => ({}),
      createSocket: family => {
        this.calls.push(['createSocket', family])
        return this.#socket()
      }
    }
  }

  #socket (): MdnsSocket {
    let onError: (error: Error) => void = () => {}
    const state = { fail: (error: Error): void => onError(error), isClosed: false }
    this.sockets.push(state)
    const note = (name: string) => (...args: unknown[]): void => { this.calls.push([name, ...args]) }
    return {
      bind: (port, address, callback) => {
        note('bind')(port, address)
        queueMicrotask(() => {
          if (this.bindError != null) onError(this.bindError)
          else callback()
        })
      },
      addMembership: note('addMembership'),
      setMulticastInterface: note('setMulticastInterface'),
      setMulticastTTL: note('setMulticastTTL'),
      setTTL: note('setTTL'),
      setMulticastLoopback: note('setMulticastLoopback'),
      send: (_message, _offset, _length, port, address, callback) => {
        note('send')(port, address)
        if (!this.isStuck) queueMicrotask(() => callback(this.sendError))
      },
      close: callback => {
        state.isClosed = true
        queueMicrotask(callback)
      },
      on: (event: string, listener: (...args: never[]) => void) => {
        if (event === 'error') onError = listener as (error: Error) => void
      }
    }
  }
}

function fakeNetwork (): FakeNetwork {
  return new FakeNetwork()
}

/** Whether what is sent to the group comes back. */
async function hearsItself (link: Link): Promise<boolean> {
  const port = randomPort()
  const socket = createSocket({ type: 'udp6', ipv6Only: true })
  try {
    return await new Promise<boolean>((resolve, reject) => {
      socket.on('error', reject)
      socket.on('message', () => resolve(true))
      socket.bind(port, '::', () => {
        const zone = zoneOf(link)
        try {
          socket.addMembership(GROUP6, `::%${zone}`)
          socket.setMulticastInterface(`::%${zone}`)
        } catch (error) {
          reject(error)
        }
        socket.send('x', port, `${GROUP6}%${zone}`, error => {
          if (error != null) reject(error)
        })
      })
      setTimeout(() => resolve(false), 500)
    })
  } catch {
    return false
  } finally {
    socket.close()
  }
}
