/** A peer in a process of its own, seen from here. */
import { until } from '../../test/support/until.ts'
import { Child } from './child.ts'
import type { Load, PeerMessage } from './messages.ts'
import type { Place } from './stage.ts'

/** ms. Of as many as 40 processes that start at once on two cores. */
const SETTLE_DEADLINE = 120_000

export class PeerProcess {
  /** Of the last join. */
  id = ''
  /** Just before it was started, `monotonic`. */
  joinedAt = NaN
  /** By id: when it listed that peer first since it joined. */
  readonly seen: Map<string, number> = new Map()
  readonly #child: Child
  #onAnswer: (message: PeerMessage) => void = () => {}

  /** Resolves once it can join at once. */
  static async start (place: Place, theirs: boolean): Promise<PeerProcess> {
    return new Promise(resolve => {
      const peer: PeerProcess = new PeerProcess(place, theirs, () => resolve(peer))
    })
  }

  private constructor (place: Place, theirs: boolean, onReady: () => void) {
    this.#onAnswer = onReady
    this.#child = new Child(place, 'peer-child.ts', theirs ? ['--theirs'] : [], message => this.#onMessage(message as PeerMessage))
  }

  async join (): Promise<void> {
    this.seen.clear()
    const { id, at } = await this.#ask('join', 'joined')
    this.id = id
    this.joinedAt = at
  }

  /** With a goodbye, where it has one. */
  async leave (): Promise<void> {
    await this.#ask('leave', 'left')
  }

  /** The ids that it lists now. */
  async list (): Promise<string[]> {
    return (await this.#ask('list', 'list')).ids
  }

  /** From now on … */
  async startLoad (): Promise<void> {
    await this.#ask('load', 'load')
  }

  /** … until now. */
  async takeLoad (): Promise<Load> {
    return (await this.#ask('loaded', 'loaded')).load
  }

  async stop (): Promise<void> {
    await this.#child.stop()
  }

  /** One question at a time. */
  async #ask <K extends PeerMessage['kind']> (command: string, kind: K): Promise<PeerMessage & { kind: K }> {
    const answer = await new Promise<PeerMessage>(resolve => {
      this.#onAnswer = resolve
      this.#child.tell(command)
    })
    if (answer.kind !== kind) throw new Error(`${command} was answered with ${answer.kind}`)
    return answer as PeerMessage & { kind: K }
  }

  #onMessage (message: PeerMessage): void {
    if (message.kind === 'seen') this.seen.set(message.id, message.at)
    else this.#onAnswer(message)
  }
}

/** Starts a process at each place, ours or theirs; all of them join, and each has seen all others. */
export async function settledPeers (places: readonly Place[], theirs: boolean): Promise<PeerProcess[]> {
  const peers = await Promise.all(places.map(place => PeerProcess.start(place, theirs)))
  await Promise.all(peers.map(peer => peer.join()))
  await until(() => peers.every(({ seen }) => seen.size >= peers.length - 1), 'all see all', SETTLE_DEADLINE)
  return peers
}
