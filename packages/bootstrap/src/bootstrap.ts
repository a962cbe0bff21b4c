/**
 * Dials a list of known nodes and says which answered. A node that fails is tried again with jittered back-off for as
 * long as we run; one that leaves is tried again too.
 */
import {
  abortError, backoff, BootstrapFailedError, defineMechanism, LimitExceededError, settledOrAborted, shuffle, toError
} from '@peerweave/interface'
import { mechanismModule } from '@peerweave/libp2p'
import { RETRY } from './constants.ts'
import { NodeList, parseNode, type ListedNode } from './node-list.ts'
import { resolveOptions, type BootstrapOptions, type ResolvedBootstrapOptions } from './options.ts'
import type { Claim, Clock, DiscoveryMechanism, Host, MechanismContext, MechanismFactory, Round, Session, Sighting, Timer } from '@peerweave/interface'
import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'

/** How one node has fared. Times are wall-clock ms. */
export interface BootstrapNodeStatus {
  readonly peerId: PeerId
  readonly addresses: readonly Multiaddr[]
  readonly lastAttempt?: number | undefined
  readonly successes: number
  readonly failures: number
  /** Of the last attempt; `undefined` when it succeeded. */
  readonly lastError?: Error | undefined
}

export interface Bootstrap extends DiscoveryMechanism {
  /** Status of every node, in the order added. */
  nodes: () => BootstrapNodeStatus[]
  /**
   * One more node, tried at once when we run.
   *
   * @throws InvalidBootstrapNodeError
   * @throws LimitExceededError
   */
  addNode: (address: string | Multiaddr) => void
}

/**
 * @throws TypeError naming a wrong option
 * @throws InvalidBootstrapNodeError naming a wrong address
 * @throws LimitExceededError naming the address that is one too many
 */
export function bootstrap (options: BootstrapOptions): MechanismFactory<Bootstrap> {
  const resolved = resolveOptions(options)
  return mechanismModule(context => create(context, resolved), resolved)
}

interface Node extends ListedNode {
  lastAttempt?: number | undefined
  successes: number
  failures: number
  failuresInRow: number
  lastError?: Error | undefined
  /** The attempt under way; everybody who wants the node waits for the same. */
  attempt?: Promise<Claim> | undefined
  /** Rounds that wait for it: with none, its success is news. */
  waiting: number
  retry?: { timer: Timer, at: number } | undefined
}

function create (context: MechanismContext, options: ResolvedBootstrapOptions): Bootstrap {
  const { host } = context.ports
  const nodes = new NodeList<Node>(node => ({ ...node, successes: 0, failures: 0, failuresInRow: 0, waiting: 0 }))
  for (const { peerId, addresses } of options.nodes) {
    for (const address of addresses) nodes.add({ peerId, address })
  }
  const dialler = new Dialler(host, options)

  const mechanism = defineMechanism(context, {
    name: options.name,
    type: 'bootstrap',
    passive: true,
    clock: options.clock,
    open (session) {
      dialler.session = session
      host.events.addEventListener('disconnect', ({ detail }) => {
        const node = nodes.get(detail)
        if (node != null) dialler.retryLater(node)
      }, { signal: session.signal })
    },
    close () {
      dialler.session = undefined
      for (const node of nodes) dialler.cancelRetry(node)
    },
    round: round => dialler.round([...nodes].filter(({ peerId }) => !peerId.equals(host.self)), round)
  })

  return Object.assign(mechanism, {
    nodes: () => [...nodes].map(({ peerId, addresses, lastAttempt, successes, failures, lastError }) => {
      return Object.freeze({ peerId, addresses: [...addresses], lastAttempt, successes, failures, lastError })
    }),
    addNode: (address: string | Multiaddr) => dialler.tryNow(nodes.add(parseNode(address)))
  })
}

class Dialler {
  session: Session | undefined
  readonly #host: Host
  readonly #options: ResolvedBootstrapOptions
  readonly #clock: Clock

  constructor (host: Host, options: ResolvedBootstrapOptions) {
    this.#host = host
    this.#options = options
    this.#clock = options.clock
  }

  /**
   * Nodes in random order, as many at once as are wanted, each yielded as it answers; one that fails makes room for the
   * next. A node whose retry is not due is left to its timer. What is still under way when the round ends goes on, and
   * is news when it succeeds.
   *
   * @throws BootstrapFailedError when none answered, with the last error of each, and when to ask again
   */
  async * round (nodes: readonly Node[], { signal, limit }: Round): AsyncGenerator<Sighting> {
    const now = this.#clock.now()
    const wanted = shuffle(this.#options.rng, nodes).filter(({ retry }) => retry == null || retry.at <= now)
    const most = Math.min(limit, this.#options.maxPeers)
    const pending = new Map<Node, Promise<{ node: Node, result: Claim | Error }>>()
    const errors: Error[] = []
    let answered = 0
    try {
      while (answered < most) {
        for (const node of wanted.splice(0, most - answered - pending.size)) {
          node.waiting++
          pending.set(node, this.#attempt(node).catch(toError).then(result => ({ node, result })))
        }
        if (pending.size === 0) break
        const first = Promise.race(pending.values())
        await settledOrAborted(first, signal)
        if (signal.aborted) return
        const { node, result } = await first
        node.waiting--
        pending.delete(node)
        if (result instanceof Error) {
          errors.push(result)
        } else {
          answered++
          yield result
        }
      }
    } finally {
      for (const node of pending.keys()) node.waiting--
    }
    if (answered > 0 || nodes.length === 0) return
    // Of a node that waits for its retry nothing was tried in this round: what it failed with before is the cause.
    const causes = new Set([...errors, ...nodes.flatMap(({ lastError }) => lastError ?? [])])
    const due = Math.min(...nodes.map(({ retry }) => retry?.at ?? now))
    throw new BootstrapFailedError(`none of ${nodes.length} bootstrap nodes answered`, {
      cause: new AggregateError(causes), retryAfter: Math.max(0, due - this.#clock.now())
    })
  }

  tryNow (node: Node): void {
    this.cancelRetry(node)
    this.#attempt(node).catch(() => {}) // its status tells
  }

  retryLater (node: Node): void {
    if (this.session == null || node.retry != null) return
    const wait = backoff(this.#options.rng, node.failuresInRow, RETRY)
    const timer = this.#clock.setTimeout(() => this.tryNow(node), wait)
    node.retry = { timer, at: this.#clock.now() + wait }
  }

  cancelRetry (node: Node): void {
    node.retry?.timer.cancel()
    node.retry = undefined
  }

  #attempt (node: Node): Promise<Claim> {
    const { session } = this
    if (session == null || node.peerId.equals(this.#host.self)) return Promise.reject(abortError())
    return node.attempt ??= this.#dial(node, session).finally(() => { node.attempt = undefined })
  }

  async #dial (node: Node, session: Session): Promise<Claim> {
    node.lastAttempt = this.#clock.wall()
    try {
      const { remoteAddr } = await this.#host.dial(node.addresses, {
        signal: session.signal, reporter: 'configured', timeout: this.#options.timeout
      })
      this.cancelRetry(node)
      node.successes++
      node.failuresInRow = 0
      node.lastError = undefined
      // The addresses that the user gave: where it answered may be an ephemeral port of its own dial to us.
      const claim: Claim = {
        kind: 'claim',
        peerId: node.peerId,
        multiaddrs: [...node.addresses],
        ttl: this.#options.ttl,
        reporter: { configured: true, peer: node.peerId, remoteAddr }
      }
      if (node.waiting === 0) session.sight(claim)
      return claim
    } catch (error) {
      if (!session.signal.aborted) {
        // Our own queue was full: that says nothing of the node, which was not dialled.
        if (!(error instanceof LimitExceededError)) {
          node.failures++
          node.failuresInRow++
          node.lastError = toError(error)
        }
        this.cancelRetry(node)
        this.retryLater(node)
      }
      throw error
    }
  }
}
