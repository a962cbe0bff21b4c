/**
 * One node's knowledge of its peers, by two policies that are told the same: the store's confidence, and a fixed time to
 * live since a peer was last heard of or seen.
 */
import { memoryPeerStore } from '@peerweave/peer-store'
import { NONE } from './offers.ts'
import type { Agenda } from './agenda.ts'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { PeerInfo, PeerStore, Rng, Source } from '@peerweave/interface'
import type { PeerId } from '@libp2p/interface'

/**
 * ms: how long hearsay counts at the most that nothing confirms, neither a signature nor a dial of ours (`peerTimeout` of
 * multi, by default).
 */
const PEER_TIMEOUT = 600_000
const DAY = 86_400_000
/** ms: the bounds that the time to live is sought in. */
const TTLS = { min: 1_000, max: DAY }

export interface Known {
  readonly id: PeerId
  readonly address: Multiaddr
}

export class Observer {
  readonly store: PeerStore
  readonly #agenda: Agenda
  readonly #connected = new Set<string>()
  /** When it was last heard of or seen; not there: never, or it said goodbye, or we found it dead. */
  readonly #last = new Map<string, number>()
  /** When a dial of ours reached it, or a record came that it signed. */
  readonly #proven = new Map<string, number>()

  constructor (agenda: Agenda, rng: Rng) {
    this.#agenda = agenda
    this.store = memoryPeerStore({ clock: agenda.clock, rng, hashKey: new Uint8Array(8) })
  }

  /** @returns whether it is new in the store's view */
  async heard ({ id, address }: Known, source: Source, ttl: number, isSigned = false): Promise<boolean> {
    const now = this.#agenda.now
    const isConfirmed = source.isChosen === true || isSigned || this.isProven({ id })
    const expiresAt = now + (isConfirmed ? ttl : Math.min(ttl, PEER_TIMEOUT))
    const { outcome } = await this.store.addPeer({ peerId: id, multiaddrs: [address], source, observedAt: now, expiresAt })
    this.#last.set(id.toString(), now)
    if (isSigned) this.#proven.set(id.toString(), now)
    return outcome === 'new'
  }

  /** It takes back what it said by the mechanism of this name. */
  async goodbye ({ id }: Known, path: string): Promise<void> {
    for (const { source } of this.store.evidence(id)) {
      if (source.path === path) await this.store.withdraw(id, source, this.#agenda.now)
    }
    this.#last.delete(id.toString())
  }

  isConnected ({ id }: Known): boolean {
    return this.#connected.has(id.toString())
  }

  /** Of a dial of ours. A failure is evidence for the store alone: a time to live has no use for it. */
  async dialled ({ id, address }: Known, isThere: boolean): Promise<void> {
    await this.store.recordOutcome(id, address, isThere ? 'success' : 'failure')
    if (!isThere) return
    this.#last.set(id.toString(), this.#agenda.now)
    this.#proven.set(id.toString(), this.#agenda.now)
  }

  connected ({ id }: Known): void {
    this.store.setConnection(id, 'connected')
    this.#connected.add(id.toString())
  }

  /** The connection was closed. */
  disconnected ({ id }: Known): void {
    if (!this.#connected.delete(id.toString())) return
    this.store.setConnection(id, 'disconnected')
    this.#last.set(id.toString(), this.#agenda.now)
  }

  /** The connection fell silent, and it is found dead. */
  async died ({ id }: Known): Promise<void> {
    if (!this.#connected.delete(id.toString())) return
    await this.store.dismiss(id, this.#agenda.now)
    this.#last.delete(id.toString())
  }

  /** What ought to be offered when it is there: reached by us, or heard of by its own signature, within a day. */
  isProven ({ id }: Pick<Known, 'id'>): boolean {
    return this.#agenda.now - (this.#proven.get(id.toString()) ?? -Infinity) <= DAY
  }

  view ({ id }: Known): PeerInfo | undefined {
    return this.store.peek(id)
  }

  byConfidence (known: Known): number {
    return this.view(known)?.confidence ?? NONE
  }

  /** The longer ago, the less; every time to live is a bar. */
  byAge (known: Known): number {
    const id = known.id.toString()
    const age = this.#connected.has(id) ? 0 : this.#agenda.now - (this.#last.get(id) ?? -Infinity)
    return age > TTLS.max ? NONE : -Math.max(TTLS.min, age)
  }
}
