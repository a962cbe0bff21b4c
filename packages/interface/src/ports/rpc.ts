/** The port on request and response, over connections that are already open. */
import type { PeerId } from '@libp2p/interface'

export interface RequestOptions {
  /** A larger answer fails with `LimitExceededError`. */
  maxAnswer: number
  /** Required: a request without an end is a leak. */
  signal: AbortSignal
}

export interface HandlerLimits {
  /** A larger request is refused before the handler sees it. */
  maxRequest: number
  /** The handler's whole time, ms, from the opening of the stream. */
  timeout: number
}

/** Answers one request. A throw closes the stream without an answer; the asker sees `ConnectionClosedError`. */
export type RequestHandler = (request: Uint8Array, from: PeerId, options: { signal: AbortSignal }) => Promise<Uint8Array>

export interface Rpc {
  /**
   * One request, one answer, one stream, closed afterwards. Waits its turn when `limits.requestsPerPeer` are in flight.
   *
   * @throws ConnectionClosedError when there is no connection, or it goes away
   * @throws LimitExceededError when the queue is full or the answer is too large
   * @throws NotFoundError when the peer does not speak the protocol
   */
  request: (peer: PeerId, protocol: string, body: Uint8Array, options: RequestOptions) => Promise<Uint8Array>
  handle: (protocol: string, handler: RequestHandler, limits: HandlerLimits) => Promise<void>
  unhandle: (protocol: string) => Promise<void>
}
