/**
 * Asks the nodes that answered for the peers that they know, and brings them our own record: at once, and then ever more
 * seldom while they have nothing new.
 */
import { toError, type Clock, type Session } from '@peerweave/interface'
import { askPace, type Answered, type Exchange } from '@peerweave/exchange'
import { ASK_INTERVAL, ASKS_IN_A_ROW } from './constants.ts'
import type { Dialler } from './dialler.ts'
import type { Node } from './node.ts'
import type { ResolvedBootstrapOptions } from './options.ts'

export interface AskerInit {
  exchange: Exchange
  dialler: Dialler
  options: ResolvedBootstrapOptions
}

const NOTHING: Answered = { claims: [], learnt: 0, hasMore: false, isEnough: false, wait: 0 }

export class Asker {
  readonly #exchange: Exchange
  readonly #dialler: Dialler
  readonly #options: ResolvedBootstrapOptions
  readonly #clock: Clock

  constructor ({ exchange, dialler, options }: AskerInit) {
    this.#exchange = exchange
    this.#dialler = dialler
    this.#options = options
    this.#clock = options.clock
  }

  /** One answer; an empty one of a node that does not speak the exchange, or is gone: it is a peer all the same. */
  async ask (node: Node, signal: AbortSignal): Promise<Answered> {
    try {
      return await this.#exchange.ask(node.peerId, { signal })
    } catch (error) {
      if (toError(error).name === 'NotFoundError') node.isMute = true
      return NOTHING
    }
  }

  /**
   * Asks until the node is gone or we stop; what it says is news.
   *
   * @param isAsked - a round has just done it
   */
  follow (node: Node, session: Session, isAsked: boolean): void {
    if (node.follow != null || session.signal.aborted) return
    const follow = node.follow = new AbortController()
    session.background(async stopped => {
      using until = this.#clock.deadline(Infinity, stopped, follow.signal)
      const { signal } = until
      const { rng } = this.#options
      const pace = askPace(rng, ASK_INTERVAL)
      try {
        for (let isDue = !isAsked; this.#dialler.isConnected(node) && !node.isMute; isDue = true) {
          const answered = isDue ? await this.#askForAll(node, session, signal) : NOTHING
          // Spread, or all whom a busy node sent away in one moment would come back in one.
          const wait = answered.wait * (1 + rng.float())
          await this.#clock.sleep(Math.max(wait, pace.next(answered.learnt, answered.isEnough)), { signal })
        }
      } catch (error) {
        if (!signal.aborted) throw error
      } finally {
        if (node.follow === follow) node.follow = undefined
      }
    })
  }

  /** What the node has for us, in {@link ASKS_IN_A_ROW} answers at most: one that makes peers up never runs out of them. */
  async #askForAll (node: Node, { sight }: Session, signal: AbortSignal): Promise<Answered> {
    let learnt = 0
    for (let asks = 1; ; asks++) {
      const answered = await this.ask(node, signal)
      for (const claim of answered.claims) sight(claim)
      learnt += answered.learnt
      if (!answered.hasMore || answered.isEnough || answered.learnt === 0 || asks === ASKS_IN_A_ROW) return { ...answered, learnt }
    }
  }
}
