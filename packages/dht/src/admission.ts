/** Who gets into the routing table: whom kad-dht pings before it takes it, and what it tells the peer store when it did. */
import { LimitExceededError, nextTurn, type DropCounter } from '@peerweave/interface'
import { sha256 } from 'multiformats/hashes/sha2'
import { commonPrefix, Diversity, type DiversityLimits } from './diversity.ts'
import { ipGroup } from './ip-group.ts'
import type { PeerId } from '@libp2p/interface'
import type { Dialler } from './dialler.ts'

export interface AdmissionInit {
  self: PeerId
  limits: DiversityLimits
  dialler: Dialler
  drop: DropCounter
  /** Takes a peer out of the table again. */
  remove: (peer: PeerId) => void
}

/** A peer's place in Kademlia's space: libp2p's kad-dht spec, "Distance". */
async function kadId (peer: PeerId): Promise<Uint8Array> {
  return (await sha256.digest(peer.toMultihash().bytes)).digest
}

export class Admission {
  readonly #init: AdmissionInit
  readonly #diversity: Diversity
  readonly #contacts = new Set<string>()
  #selfId: Uint8Array | undefined

  constructor (init: AdmissionInit) {
    this.#init = init
    this.#diversity = new Diversity(init.limits)
  }

  /** Contacts in the table. */
  get size (): number {
    return this.#contacts.size
  }

  /** The table was emptied. */
  clear (): void {
    this.#contacts.clear()
    this.#diversity.clear()
  }

  /**
   * Around each ping of kad-dht's: of a newcomer, which gets a place before it is pinged, or of a contact, which has one.
   * The group is that of the connection: addresses can be claimed, connections cannot.
   *
   * @throws LimitExceededError when the newcomer's group has all the places that it may have
   */
  async ping<T> (peer: PeerId, signal: AbortSignal | undefined, ping: () => Promise<T>): Promise<T> {
    const id = peer.toString()
    const { dialler } = this.#init
    if (this.#contacts.has(id)) {
      await dialler.connect(peer, signal)
      return await ping()
    }
    const prefix = await this.#prefixOf(peer)
    if (dialler.open(peer) == null) {
      // Not dialled in vain: it is not dialled at all where each of its addresses is in a full group.
      const groups = (await dialler.addresses(peer)).map(ipGroup)
      if (groups.length > 0 && groups.every(group => !this.#diversity.admits(group, prefix))) this.#refuse(id)
    }
    const { remoteAddr } = await dialler.connect(peer, signal)
    if (!this.#diversity.take(id, ipGroup(remoteAddr), prefix)) this.#refuse(id)
    try {
      const answer = await ping()
      void this.#releaseUnlessTaken(id)
      return answer
    } catch (error) {
      if (!this.#contacts.has(id)) this.#diversity.release(id)
      throw error
    }
  }

  /** kad-dht has put it into its table. */
  async added (peer: PeerId): Promise<void> {
    const id = peer.toString()
    this.#contacts.add(id)
    if (this.#diversity.has(id)) return
    // Its place was given away while kad-dht made room in a full bucket.
    const remoteAddr = this.#init.dialler.open(peer)?.remoteAddr
    const isIn = this.#diversity.take(id, remoteAddr && ipGroup(remoteAddr), await this.#prefixOf(peer))
    if (!isIn) {
      this.#init.drop('crowded-group')
      this.#init.remove(peer)
    }
  }

  removed (peer: PeerId): void {
    const id = peer.toString()
    this.#contacts.delete(id)
    this.#diversity.release(id)
  }

  #refuse (id: string): never {
    this.#init.drop('crowded-group')
    throw new LimitExceededError(`the routing table has as many contacts of the network of ${id} as it takes`)
  }

  /** kad-dht adds whom it pinged within some promise turns, unless the bucket is full. */
  async #releaseUnlessTaken (id: string): Promise<void> {
    await nextTurn()
    await nextTurn()
    if (!this.#contacts.has(id)) this.#diversity.release(id)
  }

  async #prefixOf (peer: PeerId): Promise<number> {
    this.#selfId ??= await kadId(this.#init.self)
    return commonPrefix(this.#selfId, await kadId(peer))
  }
}
