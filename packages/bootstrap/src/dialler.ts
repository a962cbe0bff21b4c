/**
 * Dials bootstrap nodes, and tries those that fail again until we have enough connections; when connections go, they are
 * tried again.
 */
import { abortError, backoff, BootstrapFailedError, LimitExceededError, raceSignal, shuffle, toError, type Claim, type Clock, type Host, type Session } from '@peerweave/interface'
import { RETRY } from './constants.ts'
import type { Node } from './node.ts'
import type { ResolvedBootstrapOptions } from './options.ts'

export interface DiallerInit {
  host: Host
  options: ResolvedBootstrapOptions
  nodes: Iterable<Node>
  /** A node answered, and no round waits for it. */
  onNews: (node: Node, claim: Claim) => void
}

export class Dialler {
  readonly #host: Host
  readonly #options: ResolvedBootstrapOptions
  readonly #clock: Clock
  readonly #nodes: Iterable<Node>
  readonly #onNews: DiallerInit['onNews']
  #session: Session | undefined

  constructor ({ host, options, nodes, onNews }: DiallerInit) {
    this.#host = host
    this.#options = options
    this.#clock = options.clock
    this.#nodes = nodes
    this.#onNews = onNews
  }

  open (session: Session): void {
    this.#session = session
    this.#host.events.addEventListener('disconnect', ({ detail: peer }) => {
      for (const node of this.#nodes) {
        if (node.peerId.equals(peer)) endFollow(node)
      }
      this.#rearm()
    }, { signal: session.signal })
  }

  close (): void {
    this.#session = undefined
    for (const node of this.#nodes) {
      this.#cancelRetry(node)
      endFollow(node)
      node.attempt = undefined // one that does not look at its signal is not the next session's
    }
  }

  /** Connected to so many peers, whoever they are, that no more are sought. */
  hasEnough (): boolean {
    return new Set(this.#host.connections().map(({ peer }) => peer.toString())).size >= this.#options.enough
  }

  isConnected (node: Node): boolean {
    return this.#host.connections().some(({ peer }) => peer.equals(node.peerId))
  }

  tryNow (node: Node): void {
    this.#cancelRetry(node)
    this.attempt(node).catch(() => {}) // its status tells
  }

  /** The claim of the node that it answers, once it did. */
  attempt (node: Node): Promise<Claim> {
    const session = this.#session
    if (session == null || node.peerId.equals(this.#host.self)) return Promise.reject(abortError())
    if (node.attempt != null) return node.attempt
    const attempt = node.attempt = this.#dial(node, session).finally(() => {
      if (node.attempt === attempt) node.attempt = undefined
    })
    return attempt
  }

  /**
   * Resolves when one of these nodes has answered; as many are dialled as connections are enough, the others as those fail.
   *
   * @throws BootstrapFailedError when none does, AbortError
   */
  async anyOf (nodes: readonly Node[], signal: AbortSignal): Promise<void> {
    const wanted = shuffle(this.#options.rng, nodes)
    const errors: Error[] = []
    const tryOthers = async (): Promise<void> => {
      for (let node = wanted.pop(); node != null && !signal.aborted; node = wanted.pop()) {
        try {
          await this.attempt(node)
          return
        } catch (error) {
          errors.push(toError(error))
        }
      }
      throw new Error('there are no more of them')
    }
    const first = Promise.any(Array.from({ length: Math.min(nodes.length, this.#options.enough) }, tryOthers)).catch(() => {
      throw new BootstrapFailedError(`none of ${nodes.length} bootstrap nodes answered`, { cause: new AggregateError(errors) })
    })
    await raceSignal(first, signal)
  }

  /** A connection went. Alone, every node is wanted at once, though not by all who lost the same one in the same moment. */
  #rearm (): void {
    if (this.#session == null || this.hasEnough()) return
    for (const node of this.#nodes) {
      if (!this.isConnected(node)) this.#retryLater(node)
    }
  }

  #retryLater (node: Node): void {
    if (this.#session == null || node.retry != null || node.peerId.equals(this.#host.self)) return
    const wait = backoff(this.#options.rng, node.failuresInRow, RETRY)
    const timer = this.#clock.setTimeout(() => {
      this.#cancelRetry(node)
      if (!this.hasEnough()) this.tryNow(node)
    }, wait)
    node.retry = { timer, at: this.#clock.now() + wait }
  }

  #cancelRetry (node: Node): void {
    node.retry?.timer.cancel()
    node.retry = undefined
  }

  async #dial (node: Node, session: Session): Promise<Claim> {
    node.lastAttempt = this.#clock.wall()
    try {
      const { remoteAddr } = await this.#host.dial(node.addresses, {
        signal: session.signal, reporter: 'configured', timeout: this.#options.timeout
      })
      this.#cancelRetry(node)
      node.successes++
      node.failuresInRow = 0
      node.lastError = undefined
      node.isMute = false
      // The addresses that the user gave: where it answered may be an ephemeral port of its own dial to us.
      const claim: Claim = {
        kind: 'claim',
        peerId: node.peerId,
        multiaddrs: [...node.addresses],
        ttl: this.#options.ttl,
        reporter: { configured: true, peer: node.peerId, remoteAddr }
      }
      if (node.waiting === 0) this.#onNews(node, claim)
      return claim
    } catch (error) {
      if (!session.signal.aborted) {
        // Our own queue was full: that says nothing of the node, which was not dialled.
        if (!(error instanceof LimitExceededError)) {
          node.failures++
          node.failuresInRow++
          node.lastError = toError(error)
        }
        this.#cancelRetry(node)
        this.#retryLater(node)
      }
      throw error
    }
  }
}

/** It is gone, or we are: it is asked no more, and followed anew when it comes back. */
function endFollow (node: Node): void {
  node.follow?.abort()
  node.follow = undefined
}
