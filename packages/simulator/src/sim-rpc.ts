/** The `Rpc` port of one life of a simulated node. */
import { ConnectionClosedError, LimitExceededError, limits, NotFoundError, raceSignal, Slots, throwIfAborted, toError } from '@peerweave/interface'
import type { HandlerLimits, RequestHandler, RequestOptions, Rpc } from '@peerweave/interface'
import type { PeerId } from '@libp2p/interface'
import type { NodeClock } from './sim-clock.ts'

/** Our end of a connection, as far as requests go. */
export interface RpcEnd {
  /** Of the connection: the same at both ends. */
  readonly id: number
  /** The node at the other end. */
  readonly node: string
  readonly peer: PeerId
  readonly closed: { readonly signal: AbortSignal }
}

/** What requests need of the host that they belong to. */
export interface RpcHost {
  readonly self: PeerId
  readonly clock: NodeClock
  /** Fires when this life ends. */
  readonly ended: AbortSignal
  endTo: (peer: PeerId) => RpcEnd | undefined
  endOf: (id: number, from: PeerId) => RpcEnd
  lose: (id: number, reason: string) => void
}

/** Has `serve` run at another node, and brings back what it returns or throws. */
export type Ask = (node: string, what: string, serve: (rpc: SimRpc) => Promise<Uint8Array>) => Promise<Uint8Array>

interface Handler {
  handler: RequestHandler
  limits: HandlerLimits
}

export class SimRpc implements Rpc {
  readonly #host: RpcHost
  readonly #ask: Ask
  readonly #handlers = new Map<string, Handler>()
  /** By peer and protocol, while requests are in flight. */
  readonly #queues = new Map<string, Slots>()
  /** Requests being answered, by peer and protocol. BOUNDED by connections × handlers. */
  readonly #inbound = new Map<string, number>()

  constructor (host: RpcHost, ask: Ask) {
    this.#host = host
    this.#ask = ask
  }

  protocols (): string[] {
    return [...this.#handlers.keys()].sort()
  }

  async request (peer: PeerId, protocol: string, body: Uint8Array, { maxAnswer, signal }: RequestOptions): Promise<Uint8Array> {
    throwIfAborted(signal)
    const end = this.#host.endTo(peer)
    if (end == null) throw new ConnectionClosedError(`no connection to ${peer}`)
    const release = await this.#takeTurn(`${peer} ${protocol}`, signal)
    using until = this.#host.clock.deadline(Infinity, signal, end.closed.signal, this.#host.ended)
    try {
      const sent = body.slice() // the two sides share no memory, as over a wire
      const asked = this.#ask(end.node, `${protocol} ${describe(sent)}`, rpc => rpc.#answer(end.id, protocol, sent, this.#host.self))
      const answer = await raceSignal(asked, until.signal)
      if (answer.byteLength > maxAnswer) throw new LimitExceededError(`${protocol}: the answer is longer than ${maxAnswer} bytes`)
      return answer
    } catch (error) {
      throwIfAborted(signal)
      if (end.closed.signal.aborted) throw end.closed.signal.reason
      const { name, message } = toError(error)
      // Nothing came through: with retransmission that is the end of the connection, not of one request.
      if (name === 'NetworkError') this.#host.lose(end.id, message)
      throw name === 'NetworkError' ? new ConnectionClosedError(`${protocol} of ${peer}: ${message}`, { cause: error }) : error
    } finally {
      release()
    }
  }

  async handle (protocol: string, handler: RequestHandler, limits: HandlerLimits): Promise<void> {
    if (this.#handlers.has(protocol)) throw new TypeError(`${protocol} is handled already`)
    this.#handlers.set(protocol, { handler, limits })
  }

  async unhandle (protocol: string): Promise<void> {
    this.#handlers.delete(protocol)
  }

  async #answer (id: number, protocol: string, request: Uint8Array, from: PeerId): Promise<Uint8Array> {
    const end = this.#host.endOf(id, from)
    const found = this.#handlers.get(protocol)
    if (found == null) throw new NotFoundError(`${this.#host.self} does not speak ${protocol}`)
    const { handler, limits: { maxRequest, timeout } } = found
    if (request.byteLength > maxRequest) throw new ConnectionClosedError(`${protocol}: the request was refused as too long`)
    const key = `${from} ${protocol}`
    const open = this.#inbound.get(key) ?? 0
    if (open >= limits.inboundStreams) throw new ConnectionClosedError(`${protocol}: ${open} streams are open already`)
    this.#inbound.set(key, open + 1)
    using deadline = this.#host.clock.deadline(timeout, end.closed.signal, this.#host.ended)
    const { signal } = deadline
    try {
      return (await raceSignal(handler(request, from, { signal }), signal)).slice()
    } catch (error) {
      throw new ConnectionClosedError(`${protocol}: closed without an answer`, { cause: error })
    } finally {
      const left = (this.#inbound.get(key) ?? 1) - 1
      if (left > 0) this.#inbound.set(key, left)
      else this.#inbound.delete(key)
    }
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
}

/** Length and FNV-1a of a message, for the trace: two runs that say different things are different runs. */
function describe (bytes: Uint8Array): string {
  let hash = 0x811c9dc5
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193)
  return `${bytes.length} ${(hash >>> 0).toString(16)}`
}
