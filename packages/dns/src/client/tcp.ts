/** One question over TCP: two bytes of length before each message, RFC 1035 §4.2.2; one connection each, RFC 7766. */
import { connect } from 'node:net'
import { abortError, ConnectionClosedError, NetworkError, TimeoutError, toError, type Clock } from '@peerweave/interface'
import { HEADER_BYTES } from './constants.ts'
import type { AskInit, Attempt } from './ask.ts'
import type { SocketServer } from './servers.ts'

const LENGTH_BYTES = 2

/**
 * Nobody else can have written into the connection: what does not answer the question ends it.
 *
 * @throws TimeoutError, AbortError, ConnectionClosedError, NetworkError, what the system says, or what `read` throws
 */
export async function askTcp<Answer> (
  clock: Clock, { address, port }: SocketServer, { message, read }: Attempt<Answer>, { budget, signal }: AskInit
): Promise<Answer> {
  const bytes = await exchangeFrames(clock, { address, port }, message, { budget, signal })
  const answer = read(bytes)
  if (answer === undefined) throw new NetworkError('over TCP it answered something else')
  return answer
}

async function exchangeFrames (
  clock: Clock, to: { address: string, port: number }, message: Uint8Array, { budget, signal }: AskInit
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(abortError(signal.reason))
      return
    }
    const socket = connect({ host: to.address, port: to.port })
    const reader = new FrameReader()
    const end = (settle: () => void): void => {
      limit.cancel()
      signal.removeEventListener('abort', onAbort)
      socket.destroy()
      settle()
    }
    const fail = (error: Error): void => end(() => reject(error))
    const onAbort = (): void => fail(abortError(signal.reason))
    // Of the whole exchange: a server that sends a byte now and then is silent too.
    const limit = clock.setTimeout(() => fail(new TimeoutError(`no answer over TCP in ${Math.round(budget)} ms`)), budget)
    signal.addEventListener('abort', onAbort, { once: true })
    socket.on('error', error => fail(toError(error)))
    socket.on('close', () => fail(new ConnectionClosedError('it closed the TCP connection before its answer was whole')))
    socket.on('data', chunk => {
      const frame = reader.push(chunk)
      if (frame === undefined) return
      if (frame.length < HEADER_BYTES) fail(new NetworkError('over TCP it sent what is too short for a message'))
      else end(() => resolve(frame))
    })
    const frame = Buffer.alloc(LENGTH_BYTES + message.length)
    frame.writeUInt16BE(message.length)
    frame.set(message, LENGTH_BYTES)
    socket.write(frame)
  })
}

/** Puts one frame together, in one piece: a server may send it a byte at a time. What follows it is not looked at. */
class FrameReader {
  readonly #lengthBytes: number[] = []
  #message: Uint8Array | undefined
  #filled = 0

  /** The frame's message, once it is whole. */
  push (chunk: Uint8Array): Uint8Array | undefined {
    let at = 0
    while (this.#lengthBytes.length < LENGTH_BYTES && at < chunk.length) this.#lengthBytes.push(chunk[at++] as number)
    const [high, low] = this.#lengthBytes
    if (high === undefined || low === undefined) return undefined
    this.#message ??= new Uint8Array(high << 8 | low)
    const part = chunk.subarray(at, at + this.#message.length - this.#filled)
    this.#message.set(part, this.#filled)
    this.#filled += part.length
    return this.#filled === this.#message.length ? this.#message : undefined
  }
}
