/** What a caller asks of the view, and of the mechanisms when the view does not have it. */
import { isPeerId, type PeerId } from '@libp2p/interface'
import { knownOptions, NotFoundError, numberOption, show, throwIfAborted, toError, type Clock, type PeerInfo, type PeerStore } from '@peerweave/interface'
import { ask } from './asking.ts'
import { DISCOVER_DEADLINE } from './constants.ts'
import type { Lanes } from './lanes.ts'

export interface AskOptions {
  /** Stop when so many were yielded; mechanisms are asked in turn, the most worthwhile first. @default Infinity: all at once */
  need?: number | undefined
  /** Only peers that speak all of these. */
  protocols?: readonly string[] | undefined
  namespace?: string | undefined
  /** ms; then the answer ends with what there is. @default {@link DISCOVER_DEADLINE} */
  deadline?: number | undefined
  signal?: AbortSignal | undefined
}

export interface FindOptions {
  /** ms. @default {@link DISCOVER_DEADLINE} */
  deadline?: number | undefined
  signal?: AbortSignal | undefined
}

export interface AnswersInit {
  lanes: Lanes
  store: PeerStore
  clock: Clock
}

export class Answers {
  readonly #init: AnswersInit

  constructor (init: AnswersInit) {
    this.#init = init
  }

  /** As `Multi.discover`. `session` fires when the node stops. */
  async * discover (options: AskOptions, session: AbortSignal): AsyncGenerator<PeerInfo> {
    const { lanes, store, clock } = this.#init
    knownOptions('discover', options, ['need', 'protocols', 'namespace', 'deadline', 'signal'])
    const { protocols, namespace, signal } = options
    if (protocols != null && !Array.isArray(protocols)) throw new TypeError(`protocols must be a list, got ${show(protocols)}`)
    throwIfAborted(signal)
    const need = numberOption('need', options.need, Infinity, { max: Infinity, integer: true })
    using end = clock.deadline(deadlineOf(options), session, signal)
    const given = new Set<string>()
    const isNew = (peer: PeerInfo): boolean => {
      const id = peer.peerId.toString()
      return !given.has(id) && (protocols ?? []).every(name => peer.protocols.includes(name)) && given.add(id) != null
    }
    if (need === 0) return
    for await (const peer of store.getPeers({ protocols })) {
      if (isNew(peer)) yield peer
      if (given.size >= need) return
    }
    try {
      for await (const { peerId } of ask([...lanes], { clock, need, namespace, signal: end.signal })) {
        const peer = store.peek(peerId)
        if (peer != null && isNew(peer)) yield peer
        if (given.size >= need) return
      }
    } catch (error) {
      if (given.size === 0) throw error
    }
    throwIfAborted(signal)
    // Mechanisms that were told meanwhile, unasked, have answered too.
    for await (const peer of store.getPeers({ protocols })) {
      if (isNew(peer)) yield peer
      if (given.size >= need) return
    }
  }

  /** As `Multi.find`. */
  async find (id: PeerId, options: FindOptions, session: AbortSignal): Promise<PeerInfo> {
    if (!isPeerId(id)) throw new TypeError(`find takes a peer id, got ${show(id)}`)
    knownOptions('find', options, ['deadline', 'signal'])
    const { lanes, store, clock } = this.#init
    const { signal } = options
    throwIfAborted(signal)
    const known = (): PeerInfo | undefined => {
      const peer = store.peek(id)
      return peer != null && peer.addresses.length > 0 ? peer : undefined
    }
    using end = clock.deadline(deadlineOf(options), session, signal)
    let failure: Error | undefined
    try {
      let peer = known()
      if (peer != null) return peer
      for await (const { peerId } of ask([...lanes], { clock, need: 1, peer: id, signal: end.signal })) {
        peer = peerId.equals(id) ? known() : undefined
        if (peer != null) return peer
      }
    } catch (error) {
      failure = toError(error)
    }
    throwIfAborted(signal)
    const peer = known()
    if (peer != null) return peer
    throw failure ?? new NotFoundError(`nobody knows where ${id.toString()} is`)
  }
}

function deadlineOf ({ deadline }: { deadline?: number | undefined }): number {
  return numberOption('deadline', deadline, DISCOVER_DEADLINE, { max: Infinity })
}
