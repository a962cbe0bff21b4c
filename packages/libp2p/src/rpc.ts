/**
 * The request port: one request, one answer, one stream, each a length-prefixed message (unsigned varint, as in
 * multistream-select).
 */
import { setMaxListeners } from 'main-event'
import {
  abortError, ConnectionClosedError, LimitExceededError, limits, NotFoundError, NotStartedError, PeerweaveError, raceSignal, safeText, Slots,
  throwIfAborted, toError, type Clock, type HandlerLimits, type RequestHandler, type RequestOptions, type Rpc
} from '@peerweave/interface'
import { CLOSE_TIMEOUT } from './constants.ts'
import type { Connection, Logger, PeerId, Stream } from '@libp2p/interface'
import type { NodeComponents } from './node-components.ts'

/** Room for the length in front of a message, so that a message of the full size fits into the read buffer. */
const PREFIX_BYTES = 10

/** Loaded by whoever uses it: `@libp2p/utils` takes as long to load as all of `multi`. */
async function framing (): Promise<Pick<typeof import('@libp2p/utils'), 'lpStream'>> {
  return await import('@libp2p/utils')
}

export class NodeRpc implements Rpc {
  readonly #components: NodeComponents
  readonly #clock: Clock
  readonly #log: Logger
  /** By peer and protocol, as libp2p's bound at the other side; an entry lives while requests do. */
  readonly #queues = new Map<string, Slots>()
  readonly #handled = new Set<string>()
  /** The first stream of a connection: whether the other side took it up. */
  readonly #firsts = new WeakMap<Connection, Promise<boolean>>()
  #session: AbortController | undefined

  constructor (components: NodeComponents, { clock }: { clock: Clock }) {
    this.#components = components
    this.#clock = clock
    this.#log = components.logger.forComponent('peerweave:rpc')
  }

  attach (): void {
    this.#session = new AbortController()
    setMaxListeners(Infinity, this.#session.signal) // one per request, each taken back
  }

  /** Takes every handler back and ends the requests under way, on both sides. */
  async detach (): Promise<void> {
    this.#session?.abort(new NotStartedError('the ports were stopped'))
    this.#session = undefined
    await Promise.all([...this.#handled].map(async protocol => await this.unhandle(protocol)))
  }

  async request (peer: PeerId, protocol: string, body: Uint8Array, { maxAnswer, signal }: RequestOptions): Promise<Uint8Array> {
    const session = this.#sessionOrThrow('request')
    throwIfAborted(signal)
    using cancel = this.#clock.deadline(Infinity, signal, session.signal)
    const { lpStream } = await framing()
    const release = await this.#takeTurn(`${peer} ${protocol}`, cancel.signal)
    let stream: Stream | undefined
    try {
      const connection = this.#components.connectionManager.getConnections(peer)
        .find(({ status, limits }) => status === 'open' && limits == null)
      if (connection == null) throw new ConnectionClosedError(`not connected to ${peer}`)
      stream = await this.#openStream(connection, protocol, cancel.signal)
      const messages = lpStream(stream, { maxDataLength: maxAnswer, maxBufferSize: maxAnswer + PREFIX_BYTES })
      await messages.write(body, { signal: cancel.signal })
      const answer = await messages.read({ signal: cancel.signal })
      // Not awaited: the answer is here. The place is, so that half-closed streams count as requests in flight.
      void this.#finish(stream, session.signal).then(release)
      return toBytes(answer)
    } catch (error) {
      stream?.abort(toError(error))
      release()
      if (cancel.signal.aborted) throw abortError(cancel.signal.reason)
      throw requestError(toError(error), `${protocol} of ${peer}`)
    }
  }

  async handle (protocol: string, handler: RequestHandler, { maxRequest, timeout }: HandlerLimits): Promise<void> {
    const session = this.#sessionOrThrow('handle')
    if (this.#handled.has(protocol)) throw new TypeError(`${safeText(protocol)} is handled already`)
    this.#handled.add(protocol)
    try {
      // Before anybody asks: a stream that is not listened to at once loses what comes.
      const { lpStream } = await framing()
      throwIfAborted(session.signal)
      await this.#components.registrar.handle(protocol, async (stream, connection) => {
        using deadline = this.#clock.deadline(timeout, session.signal)
        const gone = new AbortController()
        stream.addEventListener('close', () => gone.abort(new ConnectionClosedError('the asker went away')), { once: true })
        using until = this.#clock.deadline(Infinity, deadline.signal, gone.signal)
        const { signal } = until
        try {
          const messages = lpStream(stream, { maxDataLength: maxRequest, maxBufferSize: maxRequest + PREFIX_BYTES })
          const request = await messages.read({ signal })
          const answer = await raceSignal(handler(toBytes(request), connection.remotePeer, { signal }), signal)
          await messages.write(answer, { signal })
          await this.#finish(stream, deadline.signal)
        } catch (error) {
          this.#log.trace('%s of %p not answered - %e', protocol, connection.remotePeer, error)
          stream.abort(toError(error))
        }
      }, { maxInboundStreams: limits.inboundStreams })
    } catch (error) {
      this.#handled.delete(protocol)
      throw error
    }
  }

  async unhandle (protocol: string): Promise<void> {
    if (this.#handled.delete(protocol)) await this.#components.registrar.unhandle(protocol)
  }

  async #takeTurn (key: string, signal: AbortSignal): Promise<() => void> {
    let slots = this.#queues.get(key)
    if (slots == null) {
      slots = new Slots(limits.requestsPerPeer, limits.requestQueue)
      this.#queues.set(key, slots)
    }
    const release = await slots.take(signal)
    return () => {
      release()
      if (slots.isIdle && this.#queues.get(key) === slots) this.#queues.delete(key)
    }
  }

  /**
   * One stream goes ahead on a new connection. libp2p 3.3 lets a connection open at the dialler before the other side is
   * done upgrading it, and that side drops the connection when more than 10 streams are there before (`maxEarlyStreams`).
   */
  async #openStream (connection: Connection, protocol: string, signal: AbortSignal): Promise<Stream> {
    for (let first = this.#firsts.get(connection); first != null; first = this.#firsts.get(connection)) {
      if (await raceSignal(first, signal)) return await connection.newStream(protocol, { signal })
      // It was given up; of all who waited for it the first to be here goes ahead instead.
      if (this.#firsts.get(connection) === first) this.#firsts.delete(connection)
    }
    const opening = connection.newStream(protocol, { signal })
    this.#firsts.set(connection, opening.then(() => true, error => (error as Error).name === 'UnsupportedProtocolError'))
    return await opening
  }

  /** Closes our side and gives the other a moment to close its own; a stream that is still there then is reset. */
  async #finish (stream: Stream, parent: AbortSignal): Promise<void> {
    using deadline = this.#clock.deadline(CLOSE_TIMEOUT, parent)
    try {
      const closed = new Promise<void>(resolve => { stream.addEventListener('close', () => resolve(), { once: true }) })
      await stream.close({ signal: deadline.signal })
      if (isOpen(stream)) await raceSignal(closed, deadline.signal)
    } catch (error) {
      stream.abort(toError(error))
    }
  }

  #sessionOrThrow (what: string): AbortController {
    if (this.#session == null) throw new NotStartedError(`${what} before the ports were started`)
    return this.#session
  }
}

/** A copy: what arrives is a Node Buffer, a view on a larger one, and `slice` of a Buffer shares its memory. */
function toBytes (message: { subarray: () => Uint8Array }): Uint8Array {
  return new Uint8Array(message.subarray())
}

function isOpen ({ status }: Stream): boolean {
  return status === 'open' || status === 'closing'
}

/** libp2p's errors by name, as it tests them itself. */
function requestError (error: Error, what: string): Error {
  if (error instanceof PeerweaveError) return error
  const text = `${safeText(what)}: ${safeText(error.message)}`
  switch (error.name) {
    case 'UnsupportedProtocolError':
      return new NotFoundError(text, { cause: error })
    case 'InvalidDataLengthError':
    case 'InvalidDataLengthLengthError':
    case 'StreamBufferError':
      return new LimitExceededError(text, { cause: error })
    default:
      return new ConnectionClosedError(text, { cause: error })
  }
}
