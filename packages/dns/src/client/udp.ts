/**
 * Questions over UDP, RFC 1035 §4.2.1, from connected sockets: what comes from another address or port does not reach us,
 * and a port where nobody listens says so at once.
 */
import { randomInt } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { abortError, TimeoutError, toError, type Clock, type DropCounter, type Timer } from '@peerweave/interface'
import { POOL_SOCKETS, RESEND_AFTER, RESEND_FACTOR, SOCKET_AGE, SOCKET_QUERIES } from './constants.ts'
import { messageId } from './message-guard.ts'
import type { AskInit, Attempt } from './ask.ts'
import type { SocketServer } from './servers.ts'

/** `pool`: questions share sockets. `single`: each copy of a question has one of its own, which costs about a third more. */
export type UdpSockets = 'pool' | 'single'

export interface UdpInit {
  clock: Clock
  sockets: UdpSockets
  /** Counts `not-ours`: late, duplicate and wrong answers. */
  drop: DropCounter
}

export interface Udp {
  /**
   * Sends a copy, then another from another socket as long as nobody answers. An answer to any of them counts.
   *
   * @param attempt - called for each copy, in a pool until it has an id that is free at the socket
   * @throws TimeoutError, AbortError, what the system says of the socket, or what `read` throws
   */
  ask: <Answer>(server: SocketServer, attempt: () => Attempt<Answer>, init: AskInit & { sockets?: UdpSockets }) => Promise<Answer>
  /** Questions under way are left unanswered: abort them before. */
  close: () => Promise<void>
}

export function udp ({ clock, sockets: usual, drop }: UdpInit): Udp {
  const pools = new Map<string, SocketPool>()
  const open = new Set<UdpSocket>()

  const openSocket = (server: SocketServer): UdpSocket => {
    const socket = new UdpSocket(server, clock, drop, () => { open.delete(socket) })
    open.add(socket)
    return socket
  }

  const pickSocket = (server: SocketServer, used: readonly UdpSocket[]): UdpSocket => {
    let pool = pools.get(server.text)
    if (pool === undefined) pools.set(server.text, pool = new SocketPool(() => openSocket(server)))
    return pool.pick(used)
  }

  return {
    ask: async (server, attempt, { budget, signal, sockets = usual }) => new Promise((resolve, reject) => {
      const used: UdpSocket[] = []
      const releases: Array<() => void> = []
      let resend: Timer | undefined
      const end = (settle: () => void): void => {
        limit.cancel()
        resend?.cancel()
        signal.removeEventListener('abort', onAbort)
        for (const release of releases) release()
        if (sockets === 'single') for (const socket of used) socket.retire()
        settle()
      }
      const fail = (error: unknown): void => end(() => reject(toError(error)))
      const onAbort = (): void => fail(abortError(signal.reason))
      const send = (wait: number): void => {
        try {
          const socket = sockets === 'single' ? openSocket(server) : pickSocket(server, used)
          used.push(socket)
          releases.push(socket.send(attempt, { answered: answer => end(() => resolve(answer)), failed: fail }))
        } catch (error) {
          fail(error)
          return
        }
        resend = clock.setTimeout(() => send(wait * RESEND_FACTOR), wait)
      }
      const limit = clock.setTimeout(() => fail(new TimeoutError(`no answer in ${Math.round(budget)} ms`)), budget)
      if (signal.aborted) {
        onAbort()
        return
      }
      signal.addEventListener('abort', onAbort, { once: true })
      send(RESEND_AFTER)
    }),
    async close () {
      pools.clear()
      await Promise.all(Array.from(open, socket => socket.close()))
    }
  }
}

/** Opened as they are picked, at random: a forger must not know which comes next. */
class SocketPool {
  readonly #sockets: Array<UdpSocket | undefined> = []
  readonly #open: () => UdpSocket

  constructor (open: () => UdpSocket) {
    this.#open = open
  }

  /** One that is not in `used`, of which there are never as many as here, and not used up. */
  pick (used: readonly UdpSocket[]): UdpSocket {
    for (let at = randomInt(POOL_SOCKETS); ; at = (at + 1) % POOL_SOCKETS) {
      const socket = this.#sockets[at]
      if (socket?.isUsable === true && !used.includes(socket)) return socket
      if (socket?.isUsable === true) continue
      socket?.retire()
      return this.#sockets[at] = this.#open()
    }
  }
}

interface Outcome<Answer> {
  answered: (answer: Answer) => void
  failed: (error: unknown) => void
}

/** One connected socket. It is closed when it is used up and nobody waits for an answer at it. */
class UdpSocket {
  readonly #socket: Socket
  readonly #drop: DropCounter
  readonly #onClosed: () => void
  readonly #age: Timer
  readonly #connected: Promise<void>
  /** By id. */
  readonly #waiting = new Map<number, { read: (message: Uint8Array) => boolean, failed: (error: unknown) => void }>()
  readonly #closed = Promise.withResolvers<void>()
  #sends = 0
  #isRetired = false
  #isClosing = false

  constructor ({ address, port, family }: SocketServer, clock: Clock, drop: DropCounter, onClosed: () => void) {
    this.#drop = drop
    this.#onClosed = onClosed
    this.#socket = createSocket(family === 4 ? 'udp4' : 'udp6')
    this.#age = clock.setTimeout(() => this.retire(), SOCKET_AGE)
    this.#socket.on('message', message => this.#handle(message))
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    promise.catch(() => {}) // told to each that waits
    this.#connected = promise
    this.#socket.on('error', error => {
      reject(error)
      this.#fail(error)
    })
    this.#socket.connect(port, address, (error?: Error) => {
      if (error == null) resolve()
      else this.#socket.emit('error', error)
    })
  }

  get isUsable (): boolean {
    return !this.#isRetired && this.#sends < SOCKET_QUERIES
  }

  /**
   * Sends one copy under an id that no other has here.
   *
   * @returns what must be called when nobody waits for its answer any more
   */
  send<Answer> (attempt: () => Attempt<Answer>, { answered, failed }: Outcome<Answer>): () => void {
    const { id, message, read } = this.#free(attempt)
    this.#sends++
    const entry = {
      read: (bytes: Uint8Array): boolean => {
        let answer
        try {
          answer = read(bytes)
        } catch (error) {
          failed(error)
          return true
        }
        if (answer === undefined) return false
        answered(answer)
        return true
      },
      failed
    }
    this.#waiting.set(id, entry)
    void this.#write(message, entry)
    return () => {
      if (this.#waiting.get(id) === entry) this.#waiting.delete(id)
      if (!this.isUsable) this.retire()
    }
  }

  /** No question is sent from it any more. */
  retire (): void {
    this.#isRetired = true
    if (this.#waiting.size === 0) void this.close()
  }

  async close (): Promise<void> {
    if (!this.#isClosing) {
      this.#isClosing = true
      this.#isRetired = true
      this.#age.cancel()
      this.#socket.close(() => this.#closed.resolve())
    }
    await this.#closed.promise
    this.#onClosed()
  }

  #free<Answer> (attempt: () => Attempt<Answer>): Attempt<Answer> & { id: number } {
    for (;;) {
      const { message, read } = attempt()
      const id = messageId(message) as number // the client checks those that are not its own
      if (!this.#waiting.has(id)) return { id, message, read } // of 65,536 at most 256 are taken
    }
  }

  async #write (message: Uint8Array, entry: { failed: (error: unknown) => void }): Promise<void> {
    try {
      await this.#connected
      if (this.#isClosing) return
      this.#socket.send(message, error => { if (error != null) this.#fail(error) })
    } catch (error) {
      entry.failed(error)
    }
  }

  #handle (message: Uint8Array): void {
    const id = messageId(message)
    const entry = id === undefined ? undefined : this.#waiting.get(id)
    if (entry === undefined || !entry.read(message)) this.#drop('not-ours')
  }

  /** The server's port is closed, or there is no way to it: true of everything sent from here. */
  #fail (error: unknown): void {
    const waiting = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const { failed } of waiting) failed(error)
    this.retire()
  }
}
