/**
 * Pings, for whoever must know all the time which peers are there: `/ipfs/ping/1.0.0` over one stream a connection that
 * stays open, so that one costs two frames and no negotiation. `@libp2p/ping` opens a stream for each.
 *
 * The other side ends it when it likes, and the next ping opens another: `@libp2p/ping` resets it 10 s after it opened,
 * go-libp2p closes it after 10 s without a ping and after 30 s in any case, rust-libp2p leaves it open.
 *
 * This only asks. Answering is `@libp2p/ping` in the node's services; who has no such service is not judged by pings.
 *
 * @see https://github.com/libp2p/specs/blob/d4b5fb0152a6bb86cfd9ea/ping/ping.md
 */
import {
  ConnectionClosedError, NetworkError, NotFoundError, NotStartedError, PeerweaveError, raceSignal, safeText, SerializationError, throwIfAborted, toError,
  type Clock
} from '@peerweave/interface'
import { setMaxListeners } from 'main-event'
import type { Connection, Logger, PeerId, Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface'
import type { NodeComponents } from './node-components.ts'

export const PING_PROTOCOL = '/ipfs/ping/1.0.0'

/** Bytes of one ping (libp2p ping spec). */
const PING_BYTES = 32

/**
 * Outbound ping streams that a connection must have room for: ours, libp2p's connection monitor's, and one of the app.
 * `@libp2p/ping` allows one, counts those that others opened too, and the monitor takes its refusal for a dead connection
 * and aborts it.
 */
const OUTBOUND_PINGS = 3

/** A ping in flight, and how many wait for it. */
interface Ping {
  readonly answered: Promise<number>
  readonly end: AbortController
  waiting: number
}

export class NodePing {
  readonly #components: NodeComponents
  readonly #clock: Clock
  readonly #log: Logger
  /** By peer. BOUNDED by connections. */
  readonly #pings = new Map<string, Ping>()
  /** The one stream of a connection. BOUNDED by connections: it is gone with its stream, and that with its connection. */
  readonly #lines = new Map<Connection, PingLine>()
  #session: AbortController | undefined

  constructor (components: NodeComponents, { clock }: { clock: Clock }) {
    this.#components = components
    this.#clock = clock
    this.#log = components.logger.forComponent('peerweave:ping')
  }

  attach (): void {
    this.#session = new AbortController()
    setMaxListeners(Infinity, this.#session.signal) // one per ping, each taken back
  }

  /** Ends the pings under way and their streams. */
  detach (): void {
    const stopped = new NotStartedError('the ports were stopped')
    this.#session?.abort(stopped)
    this.#session = undefined
    for (const line of [...this.#lines.values()]) line.abort(stopped)
  }

  /** As `Host.ping`. */
  async ping (peer: PeerId, { signal }: { signal: AbortSignal }): Promise<number> {
    const session = this.#session
    if (session == null) throw new NotStartedError('ping before the ports were started')
    throwIfAborted(signal)
    const key = peer.toString()
    let ping = this.#pings.get(key)
    if (ping == null) {
      ping = this.#begin(this.#connectionTo(peer), session)
      this.#pings.set(key, ping)
      const forget = (): void => this.#forget(key, ping)
      ping.answered.then(forget, forget)
    }
    ping.waiting++
    try {
      return await raceSignal(ping.answered, signal)
    } finally {
      // Not after an answer: an `AbortError` that nobody hears costs more than the ping.
      if (--ping.waiting === 0 && this.#pings.get(key) === ping) {
        this.#forget(key, ping)
        ping.end.abort()
      }
    }
  }

  #forget (key: string, ping: Ping | undefined): void {
    if (this.#pings.get(key) === ping) this.#pings.delete(key)
  }

  /** The one that opened last: an older one may be left over from a run of the peer that has ended. */
  #connectionTo (peer: PeerId): Connection {
    let newest: Connection | undefined
    for (const connection of this.#components.connectionManager.getConnections(peer)) {
      if (connection.status === 'open' && (newest == null || connection.timeline.open >= newest.timeline.open)) newest = connection
    }
    if (newest == null) throw new ConnectionClosedError(`not connected to ${peer}`)
    return newest
  }

  #begin (connection: Connection, session: AbortController): Ping {
    const end = new AbortController()
    const gone = (): void => end.abort(session.signal.reason)
    session.signal.addEventListener('abort', gone, { once: true })
    const answered = this.#ask(connection, end.signal).finally(() => session.signal.removeEventListener('abort', gone))
    return { answered, end, waiting: 0 }
  }

  async #ask (connection: Connection, signal: AbortSignal): Promise<number> {
    this.#makeRoom()
    let refused: Error = new NetworkError('no answer')
    // Twice: the other side may end a stream, whose time is up, just when we ask over it.
    for (let attempt = 0; attempt < 2; attempt++) {
      try {
        const line = this.#lines.get(connection) ?? await this.#open(connection, signal)
        return await line.ask(signal)
      } catch (error) {
        throwIfAborted(signal)
        refused = pingError(toError(error), connection)
        if (refused.name !== 'NetworkError') throw refused
      }
    }
    throw refused
  }

  async #open (connection: Connection, signal: AbortSignal): Promise<PingLine> {
    // `newStream` goes by its signal only between its steps.
    const opening = connection.newStream(PING_PROTOCOL, { signal, runOnLimitedConnection: true })
    let stream: Stream
    try {
      stream = await raceSignal(opening, signal)
    } catch (error) {
      opening.then(late => late.abort(toError(error)), () => {})
      throw error
    }
    const line: PingLine = new PingLine(stream, connection, this.#clock, () => {
      if (this.#lines.get(connection) === line) this.#lines.delete(connection)
    })
    if (!line.isOpen) {
      line.abort(new NetworkError('the peer ended the stream'))
      throw new NetworkError('the peer ended the stream')
    }
    this.#lines.set(connection, line)
    return line
  }

  /** The node's own ping service may have been started since. */
  #makeRoom (): void {
    try {
      const { options } = this.#components.registrar.getHandler(PING_PROTOCOL)
      if ((options.maxOutboundStreams ?? Infinity) < OUTBOUND_PINGS) {
        this.#log('raising the bound on outbound ping streams from %d to %d', options.maxOutboundStreams, OUTBOUND_PINGS)
        options.maxOutboundStreams = OUTBOUND_PINGS
      }
    } catch {
      // Not answered here: libp2p's own bound of 64 stands.
    }
  }
}

/** One stream, and at most one ping on it. Nothing is buffered: what comes is compared byte by byte as it comes. */
class PingLine {
  readonly #stream: Stream
  readonly #connection: Connection
  readonly #clock: Clock
  readonly #onEnd: () => void
  readonly #sent = new Uint8Array(PING_BYTES)
  #matched = 0
  #sentAt = 0
  #waiting: PromiseWithResolvers<number> | undefined

  constructor (stream: Stream, connection: Connection, clock: Clock, onEnd: () => void) {
    this.#stream = stream
    this.#connection = connection
    this.#clock = clock
    this.#onEnd = onEnd
    stream.addEventListener('message', this.#onMessage)
    stream.addEventListener('remoteCloseWrite', this.#onRemoteEnd)
    stream.addEventListener('close', this.#onClose)
  }

  get isOpen (): boolean {
    return this.#stream.status === 'open' && this.#stream.remoteWriteStatus === 'writable'
  }

  /** Resolves with the round trip. An answer given up leaves the stream unusable, so it ends with the signal. */
  async ask (signal: AbortSignal): Promise<number> {
    throwIfAborted(signal)
    if (!this.isOpen) throw new NetworkError('the peer ended the stream')
    const waiting = Promise.withResolvers<number>()
    this.#waiting = waiting
    this.#matched = 0
    const onAbort = (): void => this.abort(toError(signal.reason))
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      // The platform's generator: who can foretell what is sent can answer for another, and before it was asked.
      crypto.getRandomValues(this.#sent)
      this.#sentAt = this.#clock.now()
      // A copy: the stream keeps it until it is sent, and what is compared must not change with the next one.
      this.#stream.send(this.#sent.slice())
      return await waiting.promise
    } finally {
      signal.removeEventListener('abort', onAbort)
      this.#waiting = undefined
    }
  }

  abort (error: Error): void {
    this.#end(error)
    this.#stream.abort(error)
  }

  readonly #onMessage = ({ data }: StreamMessageEvent): void => {
    const waiting = this.#waiting
    const bytes = data.subarray()
    const isSame = bytes.every((byte, i) => byte === this.#sent[this.#matched + i])
    this.#matched += bytes.length
    if (waiting == null || !isSame || this.#matched > PING_BYTES) {
      this.abort(new SerializationError('what the peer answered is not what it was sent'))
    } else if (this.#matched === PING_BYTES) {
      const rtt = this.#clock.now() - this.#sentAt
      this.#connection.rtt = rtt
      this.#waiting = undefined
      waiting.resolve(rtt)
    }
  }

  readonly #onRemoteEnd = (): void => this.abort(new NetworkError('the peer ended the stream'))

  /** By the peer, or with the connection. */
  readonly #onClose = ({ error }: StreamCloseEvent): void => {
    this.#end(error?.name === 'StreamResetError'
      ? new NetworkError('the peer reset the stream')
      : new ConnectionClosedError('the stream ended with its connection', { cause: error }))
  }

  #end (error: Error): void {
    this.#stream.removeEventListener('message', this.#onMessage)
    this.#stream.removeEventListener('remoteCloseWrite', this.#onRemoteEnd)
    this.#stream.removeEventListener('close', this.#onClose)
    this.#onEnd()
    this.#waiting?.reject(error)
  }
}

/** By name, as libp2p tests its own. */
function pingError (error: Error, { remotePeer, status }: Connection): Error {
  const text = `ping of ${remotePeer}: ${safeText(error.message)}`
  if (error.name === 'UnsupportedProtocolError') return new NotFoundError(text, { cause: error })
  // What breaks on a connection that is over, breaks with it.
  if (status !== 'open') return new ConnectionClosedError(text, { cause: error })
  if (error instanceof PeerweaveError) return error
  switch (error.name) {
    case 'StreamResetError':
    case 'StreamClosedError':
    case 'UnexpectedEOFError':
      return new NetworkError(text, { cause: error }) // in the middle of the negotiation
    default:
      return new ConnectionClosedError(text, { cause: error })
  }
}
