/** One round: the nodes are dialled, and each that answers is asked for its peers. */
import { BootstrapFailedError, settledOrAborted, shuffle, toError, type Claim, type Round, type Session, type Sighting } from '@peerweave/interface'
import { ASKS_IN_A_ROW } from './constants.ts'
import type { Asker } from './asker.ts'
import type { Dialler } from './dialler.ts'
import type { Node } from './node.ts'
import type { ResolvedBootstrapOptions } from './options.ts'

export interface RoundInit {
  /** Without ourselves. */
  nodes: readonly Node[]
  dialler: Dialler
  asker: Asker | undefined
  options: ResolvedBootstrapOptions
  session: Session
}

/** What came of dialling a node, or of asking one. */
interface Step {
  node: Node
  claims: readonly Claim[]
  error?: Error | undefined
  /** How often it was asked in this round. */
  asks: number
  /** There is more to be had of it. */
  hasMore: boolean
}

/**
 * Nodes in random order, as many at once as are wanted, each yielded as it answers, and then what it knows; one that fails
 * makes room for the next. With enough connections only the nodes among them are asked. A node whose retry is not due is
 * left to its timer. A dial that is still under way when the round ends goes on, and is news when it succeeds.
 *
 * @throws BootstrapFailedError when none answered, with the last error of each, and when to ask again
 */
export async function * bootstrapRound ({ nodes, dialler, asker, options, session }: RoundInit, { signal, limit }: Round): AsyncGenerator<Sighting> {
  const { clock, rng, maxPeers } = options
  const now = clock.now()
  const hasEnough = dialler.hasEnough()
  const wanted = shuffle(rng, nodes).filter(node => dialler.isConnected(node) || node.retry == null || node.retry.at <= now)
  const pending = new Map<Node, Promise<Step>>()
  const dialling = new Set<Node>()
  /** What was heard and is not said yet. */
  const heard: Claim[] = []
  const errors: Error[] = []
  let dialled = 0
  let given = 0

  const dial = (node: Node): Promise<Step> => dialler.attempt(node).then(
    claim => ({ node, claims: [claim], asks: 0, hasMore: true }),
    error => ({ node, claims: [], error: toError(error), asks: 0, hasMore: false })
  )
  const ask = async (node: Node, asker: Asker, asks: number): Promise<Step> => {
    const { claims, hasMore, learnt } = await asker.ask(node, session.signal)
    return { node, claims, asks, hasMore: hasMore && learnt > 0 && asks < ASKS_IN_A_ROW }
  }

  try {
    for (;;) {
      while (dialled < Math.min(limit, maxPeers)) {
        const node = wanted.pop()
        if (node == null) break
        if (!dialler.isConnected(node) && dialler.hasEnough()) continue
        dialled++
        node.waiting++
        dialling.add(node)
        pending.set(node, dial(node))
      }
      if (pending.size === 0) break
      const first = Promise.race(pending.values())
      await settledOrAborted(first, signal)
      if (signal.aborted) return
      const { node, claims, error, asks, hasMore } = await first
      pending.delete(node)
      if (dialling.delete(node)) {
        node.waiting--
        if (error == null) asker?.follow(node, session, true)
      }
      if (error != null) {
        errors.push(error)
        dialled--
      }
      if (asker != null && hasMore && !node.isMute && given + claims.length < limit) pending.set(node, ask(node, asker, asks + 1))
      heard.push(...claims)
      for (let claim = heard.shift(); claim != null; claim = heard.shift()) {
        given++
        yield claim
      }
    }
  } finally {
    for (const node of dialling) node.waiting--
    // What the round has no room for is news: it counts as known, so nobody would tell us again.
    const tell = (claims: readonly Claim[]): void => { for (const claim of claims) session.sight(claim) }
    tell(heard)
    for (const [node, step] of pending) {
      if (!dialling.has(node)) void step.then(({ claims }) => tell(claims))
    }
  }
  if (given > 0 || nodes.length === 0 || hasEnough || dialler.hasEnough()) return
  // Of a node that waits for its retry nothing was tried in this round: what it failed with before is the cause.
  const causes = [...new Set([...errors, ...nodes.flatMap(({ lastError }) => lastError ?? [])])]
  const due = Math.min(...nodes.map(({ retry }) => retry?.at ?? now))
  throw new BootstrapFailedError(`none of ${nodes.length} bootstrap nodes answered${why(causes)}`, {
    cause: new AggregateError(causes), retryAfter: Math.max(0, due - clock.now())
  })
}

/** One of them in words; all of them are the cause's `errors`. */
function why ([first, ...others]: readonly Error[]): string {
  if (first == null) return ''
  return `: ${first.message}${others.length === 0 ? '' : `, and ${others.length} more in cause.errors`}`
}
