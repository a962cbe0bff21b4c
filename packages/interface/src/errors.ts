/**
 * One class per cause. `name` follows libp2p (its code tests names), `code` is stable between majors, the message is
 * not. A wrong argument is a plain `TypeError` without code (see `options.ts`). docs/errors.md lists every code.
 */

export interface ErrorOptionsWithRetry extends ErrorOptions {
  /** Ask again not before this many milliseconds. */
  retryAfter?: number | undefined
}

/** Every error that Peerweave throws on purpose, other than `TypeError` and `AbortError`. */
export class PeerweaveError extends Error {
  readonly code: string
  readonly retryAfter: number | undefined

  constructor (name: string, code: string, message: string, { retryAfter, ...options }: ErrorOptionsWithRetry = {}) {
    super(message, options)
    this.name = name
    this.code = code
    this.retryAfter = retryAfter
  }
}

type ErrorClass = new (message: string, options?: ErrorOptionsWithRetry) => PeerweaveError

function errorClass (name: string, code: string): ErrorClass {
  const named = {
    [name]: class extends PeerweaveError {
      constructor (message: string, options?: ErrorOptionsWithRetry) {
        super(name, code, message, options)
      }
    }
  }
  return named[name] as ErrorClass
}

/** Something took longer than it was given. */
export const TimeoutError: ErrorClass = errorClass('TimeoutError', 'ERR_TIMEOUT')
/** Nobody knows what was asked for, where the method promised one answer. */
export const NotFoundError: ErrorClass = errorClass('NotFoundError', 'ERR_NOT_FOUND')
/** Called before `start`. */
export const NotStartedError: ErrorClass = errorClass('NotStartedError', 'ERR_NOT_STARTED')
/** A bound of `limits.ts`, or of an option, was reached. */
export const LimitExceededError: ErrorClass = errorClass('LimitExceededError', 'ERR_LIMIT_EXCEEDED')
/** The network refused: a socket, an interface or a route is not to be had. */
export const NetworkError: ErrorClass = errorClass('NetworkError', 'ERR_NETWORK')
/** The connection went away under a request. */
export const ConnectionClosedError: ErrorClass = errorClass('ConnectionClosedError', 'ERR_CONNECTION_CLOSED')
/** Bytes that do not decode to what they should. */
export const SerializationError: ErrorClass = errorClass('SerializationError', 'ERR_SERIALIZATION')
/** A signature is missing or wrong. */
export const UnauthenticatedError: ErrorClass = errorClass('UnauthenticatedError', 'ERR_UNAUTHENTICATED')
/** A signed message is older than it may be. */
export const MessageTooOldError: ErrorClass = errorClass('MessageTooOldError', 'ERR_MESSAGE_TOO_OLD')

/** A bootstrap address cannot be used as written (no id, bad multiaddr). */
export const InvalidBootstrapNodeError: ErrorClass = errorClass('InvalidBootstrapNodeError', 'ERR_INVALID_BOOTSTRAP_NODE')
/** No bootstrap node could be reached in this round. */
export const BootstrapFailedError: ErrorClass = errorClass('BootstrapFailedError', 'ERR_BOOTSTRAP_FAILED')
/** Dials were made and none succeeded. */
export const NoSuccessfulConnectionsError: ErrorClass = errorClass('NoSuccessfulConnectionsError', 'ERR_NO_SUCCESSFUL_CONNECTIONS')
/** A DNS record that does not say what it must. */
export const InvalidDnsRecordError: ErrorClass = errorClass('InvalidDnsRecordError', 'ERR_INVALID_DNS_RECORD')
export const DhtError: ErrorClass = errorClass('DhtError', 'ERR_DHT')
export const MdnsError: ErrorClass = errorClass('MdnsError', 'ERR_MDNS')
export const DnsError: ErrorClass = errorClass('DnsError', 'ERR_DNS')
export const GossipError: ErrorClass = errorClass('GossipError', 'ERR_GOSSIP')

/** The store holds what its capacity allows and the newcomer did not win a place. */
export const PeerStoreFullError: ErrorClass = errorClass('PeerStoreFullError', 'ERR_PEER_STORE_FULL')
/** Another process or instance has the store open. */
export const PeerStoreLockedError: ErrorClass = errorClass('PeerStoreLockedError', 'ERR_PEER_STORE_LOCKED')
/** The store on disk is damaged beyond repair. */
export const PeerStoreCorruptError: ErrorClass = errorClass('PeerStoreCorruptError', 'ERR_PEER_STORE_CORRUPT')
/** The store on disk was written by a newer version. It is left as it is. */
export const PeerStoreVersionError: ErrorClass = errorClass('PeerStoreVersionError', 'ERR_PEER_STORE_VERSION')

/** A mechanism failed without saying more than `cause` has, and is not asked again before `retryAfter`. */
export const BackoffError: ErrorClass = errorClass('BackoffError', 'ERR_BACKOFF')

/** One thing that is wrong with a configuration. */
export interface ConfigProblem {
  /** Where: `mechanisms[2].options.list[0]`; empty for the configuration as a whole. */
  readonly path: string
  /** What is wanted there, and what was got. */
  readonly message: string
  /** What was thrown, where something was. */
  readonly cause?: Error | undefined
}

/** A declarative configuration cannot be used as it is; `problems` holds all that is wrong with it. */
export class ConfigError extends PeerweaveError {
  readonly problems: readonly ConfigProblem[]

  /** @param problems - one or more; the first one's cause is the error's */
  constructor (problems: readonly ConfigProblem[]) {
    const lines = problems.map(({ path, message }) => path === '' ? message : `${path}: ${message}`)
    const cause = problems.find(({ cause }) => cause != null)?.cause
    const message = lines.length === 1 ? lines[0] as string : `${lines.length} problems:\n  ${lines.join('\n  ')}`
    super('ConfigError', 'ERR_CONFIG', message, { ...cause != null && { cause } })
    this.problems = Object.freeze(problems.map(problem => Object.freeze({ ...problem })))
  }
}

/** Every mechanism that was asked failed; `errors` holds each cause under the mechanism's name. */
export class NoAnswersError extends PeerweaveError {
  readonly errors: ReadonlyMap<string, Error>

  constructor (message: string, errors: ReadonlyMap<string, Error>) {
    super('NoAnswersError', 'ERR_NO_ANSWERS', message, { cause: new AggregateError(errors.values(), message) })
    this.errors = errors
  }
}

/** The error of an aborted wait, named as the platform and libp2p name it. */
export function abortError (reason?: unknown): Error {
  // A deadline's own error says more than "aborted": it is passed on as it is.
  if (reason instanceof TimeoutError) return reason
  const error = new Error('The operation was aborted', { cause: reason })
  error.name = 'AbortError'
  return error
}

/** Throws {@link abortError} when the signal has fired. Call before work begins. */
export function throwIfAborted (signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw abortError(signal.reason)
}

/** Anything thrown, as an Error. */
export function toError (thrown: unknown): Error {
  if (thrown instanceof Error) return thrown
  try {
    return new Error(String(thrown), { cause: thrown })
  } catch {
    return new Error(`a ${typeof thrown} was thrown`, { cause: thrown }) // it has no string form
  }
}
