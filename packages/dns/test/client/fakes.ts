/** Name servers on loopback that say what a test wants: dns2's own, and bare sockets for what no server would send. */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { createServer as createTcpServer, type Server as TcpServer, type Socket as TcpSocket } from 'node:net'
import { decode, encode, type Answer, type Packet as PlainPacket } from 'dns-packet'
import { createServer } from 'dns2'
import type { Packet } from 'dns2'

export interface Fake {
  /** `127.0.0.1:port` */
  text: string
  port: number
  close: () => Promise<void>
}

/** What comes in and may be answered: the fake's own, or `undefined` for silence. */
export type Reply = Uint8Array | undefined

/** dns2's UDP and TCP server on one port. Answers are encoded by dns-packet: dns2 compresses SRV targets. */
export async function dns2Server (
  answer: (request: Packet, isTcp: boolean) => Reply | Promise<Reply>
): Promise<Fake & { udp: number, tcp: number }> {
  for (let tries = 0; ; tries++) {
    const counts = { udp: 0, tcp: 0 }
    const server = createServer({
      udp: true,
      tcp: true,
      handle: (request, send, client) => {
        const isTcp = 'remoteAddress' in client
        counts[isTcp ? 'tcp' : 'udp']++
        void (async () => {
          const reply = await answer(request, isTcp)
          if (reply !== undefined) await send(Buffer.from(reply))
        })()
      }
    })
    const port = await freePort()
    const failed = new Promise<never>((_, reject) => { server.on('error', reject) })
    failed.catch(() => {})
    try {
      await Promise.race([server.listen({ udp: { port, address: '127.0.0.1' }, tcp: { port, address: '127.0.0.1' } }), failed])
    } catch (error) {
      if (tries > 5) throw error
      continue
    }
    return Object.assign(counts, { text: `127.0.0.1:${port}`, port, close: async () => { await server.close() } })
  }
}

/** A UDP port that is free over TCP too, most likely. */
async function freePort (): Promise<number> {
  const server = createTcpServer()
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  const { port } = server.address() as { port: number }
  await new Promise(resolve => { server.close(resolve) })
  return port
}

export interface UdpFake extends Fake {
  socket: Socket
  /** Source ports of what came, in order. */
  sources: number[]
  received: Buffer[]
}

/** @param onQuery - `reply` sends to whoever asked, from the fake's own port */
export async function udpFake (
  onQuery: (query: Buffer, reply: (message: Uint8Array) => void, from: RemoteInfo) => void, { port = 0, address = '127.0.0.1' } = {}
): Promise<UdpFake> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
  const sources: number[] = []
  const received: Buffer[] = []
  socket.on('message', (query, from) => {
    sources.push(from.port)
    received.push(query)
    onQuery(query, message => { socket.send(message, from.port, from.address) }, from)
  })
  await new Promise<void>((resolve, reject) => {
    socket.on('error', reject)
    socket.bind(port, address, resolve)
  })
  const bound = socket.address().port
  return {
    socket,
    sources,
    received,
    port: bound,
    text: address.includes(':') ? `[${address}]:${bound}` : `${address}:${bound}`,
    close: async () => new Promise(resolve => { socket.close(() => resolve()) })
  }
}

export interface TcpFake extends Fake {
  connections: Set<TcpSocket>
}

/** UDP answers `TC`; over TCP `onConnection` does what it wants. */
export async function tcpFake (onConnection: (socket: TcpSocket, query: Promise<Buffer>) => void): Promise<TcpFake> {
  for (let tries = 0; ; tries++) {
    const connections = new Set<TcpSocket>()
    const server = createTcpServer(socket => {
      connections.add(socket)
      socket.on('close', () => connections.delete(socket))
      socket.on('error', () => {})
      onConnection(socket, new Promise(resolve => { socket.once('data', chunk => resolve(chunk.subarray(2))) }))
    })
    const port = await listen(server)
    try {
      const udp = await udpFake((query, reply) => reply(answerTo(query, [], { flags: 0x0200 })), { port })
      return {
        connections,
        port,
        text: udp.text,
        close: async () => {
          for (const socket of connections) socket.destroy()
          await udp.close()
          await new Promise(resolve => { server.close(resolve) })
        }
      }
    } catch (error) {
      await new Promise(resolve => { server.close(resolve) })
      if (tries > 5) throw error
    }
  }
}

async function listen (server: TcpServer): Promise<number> {
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  return (server.address() as { port: number }).port
}

export interface AnswerInit {
  id?: number
  /** Beside QR; the low four bits are the response code. */
  flags?: number
  questions?: PlainPacket['questions']
  authorities?: Answer[]
  additionals?: Answer[]
}

/** An honest answer to `query`, changed as told. */
export function answerTo (query: Uint8Array, answers: Answer[], { id, flags = 0, questions, ...sections }: AnswerInit = {}): Buffer {
  const { id: askedId, questions: asked } = decode(Buffer.from(query)) as { id: number, questions: NonNullable<PlainPacket['questions']> }
  return encode({ type: 'response', id: id ?? askedId, flags, questions: questions ?? asked, answers, ...sections })
}

export function srv (name: string, i: number, target = `n${i}.example.test`): Answer {
  return { name, type: 'SRV', ttl: 60, data: { priority: 10, weight: 5, port: 4_000 + i, target } }
}

/** Two bytes of length in front. */
export function frame (message: Uint8Array): Buffer {
  const out = Buffer.alloc(2 + message.length)
  out.writeUInt16BE(message.length)
  out.set(message, 2)
  return out
}

/** `bytes`, so many times. */
export function times (count: number, ...bytes: readonly number[]): number[] {
  return Array.from({ length: count }, () => bytes).flat()
}
